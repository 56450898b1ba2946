"""What an adapter declares, seen to be so."""

from __future__ import annotations

from collections.abc import Sequence

from batchhub.adapter import Adapter, Capabilities, Observation
from batchhub.conformance.bench import Bench
from batchhub.conformance.rule import Level, applies, need, rule
from batchhub.conformance.run import Run
from batchhub.conformance.truth import find_runs
from batchhub.conformance.watch import Watch
from batchhub.models import BatchItem, ItemState

_SLOW_S = 60.0
_MOST_TICKETS = 25


@rule(
    "A25",
    Level.BRONZE,
    "capabilities",
    "What is declared has its verb, and a verb that is there is declared.",
)
async def declared_verbs_are_there(bench: Bench, operation: str) -> None:
    """By the class alone, but for the way results come."""
    kind = bench.kit.adapter
    run = await bench.clean(operation)
    capabilities = bench.capabilities(run)
    for is_declared, verb in (
        (capabilities.can_cancel, "cancel"),
        (capabilities.finds_attempts, "find_attempt"),
    ):
        is_there = getattr(kind, verb) is not getattr(Adapter, verb)
        need(is_there or not is_declared, f"the adapter declares what needs {verb}, and has none")
    for verb in ("cancel", "find_attempt"):
        is_there = getattr(kind, verb) is not getattr(Adapter, verb)
        need(
            not is_there or any(_declares(bench, each, verb) for each in bench.operations),
            f"the adapter has {verb}, and no operation declares it",
        )
    is_bulk = kind.poll is not Adapter.poll
    need(
        is_bulk or capabilities.max_polled_at_once == 1,
        "the adapter declares max_polled_at_once, and asks about one ticket at a time",
    )


@rule(
    "A26",
    Level.BRONZE,
    "cancel",
    "A job that is cancelled stops at the vendor, and what ran before is told.",
)
async def cancelling_stops_the_vendor(bench: Bench, operation: str) -> None:
    """A job whose items take a minute each is cancelled once the vendor has it."""
    clean = await bench.clean(operation)
    applies(bench.capabilities(clean).can_cancel, "the adapter declares no cancel")
    items, watch = bench.some_items(operation), Watch()
    async with bench.world(operation, {"item_time_s": _SLOW_S}) as world, world.hub(watch) as hub:
        job = await world.submit(hub, items)
        async for status in job.watch():
            if any(ticket.vendor_refs for ticket in status.tickets):
                break
        await job.cancel()
        run = await bench.finish(world, watch, job, items)
    need(
        any(answer.verb == "cancel" and answer.error is None for answer in watch.answered),
        "the vendor was not asked to cancel",
    )
    run.check_truth()
    need(run.status.state.is_terminal, f"the job is {run.status.state.value}")
    need(run.status.counts.unknown == 0, f"{run.status.counts.unknown} items are unknown")
    need(len(run.executions) < len(items), "cancel stopped nothing: all items ran")


@rule(
    "A27",
    Level.GOLD,
    "capabilities",
    "A job that stops on its first failure runs nothing after it.",
)
async def stops_on_the_first_failure(bench: Bench, operation: str) -> None:
    """A bad item before good ones."""
    clean = await bench.clean(operation)
    applies(
        bench.capabilities(clean).stops_on_first_failure,
        "the adapter declares no stops_on_first_failure",
    )
    bad = [*bench.kit.bad_items(operation, 1)]
    need(bad, "declared, and the suite has no items that fail at the vendor (bad_items)")
    items = [*bad, *bench.kit.good_items(operation, 4)]
    run = await bench.run(operation, items, stop_on_first_failure=True)
    run.check_truth()
    states = [result.state for result in run.results]
    need(states[0] is ItemState.FAILED, f"the bad item is {states[0].value}")
    need(
        ItemState.NOT_EXECUTED in states[1:] and ItemState.UNKNOWN not in states,
        f"after the failure the items are {', '.join(sorted({s.value for s in states[1:]}))}",
    )
    kept = await bench.run(operation, items)
    need(
        all(result.state is ItemState.SUCCEEDED for result in kept.results[1:]),
        "a job that is to keep going stops at its first failure",
    )


