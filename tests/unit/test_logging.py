"""The log: which ids a line carries, how it is written, and what is blanked in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from support.hubs import numbered, scripted_world
from support.vendor import Vendor, capable, report_states

from batchhub import ItemState
from batchhub._base import secrets as _secrets
from batchhub._base.log import EVENTS, LOGGER_NAME, get_logger
from batchhub._base.secrets import blank, remember
from batchhub._http.redactor import Redactor
from batchhub.adapter import Observation
from batchhub.cli.screen.log import log_on_stderr
from batchhub.cli.shell.options import LogFormat
from batchhub.errors import ConnectError, CredentialsError

TOKEN = 'secret_"9v\\Kq/2LxT'


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other test's secrets are known."""
    monkeypatch.setattr(_secrets, "_known", _secrets.Blanker())


class Keeper(logging.Handler):
    """Keeps the facts of every line."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.facts: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's facts."""
        self.facts.append(getattr(record, LOGGER_NAME))


@contextmanager
def keeping() -> Iterator[list[dict[str, Any]]]:
    """Give the facts of what batchhub logs meanwhile."""
    keeper, logger = Keeper(), logging.getLogger(LOGGER_NAME)
    before = logger.level
    logger.addHandler(keeper)
    logger.setLevel(logging.DEBUG)
    try:
        yield keeper.facts
    finally:
        logger.removeHandler(keeper)
        logger.setLevel(before)


Shown = Callable[[], str]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Return a function that gives what went to standard error."""
    return lambda: capsys.readouterr().err


def fail(message: str) -> None:
    """Log a caught error as another library does."""
    try:
        raise_error(message)
    except TypeError:
        logging.getLogger("other").exception("it %s", "broke", stack_info=True)


def raise_error(message: str) -> None:
    """Raise an error."""
    raise TypeError(message)


# Which ids.


async def test_every_line_has_its_ids(tmp_path: Path) -> None:
    """A job's line has the job, its account and lane; a ticket's has the ticket, too."""
    vendor = capable(Vendor(), can_cancel=True)
    vendor.submits.append(ConnectError("away"))
    vendor.polls += [Observation(words=("Odd",)), ConnectError("away")]
    with keeping() as facts:
        async with scripted_world(vendor, tmp_path / "jobs.db") as world:
            job = await world.hub.submit("shop", numbered(4), key="k")
            await world.hub.submit("shop", numbered(4), key="k")
            await job.wait()
            other = await world.hub.submit("shop", numbered(1))
            await other.cancel()
            vendor.submits.append(CredentialsError("no", status=401))
            third = await world.hub.submit("shop", numbered(1))
            with pytest.raises(CredentialsError):
                await third.wait()

    seen = {entry["event"] for entry in facts}
    assert seen <= set(EVENTS)
    assert seen >= {
        *("job.submitted", "job.joined", "job.ended", "job.cancelled", "lane.claimed"),
        *("ticket.intended", "ticket.accepted", "ticket.observed", "ticket.ended"),
        *("ticket.postponed", "ticket.doubted", "lane.paused", "lane.contact_changed"),
    }
    jobs = {job.id, other.id, third.id}
    for entry in facts:
        kind = entry["event"].partition(".")[0]
        assert entry["lane"] == "scripted:127.0.0.1:9:one"
        if kind in {"job", "ticket"}:
            assert entry["job_id"] in jobs
            assert entry["account"] == "shop"
        if kind == "ticket":
            assert entry["ticket"] in {1, 2}


@pytest.mark.parametrize("fails", [False, True])
async def test_the_end_of_a_job_says_how_it_went(tmp_path: Path, fails: bool) -> None:
    """With the outcome and the counts; as a warning if some item did not succeed."""
    states = {"i2": ItemState.FAILED, "i3": ItemState.UNKNOWN} if fails else {}
    with keeping() as facts:
        vendor = Vendor(default_report=report_states(**states))
        async with scripted_world(vendor, tmp_path / "jobs.db") as world:
            job = await world.hub.submit("shop", numbered(4))
            await job.wait()

    (end,) = [entry for entry in facts if entry["event"] == "job.ended"]
    assert (end["job_id"], end["account"], end["state"]) == (job.id, "shop", "completed")
    assert end["level"] == ("warning" if fails else "info")
    assert end["outcome"] == ("indeterminate" if fails else "succeeded")
    assert end["counts"] == {
        "total": 4,
        "succeeded": 2 if fails else 4,
        "failed": 1 if fails else 0,
        "not_executed": 0,
        "unknown": 1 if fails else 0,
        "pending": 0,
    }


async def test_an_event_that_is_not_handled_is_logged(tmp_path: Path) -> None:
    """Put off as a warning, given up as an error; with the job, the consumer and the tries."""
    with keeping() as facts:
        async with scripted_world(Vendor(), tmp_path / "jobs.db") as world:
            job = await world.hub.submit("shop", numbered(1))
            await job.wait()
            async for event in world.hub.events(consumer="alerts"):
                if event.tries:
                    await event.give_up()
                    break
                await event.postpone(60.0)

    lines = [entry for entry in facts if entry["event"].startswith("event.")]
    assert [(line["event"], line["level"], line["tries"]) for line in lines] == [
        ("event.postponed", "warning", 1),
        ("event.given_up", "error", 2),
    ]
    for line in lines:
        names = line["job_id"], line["account"], line["lane"], line["consumer"]
        assert names == (job.id, "shop", "scripted:127.0.0.1:9:one", "alerts")


# How it is written.


def test_json_is_an_object_a_line(shown: Shown) -> None:
    """Event, level and time come first, then ids and facts; it is shown without -v."""
    with log_on_stderr(0, LogFormat.JSON):
        get_logger().info("ticket.ended", job_id="j", account="a\nb", ticket=1, odd={1, 2})
        get_logger().debug("ticket.observed", job_id="j")
        logging.getLogger("other").info("not asked for")
        fail("wrong\nkind")

    lines = [json.loads(line) for line in shown().splitlines()]
    assert [line["event"] for line in lines] == ["ticket.ended", "it broke"]
    assert list(lines[0]) == ["event", "level", "timestamp", "job_id", "account", "ticket", "odd"]
    assert lines[0] | {"timestamp": 0, "odd": 0} == {
        "event": "ticket.ended",
        "level": "info",
        "timestamp": 0,
        "job_id": "j",
        "account": "a\nb",
        "ticket": 1,
        "odd": 0,
    }
    at = datetime.fromisoformat(lines[0]["timestamp"])
    assert lines[0]["timestamp"].endswith("Z")
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert (lines[1]["level"], lines[1]["logger"]) == ("error", "other")
    assert "TypeError: wrong" in lines[1]["exception"]


@pytest.mark.parametrize(("verbose", "events"), [(0, 0), (1, 1), (2, 3)])
def test_text_is_shown_when_asked_for(shown: Shown, verbose: int, events: int) -> None:
    """Nothing by default, what happens with -v, everything with -vv; colours are taken out."""
    with log_on_stderr(verbose):
        get_logger().info("ticket.ended", job_id="j", word="\x1b[31mred")
        get_logger().debug("ticket.observed", job_id="j")
        logging.getLogger("other").debug("\x1b[31mred")

    told = shown()
    lines = told.splitlines()
    assert len(lines) == events
    assert "\x1b" not in told
    assert not lines or "INFO    ticket.ended job_id='j'" in lines[0]


def test_who_stops_everything_is_named_without_the_log(shown: Shown) -> None:
    """The command itself can't say it, for it does not get its turn."""
    call = "adapter 'acme' (batchhub-acme 0.3.0), poll"
    with log_on_stderr(0):
        get_logger().error("adapter.blocks", call=call)
        get_logger().error("ticket.postponed", error="odd")
        logging.getLogger("other").error("odd")
    assert shown() == f"warning: {call}, lets nothing else run; Ctrl-C twice ends this command\n"
    with log_on_stderr(1):
        get_logger().error("adapter.blocks", call=call)
    assert f"ERROR   adapter.blocks call={call!r}" in shown()


