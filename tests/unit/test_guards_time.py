"""A plug-in that hangs, blocks the loop or can not be cancelled holds nobody up."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from support.hubs import numbered, scripted_world
from support.patience import PATIENCE_S
from support.vendor import ScriptedAdapter, Vendor, capable

from batchhub import BatchState, Contact, Outcome
from batchhub._base.waits import waiting
from batchhub._engine.verb_calls import CLOSE_S, VerbCall, VerbCalls
from batchhub.adapter import Accepted, Observation
from batchhub.errors import AdapterError, NoAnswerError
from batchhub.testing import capture_events

LOOKS = 10
"""Looks at a loop that stands still, four a second, after which somebody would be named."""


def test_a_call_is_cancelled_at_its_deadline_and_left_after_it() -> None:
    """By the clock that is given; one that ends in time is neither."""

    class Task:
        cancelled = 0

        def cancel(self) -> None:
            self.cancelled += 1

        def cancelling(self) -> int:
            return 0

    task: Any = Task()
    began_s = time.monotonic()
    call = VerbCall("adapter 'x' (x 1), poll", 60.0, task)
    assert not call.look(began_s + 59.0)
    assert not task.cancelled
    assert not call.look(began_s + 61.0)
    assert (task.cancelled, call.is_late) == (1, True)
    assert not call.look(began_s + 61.0 + CLOSE_S)
    assert call.look(began_s + 62.0 + CLOSE_S)
    assert not call.look(began_s + 63.0 + CLOSE_S)  # once


async def test_a_verb_that_hangs_is_cancelled_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Past the seconds that its capabilities give it."""

    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    vendor = capable(Vendor(), verb_s={"poll": 0.05})
    original, left = ScriptedAdapter.poll, 1

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            await hang()
        return await original(self, tickets)

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    with capture_events() as events:
        async with scripted_world(vendor) as world:
            status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.outcome is Outcome.SUCCEEDED
    (event,) = events.find("ticket.postponed")
    assert "failed in poll: it took more than 0 s" in event.facts["error"]


async def test_who_blocks_the_loop_is_named_while_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a thread; and on the status once it has ended."""
    named = threading.Event()
    original, left = ScriptedAdapter.poll, 1

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            named.wait(PATIENCE_S)  # as `time.sleep` does: nobody else has a turn
        return await original(self, tickets)

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    monkeypatch.setattr(
        "batchhub._engine.verb_calls._log",
        type("Log", (), {"error": lambda *_, **facts: named.set()})(),
    )
    async with scripted_world() as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert named.is_set()
    assert [finding.code for finding in status.findings] == ["adapter_blocks"]
    assert "(scripted-vendor 1.0), poll, " in status.findings[0].examples[0]


async def test_nobody_is_named_where_very_many_have_their_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop stands still for long, but whoever is seen in a look is gone in the next one."""
    main, seen, is_over = threading.current_thread(), 0, threading.Event()
    current, original, left = asyncio.current_task, ScriptedAdapter.poll, 1

    def find_current(loop: asyncio.AbstractEventLoop | None = None) -> Any:
        nonlocal seen
        if threading.current_thread() is main:
            return current(loop)
        if current(loop) is not None and left < 1:
            seen += 1
            if seen == LOOKS:
                is_over.set()
        return current(loop) if seen % 2 else None

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            is_over.wait(PATIENCE_S)
        return await original(self, tickets)

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    monkeypatch.setattr(asyncio, "current_task", find_current)
    async with scripted_world() as world:
        with capture_events() as events:
            status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert is_over.is_set()
    assert not events.find("adapter.blocks")
    assert not status.findings


async def test_a_method_without_io_that_blocks_is_named_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where no verb is under way: while items are taken in."""
    named, names = threading.Event(), list[str]()
    original = ScriptedAdapter.encode

    def encode(self: ScriptedAdapter, *args: Any) -> bytes:
        named.wait(PATIENCE_S)
        return original(self, *args)

    def error(*_: object, **facts: str) -> None:
        names.append(facts["call"])
        named.set()

    monkeypatch.setattr(ScriptedAdapter, "encode", encode)
    monkeypatch.setattr("batchhub._engine.verb_calls._log", type("Log", (), {"error": error})())
    async with scripted_world() as world:
        job = await world.hub.submit("shop", numbered(1))
        assert names == ["adapter 'scripted' (scripted-vendor 1.0), encode"]
        status = await job.wait()
    assert [finding.code for finding in status.findings] == ["adapter_blocks"]


class _Stopped:
    """The time of a process that is stopped where a test says, in all its threads."""

    process_time = staticmethod(time.process_time)

    def __init__(self) -> None:
        self.away_s = 0.0
        self.looks = 0

    def monotonic(self) -> float:
        """Return the machine's time."""
        self.looks += threading.current_thread().name == "batchhub-pulse"
        return time.monotonic() + self.away_s


