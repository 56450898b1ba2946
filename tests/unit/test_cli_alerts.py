"""The command `alerts`: what is wrong, who was told, and whether a channel works."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from support.alerting import SECRET, alerting, receiving, settings_for
from support.hubs import numbered, scripted_world
from support.stores import make_older
from support.vendor import Vendor
from typer.testing import CliRunner, Result

from batchhub._alerts.channel_settings import ChannelType
from batchhub.cli.app import app
from batchhub.errors import NoAnswerError

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("BATCHHUB_STORE", "jobs.db")
    monkeypatch.setenv("HOOK_SECRET", SECRET)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["alerts", *arguments], prog_name="batchhub")

    return run


async def fill(path: Path) -> str:
    """Have a held job, told to one channel, in vain to another; return the job."""
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with receiving() as good, receiving() as bad, scripted_world(vendor, path) as world:
        bad.answers.extend([500] * 100)
        channels = good.channel("good"), bad.channel("bad")
        job = await world.hub.submit("shop", numbered(1))
        await job.wait()
        async with alerting(world.hub, settings_for(*channels)):
            for _ in range(100):
                await world.clock.sleep(2.0)
                if good.messages and len(bad.messages) > 1:
                    break
    return job.id


def test_nothing_there(command: Command, tmp_path: Path) -> None:
    """No store yet, or none of this version."""
    assert "does not exist yet" in command().stderr
    assert json.loads(command("--json").stdout)["alerts"] == []
    asyncio.run(make_store(tmp_path / "jobs.db"))
    result = command()
    assert (result.exit_code, result.stdout) == (0, "no alert fires\n")
    assert "no process looks for alerts" in result.stderr


async def make_store(path: Path) -> None:
    """Make an empty store."""
    async with scripted_world(store=path):
        pass


def test_what_is_wrong_and_who_was_told(command: Command, tmp_path: Path) -> None:
    """In lines, in a few words, and as JSON."""
    job = asyncio.run(fill(tmp_path / "jobs.db"))
    shown = command()
    assert shown.exit_code == 0
    assert "firing  held       shop" in shown.stdout
    assert f"whether the vendor has 1 ticket of it ({job})" in shown.stdout
    assert "bad (waits), good" in shown.stdout or "good, bad (waits)" in shown.stdout
    assert "channel bad: 1 message not taken yet" in shown.stderr
    assert "127.0.0.1 answered 500: no room <here>" in shown.stderr
    assert command("--quiet").stdout == "firing held shop\n"
    found = json.loads(command("--json").stdout)
    [alert] = found["alerts"]
    assert (alert["delivered"], alert["waiting"], alert["given_up"]) == (["good"], ["bad"], [])
    assert (alert["condition"], alert["jobs"], alert["state"]) == ("held", [job], "firing")
    assert [(one["channel"], one["waiting"]) for one in found["channels"]] == [
        ("bad", 1),
        ("good", 0),
    ]
    assert found["watched_by"] is None


def test_a_store_of_the_version_before_has_no_alerts(command: Command, tmp_path: Path) -> None:
    """Also where it can only be read."""
    path = tmp_path / "jobs.db"
    asyncio.run(make_store(path))
    make_older(path, "0005")
    assert command("--json").exit_code == 0


def configure(*lines: str) -> None:
    """Write settings with this table of channels."""
    Path("batchhub.toml").write_text("\n".join(lines), encoding="utf-8")


def tell(text: str) -> list[str]:
    """Make a command that writes what it got to a file, or fails."""
    return [sys.executable, "-c", text]


def test_channels_are_tried(command: Command) -> None:
    """Each says what became of it; the exit code is 1 if one did not take it."""
    write = "import sys; open('got', 'w').write(sys.stdin.read())"
    configure(
        "[alerts.channels.mail]",
        'type = "command"',
        f"command = {json.dumps(tell(write))}",
        "[alerts.channels.broken]",
        'type = "command"',
        f"command = {json.dumps(shlex.join(tell('raise SystemExit(7)')))}",
        "[alerts.channels.hook]",
        'type = "webhook"',
        'url = "http://127.0.0.1:9/x"',
        'secret = { env = "HOOK_SECRET" }',
    )
    result = command("test")
    assert result.exit_code == 1
    assert result.stdout == "channel mail (command): took the test message\n"
    assert "channel broken (command): the command exited with 7" in result.stderr
    assert "channel hook (webhook): 127.0.0.1 can't be reached" in result.stderr
    message = json.loads(Path("got").read_text(encoding="utf-8"))
    assert (message["test"], message["changes"]) == (True, [])
    assert "Channel mail of the alerts works" in message["text"]
    assert not Path("jobs.db").exists()

    only = command("test", "mail", "--json")
    assert only.exit_code == 0
    assert json.loads(only.stdout) == [
        {
            "channel": "mail",
            "type": ChannelType.COMMAND.value,
            "taken": True,
            "problem": None,
        }
    ]


def test_wrong_words(command: Command) -> None:
    """One line each, and exit code 2."""
    for arguments, said in (
        (["tets"], "alerts takes test, not 'tets'; did you mean test?"),
        (["all"], "alerts takes test, not 'all'; alone it lists the alerts"),
        (["test"], 'alerts.channels.mail = { type = "command"'),
    ):
        result = command(*arguments)
        assert result.exit_code == 2, result.output
        assert said in result.stderr
        assert len(result.stderr.splitlines()) == 1
    configure('[alerts.channels.mail]\ntype = "command"\ncommand = "true"')
    result = command("test", "mial")
    assert (result.exit_code, "unknown channel 'mial'; did you mean 'mail'" in result.stderr) == (
        2,
        True,
    )
