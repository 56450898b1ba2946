"""Which open jobs need a person, as the store and the processes that live tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field

from batchhub._base.clock import Clock
from batchhub._base.show import count, duration
from batchhub._http.spent import WHOLE_LANE, Spent
from batchhub._store import (
    Attendant,
    DamagedError,
    JobRecord,
    LaneOwner,
    LaneRow,
    OpenJob,
    Store,
)
from batchhub._store.damage import note
from batchhub.models import (
    AccountHealth,
    BatchState,
    BatchStatus,
    Contact,
    Health,
    Problem,
    Trouble,
)

from .owner_watch import SILENT_S
from .process_lock import ProcessLock, Verdict

GRACE_S: Final = 600.0
"""Seconds for which a job may be without an answer, or its account without a process."""

_PAGE: Final = 500
"""How many jobs are judged at a time: a few milliseconds of the loop."""

FoundTrouble = tuple[Trouble, str, datetime, str, str]
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
    look = HealthLook(store=store, process=process, now=clock.now(), grace_s=grace_s)
    problems: list[Problem] = []
    figures = OpenFigures(look)
    await look.learn_attendants()
    async for job in look.open_jobs():
        figures.add(job)
        if (problem := next(look.problems_of(job), None)) is not None:  # the worst
            problems.append(problem)
    problems.sort(key=lambda problem: problem.kind is not Trouble.HELD)
    return figures.make_health(problems)


async def find_problems(
    store: Store, process: ProcessLock, clock: Clock, grace_s: float
) -> list[Problem]:
    """
    Return all problems of all open jobs, of which a job may have several; the oldest job first.

    Takes and raises what `check_health` does.
    """
    look = HealthLook(store=store, process=process, now=clock.now(), grace_s=grace_s)
    return [problem async for job in look.open_jobs() for problem in look.problems_of(job)]


@define
class HealthLook:
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
    _attendants: Mapping[str, Sequence[Attendant]] = field(factory=dict)

    async def open_jobs(self) -> AsyncIterator[OpenJob]:
        """Yield the open jobs, the oldest first, and know the rows of their lanes."""
        after: int | None = 0
        while after is not None:
            page, after = await self.store.jobs.open_page(after, _PAGE)
            await self.learn_lanes({job.lane for job in page})
            for job in page:
                yield job

    def know_lanes(self, rows: Mapping[str, LaneRow]) -> None:
        """Take the rows of lanes that were read already."""
        self._lanes |= rows

    async def learn_lanes(self, names: set[str]) -> None:
        """Read the rows of lanes that are not known yet."""
        if new := sorted(names - self._lanes.keys()):
            try:
                self._lanes |= await self.store.lanes.get_all(new)
            except DamagedError:  # one of them, which hides no other
                for name in new:
                    self._lanes[name] = await self._read_lane(name)

    async def _read_lane(self, name: str) -> LaneRow:
        """Return the row of a lane; one that can't be read says of nobody that he drives it."""
        try:
            return await self.store.lanes.get(name)
        except DamagedError as error:
            note(error)
            return LaneRow()

    async def learn_attendants(self) -> None:
        """Read which processes drive which lanes until they are stopped."""
        self._attendants = await self.store.attendants.by_lane()

    def attendant(self, name: str) -> LaneOwner | None:
        """Return a process that lives and drives a lane until it is stopped; `None` without one."""
        for attendant in self._attendants.get(name, ()):
            silent_s = (self.now - attendant.seen_at).total_seconds()
            # One that is stopped drives nothing now.
            if silent_s < SILENT_S and not self.is_gone(attendant.owner, silent_s):
                return attendant.owner
        return None

    def driver(self, name: str, since: datetime) -> LaneOwner | None:
        """
        Return the process that drives a lane, or will as soon as there is something to do.

        Args:
            name: The lane, whose row was read.
            since: When whoever drives it gave a sign of life, at the latest, if it never has.
        """
        row = self._lanes[name]
        if row.owner is not None:
            silent_s = (self.now - (row.seen_at or since)).total_seconds()
            if not self.is_gone(row.owner, silent_s):
                return row.owner
        return self.attendant(name)

    def lane(self, name: str) -> LaneRow:
        """Return the row of a lane that was read."""
        return self._lanes[name]

    def judge(self, record: JobRecord, status: BatchStatus) -> Problem | None:
        """Return what is wrong with a job, the worst first; `None` if nothing is."""
        return next(self.problems_of(OpenJob.of(record, status)), None)

    def problems_of(self, job: OpenJob) -> Iterator[Problem]:
        """Yield what is wrong with a job, the worst first. The row of its lane must be known."""
        for kind, code, since, message, advice in self._find(job):
            yield Problem(
                kind=kind,
                code=code,
                job_id=job.job_id,
                account=job.account,
                since=since,
                message=message,
                advice=advice,
            )

    def _find(self, job: OpenJob) -> Iterator[FoundTrouble]:
        if job.state is BatchState.UNCONFIRMED and not job.is_cancelled:
            yield _held(job)
        note = job.note or "no reason is known"
        if job.contact is Contact.PAUSED:
            yield Trouble.STUCK, "paused", job.updated_at, note, "fix it, then resume the job"
        row = self._lanes[job.lane]
        driver = self.judge_driver(row, job.created_at, job.updated_at)
        if driver is not None:
            yield driver
        answered_at = job.observed_at or job.created_at
        if job.contact is Contact.UNREACHABLE:
            goes_on = "then resume the job" if row.owner is None else "the job goes on by itself"
            advice = f"check the network and the vendor; {goes_on}"
            yield Trouble.STUCK, "unreachable", answered_at, note, advice
        yield from self._find_lateness(job, is_driven=row.owner is not None)
        if job.contact is Contact.STALE:
            silent_s = (self.now - answered_at).total_seconds()
            if silent_s > self.grace_s:
                why = f"no useful answer for {duration(silent_s)}: {note}"
                yield Trouble.STUCK, "stale", answered_at, why, "check the vendor"

    def judge_driver(
        self, row: LaneRow, created_at: datetime, updated_at: datetime
    ) -> FoundTrouble | None:
        """
        Find out whether anybody drives a lane.

        Args:
            row: The lane.
            created_at: When an open job of it was submitted.
            updated_at: When that job changed last.
        """
        owner, seen_at = row.owner, row.seen_at or created_at
        advice = "resume the job where its account is in the settings"
        if owner is None:
            since = max(seen_at, updated_at)
            if (self.now - since).total_seconds() <= self.grace_s:
                return None
            why = "no process drives its account"
            return Trouble.UNATTENDED, "unattended", since, why, advice
        if owner.token == self.process.token:
            return None  # this hub's own, which gives no signs of life to itself
        silent_s = (self.now - seen_at).total_seconds()
        if self.is_gone(owner, silent_s):
            why = f"process {owner.pid}, which drove its account, has ended"
            return Trouble.UNATTENDED, "unattended", seen_at, why, advice
        if silent_s > 2 * SILENT_S:
            why = (
                f"process {owner.pid} on {owner.host} drives its account and has given no sign of "
                f"life for {duration(silent_s)}"
            )
            return Trouble.STUCK, "stopped", seen_at, why, "continue that process, or end it"
        return None

    def is_gone(self, owner: LaneOwner, silent_s: float) -> bool:
        """Whether the process that drove a lane has ended, silent for some seconds as it is."""
        verdict = self._verdicts.get(owner.token)
        if verdict is None:
            verdict = self._verdicts[owner.token] = self.process.verdict(owner.token)
        return verdict is Verdict.DEAD or (verdict is Verdict.UNKNOWN and silent_s >= SILENT_S)

    def _find_lateness(self, job: OpenJob, *, is_driven: bool) -> Iterator[FoundTrouble]:
        asked = "it is asked on" if is_driven else "it is asked again once the job is resumed"
        if (self.now - job.created_at).total_seconds() > job.deadline_s:
            due_at = job.created_at + timedelta(seconds=job.deadline_s)
            why = f"not finished {duration(job.deadline_s)} after it was submitted"
            yield Trouble.STUCK, "overdue", due_at, why, _look_there(asked)
        # The finding stays when a ticket moves again; then the job has changed since.
        if job.stalled and self.is_quiet(job):
            quiet_s = (self.now - job.updated_at).total_seconds()
            why = f"the vendor makes no progress; nothing has changed for {duration(quiet_s)}"
            yield Trouble.STUCK, "stalled", job.updated_at, why, _look_there(asked)

    def is_quiet(self, job: OpenJob) -> bool:
        """Whether nothing of a job has changed for the grace."""
        return (self.now - job.updated_at).total_seconds() > self.grace_s


