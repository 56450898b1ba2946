"""Messages on their way: in order, at least once, each channel for itself."""

from __future__ import annotations

import json
import shlex
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.alerting import Receiver, alerting, is_signed, receiving, settings_for
from support.hubs import World, numbered, scripted_world
from support.pages import DOCS, read_blocks
from support.patience import PATIENCE_S
from support.raw_stores import open_raw

from batchhub._alerts.channel_settings import Channel, ChannelType
from batchhub._alerts.channels.slack import write_slack
from batchhub._alerts.channels.webhook import write_webhook
from batchhub._alerts.conditions import Condition
from batchhub._alerts.messages import Source, make_message
from batchhub._alerts.states import Change, ChangeKind
from batchhub._alerts.trial import try_channels
from batchhub._base.secrets import remember
from batchhub._store import Delivery
from batchhub.errors import NoAnswerError
from batchhub.hub import opened
from batchhub.testing import capture_events

NOW = datetime(2026, 11, 30, 2, 14, tzinfo=UTC)
SOURCE = Source(store="/data/jobs.db", config="/etc/batch hub.toml")
HOUR_S = 3600.0


def make_change(**changes: Any) -> Change:
    """Make a change of an alert."""
    facts: dict[str, Any] = {
        "kind": ChangeKind.FIRING,
        "condition": Condition.HELD,
        "account": "shop",
        "since": NOW,
        "why": "nobody can tell",
        "jobs": ("job-1",),
        "command": ("status", "job-1"),
    }
    return Change(**(facts | changes))


async def make_held(world: World) -> None:
    """Have a job that is held, and then none."""
    world.vendor.submits.append(NoAnswerError("silence"))
    job = await world.hub.submit("shop", numbered(1))
    await job.wait()
    await world.clock.sleep(60.0)
    await job.adopt("found")
    await job.wait()
    await world.clock.sleep(60.0)


async def deliveries_of(world: World) -> list[Delivery]:
    """Return all deliveries of a store."""
    return await (await opened(world.hub)).store.alerts.deliveries()


async def test_a_channel_that_is_down_gets_all_in_order_and_holds_up_no_other() -> None:
    """Each message with the id it had at first; the other channel has them at once."""
    async with receiving() as good, receiving() as bad, scripted_world() as world:
        bad.answers.extend([503] * 6)
        channels = good.channel("good"), bad.channel("bad")
        async with alerting(world.hub, settings_for(*channels)):
            await make_held(world)
            assert [change for change, *_ in good.told] == ["firing", "recovered"]
            assert len(bad.ids) == 1
            await world.clock.sleep(HOUR_S)
    assert bad.ids == good.ids
    assert [message["id"] for message in bad.messages] == [bad.ids[0]] * 7 + [bad.ids[1]]
    assert len(set(bad.data[:7])) == 1
    assert all(map(is_signed, bad.headers, bad.data))


async def test_what_nobody_takes_is_given_up_after_a_day(tmp_path: Path) -> None:
    """It is logged and listed; what came later has a day of its own."""
    store = tmp_path / "jobs.db"
    async with receiving() as receiver, scripted_world(store=store) as world:
        receiver.answers.extend([500] * 50)
        with capture_events() as events:
            async with alerting(world.hub, settings_for(receiver.channel())):
                await make_held(world)
                make_older(store, "2025-12-31T00:00:00+00:00")
                await world.clock.sleep(HOUR_S / 2)
                receiver.answers.clear()
                await world.clock.sleep(HOUR_S / 2)
        first, second = await deliveries_of(world)
    assert first.given_up_at is not None
    assert (first.taken_at, first.due_at) == (None, None)
    assert first.problem == "127.0.0.1 answered 500: no room <here>"
    assert second.taken_at is not None
    [given_up] = events.find("alert.given_up")
    assert (given_up.level, given_up.facts["channel"]) == ("error", "pager")


def make_older(store: Path, made_at: str) -> None:
    """Have the first message of a store made at another time."""
    with closing(open_raw(store)) as other:
        other.execute("UPDATE alert_messages SET made_at = ? WHERE message_no = 1", (made_at,))
        other.commit()


