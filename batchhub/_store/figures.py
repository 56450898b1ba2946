"""What vendors say of work under way that moves no state, written for many tickets at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, tuple_, update

from batchhub.models.fold import count_done, grow

from .codec import to_text, to_words
from .records import JobRecord, TicketRecord
from .tables import jobs, tickets

_PAGE: Final = 500
"""How many rows are asked for at once."""

_GET_FIGURES: Final = select(
    tickets.c.job_no,
    tickets.c.position,
    tickets.c.state,
    tickets.c.attempt_id,
    tickets.c.progress,
).where(tuple_(tickets.c.job_no, tickets.c.position).in_(bindparam("these", expanding=True)))
_SAVE_FIGURES: Final = (
    update(tickets)
    .where(
        tickets.c.job_no == bindparam("this_job"),
        tickets.c.position == bindparam("this_position"),
        tickets.c.state == bindparam("this_state"),
    )
    .values(
        progress=bindparam("new_progress"),
        vendor=bindparam("new_vendor"),
        vendor_state=bindparam("new_word"),
    )
)
_GET_PROGRESS: Final = select(jobs.c.job_no, jobs.c.progress, jobs.c.total).where(
    jobs.c.job_no.in_(bindparam("these", expanding=True)), jobs.c.ended_at.is_(None)
)
_SAVE_PROGRESS: Final = (
    update(jobs)
    .where(jobs.c.job_no == bindparam("this_job"))
    .values(
        progress=bindparam("new_progress"),
        updated_at=bindparam("new_update"),
        observed_at=bindparam("new_answer"),
    )
)


def save_figures(
    connection: Connection, changed: Sequence[tuple[JobRecord, Sequence[TicketRecord]]]
) -> None:
    """Write what is only a figure; what is newer in the store stays."""
    wanted = {(each.job_no, each.position): each for _, some in changed for each in some}
    grown: Counter[int] = Counter()
    rows: list[dict[str, Any]] = []
    for old in _by_key(connection, list(wanted)):
        ticket = wanted[old.job_no, old.position]
        if not _is_newer(ticket, old):
            continue
        done = count_done(ticket.state, ticket.total, ticket.progress)
        grown[ticket.job_no] += (done or 0) - (
            count_done(ticket.state, ticket.total, old.progress) or 0
        )
        rows.append(
            {
                "this_job": ticket.job_no,
                "this_position": ticket.position,
                "this_state": ticket.state.value,
                "new_progress": ticket.progress,
                "new_vendor": dict(ticket.vendor),
                "new_word": to_words(ticket.vendor_state),
            }
        )
    if rows:
        connection.execute(_SAVE_FIGURES, rows)
        _grow_jobs(connection, {job.job_no: job for job, _ in changed}, grown)


def _by_key(connection: Connection, keys: Sequence[tuple[int, int]]) -> Iterator[Any]:
    """Yield of each ticket what its figures depend on."""
    for at in range(0, len(keys), _PAGE):
        yield from connection.execute(_GET_FIGURES, {"these": keys[at : at + _PAGE]})


def _is_newer(ticket: TicketRecord, old: Any) -> bool:
    if (old.state, old.attempt_id) != (ticket.state.value, ticket.attempt_id):
        return False
    return old.progress is None or (ticket.progress or 0.0) >= old.progress


def _grow_jobs(
    connection: Connection, changed: Mapping[int, JobRecord], grown: Mapping[int, int]
) -> None:
    numbers = list(grown)
    rows: list[dict[str, Any]] = []
    for at in range(0, len(numbers), _PAGE):
        these = {"these": numbers[at : at + _PAGE]}
        for old in connection.execute(_GET_PROGRESS, these):
            job = changed[old.job_no]
            rows.append(
                {
                    "this_job": job.job_no,
                    "new_progress": grow(old.progress, old.total, grown[job.job_no]),
                    "new_update": to_text(job.updated_at),
                    "new_answer": to_text(job.observed_at),
                }
            )
    if rows:
        connection.execute(_SAVE_PROGRESS, rows)
