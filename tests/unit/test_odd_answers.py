"""Answers a vendor or an adapter should not give: nothing is guessed, and nobody else suffers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered, results_of, scripted_world
from support.vendor import ScriptedAdapter, Vendor, capable

from batchhub import BatchHub, BatchState, BatchStatus, Finding, ItemState, Outcome
from batchhub.adapter import Accepted, Capabilities, ItemReport, Observation, Report
from batchhub.errors import CredentialsError, NoAnswerError
from batchhub.hub import BatchJob

S = ItemState
RUNNING = Observation(words=("Running",))


def nest(depth: int) -> object:
    """Make an object in an object in an object …"""
    value: object = 1
    for _ in range(depth):
        value = {"a": value}
    return value


async def watch(job: BatchJob, seen: list[BatchStatus]) -> None:
    """Keep what is shown of a job until it ends or can't go on."""
    try:
        async for status in job.watch():
            seen.append(status)  # noqa: PERF401  # it may be cancelled meanwhile
    except CredentialsError:
        seen.append(await job.refresh())


def store_size(folder: Path) -> int:
    """Return the bytes of a store's files."""
    return sum(path.stat().st_size for path in folder.glob("jobs.db*") if path.is_file())


async def read_status(store: Path, job_id: str) -> BatchStatus:
    """Return what the next process shows."""
    async with BatchHub(store) as reader:
        return (await reader.job(job_id)).status


@pytest.mark.parametrize(
    ("stray", "rest", "state"),
    [
        (ItemReport(id="i2 ", state=S.FAILED), S.SUCCEEDED, S.UNKNOWN),
        (ItemReport(id=None, state=S.FAILED), S.SUCCEEDED, S.UNKNOWN),
        (ItemReport(id="i2 ", state=S.UNKNOWN), S.SUCCEEDED, S.UNKNOWN),
        (ItemReport(id="i2 ", state=S.SUCCEEDED), S.FAILED, S.UNKNOWN),
        (ItemReport(id="i2 ", state=S.SUCCEEDED), S.SUCCEEDED, S.SUCCEEDED),
        (ItemReport(id=None, state=S.SUCCEEDED), S.SUCCEEDED, S.SUCCEEDED),
    ],
)
async def test_a_failure_of_no_item_sent_may_be_of_any_unreported_one(
    stray: ItemReport, rest: ItemState, state: ItemState
) -> None:
    """Of items a vendor does not report nothing is claimed that another entry contradicts."""
    named = ItemReport(id="i1", state=S.SUCCEEDED)
    vendor = Vendor(default_report=lambda _: Report(items=[named, stray], rest=rest))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(3))
        status = await job.wait()
        results = await results_of(job)
    assert [result.state for result in results] == [S.SUCCEEDED, state, state]
    doubted = {finding.code: finding for finding in status.findings}.get("rest_in_doubt")
    if state is S.UNKNOWN:
        assert status.outcome is Outcome.INDETERMINATE
        assert doubted is not None
        assert (doubted.count, doubted.examples) == (2, ("i2", "i3"))
    else:
        assert doubted is None


@pytest.mark.parametrize(
    "trouble", [CredentialsError("the token was revoked"), NoAnswerError("silence")]
)
async def test_no_state_goes_back_when_results_are_not_to_be_had(
    trouble: Exception, tmp_path: Path
) -> None:
    """What was shown while results were fetched in vain is what the next process shows."""
    vendor = Vendor(polls=deque([Observation(words=("Waiting",))]))
    vendor.reports = deque([trouble] * 10_000)
    seen: list[BatchStatus] = []
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(2))
        watching = asyncio.create_task(watch(job, seen))
        await world.clock.sleep(60.0)
        watching.cancel()
    after = await read_status(tmp_path / "jobs.db", job.id)
    for before, later in zip(seen, [*seen[1:], after], strict=True):
        assert before.state.may_become(later.state)
        assert (later.progress or 0.0) >= (before.progress or 0.0)
    assert after.state is BatchState.IN_PROGRESS


async def test_a_ticket_whose_results_are_missing_shows_that_it_is_finished(
    tmp_path: Path,
) -> None:
    """The next process polls once more, since what the vendor said is in no store, and fetches."""
    vendor = Vendor(reports=deque([NoAnswerError("silence")] * 10_000))
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(30.0)
    polls, vendor.reports = len(vendor.polled), deque()
    async with scripted_world(vendor, tmp_path / "jobs.db", world.clock) as world:
        await world.hub.resume()
        assert (await (await world.hub.job(job.id)).refresh()).outcome is Outcome.SUCCEEDED
    assert len(vendor.polled) == polls + 1