async def test_a_message_that_is_refused_as_it_is_holds_up_others_for_an_hour() -> None:
    """Not for a day."""
    async with receiving() as receiver, scripted_world() as world:
        receiver.answers.extend([413] * 100)
        async with alerting(world.hub, settings_for(receiver.channel())):
            await make_held(world)
            await world.clock.sleep(HOUR_S * 1.3)
            receiver.answers.clear()
        first, second = await deliveries_of(world)
    assert first.given_up_at is not None
    assert second.message_id in receiver.ids


async def test_a_message_that_the_store_has_lost_is_not_made_up(tmp_path: Path) -> None:
    """Somebody edited it; the next one is sent all the same."""
    store = tmp_path / "jobs.db"
    async with receiving() as receiver, scripted_world(store=store) as world:
        receiver.answers.extend([503] * 9)
        async with alerting(world.hub, settings_for(receiver.channel())):
            await make_held(world)
            receiver.answers.clear()
            with closing(open_raw(store)) as other:
                other.execute("UPDATE alert_messages SET body = 'x' WHERE message_no = 1")
                other.commit()
            make_older(store, "2025-12-31T00:00:00+00:00")
            await world.clock.sleep(600.0)
        first, second = await deliveries_of(world)
    assert receiver.messages[-1]["id"] == second.message_id
    assert receiver.messages[-2]["id"] == first.message_id
    assert first.problem == "the store has not kept what it says"


async def test_a_channel_hears_only_of_what_it_wants() -> None:
    """And one that is gone is sent nothing more."""
    async with receiving() as some, receiving() as none, scripted_world() as world:
        none.answers.extend([503] * 100)
        channels = (
            some.channel("some", conditions=frozenset({Condition.HELD})),
            some.channel("other", conditions=frozenset({Condition.UNKNOWN})),
            none.channel("none"),
        )
        async with alerting(world.hub, settings_for(*channels)) as alerts:
            await make_held(world)
            assert len(some.messages) == 2
            alerts.reload(settings_for(*channels[:2]))
            await world.clock.sleep(30.0)
            count = len(none.messages)
            await world.clock.sleep(HOUR_S)
            assert len(none.messages) == count
        found = await deliveries_of(world)
    assert {one.channel for one in found} == {"some"}


async def test_a_command_gets_the_message_on_standard_input(tmp_path: Path) -> None:
    """As JSON; its failure is tried again, and it knows that."""
    script, out = tmp_path / "tell.py", tmp_path / "out"
    script.write_text(
        "import json, os, sys\n"
        f"path = {str(out)!r}\n"
        "told = json.load(sys.stdin)\n"
        "with open(path, 'a') as file:\n"
        "    print(told['id'] == os.environ['BATCHHUB_ALERT'], os.environ['BATCHHUB_REPEATED'],\n"
        "          told['title'], os.environ['BATCHHUB_ALERT_TITLE'], sep=' | ', file=file)\n"
        "sys.exit(os.environ['BATCHHUB_REPEATED'] == '0')\n",
        encoding="utf-8",
    )
    line = shlex.join([sys.executable, str(script)])
    for command in (line, tuple(shlex.split(line))):
        out.unlink(missing_ok=True)
        channel = Channel(
            name="mail",
            type=ChannelType.COMMAND,
            conditions=frozenset({Condition.HELD}),
            command=command,
            limit_s=1e9,  # of a clock that runs fast
        )
        async with scripted_world() as world, alerting(world.hub, settings_for(channel)):
            world.vendor.submits.append(NoAnswerError("silence"))
            await (await world.hub.submit("shop", numbered(1))).wait()
            end_s = time.monotonic() + PATIENCE_S
            while not (found := await deliveries_of(world)) or found[0].taken_at is None:
                assert time.monotonic() < end_s
                await world.clock.sleep(5.0)
        title = "batchhub: 1 problem (shop: a job is held)"
        assert out.read_text() == "".join(f"True | {n} | {title} | {title}\n" for n in (0, 1))
        assert [one.tries for one in found] == [2]


def test_a_signature_goes_with_the_time() -> None:
    """Of another time, another text or another secret it is none."""
    data, headers = write_webhook(make_message([make_change()], SOURCE, NOW, 1), "x" * 20, NOW)
    assert is_signed(headers, data, "x" * 20)
    assert not is_signed(headers, data, "y" * 20)
    assert not is_signed(headers, data + b" ", "x" * 20)
    assert not is_signed({**headers, "Batchhub-Timestamp": "1"}, data, "x" * 20)
    assert headers["Batchhub-Timestamp"] == str(int(NOW.timestamp()))


