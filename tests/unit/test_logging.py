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
from support.vendor import Vendor, capable

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
    monkeypatch.setattr(_secrets, "_known", set())
    monkeypatch.setattr(_secrets, "_longest_first", ())


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
        assert entry["lane"] == "scripted:one"
        if kind in {"job", "ticket"}:
            assert entry["job_id"] in jobs
            assert entry["account"] == "shop"
        if kind == "ticket":
            assert entry["ticket"] in {1, 2}


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
