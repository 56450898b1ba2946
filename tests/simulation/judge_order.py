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
    places = world.places()
    effects: defaultdict[tuple[str, str], list[Ran]] = defaultdict(list)
    for found in ran.values():
        for one in found:
            if one.succeeded and one.ticket in jobs:
                effects[jobs[one.ticket].order.account, one.target].append(one)
    for (account, target), found in effects.items():
        newest: Told | None = None
        for one in sorted(found, key=lambda each: each.at_s):
            job = jobs[one.ticket]
            if newest is not None and places[job.status.job_id] < places[newest.status.job_id]:
                world.count_law("order")
                if not _is_excused(job, newest):
                    raise LawBrokenError(
                        f"{account} {target}: {job.name} overwrote {newest.name}, "
                        f"at {one.at_s:.1f} s"
                    )
            newest = job
        if len({jobs[one.ticket].status.job_id for one in found}) > 1:
            world.count_law("order")


def _is_excused(older: Told, newer: Told) -> bool:
    codes = {f.code for job in (older, newer) for f in job.status.findings}
    return bool(codes & _EXCUSES)
