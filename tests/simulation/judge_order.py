"""Order, judged from the vendors' records: an older job's value never comes after a newer one's."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from .vendors import Ran
from .witness import LawBrokenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .judge import Told
    from .world import World

_EXCUSES: Final = frozenset({"order_given_up"})


def judge_order(world: World, told: Sequence[Told], ran: dict[int, list[Ran]]) -> None:
    """
    Hold what was done to each product against the places of the jobs that did it.

    Raises:
        LawBrokenError: A newer value was overwritten, and no finding says so.
    """
    jobs: dict[str | None, Told] = {
        ref: job for job in told for ticket in job.status.tickets for ref in ticket.vendor_refs
    }
    by_mark = _find_nameless(world, told)
    places = world.places()
    effects: defaultdict[tuple[str, str], list[tuple[Ran, Told]]] = defaultdict(list)
    for mark, found in ran.items():
        for one in found:
            job = jobs.get(one.ticket) or by_mark.get(mark)
            if one.succeeded and job is not None:
                effects[job.order.account, one.target].append((one, job))
    for (account, target), pairs in effects.items():
        newest: Told | None = None
        for one, job in sorted(pairs, key=lambda pair: pair[0].at_s):
            if newest is not None and places[job.status.job_id] < places[newest.status.job_id]:
                world.count_law("order")
                if not _is_excused(job, newest):
                    raise LawBrokenError(
                        f"{account} {target}: {job.name} overwrote {newest.name}, "
                        f"at {one.at_s:.1f} s"
                    )
            newest = job
        if len({job.status.job_id for _, job in pairs}) > 1:
            world.count_law("order")


def _find_nameless(world: World, told: Sequence[Told]) -> dict[int, Told]:
    """Return, by mark, the jobs whose batches have no name at their vendor, if sent once."""
    retried = {*world.witness.retried, *world.witness.retried.values()}
    return {
        int(result.id): job
        for job in told
        if not job.kind.has_tickets and job.status.job_id not in retried
        for result in job.results
    }


def _is_excused(older: Told, newer: Told) -> bool:
    codes = {f.code for job in (older, newer) for f in job.status.findings}
    return bool(codes & _EXCUSES)