async def test_a_process_that_was_stopped_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the method it was in at that moment: it did not run."""
    stopped, original = _Stopped(), ScriptedAdapter.encode
    for module in ("_engine.verb_calls", "_base.lost_time"):
        monkeypatch.setattr(f"batchhub.{module}.time", stopped)

    def encode(self: ScriptedAdapter, *args: Any) -> bytes:
        wait = threading.Event().wait
        seen = stopped.looks
        while stopped.looks == seen:
            wait(0.001)
        stopped.away_s, seen = 3600.0, stopped.looks
        while stopped.looks < seen + 2:
            wait(0.001)
        return original(self, *args)

    monkeypatch.setattr(ScriptedAdapter, "encode", encode)
    async with scripted_world() as world:
        status = await (await world.hub.submit("shop", numbered(1))).wait()
    assert not status.findings


@pytest.mark.parametrize("ends", ["closed", "left"])
def test_a_loop_that_nobody_runs_is_blocked_by_nobody(
    monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """Not even by what its thread does meanwhile in another hub, one that was never closed."""
    names, looked = list[str](), threading.Event()
    monkeypatch.setattr("batchhub._engine.verb_calls._LOOK_S", 0.0)

    def name_method(*_: object) -> str:
        names.append("me")
        looked.set()
        return "me"

    monkeypatch.setattr("batchhub._engine.verb_calls._name_method", name_method)
    loop = asyncio.new_event_loop()
    calls = VerbCalls()

    watch = calls.watching()  # never ended

    async def begin() -> None:
        watch.__enter__()

    loop.run_until_complete(begin())
    pulse = calls._pulse
    assert pulse is not None
    if ends == "closed":
        loop.close()
    monkeypatch.setattr("batchhub._engine.verb_calls.BLOCKED_S", 0.0)
    if ends == "closed":
        pulse._thread.join(PATIENCE_S)
        assert not pulse._thread.is_alive()
    else:
        assert not looked.wait(0.05)
        calls.close()
        loop.close()
    assert not names


async def test_a_verb_that_never_ends_pauses_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left ten times in a row, like ten of its errors; so the one who waits learns of it."""
    monkeypatch.setattr("batchhub._engine.verb_calls.CLOSE_S", 0.01)
    monkeypatch.setattr("batchhub._engine.verb_calls._LOOK_S", 0.01)
    is_over = asyncio.Event()

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        while not is_over.is_set():
            with suppress(asyncio.CancelledError):
                await is_over.wait()

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    async with scripted_world(capable(Vendor(), verb_s={"poll": 0.01})) as world:
        job = await world.hub.submit("shop", numbered(2))
        with pytest.raises(AdapterError, match="poll does not end, although it was cancelled"):
            await job.wait()
        status = await job.refresh()
        is_over.set()
    assert status.contact is Contact.PAUSED
    assert [finding.code for finding in status.findings] == ["adapter_error"]


