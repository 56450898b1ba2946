"""The laws on the whole hub: any vendor, any trouble, and still one true result per item."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.hubs import World, numbered, results_of, scripted_world
from support.stores import fold_again
from support.vendor import ReportMaker, Vendor

from batchhub.adapter import Capabilities, ItemReport, Observation, Report
from batchhub.errors import (
    BatchHubError,
    BusyError,
    ConnectError,
    NoAnswerError,
    RateLimitedError,
    RefusedError,
    ReplyError,
    ResultsMissingError,
    ServerError,
)
from batchhub.models import BatchState, BatchStatus, ItemResult, ItemState

slow = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

passing_errors = st.sampled_from(
    [
        ServerError("trouble"),
        NoAnswerError("silence"),
        ConnectError("no route"),
        RateLimitedError("too many"),
        ReplyError("broken JSON"),
        ValueError("a bug of the adapter"),
    ]
)
certain_errors = st.sampled_from(
    [
        ConnectError("no route"),
        RateLimitedError("too many"),
        BusyError("busy"),
    ]
)
unknown_errors = st.sampled_from(
    [
        NoAnswerError("silence"),
        ServerError("trouble"),
        ReplyError("broken JSON"),
        RuntimeError("a bug of the adapter"),
    ]
)
observations = st.builds(
    Observation,
    words=st.tuples(st.sampled_from(["Waiting", "Running", "Odd", None, "waiting"])),
    done=st.none() | st.integers(-1, 5),
)
codes = {ItemState.SUCCEEDED: 200, ItemState.FAILED: 400}


@st.composite
def report_makers(draw: st.DrawFn) -> ReportMaker:
    """Draw a report that leaves out, doubles and invents entries."""
    state = st.sampled_from(list(ItemState))
    plan = draw(st.lists(st.tuples(st.integers(0, 2), state), min_size=3, max_size=3))
    foreign = draw(st.integers(0, 1))

    def make(items: object) -> Report:
        entries = []
        for (times, state), item in zip(plan, items, strict=False):  # type: ignore[call-overload]
            entries += [ItemReport(id=item.id, state=state, code=codes.get(state))] * times
        entries += [ItemReport(id="nobody", state=ItemState.SUCCEEDED, code=200)] * foreign
        return Report(items=entries)

    return make


@st.composite
def vendors(draw: st.DrawFn) -> Vendor:
    """Draw a vendor that deduplicates or not, and has any trouble now and then."""
    dedup = draw(st.booleans())
    submit_errors = st.one_of(certain_errors, unknown_errors, st.just(RefusedError("no")))
    vendor = Vendor(
        capabilities=Capabilities(
            max_items=3,
            tickets_per_job=draw(st.integers(1, 3)),
            poll_s=1.0,
            min_poll_s=0.1,
            dedup_window_s=3600.0 if dedup else None,
            stops_on_first_failure=True,
            results_grace_s=20.0,
            can_cancel=True,
        )
    )
    vendor.submits.extend(draw(st.lists(submit_errors, max_size=3)))
    vendor.polls.extend(draw(st.lists(st.one_of(observations, passing_errors), max_size=8)))
    reports = st.one_of(
        report_makers(), passing_errors, st.just(ResultsMissingError("no responses"))
    )
    vendor.reports.extend(draw(st.lists(reports, max_size=4)))
    return vendor


def check_results(status: BatchStatus, results: list[ItemResult], count: int) -> None:
    """Law 1: one result per item, in order, and the counts say the same."""
    assert [r.id for r in results] == [f"i{n}" for n in range(1, count + 1)]
    counted = Counter(r.state.value for r in results)
    for state in ItemState:
        assert getattr(status.counts, state.value) == counted[state.value]
    assert status.counts.total == count
    assert status.counts.pending == 0


async def check_columns(world: World, live: BatchStatus) -> None:
    """What follows from the tickets is the same in memory, in the job's row and of the tickets."""
    (kept,) = [job._view.last for job in await world.hub.jobs()]
    for status in (live, kept):
        assert fold_again(status) == status


def check_history(history: list[BatchStatus]) -> None:
    """Laws 2 and 3 over all that a watcher saw."""
    for before, after in itertools.pairwise(history):
        for old, new in zip(before.tickets, after.tickets, strict=True):
            assert old.state.may_become(new.state) or old.state is new.state
        if before.progress is not None:
            assert after.progress is not None
            assert after.progress >= before.progress - 1e-9
    if history[-1].state is BatchState.COMPLETED:
        assert history[-1].progress == 1.0


@slow
@given(vendors(), st.integers(1, 8), st.booleans())
def test_every_item_has_one_result(vendor: Vendor, count: int, stop: bool) -> None:
    """Laws 1 to 6: any mix of answers ends with one result per item, or held for a decision."""
    sent_before: Counter[str] = Counter()

    async def scenario() -> None:
        async with scripted_world(vendor) as world:
            job = await world.hub.submit("shop", numbered(count), stop_on_first_failure=stop)
            history: list[BatchStatus] = []
            async for status in job.watch():
                history.append(status)
                await check_columns(world, status)
            status = history[-1]
            if status.is_held:
                # Law 5: nobody decided, so nothing is final; the decision ends it.
                assert status.outcome is None
                await job.cancel()
                history += [status async for status in job.watch()]
                status = history[-1]
            assert status.state.is_terminal
            check_history(history)
            await check_columns(world, status)
            check_results(status, await results_of(job), count)
            sent_before.update(s.idempotency_key for s in vendor.submissions)

    asyncio.run(scenario())
    check_sent(vendor, sent_before)


def check_sent(vendor: Vendor, times: Counter[str]) -> None:
    """Law 6: an attempt is repeated only under its own key, and only if that is safe."""
    if vendor.capabilities.dedup_window_s is None:
        assert all(n == 1 for n in times.values())
    by_key = {s.idempotency_key: [i.id for i in s.items] for s in vendor.submissions}
    for submission in vendor.submissions:
        assert [i.id for i in submission.items] == by_key[submission.idempotency_key]


@slow
@given(st.lists(st.one_of(observations, passing_errors), max_size=12))
def test_trouble_while_polling_ends_nothing(
    answers: list[Observation | BatchHubError],
) -> None:
    """Laws 4 and 5: no error, silence or odd word fails a job; it succeeds when it is done."""

    async def scenario() -> None:
        vendor = Vendor()
        vendor.polls.extend(answers)
        async with scripted_world(vendor) as world:
            job = await world.hub.submit("shop", numbered(3))
            status = await job.wait()
            assert status.outcome is not None
            assert status.counts.succeeded == 3
            odd = [a for a in answers if isinstance(a, Observation) and a.words == ("Odd",)]
            assert any(f.code == "unknown_word" for f in status.findings) == bool(odd)

    asyncio.run(scenario())
