"""One job: how it goes, its tickets on a time line, why items failed, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from batchhub._engine.health import GRACE_S, HealthLook
from batchhub._engine.open_hub import OpenHub
from batchhub._store import JobRecord
from batchhub._web.look import Look, Shown
from batchhub.errors import StoreError
from batchhub.hub import BatchJob, opened
from batchhub.job import find_all_retries
from batchhub.models import BatchState, BatchStatus, FailureGroup, Problem
from batchhub.models.advice import next_steps, problem_command
from batchhub.models.status import tally_of
from batchhub.polling.lessons import VERSION, Lesson, name_class

from .items import item_tabs
from .lanes import Driver, describe_driver
from .tickets import first_tickets, states_bar, states_of
from .words import segments, tone

_ITEMS: Final = 20
"""Items that are shown: what to do next is below them."""
_MOST_GROUPS: Final = 20
_MOST_RETRIES: Final = 10


@frozen(kw_only=True)
class Retry:
    """
    A retry that may be asked for.

    Attributes:
        group: The items it would repeat.
        is_allowed: Whether it is safe now: the job goes on no more.
    """

    group: FailureGroup
    is_allowed: bool


async def show_job(look: Look) -> Shown:
    """Show a job."""
    hub = await opened(look.hub)
    pages = hub.store.pages
    job, status = await pages.job(look.parts["job_id"])
    handle = BatchJob(hub, job, status)
    health = HealthLook(store=hub.store, process=hub.process, now=look.now, grace_s=GRACE_S)
    failures = await _find_failures(handle, status)
    retries = await handle.find_retries()
    kind, tickets = await first_tickets(pages, job, status, look.now)
    problem = await _find_problem(health, job, status)
    driver = await _find_driver(hub, health, job, status)
    tally = tally_of(status)
    can_retry = status.state.is_terminal
    return Shown(
        "job.html",
        {
            "now": look.now,
            "job": job,
            "status": status,
            "tone": tone(status),
            "may_act": look.role.may_act,
            "problem": problem,
            "problem_command": (
                None
                if problem is None
                else problem_command(problem, needs_worker=handle.needs_worker)
            ),
            "driver": driver,
            "usual_s": await _find_usual_s(hub, job, status),
            "item_bar": segments(status),
            "total": tally.tickets,
            "ticket_states": states_of(status),
            "ticket_bar": states_bar(status),
            "ticket_kind": kind,
            "tickets": tickets,
            "unconfirmed": await _find_unconfirmed(hub, job, status),
            "failures": [
                Retry(group=group, is_allowed=can_retry and group.open > 0)
                for group in failures[:_MOST_GROUPS]
            ],
            "more_failures": max(0, len(failures) - _MOST_GROUPS),
            "repeatable": _count_repeatable(failures) if can_retry else 0,
            "unknown": status.counts.unknown if can_retry else 0,
            "retries": [each.status for each in retries[-_MOST_RETRIES:]],
            "more_retries": max(0, len(retries) - _MOST_RETRIES),
            "items": await pages.items(job.job_no, most=_ITEMS),
            "item_states": item_tabs(status),
            "steps": list(
                next_steps(
                    status,
                    retries=await find_all_retries(handle),
                    failures=failures,
                    driver=None if driver is None or driver.note else driver.who,
                    needs_worker=handle.needs_worker,
                )
            ),
        },
    )


async def _find_failures(handle: BatchJob, status: BatchStatus) -> Sequence[FailureGroup]:
    counts = status.counts
    if not counts.failed + counts.not_executed + counts.unknown:
        return []
    return await handle.failures()


def _count_repeatable(failures: Sequence[FailureGroup]) -> int:
    """Return how many items a retry takes without being told which, as `next_steps` counts."""
    return sum(
        group.open for group in failures if group.state.value != "unknown" and not group.fails_again
    )


async def _find_problem(health: HealthLook, job: JobRecord, status: BatchStatus) -> Problem | None:
    if status.state.is_terminal:
        return None
    await health.learn_lanes({job.lane})
    return health.judge(job, status)


async def _find_driver(
    hub: OpenHub, health: HealthLook, job: JobRecord, status: BatchStatus
) -> Driver | None:
    """Say who drives it; `None` once it has ended, or where that can't be read."""
    if status.state.is_terminal:
        return None
    try:
        row = await hub.store.lanes.get(job.lane)
    except StoreError:
        return None
    await health.learn_attendants()
    return describe_driver(job.lane, row, job.created_at, health)


async def _find_usual_s(hub: OpenHub, job: JobRecord, status: BatchStatus) -> float | None:
    """Return how long batches as this job's usually take; `None` if that is not known yet."""
    tickets = tally_of(status).tickets
    each = max(1, status.counts.total // max(1, tickets))
    lessons = await hub.store.lessons.load(VERSION)
    data = lessons.get(name_class(job.adapter, job.operation, each))
    lesson = None if data is None else Lesson.load(data)
    return None if lesson is None else lesson.durations.middle()


async def _find_unconfirmed(hub: OpenHub, job: JobRecord, status: BatchStatus) -> Sequence[int]:
    """Return the first tickets that nobody knows the whereabouts of."""
    if not tally_of(status).number(BatchState.UNCONFIRMED):
        return []
    found = await hub.store.pages.tickets(job.job_no, most=10, kind="unconfirmed")
    return [each.position for each in found if not isinstance(each, StoreError)]
