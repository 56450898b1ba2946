"""No adapter keeps the suite waiting, whatever it does."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import strategies as st
from support.market import MarketAdapter, MarketKit
from support.patience import PATIENCE_S

from batchhub._base import lost_time
from batchhub.adapter import Observation, TicketRef
from batchhub.conformance import RULES, BrokenError, bench, unblocked, watch
from batchhub.conformance.bench import Bench
from batchhub.conformance.examples import check_examples
from batchhub.conformance.unblocked import run_unblocked
from batchhub.models import BatchItem


class NeverEnds(MarketAdapter):
    """Has no news, ever."""

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """Say nothing."""
        return [None for _ in tickets]


class Time:
    """The machine's time, which passes where a test says so only."""

    def __init__(self) -> None:
        self.now_s = self.ran_s = 0.0
        self.looks = 0

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        self.looks += threading.current_thread() is threading.main_thread()
        return self.now_s

    def process_time(self) -> float:
        """Return the seconds in which something was computed."""
        return self.ran_s


class Blocks(MarketAdapter):
    """Never gives the event loop back."""

    time: Time

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Wait for something that does not come."""
        while True:
            self.time.now_s += 1.0
            time.sleep(0.001)


class CantBeCancelled(MarketAdapter):
    """Waits, and goes on waiting when it is told to stop."""

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """Wait, where several are asked about."""
        while len(tickets) > 1:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue
        return await super().poll(tickets)


def hold(bench: Bench, number: str, **limits: float) -> list[str]:
    """Check one rule as the suite does."""
    (rule,) = (rule for rule in RULES if rule.number == number)
    return run_unblocked(rule.hold(bench), **limits)


def make_bench(adapter: type[MarketAdapter]) -> Bench:
    """Return a bench of its own for an adapter."""
    return Bench(type("Kit", (MarketKit,), {"adapter": adapter})())


def test_a_job_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the calls it took, long before half a day of polls is over."""
    monkeypatch.setattr(watch, "MOST_CALLS", 20)
    with pytest.raises(BrokenError, match=r"^A1, prices: no end after"):
        hold(make_bench(NeverEnds), "A1")


def test_a_run_that_got_stuck_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most rules begin with the same run: the second one knows that there is none."""
    monkeypatch.setattr(watch, "MOST_CALLS", 20)
    bench = make_bench(NeverEnds)
    with pytest.raises(BrokenError, match=r"^A2, prices: a run without trouble: no end after"):
        hold(bench, "A2")
    monkeypatch.undo()
    monkeypatch.setattr(Bench, "run", None)
    with pytest.raises(BrokenError, match=r"^A7, prices: a run without trouble: no end after"):
        hold(bench, "A7")


def test_code_that_blocks_is_stopped_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the error says where that is."""
    time = Time()
    monkeypatch.setattr(Blocks, "time", time, raising=False)
    monkeypatch.setattr(unblocked, "time", time)
    with pytest.raises(BrokenError, match=r"blocked for 0\.2 s, in encode, line \d+ of .*ends\.py"):
        hold(make_bench(Blocks), "A1", blocked_s=0.2)


@pytest.mark.parametrize("is_stopped", [False, True], ids=["runs", "stopped"])
def test_a_run_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    """Unless it was the process that did not run."""
    monkeypatch.setattr(bench, "STUCK_S", 0.001)
    if is_stopped:
        monkeypatch.setattr(unblocked, "time", Time())
        hold(make_bench(MarketAdapter), "A1")
        return
    with pytest.raises(BrokenError, match=r"no end after 500 calls .* or 0 s"):
        hold(make_bench(NeverEnds), "A1")


@pytest.mark.parametrize("ran_s", [0.0, 0.7, 3_600.0], ids=["stopped", "starved", "computes"])
def test_time_in_which_the_process_did_not_run_is_not_counted(
    monkeypatch: pytest.MonkeyPatch, ran_s: float
) -> None:
    """A machine may be so busy that a second of work takes an hour: nobody has blocked anything."""
    time = Time()
    monkeypatch.setattr(unblocked, "time", time)
    monkeypatch.setattr(lost_time, "time", time)

    async def stand_still() -> None:
        time.now_s, time.ran_s, seen = 3_600.0, ran_s, time.looks
        # Not in Python code of its own, such as that of an `Event`: the alarm would find that.
        taken = threading.Lock()
        taken.acquire()
        while time.looks < seen + 10:  # the alarm rings meanwhile, and this thread is its own
            taken.acquire(timeout=0.001)

    if ran_s < 1.0:
        run_unblocked(stand_still(), blocked_s=1.0)
        return
    with pytest.raises(BrokenError, match="blocked for 1 s, in stand_still"):
        run_unblocked(stand_still(), blocked_s=1.0)


def test_a_task_that_swallows_its_cancellation_is_left() -> None:
    """The rule ends, and so does the event loop it ran on."""
    with pytest.raises(BrokenError, match="no end after 3 s"):
        hold(make_bench(CantBeCancelled), "A29", blocked_s=20.0, longest_s=3.0)


def test_an_alarm_that_was_set_rings_in_its_time() -> None:
    """As pytest-timeout sets one for a whole test; and what is left of it is set again."""
    rung: list[float] = []
    kept = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    left = signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)

    async def wait() -> None:
        while not rung:  # noqa: ASYNC110  # a signal tells of it
            await asyncio.sleep(0.01)

    try:
        run_unblocked(asyncio.sleep(0.01), blocked_s=PATIENCE_S)
        assert not rung
        assert 0.0 < signal.getitimer(signal.ITIMER_REAL)[0] < PATIENCE_S
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        run_unblocked(wait(), blocked_s=10.0)
        assert rung
    finally:
        signal.setitimer(signal.ITIMER_REAL, *left)
        signal.signal(signal.SIGALRM, kept)


def test_the_examples_of_a_rule_that_is_stopped_end_with_it() -> None:
    """Their thread draws no more, and nothing of it is told in the middle of another test."""
    tried: list[int] = []

    async def check(number: int) -> None:
        tried.append(number)
        await asyncio.sleep(0.001)

    async def be_stopped() -> None:
        checking = asyncio.create_task(check_examples(100, st.integers(), check))
        while len(tried) < 3:  # noqa: ASYNC110  # another thread has them tried
            await asyncio.sleep(0)
        assert not checking.done()
        raise BrokenError("enough")

    with pytest.raises(BrokenError, match="enough"):
        asyncio.run(be_stopped())
    for thread in threading.enumerate():
        if thread.name == "batchhub-examples":
            thread.join(PATIENCE_S)
    assert len(tried) < 100
    gc.collect()