@rule(
    "A28",
    Level.GOLD,
    "capabilities",
    "Where batches run in order, items that change the same run in the order they were sent.",
)
async def batches_run_in_order(bench: Bench, operation: str) -> None:
    """The same items in three jobs at once."""
    clean = await bench.clean(operation)
    applies(bench.capabilities(clean).runs_in_order, "the adapter declares no runs_in_order")
    runs = await _run_jobs(bench, operation, [[*bench.kit.good_items(operation, 2)]] * 3)
    tickets = [execution.ticket for execution in runs[0].executions]
    groups = list(dict.fromkeys(tickets))
    need(
        tickets == sorted(tickets, key=groups.index) and len(groups) == len(runs),
        "items of one batch ran between those of another",
    )


@rule(
    "A29",
    Level.GOLD,
    "capabilities",
    "Several tickets that are asked about at once get the answers that each gets alone.",
)
async def polls_of_several_are_told_apart(bench: Bench, operation: str) -> None:
    """Three jobs at once, with different items."""
    clean = await bench.clean(operation)
    most = bench.capabilities(clean).max_polled_at_once
    applies(most > 1, "the adapter declares no max_polled_at_once")
    good = [*bench.kit.good_items(operation, 6)]
    jobs, watch = [good[:1], good[1:3], good[3:]], Watch()
    async with bench.world(operation) as world, world.hub(watch) as hub:
        for number, items in enumerate(jobs):
            job = await world.submit(hub, items, f"job-{number}")
            (await bench.finish(world, watch, job, items)).check_finished()
        adapter, tickets = watch.adapters[-1], [*watch.tickets.values()][:most]
        together = [_figures(seen) for seen in await adapter.poll(tickets)]
        alone = [_figures((await adapter.poll([ticket]))[0]) for ticket in tickets]
        turned = [_figures(seen) for seen in await adapter.poll(tickets[::-1])][::-1]
    need(len(together) == len(tickets), f"{len(tickets)} tickets have {len(together)} answers")
    need(together == alone, f"asked about at once they are {together}, and alone {alone}")
    need(turned == together, "the answers are not in the order of the tickets")


@rule(
    "A30",
    Level.GOLD,
    "capabilities",
    "As many tickets as tickets_per_lane are taken at once, and jobs beyond that end as well.",
)
async def as_many_tickets_as_declared(bench: Bench, operation: str) -> str | None:
    """One job more than that."""
    clean = await bench.clean(operation)
    most = bench.capabilities(clean).tickets_per_lane
    applies(most is not None, "the adapter declares no tickets_per_lane")
    count = min((most or 0) + 1, _MOST_TICKETS)
    good = [*bench.kit.good_items(operation, count)]
    runs = await _run_jobs(bench, operation, [[item] for item in good], item_time_s=5.0)
    need(
        all(run.status.counts.succeeded == 1 for run in runs),
        "not all jobs succeeded: " + "; ".join(dict.fromkeys(str(run.error) for run in runs)),
    )
    refused = sum(entry.status >= 400 for entry in runs[0].sandbox.journal)
    need(not refused, f"the vendor refused {refused} requests")
    return None if count > (most or 0) else f"tickets_per_lane is {most}: {count} were tried"


@rule(
    "A31",
    Level.GOLD,
    "capabilities",
    "Results are fetched while the vendor keeps them; after that, that is what is said.",
)
async def kept_results_are_fetched(bench: Bench, operation: str) -> None:
    """The stand-in forgets a batch after results_kept_s, and the process is away for longer."""
    clean = await bench.clean(operation)
    kept_s = bench.capabilities(clean).results_kept_s
    applies(kept_s is not None, "the adapter declares no results_kept_s")
    switches = {"results_kept_s": float(kept_s or 0.0)}
    run = await bench.run(operation, switches=switches)
    run.check_finished()
    run.check_truth()
    items, watch, after = bench.some_items(operation), Watch(), Watch()
    async with bench.world(operation, switches) as world:
        async with world.hub(watch) as hub:
            job = await world.submit(hub, items)
            async for status in job.watch():
                if any(ticket.vendor_refs for ticket in status.tickets):
                    break
        await world.clock.sleep(2 * float(kept_s or 0.0) + 3600.0)
        async with world.hub(after) as hub:
            late = await bench.finish(world, after, await world.submit(hub, items), items)
    late.check_truth("results that are kept no longer")
    need(
        "results_expired" in late.findings,
        f"results that are kept no longer: the findings are {sorted(late.findings)}",
    )


