"""What the traces say: who drove what, how long nobody did, and whether each item ran once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

from attrs import frozen

from batchhub._base.show import count, number
from batchhub.models import BatchStatus, Counts

from .shops import Shop


@frozen(kw_only=True)
class Death:
    """
    How a worker ended.

    Attributes:
        number: The worker's number.
        pid: Its process.
        at_s: When it was killed, in monotonic seconds.
    """

    number: int
    pid: int
    at_s: float


@frozen(kw_only=True)
class Driven:
    """
    What a worker did, as the shops saw it.

    Attributes:
        number: The worker's number.
        pid: Its process.
        before: How many shops it drove when the other one was killed; the killed one itself.
        after: How many of the shops that were asked after that it drove in the end.
        requests: How many requests it sent.
    """

    number: int
    pid: int
    before: int
    after: int
    requests: int


@frozen(kw_only=True)
class Tally:
    """
    What came of it all.

    Attributes:
        driven: What each worker did.
        death: Which of them was killed, and when.
        waits_s: For each of its shops, how long nobody asked it then, in order; a shop that was
            never asked again is missing.
        orphans: How many shops it drove.
        counts: What became of the items, summed over the jobs.
        sent: How many items were handed over.
        batches: How many batches the jobs have, by what the store says.
        executed: How many items the shops ran.
        wrong: What is not as it must be, in sentences.
    """

    driven: Sequence[Driven]
    death: Death
    waits_s: Sequence[float]
    orphans: int
    counts: Counts
    sent: int
    batches: int
    executed: int
    wrong: Sequence[str]

    def say(self) -> Iterator[str]:
        """Yield what there is to be said below the table."""
        waited = f"{self.waits_s[0]:.1f} to {self.waits_s[-1]:.1f} s" if self.waits_s else "never"
        yield (
            f"worker {self.death.number} was killed; its {count(self.orphans, 'shop')} were driven "
            f"again after {waited}"
        )
        yield (
            f"{number(self.sent)} items: {number(self.counts.succeeded)} succeeded, "
            f"{number(self.counts.failed)} failed as they are to; each has one result"
        )
        yield (
            f"the shops ran {number(self.executed)} items in {number(self.batches)} batches: "
            "each once"
        )


def take_stock(
    shops: Sequence[Shop],
    workers: Mapping[int, int],
    death: Death,
    statuses: Sequence[BatchStatus],
    *,
    sent: int,
    results: int,
) -> Tally:
    """
    Compare what the shops saw with what the store says.

    Args:
        shops: The shops.
        workers: The number of each worker, by its process.
        death: Which was killed.
        statuses: All jobs, with their tickets.
        sent: How many items were handed over.
        results: How many results of them were read.
    """
    before = {shop.name: _driver_at(shop, death.at_s) for shop in shops}
    after = {shop.name: _find_last(shop, death.at_s) for shop in shops}
    requests = Counter(each.pid for shop in shops for each in shop.asked)
    orphans = [shop for shop in shops if before[shop.name] == death.pid]
    waits_s = [wait for shop in orphans if (wait := _find_wait(shop, death)) is not None]
    counts = sum((status.counts for status in statuses), Counts())
    return Tally(
        driven=[
            Driven(
                number=worker,
                pid=pid,
                before=list(before.values()).count(pid),
                after=list(after.values()).count(pid),
                requests=requests[pid],
            )
            for pid, worker in workers.items()
        ],
        death=death,
        waits_s=sorted(waits_s),
        orphans=len(orphans),
        counts=counts,
        sent=sent,
        batches=sum(len(status.tickets) for status in statuses),
        executed=sum(len(shop.sandbox.executions) for shop in shops),
        wrong=[
            *_find_lost(statuses, counts, sent, results),
            *_find_unattended(len(orphans) - len(waits_s)),
            *(said for shop in shops for said in _find_doubled(shop, statuses)),
            *(said for shop in shops for said in _find_misjudged(shop, statuses)),
        ],
    )


def _driver_at(shop: Shop, at_s: float) -> int | None:
    return next((each.pid for each in reversed(shop.asked) if each.at_s <= at_s and each.pid), None)


def _find_last(shop: Shop, since_s: float) -> int | None:
    return next(
        (each.pid for each in reversed(shop.asked) if each.at_s > since_s and each.pid), None
    )


def _find_wait(shop: Shop, death: Death) -> float | None:
    others = (each for each in shop.asked if each.pid not in {None, death.pid})
    return next((each.at_s - death.at_s for each in others if each.at_s > death.at_s), None)


def _find_lost(
    statuses: Sequence[BatchStatus], counts: Counts, sent: int, results: int
) -> Iterator[str]:
    if unended := sum(not status.state.is_terminal for status in statuses):
        yield f"{count(unended, 'job')} of {number(len(statuses))} did not end"
    if counts.succeeded + counts.failed != sent:
        yield f"of {number(sent)} items {number(counts.succeeded + counts.failed)} have ended"
    if results != sent:
        yield f"{number(sent)} items have {count(results, 'result')}"


def _find_unattended(shops: int) -> Iterator[str]:
    if shops:
        yield f"{count(shops, 'shop')} of the killed worker had nobody after it"


def _find_doubled(shop: Shop, statuses: Sequence[BatchStatus]) -> Iterator[str]:
    """Compare the batches that a shop ran with those that the store knows of."""
    ran = Counter(each.ticket for each in shop.sandbox.executions)
    known = Counter(
        {
            ref: ticket.counts.total
            for status in statuses
            if status.account == shop.name
            for ticket in status.tickets
            for ref in ticket.vendor_refs
        }
    )
    if ran != known:
        yield (
            f"{shop.name} ran {count(ran.total(), 'item')} in batches of its own, and the store "
            f"knows of {number(known.total())}"
        )


def _find_misjudged(shop: Shop, statuses: Sequence[BatchStatus]) -> Iterator[str]:
    """Compare how many items failed at a shop with how many did so by what the store says."""
    failed = sum(each.status >= HTTPStatus.BAD_REQUEST for each in shop.sandbox.executions)
    known = sum(status.counts.failed for status in statuses if status.account == shop.name)
    if failed != known:
        yield (
            f"at {shop.name} {count(failed, 'item')} failed, and by what the store says "
            f"{number(known)}"
        )