async def test_progress_that_was_shown_is_kept_when_the_hub_closes(tmp_path: Path) -> None:
    """Whoever reads the store next sees at least as much."""
    figures = [Observation(words=("Running",), progress=n / 1000) for n in range(1, 1000)]
    async with scripted_world(Vendor(polls=deque(figures)), tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(9.5)
        shown = (await job.refresh()).progress
    assert shown is not None
    after = (await read_status(tmp_path / "jobs.db", job.id)).progress
    assert after is not None
    assert after >= shown


BAD_ANSWERS: list[Any] = [
    None,
    "Running",
    Observation(words=None),  # type: ignore[arg-type]
    Observation(words=(7,)),  # type: ignore[arg-type]
    Observation(words=("Running",), done="3"),  # type: ignore[arg-type]
    Observation(words=("Running",), progress="half"),  # type: ignore[arg-type]
    Observation(words=("Running",), age_s="old"),  # type: ignore[arg-type]
    Observation(words=("Running",), vendor=None),  # type: ignore[arg-type]
    Observation(words=("Running",), vendor={1: 2}),  # type: ignore[dict-item]
    Observation(words=("Running",), findings=("odd",)),  # type: ignore[arg-type]
    Observation(words=("Running",), findings=(Finding(code=1, message="x"),)),  # type: ignore[arg-type]
]
BAD_REPORTS: list[Any] = [
    None,
    Report(items=None),  # type: ignore[arg-type]
    Report(items=["i1"]),  # type: ignore[list-item]
    Report(items=[], rest="succeeded"),  # type: ignore[arg-type]
    Report(items=[ItemReport(id=1, state=S.SUCCEEDED)]),  # type: ignore[arg-type]
    Report(items=[ItemReport(id="i1", state="succeeded")]),  # type: ignore[arg-type]
    Report(items=[ItemReport(id="i1", state=S.SUCCEEDED, code=object())]),  # type: ignore[arg-type]
    Report(items=[ItemReport(id="i1", state=S.SUCCEEDED, code=10**30)]),
    Report(items=[ItemReport(id="i1", state=S.SUCCEEDED, message=b"x")]),  # type: ignore[arg-type]
    Report(items=[ItemReport(id="i1", state=S.SUCCEEDED, raw="x")]),  # type: ignore[arg-type]
    Report(items=[ItemReport(id="i1", state=S.SUCCEEDED, vendor_ref=object())]),  # type: ignore[arg-type]
    Report(items=[], findings=(object(),)),  # type: ignore[arg-type]
]


async def finish_both(vendor: Vendor, folder: Path) -> None:
    """Run two jobs of one lane, whose first answer is bad, to their end."""
    async with scripted_world(capable(vendor, max_items=1), folder / "jobs.db") as world:
        first = await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(3.0)
        second = await world.hub.submit("shop", numbered(1))
        assert (await second.wait(timeout_s=600)).outcome is Outcome.SUCCEEDED
        assert (await first.wait(timeout_s=600)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("answer", BAD_ANSWERS)
async def test_a_poll_that_breaks_the_rules_touches_its_own_ticket_only(
    answer: Any, tmp_path: Path
) -> None:
    """It is put off; the lane goes on with everything else, and with it later."""
    await finish_both(Vendor(polls=deque([answer])), tmp_path)


@pytest.mark.parametrize("report", BAD_REPORTS)
async def test_a_report_that_breaks_the_rules_is_fetched_again(report: Any, tmp_path: Path) -> None:
    """Nothing of it is stored, so that a store that can't keep it does not hold everybody up."""
    await finish_both(Vendor(reports=deque([lambda _: report])), tmp_path)


@pytest.mark.parametrize(
    "fields",
    [
        {"x": nest(960)},
        {"x": object()},
        {"x": float("nan")},
        {"x": "\ud83d"},
        {"x": 10**5000},
        {"x": {1: 2}},
        {"x": ["y" * 20] * 100_000},
        {f"name {n}": n for n in range(100_000)},
    ],
    ids=["deep", "object", "nan", "half", "number", "key", "large", "names"],
)
async def test_fields_that_cannot_be_kept_are_left_out(
    fields: Mapping[str, Any], tmp_path: Path
) -> None:
    """Of a vendor's other fields at most 64 kB are kept; the rest of the ticket is as ever."""
    fields = {"plain": {"a": [1, "ü", None, True, 1.5]}, **fields}
    vendor = Vendor(submits=deque([Accepted(vendor_refs=("r1",), vendor=fields)]))
    vendor.polls = deque([Observation(words=("Running",), vendor=fields)] * 1000)
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(1))
        await job.hand_over()
        await world.clock.sleep(6.0)
        shown = (await job.refresh()).tickets[0].vendor
        stored = (await read_status(tmp_path / "jobs.db", job.id)).tickets[0].vendor
        assert shown == stored
        assert shown["plain"] == fields["plain"]
        assert "left out" in str(shown.get("x", "left out"))
        assert len(str(stored)) < 140_000
        vendor.polls.clear()
        assert (await job.wait(timeout_s=600)).outcome is Outcome.SUCCEEDED
    assert store_size(tmp_path) < 2_000_000


@pytest.mark.parametrize(
    "refs", [("",), (7,), "r1", None, ("x" * 100_000,)], ids=lambda r: str(r)[:9]
)
async def test_an_id_that_is_none_is_held(refs: Any) -> None:
    """The vendor took the batch, and nobody can ask about it: never a resend."""
    vendor = Vendor(submits=deque([Accepted(vendor_refs=refs)]))
    async with scripted_world(vendor) as world:
        assert (await (await world.hub.submit("shop", numbered(1))).wait(timeout_s=600)).is_held
    assert len(vendor.submissions) == 1


async def test_no_error_of_one_job_stops_its_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter that can't say what its vendor can do holds up that job alone, and is named."""
    plain, broken = ScriptedAdapter.capabilities, True

    def capabilities(self: ScriptedAdapter, *arguments: Any) -> Capabilities:
        if broken and arguments[1:] and arguments[1].get("odd"):
            raise KeyError("odd")
        return plain(self, *arguments)

    async with scripted_world() as world:
        monkeypatch.setattr(ScriptedAdapter, "check_options", lambda _, __, options: dict(options))
        odd = await world.hub.submit("shop", numbered(1), options={"odd": 1})
        monkeypatch.setattr(ScriptedAdapter, "capabilities", capabilities)
        plain_job = await world.hub.submit("shop", numbered(1))
        assert (await plain_job.wait(timeout_s=600)).outcome is Outcome.SUCCEEDED
        status = await odd.refresh()
        assert not status.state.is_terminal
        assert "KeyError" in (status.contact_note or "")
        broken = False
        assert (await odd.wait(timeout_s=600)).outcome is Outcome.SUCCEEDED