@rule(
    "A32",
    Level.GOLD,
    "capabilities",
    "A body that the vendor refuses to take twice is RepeatedError, and runs once.",
)
async def repeats_are_recognised(bench: Bench, operation: str) -> None:
    """Two processes with stores of their own hand over the same items."""
    clean = await bench.clean(operation)
    window_s = bench.capabilities(clean).refuses_repeat_s
    applies(window_s is not None, "the adapter declares no refuses_repeat_s")
    items, watch, other = [*bench.kit.good_items(operation, 2)], Watch(), Watch()
    async with bench.world(operation) as world:
        async with world.hub(watch) as hub:
            await bench.finish(world, watch, await world.submit(hub, items), items)
        async with world.hub(other, store=world.new_store()) as hub:
            run = await bench.finish(world, other, await world.submit(hub, items), items)
    need(
        any(type(answer.error).__name__ == "RepeatedError" for answer in other.answered),
        "the same body again was not RepeatedError",
    )
    need(
        "accepted_without_id" in run.findings or run.status.state.is_terminal,
        f"the findings are {sorted(run.findings)}",
    )


@rule(
    "A33",
    Level.GOLD,
    "capabilities",
    "Of an indivisible batch that failed, nothing was executed, and that is what is said.",
)
async def indivisible_batches_fail_wholly(bench: Bench, operation: str) -> None:
    """A bad item among good ones."""
    clean = await bench.clean(operation)
    applies(bench.capabilities(clean).indivisible, "the adapter declares no indivisible")
    bad = [*bench.kit.bad_items(operation, 1)]
    need(bad, "the adapter declares indivisible, and the suite has no items that fail (bad_items)")
    run = await bench.run(operation, [*bench.kit.good_items(operation, 2), *bad])
    run.check_truth()
    need(
        not any(codes for codes in find_runs(run.executions).values() if min(codes) < 400),
        "items of a batch that failed were executed",
    )
    need(run.status.counts.succeeded == 0, "items of a batch that failed succeeded")


@rule(
    "A34",
    Level.GOLD,
    "capabilities",
    "Where a vendor counts items, its answers have counts, and they come to the total.",
)
async def counts_are_there(bench: Bench, operation: str) -> None:
    """The last poll of a run without trouble."""
    run = await bench.clean(operation)
    applies(bench.capabilities(run).counts_items, "the adapter declares no counts_items")
    last = [*run.watch.observations()][-1]
    counted = [n for n in (last.succeeded, last.failed) if n is not None]
    done = sum(counted) if counted else last.done
    need(done == len(run.items), f"the last poll counts {done} of {len(run.items)} items")


def _figures(seen: Observation | None) -> object:
    return None if seen is None else (seen.words, seen.done, seen.succeeded, seen.failed)


def _declares(bench: Bench, operation: str, verb: str) -> bool:
    capabilities: Capabilities = bench.kit.adapter.operations[operation]
    return capabilities.can_cancel if verb == "cancel" else capabilities.finds_attempts


async def _run_jobs(
    bench: Bench, operation: str, jobs: Sequence[Sequence[BatchItem]], item_time_s: float = 1.0
) -> list[Run]:
    """Run several jobs at once."""
    watch = Watch()
    switches = {"item_time_s": item_time_s}
    async with bench.world(operation, switches) as world, world.hub(watch) as hub:
        handles = [await world.submit(hub, items, f"job-{n}") for n, items in enumerate(jobs)]
        return [
            await bench.finish(world, watch, job, items)
            for job, items in zip(handles, jobs, strict=True)
        ]
