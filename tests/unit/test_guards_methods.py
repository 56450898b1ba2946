"""Methods of a plug-in without I/O that break a rule: they stop what was asked for, and no more."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from support.broken import SECRET, OddError
from support.hubs import numbered, scripted_world
from support.vendor import ScriptedAdapter, Vendor, capable

from batchhub import Outcome
from batchhub.adapter import Accepted, Capabilities, ItemReport, Report
from batchhub.errors import AdapterError, NoAnswerError
from batchhub.models import ItemState


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("encode", "text"),
        ("encode", None),
        ("target", 5),
        ("item_id", 5),
        ("envelope_bytes", -1),
        ("envelope_bytes", None),
        ("check_options", None),
        ("check_options", {"x": object()}),
        ("check_options", {"x": float("nan")}),
        ("check_options", {5: 6}),
        ("capabilities", None),
        ("capabilities", Capabilities(max_items=0)),
        ("capabilities", Capabilities(max_items=3, max_bytes=-1)),
        ("capabilities", Capabilities(max_items=3, max_polled_at_once=0)),
        ("capabilities", Capabilities(max_items=3, poll_s=float("nan"))),
        ("capabilities", Capabilities(max_items=3, min_poll_s=-1.0)),
        ("capabilities", Capabilities(max_items=3, stall_s="long")),  # type: ignore[arg-type]
        ("capabilities", Capabilities(max_items=3, results_kept_s=0.0)),
        ("capabilities", Capabilities(max_items=3, counts_items="no")),  # type: ignore[arg-type]
        ("capabilities", Capabilities(max_items=3, verb_s={"fetch_result": 5.0})),
        ("capabilities", Capabilities(max_items=3, verb_s={"poll": 0})),
        ("capabilities", Capabilities(max_items=3, verb_s=None)),  # type: ignore[arg-type]
        ("capabilities", Capabilities(max_items=3, deadline_s=5.0)),  # type: ignore[arg-type]
    ],
)
async def test_a_method_that_gives_nonsense_stops_the_submit(
    monkeypatch: pytest.MonkeyPatch, method: str, value: Any
) -> None:
    """The caller learns which; nothing is sent and nothing is stored."""
    vendor = capable(Vendor(), max_bytes=1000)  # so that an envelope is asked for
    monkeypatch.setattr(ScriptedAdapter, method, lambda *_, **__: value)
    async with scripted_world(vendor) as world:
        with pytest.raises(AdapterError, match=rf"'scripted' \(.*failed in {method}"):
            await world.hub.submit("shop", [{"n": 1}])
        assert not await world.hub.jobs()
    assert not vendor.submissions


@pytest.mark.parametrize("method", ["encode", "target", "item_id", "check_options", "capabilities"])
@pytest.mark.parametrize(
    "error",
    [KeyError("x"), SystemExit(1), asyncio.CancelledError(), BaseExceptionGroup("g", [OddError()])],
    ids=lambda e: type(e).__name__,
)
async def test_a_method_that_raises_stops_the_submit(
    monkeypatch: pytest.MonkeyPatch, method: str, error: BaseException
) -> None:
    """Whatever it raises."""

    def broken(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(ScriptedAdapter, method, broken)
    async with scripted_world() as world:
        with pytest.raises(AdapterError, match=f"failed in {method}: {type(error).__name__}"):
            await world.hub.submit("shop", [{"n": 1}])


@pytest.mark.parametrize("found", [float("nan"), -1.0, "soon", None])
async def test_a_deadline_that_is_none_stops_the_submit(found: Any) -> None:
    """It comes from a function of the adapter's."""
    async with scripted_world(capable(Vendor(), deadline_s=lambda items, options: found)) as world:
        with pytest.raises(AdapterError, match=r"'scripted' \(.*failed in deadline_s"):
            await world.hub.submit("shop", [{"n": 1}])


class OddText(str):
    """Breaks where it is looked at."""

    __slots__ = ()

    def __len__(self) -> int:
        raise ZeroDivisionError

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    __hash__ = str.__hash__


class OddBytes(bytes):
    """Breaks where it is looked at."""

    def __len__(self) -> int:
        raise ZeroDivisionError


async def test_a_value_of_a_subclass_is_taken_as_the_plain_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own methods are never called."""
    original = ScriptedAdapter.encode
    monkeypatch.setattr(
        ScriptedAdapter, "encode", lambda self, *args: OddBytes(original(self, *args))
    )
    names = iter("ab")
    monkeypatch.setattr(ScriptedAdapter, "item_id", lambda *_: OddText(next(names)))
    async with scripted_world() as world:
        status = await (await world.hub.submit("shop", [{"n": 1}, {"n": 2}])).wait()
    assert status.outcome is Outcome.SUCCEEDED


async def test_an_adapter_can_change_nothing_of_what_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Options and what steps kept are shared by all jobs that have none."""
    original = ScriptedAdapter.poll

    async def submit(self: ScriptedAdapter, submission: Any, steps: Any) -> Accepted:
        with pytest.raises(TypeError):
            submission.options["echo"] = SECRET
        with pytest.raises((TypeError, AttributeError)):
            submission.items.clear()
        return Accepted(vendor_refs=("r1",))

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        with pytest.raises(TypeError):
            tickets[0].kept["echo"] = SECRET
        with pytest.raises(TypeError):
            tickets[0].options["echo"] = SECRET
        return await original(self, tickets)

    monkeypatch.setattr(ScriptedAdapter, "submit", submit)
    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    async with scripted_world() as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("method", ["may_repeat", "key_value"])
async def test_a_method_that_raises_while_a_job_runs_is_contained(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The job is paused with the fault's name, as by a verb."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(ScriptedAdapter, method, broken)
    vendor = Vendor(submits=deque([NoAnswerError("silence")])) if method == "may_repeat" else None
    if method == "key_value":
        report = Report(items=[ItemReport(key_value="a", state=ItemState.SUCCEEDED)])
        vendor = Vendor(default_report=lambda items: report)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        with pytest.raises(AdapterError, match=f"failed in {method}: ZeroDivisionError: odd"):
            await job.wait(timeout_s=36_000)


async def test_a_method_that_fails_now_and_then_pauses_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten faults count in a row only."""
    original, calls = ScriptedAdapter.encode, 0

    def encode(self: ScriptedAdapter, *args: Any) -> bytes:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise KeyError("odd")
        return original(self, *args)

    monkeypatch.setattr(ScriptedAdapter, "encode", encode)
    async with scripted_world() as world:
        for _ in range(12):
            with pytest.raises(AdapterError) as caught:
                await world.hub.submit("shop", [{"n": 1}])
            assert not caught.value.is_lasting
            await (await world.hub.submit("shop", [{"n": 1}])).wait()
