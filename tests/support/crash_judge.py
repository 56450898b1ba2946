"""What a store says after all kills, held against what the vendor's stand-in says it did."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import Counter, defaultdict
from typing import Any, Final

from attrs import define, frozen

from batchhub import BatchHub, BatchStatus, ItemResult, ItemState

from .crash_lab import Shop, submits
from .patience import PATIENCE_S
from .processes import TOKEN

LIMIT: Final = 100


@frozen(kw_only=True)
class Told:
    """A job as the store tells of it."""

    status: BatchStatus
    results: list[ItemResult]

    @property
    def refs(self) -> set[str]:
        """The vendor's ids of all its tickets, those included that came too late."""
        found = {ref for ticket in self.status.tickets for ref in ticket.vendor_refs}
        late = [f.examples for f in self.status.findings if f.code == "late_ticket"]
        return found.union(*late)


@define
class Figures:
    """
    What came of a shop's jobs.

    Attributes:
        tickets: Batches the vendor took.
        items: Items of the store's jobs.
        executed: Items the vendor executed, each time.
        repeated: Requests for a batch the vendor had already, and recognised.
        unconfirmed: Items nobody can tell of.
        doubled: Items that ran more often than somebody decided.
        lost: Items without a result, or whose success never was.
        orphaned: Batches the vendor took, and of which the store knows neither the id nor that
            nobody can tell.
    """

    tickets: int = 0
    items: int = 0
    executed: int = 0
    repeated: int = 0
    unconfirmed: int = 0
    doubled: int = 0
    lost: int = 0
    orphaned: int = 0

    def add(self, other: Figures) -> None:
        """Add those of another shop."""
        for name in Figures.__annotations__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def tell(shop: Shop) -> list[Told]:
    """Read all jobs of a shop's store, oldest first."""

    async def read() -> list[Told]:
        async with BatchHub(shop.store, {}) as hub:
            return [
                Told(status=job.status, results=[result async for result in job.results()])
                for job in await hub.jobs()
            ]

    return asyncio.run(read())


def judge(shop: Shop, *, ended: bool = True) -> Figures:
    """
    Hold every job, ticket and item of a shop against its stand-in's journal.

    Each job has one result for each item, in order, and counts that add up. What is called a
    success ran once in the ticket that is named, what is called not executed did not run. An
    item ran at most once for each job it is in, and had its effect more than once only if a job
    before had called it unknown, and somebody had it repeated. Each batch that the vendor has
    is one of the store's, or all its items are unknown there.

    Args:
        shop: The shop.
        ended: Whether every job must have ended; else some are held.

    Raises:
        AssertionError: It is not so.
    """
    jobs = tell(shop)
    journal = shop.journal()
    names = shop.names()
    executions = journal["executions"]
    figures = Figures(
        tickets=len(_tickets(shop, executions)),
        executed=len(executions),
        repeated=sum("known" in (request["note"] or "") for request in submits(journal)),
    )
    for job in jobs:
        _judge_job(job, names, executions, figures, ended=ended)
    _judge_effects(jobs, names, executions, figures)
    _judge_orphans(shop, jobs, names, executions, figures)
    assert journal["knocks"] == 0
    assert (figures.doubled, figures.lost, figures.orphaned) == (0, 0, 0), figures
    return figures


def _judge_job(
    job: Told,
    names: dict[str, str],
    executions: list[dict[str, Any]],
    figures: Figures,
    *,
    ended: bool,
) -> None:
    status, results = job.status, job.results
    if ended:
        assert status.state.is_terminal, status
    counted = Counter(result.state.value for result in results)
    counts = status.counts
    assert len({result.id for result in results}) == len(results)
    assert (
        len(results) + counts.pending == counts.total == sum(t.counts.total for t in status.tickets)
    )
    for state in ItemState:
        assert getattr(counts, state.value) == counted[state.value], status
    if status.state.is_terminal:
        assert counts.pending == 0
    figures.items += counts.total
    figures.unconfirmed += counts.unknown
    ran: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for execution in executions:
        if execution["ticket"] in job.refs:
            ran[execution["item_id"]].append((execution["ticket"], execution["status"]))
    for result in results:
        found = ran[names[result.id]]
        statuses = [code for _, code in found]
        figures.doubled += len(found) > 1
        if result.state is ItemState.SUCCEEDED:
            figures.lost += statuses != [200]
            assert [ticket for ticket, _ in found] == [result.vendor_ref]
        elif result.state is ItemState.FAILED:
            assert statuses not in ([], [200]), result
        elif result.state is ItemState.NOT_EXECUTED:
            assert not statuses, result


def _judge_effects(
    jobs: list[Told], names: dict[str, str], executions: list[dict[str, Any]], figures: Figures
) -> None:
    in_jobs: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for job in jobs:
        for result in job.results:
            in_jobs[names[result.id]] += 1
            unknown[names[result.id]] += result.state is ItemState.UNKNOWN
    ran = Counter(execution["item_id"] for execution in executions)
    effects = Counter(e["item_id"] for e in executions if e["status"] == 200)
    if all(job.status.state.is_terminal for job in jobs):
        figures.doubled += sum(ran[name] > in_jobs[name] for name in ran)
        figures.doubled += sum(effects[name] > 1 + unknown[name] for name in effects)


def _judge_orphans(
    shop: Shop,
    jobs: list[Told],
    names: dict[str, str],
    executions: list[dict[str, Any]],
    figures: Figures,
) -> None:
    known = set().union(*(job.refs for job in jobs))
    orphans = _tickets(shop, executions) - known
    if shop.trade.deduplicates:
        figures.orphaned += len(orphans)
        return
    if any(job.status.is_held for job in jobs):
        return  # the store says that there may be some
    told = {names[r.id] for job in jobs for r in job.results if r.state is ItemState.UNKNOWN}
    for ref in orphans:
        ran = {execution["item_id"] for execution in executions if execution["ticket"] == ref}
        figures.orphaned += not ran <= told


def _tickets(shop: Shop, executions: list[dict[str, Any]]) -> set[str]:
    """Return the vendor's tickets: those it lists, where it does, or those that ran."""
    ran = {execution["ticket"] for execution in executions}
    if not shop.trade.deduplicates:
        return ran
    request = urllib.request.Request(f"{shop.url}/api/v3/1003/batch?limit={LIMIT}")
    request.add_header("Authorization", f"Bearer {TOKEN}")
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        listed = {batch["ticket"] for batch in json.load(answer)["items"]}
    assert len(listed) < LIMIT
    return ran | listed
