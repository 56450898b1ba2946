"""The table ``[alerts]``: what it takes, and the line each mistake gets."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from batchhub._alerts.channel_settings import ChannelType
from batchhub._alerts.conditions import Condition
from batchhub._alerts.settings import AlertSettings, need_channels, read_alerts
from batchhub._base.secrets import blank
from batchhub.errors import SettingsError
from batchhub.settings import load_settings

SLACK = "https://hooks.slack.example/services/T000000/B000000/aVeryLongSecretPart"
HOOK = '[alerts.channels.p]\ntype = "webhook"\nurl = "https://x.example"\n'
ENVIRON = {"SLACK_URL": SLACK, "HOOK_SECRET": "s3cret-of-the-webhook"}


def read(tmp_path: Path, text: str, **environ: str) -> AlertSettings:
    """Read a settings file with this in it."""
    path = tmp_path / "batchhub.toml"
    path.write_text(text + '\n[accounts.shop]\nadapter = "scripted"\n', encoding="utf-8")
    return read_alerts(
        load_settings(path, {}), {**ENVIRON, **environ}, look_up={"a/b": "x" * 20}.__getitem__
    )


def test_without_a_table_nothing_is_looked_at(tmp_path: Path) -> None:
    """And nobody is told of anything."""
    settings = read(tmp_path, "")
    assert (settings.is_on, settings.rules, settings.channels) == (False, {}, {})


def test_all_that_can_be_set(tmp_path: Path) -> None:
    """Conditions with their figures, each kind of channel, and reminders."""
    settings = read(
        tmp_path,
        """
        [alerts]
        remind = "24h"
        [alerts.conditions]
        failed_share = { percent = 2.5, min_items = 100 }
        stalled = "30min"
        held = "1min"
        unreachable = false
        oldest_open = "6h"
        nothing_sent = { shop = "26h" }
        [alerts.channels.team]
        type = "slack"
        url = { env = "SLACK_URL" }
        [alerts.channels.pager]
        type = "webhook"
        url = "https://pager.example/batchhub"
        secret = { env = "HOOK_SECRET" }
        conditions = ["held", "unknown"]
        [alerts.channels.mail]
        type = "command"
        command = ["/usr/bin/mail", "-s", "batchhub"]
        timeout = "2min"
        """,
    )
    rules = settings.rules
    assert (settings.remind_s, settings.is_on) == (86_400.0, True)
    share = rules[Condition.FAILED_SHARE]
    assert (share.percent, share.min_items) == (2.5, 100)
    assert rules[Condition.STALLED].settle_s == 1800.0
    assert rules[Condition.HELD].settle_s == 60.0
    assert rules[Condition.UNKNOWN].settle_s == 0.0
    assert Condition.UNREACHABLE not in rules
    assert rules[Condition.OLDEST_OPEN].age_s == 21_600.0
    assert rules[Condition.NOTHING_SENT].spans_s == {"shop": 93_600.0}
    team, pager, mail = settings.channels.values()
    assert (team.type, team.url, team.conditions) == (
        ChannelType.SLACK,
        SLACK,
        frozenset(Condition),
    )
    assert pager.conditions == {Condition.HELD, Condition.UNKNOWN}
    assert (pager.secret, pager.host) == ("s3cret-of-the-webhook", "pager.example")
    assert (mail.command, mail.limit_s) == (("/usr/bin/mail", "-s", "batchhub"), 120.0)


def test_a_secret_shows_nowhere(tmp_path: Path) -> None:
    """Not in a repr, and in no text from then on."""
    settings = read(
        tmp_path,
        """
        [alerts.channels.team]
        type = "slack"
        url = { env = "SLACK_URL" }
        [alerts.channels.pager]
        type = "webhook"
        url = "https://pager.example/batchhub"
        secret = { env = "HOOK_SECRET" }
        """,
    )
    assert "aVeryLongSecretPart" not in repr(settings)
    assert "s3cret-of-the-webhook" not in repr(settings)
    assert "aVeryLongSecretPart" not in blank(f"can't reach {SLACK}")
    assert "aVeryLongSecretPart" not in blank("POST /services/T000000/B000000/aVeryLongSecretPart")


def test_a_secret_in_the_file_itself_is_warned_about(tmp_path: Path) -> None:
    """It works."""
    text = f'[alerts.channels.team]\ntype = "slack"\nurl = "{SLACK}"'
    with pytest.warns(UserWarning, match=r"the secret alerts.channels.team.url is written in"):
        assert read(tmp_path, text).channels["team"].url == SLACK


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alerts = 7", "batchhub.toml: alerts must be a table"),
        ("[alerts]\nchanels = 7", "alerts has an unknown setting 'chanels'; did you mean"),
        ("[alerts]\nremind = 24", "alerts.remind must be a time span of at least 60 s such as"),
        ('[alerts]\nremind = "1s"', "alerts.remind must be a time span of at least 60 s such as"),
        ("[alerts]\nconditions = []", r"alerts.conditions must be a table, not \[\]"),
        (
            "[alerts.conditions]\nhelt = true",
            "alerts.conditions has an unknown condition 'helt'; did you mean 'held'",
        ),
        ("[alerts.conditions]\nheld = 5", "alerts.conditions.held must be true, false, or for how"),
        ('[alerts.conditions]\nheld = "soon"', "alerts.conditions.held must be a time span such"),
        ("[alerts.conditions]\noldest_open = true", "oldest_open must be a time span such"),
        ("[alerts.conditions]\nfailed_share = 10", "failed_share must be true, false or a table"),
        (
            "[alerts.conditions]\nfailed_share = { percent = 0 }",
            "failed_share.percent must be above 0 and at most 100",
        ),
        (
            "[alerts.conditions]\nfailed_share = { percent = nan }",
            "failed_share.percent must be above 0 and at most 100",
        ),
        (
            "[alerts.conditions]\nfailed_share = { min_items = true }",
            "failed_share.min_items must be a whole number from 1 on",
        ),
        (
            "[alerts.conditions]\nfailed_share = { per_cent = 4 }",
            "failed_share has an unknown setting 'per_cent'; did you mean 'percent'",
        ),
        ("[alerts.conditions]\nnothing_sent = true", "nothing_sent must be a table of accounts"),
        (
            '[alerts.conditions]\nnothing_sent = { shpo = "26h" }',
            "nothing_sent has an unknown account 'shpo'; did you mean 'shop'",
        ),
        ('[alerts.conditions]\nnothing_sent = { shop = "daily" }', "nothing_sent.shop must be a"),
        ("[alerts.channels]\nteam = 7", r"must be a table, as in \[alerts.channels.team\] with"),
        ("[alerts.channels.team]\nurl = 'x'", "alerts.channels.team lacks type; it is one of"),
        (
            '[alerts.channels.team]\ntype = "slak"',
            "alerts.channels.team.type has an unknown type of channel 'slak'; did you mean 'slack'",
        ),
        ('[alerts.channels.team]\ntype = "slack"', "alerts.channels.team lacks url"),
        (
            '[alerts.channels.team]\ntype = "slack"\nurl = { env = "MISSING" }',
            "alerts.channels.team.url comes from the environment variable MISSING, which is not",
        ),
        (
            '[alerts.channels.team]\ntype = "slack"\nurl = { file = "none" }',
            "alerts.channels.team.url comes from the file .*none, which does not exist",
        ),
        (
            '[alerts.channels.team]\ntype = "slack"\nurl = { vault = "none" }',
            r"alerts.channels.team.url must be \{ env =",
        ),
        (
            '[alerts.channels.p]\ntype = "webhook"\nurl = "https://x.example"',
            "alerts.channels.p lacks secret, which its messages are signed with",
        ),
        (
            '[alerts.channels.p]\ntype = "webhook"\nurl = "http://x.example"\n',
            "alerts.channels.p.url must begin with https://",
        ),
        (
            '[alerts.channels.p]\ntype = "webhook"\nurl = "https://u:p@x.example"\n',
            "alerts.channels.p.url must have no user name or password in it",
        ),
        (
            HOOK + 'secret = { env = "SHORT" }',
            "alerts.channels.p.secret is too short to sign with",
        ),
        ('[alerts.channels.m]\ntype = "command"', "alerts.channels.m lacks command"),
        (
            '[alerts.channels.m]\ntype = "command"\ncommand = []',
            "alerts.channels.m.command must be a line for the shell",
        ),
        (
            '[alerts.channels.m]\ntype = "command"\ncommand = "x"\nurl = "y"',
            "alerts.channels.m has an unknown setting 'url'",
        ),
        (
            '[alerts.channels.m]\ntype = "command"\ncommand = "x"\nconditions = "held"',
            "alerts.channels.m.conditions must be a list of conditions",
        ),
        (
            '[alerts.channels.m]\ntype = "command"\ncommand = "x"\nconditions = ["oldest_open"]',
            "conditions names 'oldest_open', which is off",
        ),
    ],
)
def test_a_mistake_gets_one_line_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    """And what is meant, if something is near."""
    with pytest.raises(SettingsError, match=said) as caught:
        read(tmp_path, text, SHORT="short")
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "batchhub.toml"))
    assert "\n" not in message
    assert "u:p" not in message


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x"])
def test_plain_http_goes_to_this_machine_only(tmp_path: Path, url: str) -> None:
    """For a receiver beside it."""
    text = f'[alerts.channels.p]\ntype = "webhook"\nurl = "{url}"\n'
    settings = read(tmp_path, text + 'secret = { env = "HOOK_SECRET" }')
    assert settings.channels["p"].url == url


def test_who_wants_to_tell_somebody_hears_how(tmp_path: Path) -> None:
    """Where there is no channel at all, or none of that name."""
    with pytest.raises(SettingsError, match=r'alerts.channels.mail = \{ type = "command"') as found:
        need_channels(read(tmp_path, ""))
    example = str(found.value).rpartition("table: ")[2]
    settings = read(tmp_path, example)
    assert [one.name for one in need_channels(settings)] == ["mail"]
    with pytest.raises(SettingsError, match="unknown channel 'mial'; did you mean 'mail'"):
        need_channels(settings, ["mial"])


def test_other_commands_need_no_secret_of_a_channel(tmp_path: Path) -> None:
    """What is wrong below ``[alerts]`` stops those who want it, and nobody else."""
    path = tmp_path / "batchhub.toml"
    path.write_text("[alerts]\nwhat = 1\n", encoding="utf-8")
    loaded: Any = load_settings(path, {}).alerts
    assert loaded == {"what": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "what" not in repr(load_settings(path, {}))
