"""Items: those of a job with their results, and a search over all jobs."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Final

from batchhub._engine.targets import hash_target
from batchhub._store.page_items import Hit, Spot
from batchhub._web.look import Look, Shown
from batchhub.errors import UsageError
from batchhub.hub import opened
from batchhub.models import BatchStatus, ItemState

from .jobs import read_number
from .words import segments

PAGE: Final = 50
"""Items of a page."""

BOUND_S: Final = 1.0
"""Seconds after which a search stops and says how far it has looked."""

WAITING: Final = "pending"
"""The filter for items without a result."""

_LONGEST: Final = 500


async def show_items(look: Look) -> Shown:
    """Show a page of a job's items, with their results."""
    hub = await opened(look.hub)
    job, status = await hub.store.pages.job(look.parts["job_id"])
    given, after = look.query.get("state", ""), read_number(look.query, "after") or 0
    found = await hub.store.pages.items(
        job.job_no, after=after, most=PAGE + 1, states=_read_states(given)
    )
    items = found[:PAGE]
    return Shown(
        "items.html",
        {
            "now": look.now,
            "job": job,
            "status": status,
            "items": items,
            "state": given,
            "states": item_tabs(status),
            "bar": segments(status),
            "after": after,
            "next": items[-1].position if len(found) > PAGE else None,
        },
    )


def item_tabs(status: BatchStatus) -> list[tuple[str, str, int]]:
    """Return the filters of a job's items by state: as in the address, in words, and how many."""
    counts = status.counts
    found = [("", "All", counts.total)]
    for state in ItemState:
        number = getattr(counts, state.value)
        if number:
            found.append((state.value, state.value.replace("_", " ").capitalize(), number))
    return [*found, *([(WAITING, "Pending", counts.pending)] if counts.pending else [])]


def _read_states(given: str) -> frozenset[ItemState] | None:
    if not given:
        return None
    if given == WAITING:
        return frozenset()
    try:
        return frozenset({ItemState(given)})
    except ValueError:
        known = ", ".join([*(state.value for state in ItemState), WAITING])
        raise UsageError(f"state takes {known}, not {given[:40]!r}") from None


async def search_items(look: Look) -> Shown:
    """Show the items of all jobs that have an id or change a target, newest jobs first."""
    given = look.query.get("q", "").strip()
    facts = {
        "now": look.now,
        "q": given,
        "fault": None,
        "hits": [],
        "next": None,
        "is_further": False,
        "jobs": 0,
        "items": 0,
    }
    try:
        spot = _read_spot(look.query, given)
    except UsageError as error:
        return Shown("search.html", {**facts, "fault": str(error)}, 400, is_still=True)
    if not given:
        return Shown("search.html", facts, is_still=True)
    pages, is_further = (await opened(look.hub)).store.pages, spot is not None
    hits: list[Hit] = []
    jobs = items = 0
    end_s = monotonic() + BOUND_S  # real time, whatever the clock of a test says
    while True:
        part = await pages.search(given, hash_target(given), spot, PAGE - len(hits))
        hits += part.hits
        jobs, items, spot = jobs + part.jobs, items + part.items, part.next
        if spot is None or len(hits) >= PAGE or monotonic() > end_s:
            break
    facts |= {"hits": hits, "next": spot, "is_further": is_further, "jobs": jobs, "items": items}
    return Shown("search.html", facts, is_still=True)


def _read_spot(query: Mapping[str, str], given: str) -> Spot | None:
    if len(given) > _LONGEST:
        raise UsageError(f"what is searched for is longer than {_LONGEST} characters")
    job_no, after = read_number(query, "job"), read_number(query, "after")
    return None if job_no is None else Spot(job_no=job_no, after=after or 0)
