"""A plug-in that breaks a rule: it is named, contained, and harms nobody else."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from support.broken import SECRET, ForeignError, giving, raising, run
from support.hubs import numbered, scripted_world
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor, capable

from batchhub import BatchHub, BatchState, Contact, Outcome
from batchhub.adapter import Accepted, Credentials, Observation, Report
from batchhub.errors import AdapterError
from batchhub.models import Finding
from batchhub.testing import capture_events

FAULTS = [
    KeyError("upload_url"),
    RecursionError("deep"),
    SystemExit(3),
    asyncio.CancelledError(),
    AssertionError(),
    MemoryError(),
    BaseException("base"),
    BaseExceptionGroup("g", [SystemExit(1)]),
]


@pytest.mark.parametrize("error", FAULTS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("verb", ["poll", "fetch_results", "submit"])
async def test_whatever_a_verb_raises_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, verb: str, error: BaseException
) -> None:
    """Nothing was sent by a submit that got stuck before its first request."""
    with capture_events() as events:
        await run(monkeypatch, verb, raising(error))
    said = [event.facts["error"] for event in events.find("ticket.postponed")]
    assert said
    assert f"adapter 'scripted' (scripted-vendor 1.0) failed in {verb}: " in said[0]


@pytest.mark.parametrize(
    ("verb", "value"),
    [
        ("poll", None),
        ("poll", []),
        ("poll", [Observation(), Observation()]),
        ("poll", ["Done"]),
        ("poll", [Observation(words="Done")]),  # type: ignore[arg-type]
        ("poll", [Observation(done="2")]),  # type: ignore[arg-type]
        ("poll", [Observation(vendor=[1])]),  # type: ignore[arg-type]
        ("poll", [Observation(findings=("odd",))]),  # type: ignore[arg-type]
        ("fetch_results", None),
        ("fetch_results", Report(items=5)),  # type: ignore[arg-type]
        ("fetch_results", Report(items=["i1"])),  # type: ignore[list-item]
        ("fetch_results", Report(rest="succeeded")),  # type: ignore[arg-type]
        ("fetch_results", Report(items=(1 / 0 for _ in "x"))),  # type: ignore[misc]
    ],
)
async def test_what_is_not_of_the_seams_form_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, verb: str, value: Any
) -> None:
    """The verb is called again."""
    await run(monkeypatch, verb, giving(value), times=1)


ODD_ANSWERS: list[tuple[str, Any]] = [
    ("poll", None),
    ("poll", ["Done"]),
    ("poll", [Observation(words="Done")]),  # type: ignore[arg-type]
    ("poll", [Observation(words=("Done", "Done"))]),
    ("poll", [Observation(state=BatchState.PENDING)]),
    ("poll", [Observation(state="completed")]),  # type: ignore[arg-type]
    ("poll", [Observation(findings=(Finding(code="odd", message="m", count=-5),))]),
    ("poll", [Observation(findings=(Finding(code="odd", message="m", count=10**30),))]),
    ("poll", [Observation(age_s="old")]),  # type: ignore[arg-type]
    ("poll", [Observation(age_s=float("nan"))]),
    ("poll", [Observation(is_gone="no")]),  # type: ignore[arg-type]
    ("poll", [Observation(vendor=[1])]),  # type: ignore[arg-type]
    ("fetch_results", None),
    ("fetch_results", Report(items=["i1"])),  # type: ignore[list-item]
    ("fetch_results", Report(rest="succeeded")),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("verb", "value"), ODD_ANSWERS)
async def test_who_answers_so_each_time_is_named_and_paused(
    monkeypatch: pytest.MonkeyPatch, verb: str, value: Any
) -> None:
    """An answer that breaks a rule is a fault of its verb like any, so `wait` comes to an end."""
    monkeypatch.setattr(ScriptedAdapter, verb, giving(value))
    named = rf"adapter 'scripted' \(scripted-vendor 1\.0\) failed in {verb}: "
    async with scripted_world() as world:
        job = await world.hub.submit("shop", numbered(2))
        with pytest.raises(AdapterError, match=named) as caught:
            await job.wait(timeout_s=36_000)
        status = await job.refresh()
    assert caught.value.faults == 10
    assert status.contact is Contact.PAUSED
    assert [finding.code for finding in status.findings] == ["adapter_error"]


async def test_a_ticket_nothing_is_said_of_has_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is overdue: the one who waits learns why nothing happens."""
    monkeypatch.setattr(ScriptedAdapter, "poll", giving([None]))
    vendor = capable(Vendor(), stall_s=60.0, deadline_s=lambda items, options: 90.0)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        with pytest.raises(TimeoutError):
            await job.wait(timeout_s=600.0)
        status = await job.refresh()
    assert sorted(finding.code for finding in status.findings) == ["overdue", "stalled"]


