"""What holds where nothing goes wrong."""

from __future__ import annotations

from batchhub.conformance.bench import Bench
from batchhub.conformance.rule import Level, applies, need, rule
from batchhub.conformance.watch import Watch
from batchhub.models import BatchItem, BatchState, ItemState

_MOST_ITEMS = 1_001
"""How many items a job of several tickets has at most: a suite must not take long."""

_REFUSED_WORDS = frozenset({"unknown_word", "completed_by_counts"})


@rule(
    "A1",
    Level.BRONZE,
    "submit",
    "Each item of a batch is run once, and has exactly one result.",
)
async def each_item_runs_once(bench: Bench, operation: str) -> str | None:
    """Good items only."""
    items = [*bench.kit.good_items(operation, 5)]
    run = await bench.run(operation, items)
    need(run.error is None, f"the job failed: {run.error}")
    run.check_finished()
    run.check_truth()
    need(
        all(result.state is ItemState.SUCCEEDED for result in run.results),
        "items that the vendor takes did not succeed: "
        + "; ".join(f"{r.state} {r.message or ''}" for r in run.results if r.state != "succeeded"),
    )
    return "requests go past the transport, where no fault strikes" if run.watch.strangers else None


@rule(
    "A2",
    Level.BRONZE,
    "results",
    "An item that the vendor refuses fails, with a reason, and no other item does.",
)
async def refused_items_fail(bench: Bench, operation: str) -> None:
    """Bad items among good ones."""
    bad = [*bench.kit.bad_items(operation, 2)]
    applies(bad, "the suite has no items that fail at the vendor (bad_items)")
    run = await bench.clean(operation)
    applies(not bench.capabilities(run).indivisible, "its batches fail wholly: see A33")
    run.check_finished()
    run.check_truth()
    failed = [result for result in run.results if result.state is ItemState.FAILED]
    need(len(failed) == len(bad), f"{len(bad)} items are bad, and {len(failed)} failed")
    for result in failed:
        need(
            result.message or result.code is not None or result.raw,
            "a failed item has neither a message nor a code nor what the vendor said",
        )


@rule(
    "A3",
    Level.BRONZE,
    "limits",
    "A batch of max_items is taken, and a larger job becomes several tickets.",
)
async def as_many_items_as_declared(bench: Bench, operation: str) -> str | None:
    """One item more than a ticket holds."""
    clean = await bench.clean(operation)
    most = bench.capabilities(clean).max_items
    count = min(most + 1, _MOST_ITEMS)
    items = [*bench.kit.good_items(operation, count)]
    need(len(items) == count, f"good_items gave {len(items)} items, not {count}")
    run = await bench.run(operation, items)
    need(run.error is None, f"the job failed: {run.error}")
    run.check_finished()
    run.check_truth()
    if count <= most:
        return f"max_items is {most:,}: a batch of {count:,} was tried"
    need(len(run.status.tickets) > 1, "a job of more than max_items went out as one ticket")
    return None


@rule(
    "A4",
    Level.BRONZE,
    "limits",
    "A request's body is no longer than its items and envelope_bytes, so that max_bytes is kept.",
)
async def bodies_are_as_long_as_declared(bench: Bench, operation: str) -> None:
    """The body of the longest request with an effect, where max_bytes is declared."""
    clean = await bench.clean(operation)
    capabilities = bench.capabilities(clean)
    applies(capabilities.max_bytes is not None, "the adapter declares no max_bytes")
    adapter = clean.watch.adapters[-1]
    options = adapter.check_options(operation, bench.kit.options(operation))
    for count in (1, 5):
        items = [*bench.kit.good_items(operation, count)]
        run = await bench.run(operation, items)
        wires = [
            adapter.encode(operation, BatchItem(id=result.id, payload=item.payload), options)
            for item, result in zip(items, run.results, strict=True)
        ]
        declared = sum(map(len, wires)) + adapter.envelope_bytes(operation, count)
        sent = max(
            (asked.body_bytes for asked in run.watch.asked if asked.step.verb == "submit"),
            default=0,
        )
        need(
            sent <= declared,
            f"a body of {count} items has {sent} bytes; by envelope_bytes {declared} at most",
        )


