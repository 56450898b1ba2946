"""What a worker says of a trouble that lasts: once a minute, and nothing of another one less."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from batchhub._base.log import LOGGER_NAME, get_logger
from batchhub.cli.screen.log import troubles_on_stderr
from batchhub.cli.screen.repeats import REST_S, Repeats

FULL = {"event": "store.failed", "error": "the disk is full; tried 3 times"}


def line(at: float, **facts: object) -> logging.LogRecord:
    """Return a line of the log, written at a time."""
    record = logging.makeLogRecord({"msg": "", LOGGER_NAME: facts})
    record.created = at
    return record


@pytest.fixture
def repeats() -> Repeats:
    """Return what has seen nothing yet."""
    return Repeats()


@pytest.mark.parametrize("event", ["store.failed", "ticket.postponed"])
def test_the_same_is_said_once_a_minute_with_how_many_there_were(
    repeats: Repeats, event: str
) -> None:
    """Whichever lane notices it, and however often it was tried."""
    facts = FULL | {"event": event}
    assert repeats.take(line(0.0, **facts)) == 0
    for at, lane in enumerate(["a", "b", "c"], start=1):
        again = facts | {"error": f"the disk is full; tried {at} times", "lane": lane}
        assert repeats.take(line(at, **again)) is None
    assert repeats.take(line(REST_S, **facts)) == 3
    assert repeats.take(line(2 * REST_S, **facts)) == 0


def test_a_clock_that_is_set_back_silences_nothing(repeats: Repeats) -> None:
    """The next line is shown, not one in some hours."""
    repeats.take(line(86_400.0, **FULL))

    assert repeats.take(line(0.0, **FULL)) == 0


@pytest.mark.parametrize(
    "other",
    [
        {"error": "the store is locked"},
        {"event": "ticket.postponed"},
        {"event": "lane.paused", "lane": "b"},
    ],
)
def test_another_trouble_is_said_at_once(repeats: Repeats, other: dict[str, str]) -> None:
    """Another reason, event or lane."""
    for lane in ("a", "c"):
        repeats.take(line(0.0, **FULL | {"event": "lane.paused", "lane": lane}))
    repeats.take(line(0.0, **FULL))

    assert repeats.take(line(1.0, **FULL | other)) == 0


@pytest.mark.parametrize("event", ["ticket.unconfirmed", "settings.refused", "job.ended"])
def test_what_somebody_has_to_know_of_each_time_is_always_said(
    repeats: Repeats, event: str
) -> None:
    """Each of them is about something else, or an answer to somebody."""
    assert [repeats.take(line(0.0, event=event, error="no")) for _ in range(3)] == [0, 0, 0]


def test_very_many_troubles_take_no_memory(repeats: Repeats) -> None:
    """A thousand lanes are remembered; what was said of others is said again."""
    for each in range(5000):
        repeats.take(line(0.0, event="lane.paused", lane=f"lane {each}", error="no"))

    assert len(repeats._said) == 1000
    assert repeats.take(line(1.0, event="lane.paused", lane="lane 4999", error="no")) is None
    assert repeats.take(line(1.0, event="lane.paused", lane="lane 0", error="no")) == 0


@pytest.fixture
def own_level() -> Iterator[None]:
    """Leave the log as it was."""
    own = logging.getLogger(LOGGER_NAME)
    before = own.level
    yield
    own.setLevel(before)


@pytest.mark.usefixtures("own_level")
def test_a_worker_writes_what_lasts_once(capsys: pytest.CaptureFixture[str]) -> None:
    """And how many lines it has left out, once it says so again."""
    log, now = get_logger(), [1_000.0]
    make = logging.getLogRecordFactory()

    def make_then(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.created = now[0]
        return record

    logging.setLogRecordFactory(make_then)
    try:
        with troubles_on_stderr(0):
            for _ in range(5):
                log.error("store.failed", store="jobs.db", error="the disk is full")
            log.warning("ticket.unconfirmed", error="the disk is full")
            now[0] += REST_S
            log.error("store.failed", store="jobs.db", error="the disk is full")
    finally:
        logging.setLogRecordFactory(make)

    first, other, last = capsys.readouterr().err.splitlines()
    assert first.endswith("error='the disk is full'")
    assert "ticket.unconfirmed" in other
    assert last.endswith("error='the disk is full' (4 more lines like this since)")