async def test_a_step_whose_verb_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ticket goes on without it; what the verb brings later is thrown away."""
    monkeypatch.setattr("batchhub._engine.verb_calls.CLOSE_S", 0.05)
    monkeypatch.setattr("batchhub._engine.verb_calls._LOOK_S", 0.05)
    is_over = asyncio.Event()
    original, left = ScriptedAdapter.poll, 1

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        nonlocal left
        left -= 1
        while left >= 0 and not is_over.is_set():
            try:
                await is_over.wait()
            except asyncio.CancelledError:
                continue
        return await original(self, tickets)

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    vendor = capable(Vendor(), verb_s={"poll": 0.05})
    with capture_events() as events:
        async with scripted_world(vendor) as world:
            job = await world.hub.submit("shop", numbered(2))
            status = await job.wait()
            is_over.set()
    assert status.outcome is Outcome.SUCCEEDED
    assert events.find("adapter.left")


@pytest.mark.parametrize("brings", ["an answer", "an error"])
async def test_what_a_verb_brings_after_it_was_left_takes_nothing_back(
    monkeypatch: pytest.MonkeyPatch, brings: str
) -> None:
    """By then the ticket has ended, by another answer."""
    monkeypatch.setattr("batchhub._engine.verb_calls.CLOSE_S", 0.05)
    monkeypatch.setattr("batchhub._engine.verb_calls._LOOK_S", 0.05)
    is_over, may_end, has_come = asyncio.Event(), asyncio.Event(), asyncio.Event()
    polls = 0

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        nonlocal polls
        if tickets[0].vendor_refs == ("ref-2",):
            return [Observation(words=("Done" if may_end.is_set() else "Running",))]
        polls += 1
        if polls > 1:
            return [Observation(words=("Done",))]
        while not is_over.is_set():
            try:
                await is_over.wait()
            except asyncio.CancelledError:
                continue
        has_come.set()
        if brings == "an error":
            raise NoAnswerError("silence")
        return [Observation(words=("Running",))]

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    vendor = capable(Vendor(), verb_s={"poll": 0.05}, max_items=1, max_polled_at_once=1)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        async for status in job.watch():
            states = [ticket.state for ticket in status.tickets]
            if states[0] is BatchState.COMPLETED and not may_end.is_set():
                is_over.set()
                await has_come.wait()
                await world.clock.sleep(10.0)
                seen = [ticket.state for ticket in (await job.refresh()).tickets]
                assert seen == [BatchState.COMPLETED, BatchState.IN_PROGRESS]
                may_end.set()
    assert status.outcome is Outcome.SUCCEEDED
    assert polls == 2  # of what has ended nobody asks again


async def test_a_batch_that_is_taken_after_its_submit_was_left_is_evidence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits for it any more; but it is known then, and not held."""
    monkeypatch.setattr("batchhub._engine.verb_calls.CLOSE_S", 0.05)
    monkeypatch.setattr("batchhub._engine.verb_calls._LOOK_S", 0.05)
    is_over = asyncio.Event()

    async def submit(self: ScriptedAdapter, *_: Any) -> Accepted:
        while not is_over.is_set():
            try:
                await is_over.wait()
            except asyncio.CancelledError:
                continue
        return Accepted(vendor_refs=("r1",))

    monkeypatch.setattr(ScriptedAdapter, "submit", submit)
    async with scripted_world(capable(Vendor(), verb_s={"submit": 0.05})) as world:
        job = await world.hub.submit("shop", numbered(2))
        assert (await job.wait()).is_held
        is_over.set()
        while (status := await job.refresh()).is_held:
            await world.clock.sleep(1.0)
        assert status.tickets[0].vendor_refs == ("r1",)


async def test_a_submit_that_ends_after_its_hub_is_no_task_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it brings can't be written any more, and is not tried again and again."""
    monkeypatch.setattr("batchhub._engine.running_steps.END_S", 0.05)
    is_over, began = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[Any]] = []

    async def submit(self: ScriptedAdapter, *_: Any) -> Accepted:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        began.set()
        while not is_over.is_set():
            try:
                await is_over.wait()
            except asyncio.CancelledError:
                continue
        return Accepted(vendor_refs=("r1",))

    monkeypatch.setattr(ScriptedAdapter, "submit", submit)
    async with scripted_world() as world:
        await world.hub.submit("shop", numbered(2))
        await began.wait()
        await world.hub.aclose(0.05)
    is_over.set()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.wait(tasks)


async def test_a_verb_that_goes_on_holds_no_end_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no effect gets no patience: that is for requests whose answer would be lost."""
    monkeypatch.setattr("batchhub._engine.running_steps.END_S", 0.05)
    is_over, asked = asyncio.Event(), asyncio.Event()

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        asked.set()
        while not is_over.is_set():
            with suppress(asyncio.CancelledError):
                await is_over.wait()

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    with capture_events() as events:
        async with scripted_world() as world:
            await world.hub.submit("shop", numbered(2))
            await asked.wait()
            await world.hub.aclose(3600.0)
    is_over.set()
    assert events.find("adapter.left")


async def test_a_close_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub closes all the same, and says so."""
    monkeypatch.setattr("batchhub._engine.guarded.END_S", 0.05)

    async def hang(self: ScriptedAdapter) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if is_over:
                    raise

    is_over = False
    monkeypatch.setattr(ScriptedAdapter, "aclose", hang)
    with capture_events() as events:
        async with scripted_world() as world:
            await (await world.hub.submit("shop", numbered(2))).wait()
    is_over = True
    assert events.find("adapter.left")
    assert events.find("adapter.failed")


async def test_waits_for_the_budget_do_not_count() -> None:
    """A call that waits for its turn for an hour is not late."""
    calls = VerbCalls()
    with calls.calling("adapter 'x' (x 1), poll", 0.0) as call:
        with waiting():
            began_s = time.monotonic()
            while time.monotonic() - began_s < 0.01:
                pass
            assert call._waits.is_waiting
        waited_s = call._waits.total_s
    calls.close()
    assert waited_s >= 0.01