@rule(
    "A5",
    Level.BRONZE,
    "words",
    "The words that the vendor documents are understood, and mean what a vendor can be in.",
)
async def documented_words_are_understood(bench: Bench, operation: str) -> None:
    """Nothing the stand-in says is an unknown word, and no word means what only we can find."""
    run = await bench.slow(operation)
    unknown = run.findings & _REFUSED_WORDS
    need(not unknown, f"a run without trouble has the finding {', '.join(sorted(unknown))}")
    for word, state in run.watch.adapters[-1].states.items():
        need(
            state is not BatchState.LOST,
            f"the word {word!r} means lost, which no vendor says: see Observation.is_gone",
        )


@rule(
    "A6",
    Level.BRONZE,
    "counts",
    "What polls count is never more than was sent, never goes back, and agrees with the results.",
)
async def counts_agree(bench: Bench, operation: str) -> None:
    """The figures of each poll, and those of the last one."""
    run = await bench.slow(operation)
    run.check_truth()
    total, before = len(run.items), 0
    for seen in run.watch.observations():
        figures = [n for n in (seen.done, seen.succeeded, seen.failed) if n is not None]
        need(all(0 <= n <= total for n in figures), f"of {total} items a poll counts {figures}")
        both = (seen.succeeded or 0) + (seen.failed or 0)
        done = both if seen.done is None else seen.done
        need(both <= total, f"of {total} items {both} have succeeded or failed")
        need(done >= before, f"first {before} items are done, then {done}")
        before = done
        need(
            seen.progress is None or 0.0 <= seen.progress <= 1.0,
            f"the progress is {seen.progress}",
        )
    wrong = {code for code in run.findings if code.startswith("counts_")}
    need(not wrong, f"a run without trouble has the finding {', '.join(sorted(wrong))}")
    last = [seen for seen in run.watch.observations() if seen.succeeded is not None]
    if last and len(run.status.tickets) == 1:
        need(
            last[-1].succeeded == run.status.counts.succeeded,
            f"the last poll counts {last[-1].succeeded} successes, "
            f"and {run.status.counts.succeeded} results are one",
        )


@rule(
    "A7",
    Level.BRONZE,
    "results",
    "Results are joined with the items they belong to: none is left over, and none is missing.",
)
async def results_are_joined(bench: Bench, operation: str) -> None:
    """A run without trouble has no finding about ids."""
    run = await bench.clean(operation)
    run.check_truth()
    need(
        not run.status.findings,
        "a run without trouble has findings: "
        + "; ".join(f"{each.code}: {each.message}" for each in run.status.findings),
    )


@rule(
    "A8",
    Level.BRONZE,
    "results",
    "The same key again sends nothing, and another process reads the same results.",
)
async def the_same_key_sends_nothing(bench: Bench, operation: str) -> None:
    """A second hub on the same store."""
    items = bench.some_items(operation)
    first, second = Watch(), Watch()
    async with bench.world(operation) as world:
        async with world.hub(first) as hub:
            before = await bench.finish(world, first, await world.submit(hub, items), items)
        async with world.hub(second) as hub:
            after = await bench.finish(world, second, await world.submit(hub, items), items)
    need(after.job_id == before.job_id, "the same key and the same items made another job")
    need(not second.asked, f"the same key sent {len(second.asked)} requests more")
    same = [
        (a.id, a.state, a.code, a.message, a.raw, a.vendor_ref)
        == (b.id, b.state, b.code, b.message, b.raw, b.vendor_ref)
        for a, b in zip(before.results, after.results, strict=True)
    ]
    need(all(same), "another process reads other results")