def test_the_receiver_of_the_page_takes_what_is_sent() -> None:
    """And nothing else; not what is older than five minutes either."""
    page = read_blocks(DOCS / "howto" / "alerts.md")
    made: dict[str, Any] = {}
    exec(next(block.text for block in page if block.title == "receiver.py"), made)
    data, headers = write_webhook(make_message([make_change()], SOURCE, NOW, 1), "x" * 20, NOW)
    sent_s = NOW.timestamp()
    check = made["is_from_batchhub"]
    assert check(headers, data, b"x" * 20, sent_s + 250)
    assert not check(headers, data, b"x" * 20, sent_s + 350)
    assert not check(headers, data, b"x" * 20, sent_s - 350)
    assert not check(headers, data, b"x" * 20)
    assert not check(headers, data + b" ", b"x" * 20, sent_s)
    assert not check(headers, data, b"y" * 20, sent_s)
    assert not check({}, data, b"x" * 20, sent_s)


def test_nothing_is_markup_at_slack() -> None:
    """Whatever a vendor says: no mention, no link, no control character."""
    why = "<!channel> <https://evil.example|click> & @here \x1b[31mred\x00\nnew line"
    data, _ = write_slack(make_message([make_change(why=why)], SOURCE, NOW, 1))
    text = data.decode()
    assert "<" not in text
    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; @here" in text
    assert "\\u001b" not in text
    body = json.loads(data)
    assert {block["type"] for block in body["blocks"]} == {"header", "section", "context"}
    assert all(
        part["type"] == "plain_text"
        for block in body["blocks"]
        for part in block.get("elements", [block.get("text")])
    )
    assert (body["parse"], body["link_names"], body["mrkdwn"]) == ("none", False, False)


def test_a_long_message_fits_slack() -> None:
    """No block has more than Slack takes, nor are there too many."""
    changes = [
        make_change(account=f"shop {n} " + "&" * 200, why="<" * 390, condition=condition)
        for condition in Condition
        for n in range(9)
    ]
    body = json.loads(write_slack(make_message(changes, SOURCE, NOW, 81))[0])
    assert len(body["blocks"]) < 50
    assert all(len(one["text"]["text"]) <= 3000 for one in body["blocks"] if "text" in one)
    assert len(body["blocks"][0]["text"]["text"]) <= 150


def test_a_message_shows_no_secret_and_its_command_can_be_copied() -> None:
    """A vendor may repeat a token; a path may have a space."""
    remember(["tok-very-secret-123"])
    message = make_message(
        [make_change(why="bad token tok-very-secret-123", jobs=tuple(f"j{n}" for n in range(8)))],
        SOURCE,
        NOW,
        1,
    )
    assert "tok-very-secret" not in json.dumps(message)
    assert "batchhub status job-1 --config '/etc/batch hub.toml'" in message["text"]
    assert "jobs: j0, j1, j2, j3, j4, and 3 more" in message["text"]
    assert (message["changes"][0]["more_jobs"], message["firing"]) == (3, 1)


async def test_a_proxy_that_is_none_is_a_problem_of_the_channel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is kept and tried again, and does not show what the variable holds."""
    monkeypatch.setenv("http_proxy", "ftp://user:pass-of-proxy@proxy")
    channel = Receiver(url="http://127.0.0.1:9/hook").channel()
    [problem] = await try_channels([channel], SOURCE)
    assert problem is not None
    assert "environment variable http_proxy must begin with http://" in problem.why
    assert "pass-of-proxy" not in problem.why


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9/x", "127.0.0.1 can't be reached: connection refused"),
        ("https://nowhere.invalid/aSecretPathOfSlack", "there is no host nowhere.invalid"),
    ],
)
async def test_what_goes_wrong_is_said_without_the_address(url: str, said: str) -> None:
    """Slack's is a secret."""
    async with receiving() as receiver, scripted_world() as world:
        channel = receiver.channel(url=url)
        async with alerting(world.hub, settings_for(channel)):
            world.vendor.submits.append(NoAnswerError("silence"))
            await (await world.hub.submit("shop", numbered(1))).wait()
            for _ in range(100):
                await world.clock.sleep(5.0)
                problems = [one.problem or "" for one in await deliveries_of(world)]
                if any(problems):
                    break
    assert said in problems[0]
    assert "aSecretPath" not in problems[0]