def test_a_line_that_can_not_be_made_stops_nobody(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another library's mistake in a line is said, and that is all."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with log_on_stderr(1):
        logging.getLogger("other").warning("%d", "five")

    assert shown() == "other: a record can't be formatted: TypeError\n"


# What is blanked.


@pytest.mark.parametrize("log_format", LogFormat)
def test_no_line_shows_a_secret(shown: Shown, log_format: LogFormat) -> None:
    """Ours, other libraries', tracebacks: whoever writes it, in whatever form, it is blanked."""
    Redactor([TOKEN])
    with log_on_stderr(2, log_format):
        get_logger().info("ticket.ended", error=f"a {TOKEN} b", words=[TOKEN], more={"k": TOKEN})
        for form in (TOKEN, quote(TOKEN, safe=""), json.dumps(TOKEN)):
            logging.getLogger("other").debug("it says %s", form)
            logging.getLogger("other").debug("it says %r", {"k": form})
        fail(TOKEN)

    told = shown()
    assert "***" in told
    assert "9v" not in told
    assert "2LxT" not in told
    if log_format is LogFormat.JSON:
        assert [json.loads(line)["level"] for line in told.splitlines()][-1] == "error"


def test_a_program_that_listens_hears_no_secret_either() -> None:
    """Our lines are blanked before any handler has them, facts included."""
    remember([TOKEN])
    with keeping() as facts:
        get_logger().warning("ticket.postponed", error=f"{TOKEN}!", words=(TOKEN, 1))

    assert facts[0]["error"] == "***!"
    assert facts[0]["words"] == ["***", 1]


def test_a_program_that_configures_structlog_gets_lines_as_from_any_library() -> None:
    """Its processors are for its own lines: ours go to the standard logger, secrets blanked."""
    remember([TOKEN])
    own: list[str] = []

    def keep(_: Any, __: str, event: Any) -> str:
        own.append(event["event"])
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    try:
        with keeping() as facts:
            get_logger().bind(lane="l").info("lane.claimed", word=TOKEN)
        structlog.get_logger().info("mine")
    finally:
        structlog.reset_defaults()

    assert facts == [{"event": "lane.claimed", "level": "info", "lane": "l", "word": "***"}]
    assert own == ["mine"]


def test_longer_secrets_go_first_and_short_ones_stay() -> None:
    """A secret that holds another is blanked whole; a short one could be part of any word."""
    remember(["secret_12", "secret_12345", "abc"])

    assert blank("secret_12345, secret_12 and abc") == "***, *** and abc"