class OpenFigures:
    """
    The open jobs that a look finds, in figures.

    Args:
        look: The look.
    """

    def __init__(self, look: HealthLook) -> None:
        self._look = look
        self._states: Counter[BatchState] = Counter()
        self._oldest: dict[tuple[str, str], datetime] = {}
        self._jobs: Counter[tuple[str, str]] = Counter()
        self._held = self._stalled = 0

    def add(self, job: OpenJob) -> None:
        """Count a job."""
        key = job.account, job.lane
        self._states[job.state] += 1
        self._jobs[key] += 1
        oldest = self._oldest.get(key)
        if oldest is None or job.created_at < oldest:
            self._oldest[key] = job.created_at
        self._held += job.unconfirmed
        if job.stalled and self._look.is_quiet(job):
            self._stalled += job.stalled

    def make_health(self, problems: Sequence[Problem]) -> Health:
        """Return all of it, with what needs a person."""
        return Health(
            checked_at=self._look.now,
            open_jobs=self._jobs.total(),
            problems=tuple(problems),
            states={s.value: self._states[s] for s in BatchState if self._states[s]},
            oldest_at=min(self._oldest.values(), default=None),
            held_tickets=self._held,
            stalled_tickets=self._stalled,
            accounts=tuple(map(self._describe, sorted(self._jobs))),
        )

    def _describe(self, key: tuple[str, str]) -> AccountHealth:
        account, lane = key
        row = self._look.lane(lane)
        driver = self._look.driver(lane, self._oldest[key])
        until = Spent.read(None, row.cooled, lane=lane).cooled.get(WHOLE_LANE)
        return AccountHealth(
            account=account,
            open_jobs=self._jobs[key],
            oldest_at=self._oldest[key],
            driven_by=None if driver is None else f"process {driver.pid} on {driver.host}",
            seen_at=row.seen_at,
            silent_until=until if until is not None and until > self._look.now else None,
        )


def _look_there(asked: str) -> str:
    return f"look at the vendor's side; {asked}, and can be cancelled"


def _held(job: OpenJob) -> FoundTrouble:
    if job.held_by is not None:
        why = f"nothing of it is sent before a decision about job {job.held_by}"
        return Trouble.HELD, "held", job.updated_at, why, f"decide about job {job.held_by}"
    tickets = count(job.unconfirmed, "ticket")
    why = f"nobody can tell whether the vendor has {tickets} of it"
    advice = "find it at the vendor and adopt it; or retry it, which may run twice; or cancel it"
    return Trouble.HELD, "held", job.updated_at, why, advice