async def test_a_count_below_zero_is_no_count() -> None:
    """Whatever it adds up to."""
    odd = Observation(words=("Running",), succeeded=-1, failed=3)
    async with scripted_world(Vendor(polls=deque([odd]))) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert [finding.code for finding in status.findings] == ["impossible_count"]


@pytest.mark.parametrize(
    "ref", ["a\0b", "\ud800", "x" * 1001, f"b-{SECRET}"], ids=["nul", "half", "long", "secret"]
)
async def test_an_id_that_nobody_can_use_is_held(monkeypatch: pytest.MonkeyPatch, ref: str) -> None:
    """And named; the vendor may have the batch."""
    monkeypatch.setattr(ScriptedAccount, "secrets", property(lambda self: (SECRET,)))
    monkeypatch.setattr(ScriptedAdapter, "submit", giving(Accepted(vendor_refs=(ref,))))
    async with scripted_world() as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.is_held
    assert "(scripted-vendor 1.0) failed in submit: it accepted" in (
        status.tickets[0].message or ""
    )
    assert SECRET not in repr(status)


@pytest.mark.parametrize(
    "made",
    [
        None,
        Credentials(headers={"A": 5}),  # type: ignore[dict-item]
        Credentials(headers={"A": "x\r\nB: y"}),
        Credentials(valid_s=float("nan")),
    ],
)
async def test_credentials_that_are_none_pause_the_account(
    monkeypatch: pytest.MonkeyPatch, made: Any
) -> None:
    """After ten times; no item has failed by them."""

    async def ask(transport: Any) -> Accepted:
        await transport.request("POST", "/batches")
        raise AssertionError

    async def authorize(*_: Any) -> Any:
        return made

    vendor = Vendor(submits=deque([ask] * 20), authorize=authorize)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        with pytest.raises(AdapterError, match=r"\(.* 1\.0\) failed in authorize: it gave"):
            await job.wait()
        status = await job.refresh()
    assert (status.state, status.contact) == (BatchState.PENDING, Contact.PAUSED)


@pytest.mark.parametrize("value", [None, Accepted(vendor_refs=(5,)), Accepted(vendor_refs="r1")])  # type: ignore[arg-type]
async def test_an_acceptance_that_is_none_is_held(
    monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    """The vendor may have it, and nobody knows its id."""
    monkeypatch.setattr(ScriptedAdapter, "submit", giving(value))
    async with scripted_world() as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.is_held


async def test_a_fault_of_a_client_of_its_own_may_have_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Python's own mistakes say that the adapter got stuck before a request."""
    monkeypatch.setattr(ScriptedAdapter, "submit", raising(ForeignError("timed out")))
    async with scripted_world() as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.is_held


async def test_a_verb_of_a_wrong_signature_is_named() -> None:
    """Also where the registry could not see it; after ten faults in a row the account is paused."""

    async def poll() -> None:
        """Take no tickets."""

    async with scripted_world() as world:
        lane = world.hub._opened.get_lane("shop")  # type: ignore[union-attr]
        lane.adapter.adapter.poll = poll  # type: ignore[method-assign]
        job = await world.hub.submit("shop", numbered(2))
        began_s = world.clock.monotonic()
        with pytest.raises(AdapterError, match=r"failed in poll: TypeError.*positional") as caught:
            await job.wait()
        assert world.clock.monotonic() - began_s < 600.0  # while somebody still watches
        status = await job.refresh()
    assert caught.value.faults == 10
    assert (status.state, status.contact) == (BatchState.QUEUED, Contact.PAUSED)
    assert [finding.code for finding in status.findings] == ["adapter_error"]


async def test_a_paused_adapter_is_tried_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where something goes on driving: the vendor may have been odd only for a time."""
    original, left = ScriptedAdapter.poll, 12

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise KeyError("state")
        return await original(self, tickets)

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    async with scripted_world() as world:
        job = await world.hub.submit("shop", numbered(2))
        with pytest.raises(AdapterError):
            await job.wait()
        await world.clock.sleep(3600.0)
        status = await job.refresh()
    assert status.outcome is Outcome.SUCCEEDED


async def test_another_account_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """One account's adapter fails each time; the other one's job ends."""
    original = ScriptedAdapter.poll

    async def poll(self: ScriptedAdapter, tickets: Any) -> Any:
        if self.account.name == "b":
            raise SystemExit("bye")
        return await original(self, tickets)

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    async with scripted_world() as world:
        hub = BatchHub(
            None,
            {name: ScriptedAccount(name=name, vendor=world.vendor) for name in "ab"},
            clock=world.clock,
            seed=1,
        )
        with pytest.warns(UserWarning, match="memory"):
            await hub.__aenter__()
        try:
            broken = await hub.submit("b", numbered(2))
            status = await (await hub.submit("a", numbered(2))).wait()
            assert status.outcome is Outcome.SUCCEEDED
            with pytest.raises(AdapterError):
                await broken.wait()
        finally:
            await hub.aclose()
