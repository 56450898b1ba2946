"""Which open jobs need a person, as the store and the processes that live tell it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field

from batchhub._base.clock import Clock
from batchhub._base.show import count, duration
from batchhub._store import JobRecord, LaneOwner, LaneRow, Store
from batchhub.models import BatchState, BatchStatus, Contact, Health, Problem, Trouble
from batchhub.models.status import tally_of

from .owner_watch import SILENT_S
from .process_lock import ProcessLock, Verdict

GRACE_S: Final = 600.0
"""Seconds for which a job may be without an answer, or its account without a process."""

_OPEN: Final = frozenset(state for state in BatchState if not state.is_terminal)
_PAGE: Final = 500

_Found = tuple[Trouble, str, datetime, str, str]
"""Kind, code, since when, why, and what to do."""


async def check_health(store: Store, process: ProcessLock, clock: Clock, grace_s: float) -> Health:
    """
    Look at all open jobs.

    Args:
        store: The store; it is only read.
        process: Says which processes live.
        clock: Where time comes from.
        grace_s: Seconds for which a job may be without an answer, or its account without a process.

    Raises:
        StoreError: The store can't be read.
    """
    look = _Look(store=store, process=process, now=clock.now(), grace_s=grace_s)
    problems: list[Problem] = []
    open_jobs, before = 0, None
    while True:
        page = await store.jobs.find(states=_OPEN, before=before, limit=_PAGE, tickets=False)
        await look.learn_lanes({record.lane for record, _ in page})
        for record, status in page:
            open_jobs += 1
            if (problem := look.judge(record, status)) is not None:
                problems.append(problem)
        if not page:  # one may be short: what is damaged is left out
            break
        before = page[-1][0].job_id
    problems.reverse()  # the oldest first
    problems.sort(key=lambda problem: problem.kind is not Trouble.HELD)
    return Health(checked_at=look.now, open_jobs=open_jobs, problems=tuple(problems))


@define
class _Look:
    """
    One look at the store.

    Attributes:
        store: The store.
        process: Says which processes live.
        now: The time.
        grace_s: See `check_health`.
    """

    store: Store
    process: ProcessLock
    now: datetime
    grace_s: float
    _lanes: dict[str, LaneRow] = field(factory=dict)
    _verdicts: dict[str, Verdict] = field(factory=dict)

    async def learn_lanes(self, names: set[str]) -> None:
        """Read the rows of lanes that are not known yet."""
        self._lanes |= await self.store.lanes.get_all(sorted(names - self._lanes.keys()))

    def judge(self, record: JobRecord, status: BatchStatus) -> Problem | None:
        """Return what is wrong with a job, the worst first; `None` if nothing is."""
        found = next(self._find(record, status), None)
        if found is None:
            return None
        kind, code, since, message, advice = found
        return Problem(
            kind=kind,
            code=code,
            job_id=record.job_id,
            account=record.account,
            since=since,
            message=message,
            advice=advice,
        )

    def _find(self, record: JobRecord, status: BatchStatus) -> Iterator[_Found]:
        if status.is_held and record.cancelled_at is None:
            yield _held(status)
        note = record.contact_note or "no reason is known"
        if record.contact is Contact.PAUSED:
            yield Trouble.STUCK, "paused", record.updated_at, note, "fix it, then resume the job"
        row = self._lanes[record.lane]
        yield from self._find_driver(record, row)
        answered_at = record.observed_at or record.created_at
        silent_s = (self.now - answered_at).total_seconds()
        if record.contact is Contact.UNREACHABLE:
            goes_on = "then resume the job" if row.owner is None else "the job goes on by itself"
            advice = f"check the network and the vendor; {goes_on}"
            yield Trouble.STUCK, "unreachable", answered_at, note, advice
        yield from self._find_lateness(record, status, is_driven=row.owner is not None)
        if record.contact is Contact.STALE and silent_s > self.grace_s:
            why = f"no useful answer for {duration(silent_s)}: {note}"
            yield Trouble.STUCK, "stale", answered_at, why, "check the vendor"

    def _find_driver(self, record: JobRecord, row: LaneRow) -> Iterator[_Found]:
        """Find out whether anybody drives a job."""
        owner, seen_at = row.owner, row.seen_at or record.created_at
        silent_s = (self.now - seen_at).total_seconds()
        advice = "resume the job where its account is in the settings"
        if owner is None:
            since = max(seen_at, record.updated_at)
            if (self.now - since).total_seconds() > self.grace_s:
                why = "no process drives its account"
                yield Trouble.UNATTENDED, "unattended", since, why, advice
            return
        if owner.token == self.process.token:
            return  # this hub's own, which gives no signs of life to itself
        verdict = self._verdict(owner)
        if verdict is Verdict.DEAD or (verdict is Verdict.UNKNOWN and silent_s >= SILENT_S):
            why = f"process {owner.pid}, which drove its account, has ended"
            yield Trouble.UNATTENDED, "unattended", seen_at, why, advice
        elif silent_s > 2 * SILENT_S:
            why = (
                f"process {owner.pid} on {owner.host} drives its account and has given no sign of "
                f"life for {duration(silent_s)}"
            )
            yield Trouble.STUCK, "stopped", seen_at, why, "continue that process, or end it"

    def _find_lateness(
        self, record: JobRecord, status: BatchStatus, *, is_driven: bool
    ) -> Iterator[_Found]:
        due_at = record.created_at + timedelta(seconds=record.deadline_s)
        asked = "it is asked on" if is_driven else "it is asked again once the job is resumed"
        advice = f"look at the vendor's side; {asked}, and can be cancelled"
        if self.now > due_at:
            why = f"not finished {duration(record.deadline_s)} after it was submitted"
            yield Trouble.STUCK, "overdue", due_at, why, advice
        # The finding stays when a ticket moves again; then the job has changed since.
        quiet_s = (self.now - record.updated_at).total_seconds()
        if quiet_s > self.grace_s and any(each.code == "stalled" for each in status.findings):
            why = f"the vendor makes no progress; nothing has changed for {duration(quiet_s)}"
            yield Trouble.STUCK, "stalled", record.updated_at, why, advice

    def _verdict(self, owner: LaneOwner) -> Verdict:
        if owner.token not in self._verdicts:
            self._verdicts[owner.token] = self.process.verdict(owner.token)
        return self._verdicts[owner.token]


def _held(status: BatchStatus) -> _Found:
    if (older := status.held_by) is not None:
        why = f"nothing of it is sent before a decision about job {older}"
        return Trouble.HELD, "held", status.updated_at, why, f"decide about job {older}"
    tickets = count(tally_of(status).number(BatchState.UNCONFIRMED), "ticket")
    why = f"nobody can tell whether the vendor has {tickets} of it"
    advice = "find it at the vendor and adopt it; or retry it, which may run twice; or cancel it"
    return Trouble.HELD, "held", status.updated_at, why, advice
