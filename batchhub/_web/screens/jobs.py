"""The jobs, newest first, with filters in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from batchhub._store import DamagedError, JobRecord
from batchhub._store.page_jobs import JobFilter
from batchhub._store.tables import LARGEST
from batchhub._web.look import Look, Shown
from batchhub.errors import UsageError
from batchhub.hub import opened
from batchhub.models import BatchStatus, Outcome
from batchhub.models.filters import STATE_WORDS, find_groups, read_since, read_states

from .words import Segment, segments, tone

PAGE: Final = 50
"""Jobs of a page."""

_LONGEST: Final = 500
_FILTERS: Final = ("state", "account", "label", "since")

TABS: Final = (("", "All"), ("open", "Open"), ("held", "Held"), ("ended", "Ended"))
"""The filters by state that are a click away."""


@frozen(kw_only=True)
class JobLine:
    """
    A job of the list.

    Attributes:
        record: The job.
        status: What is known of it.
        tone: How its state is to be seen.
        bar: The parts of the bar of its items.
    """

    record: JobRecord
    status: BatchStatus
    tone: str
    bar: Sequence[Segment]


async def show_jobs(look: Look) -> Shown:
    """Show a page of jobs."""
    given = {name: look.query.get(name, "").strip() for name in _FILTERS}
    hub = await opened(look.hub)
    accounts = await hub.store.pages.accounts()
    facts = {
        "now": look.now,
        "given": given,
        "is_filtered": any(given.values()),
        "accounts": accounts,
        "states": STATE_WORDS,
        "tabs": TABS,
        "before": None,
        "older": None,
        "jobs": [],
        "damaged": [],
        "fault": None,
    }
    try:
        wanted = _read_filter(look, given)
        before = read_number(look.query, "before")
    except UsageError as error:
        return Shown("jobs.html", {**facts, "fault": str(error)}, 400)
    found = await hub.store.pages.jobs(wanted, before=before, most=PAGE + 1)
    page = found[:PAGE]
    jobs = [
        JobLine(record=each[0], status=each[1], tone=tone(each[1]), bar=segments(each[1]))
        for each in page
        if not isinstance(each, DamagedError)
    ]
    facts |= {
        "before": before,
        "older": jobs[-1].record.job_no if len(found) > PAGE and jobs else None,
        "jobs": jobs,
        "damaged": [str(each) for each in page if isinstance(each, DamagedError)],
    }
    return Shown("jobs.html", facts)


def _read_filter(look: Look, given: Mapping[str, str]) -> JobFilter:
    for name, text in given.items():
        if len(text) > _LONGEST:
            raise UsageError(f"{name} is longer than {_LONGEST} characters")
    words = read_states([given["state"]], "state") if given["state"] else frozenset[str]()
    since = read_since(given["since"], look.now, "since") if given["since"] else None
    return JobFilter(
        states=find_groups(words),
        outcomes=[outcome for outcome in Outcome if outcome in words],
        account=given["account"] or None,
        label=given["label"] or None,
        since=since,
    )


def read_number(query: Mapping[str, str], name: str) -> int | None:
    """
    Read a number of the address; `None` if it is not there.

    Raises:
        UsageError: It is none.
    """
    given = query.get(name, "")
    if not given:
        return None
    if (number := to_number(given)) is None:
        raise UsageError(f"{name} takes a number that a link of this page has, not {given[:40]!r}")
    return number


def to_number(given: str) -> int | None:
    """Return the number that a text is; `None` if it is none that anything has in a store."""
    is_short = len(given) <= len(str(LARGEST))
    if not (is_short and given.isascii() and given.isdigit()):
        return None
    return number if (number := int(given)) <= LARGEST else None
