"""Which open jobs need a person, as the store and the processes that live tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve, field

from batchhub._base.clock import Clock
from batchhub._base.show import count, duration
from batchhub._http.spent import WHOLE_LANE, Spent
from batchhub._store import (
    Attendant,
    DamagedError,
    JobRecord,
    LaneOwner,
    LaneRow,
    LeaseRow,
    OpenJob,
    Store,
)
from batchhub._store.damage import note
from batchhub._store.shards import shard_of
from batchhub.models import (
    AccountHealth,
    BatchState,
    BatchStatus,
    Contact,
    Health,
    Problem,
    Trouble,
    WorkerHealth,
)

from .owner_watch import SILENT_S
from .process_lock import ProcessLock, Verdict
from .shard_claims import SILENT_S as SHARD_SILENT_S

GRACE_S: Final = 600.0
"""Seconds for which a job may be without an answer, or its account without a process."""

_PAGE: Final = 500
"""How many jobs are judged at a time: a few milliseconds of the loop."""

_NO_LEASE: Final = LeaseRow()

_GOES_ON: Final = "the job goes on by itself"

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
    return figures.make_health(problems, await find_workers(look, figures.driven()))


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
    _attendants: Mapping[str, Sequence[Attendant]] | None = None
    _shards: Mapping[int, LeaseRow] | None = None

    async def open_jobs(self) -> AsyncIterator[OpenJob]:
        """Yield the open jobs, the oldest first, and know the rows of their lanes."""
        after: int | None = 0
        while after is not None:
            page, after = await self.store.jobs.open_page(after, _PAGE)
            await self.learn_lanes({job.lane for job in page})
            for job in page:
                yield job

    def know_lanes(self, rows: Mapping[str, LaneRow]) -> None:
        """Take the rows of lanes that were read already, once attendants were."""
        self._lanes |= {name: self.as_driven(name, row) for name, row in rows.items()}

    async def learn_lanes(self, names: set[str]) -> None:
        """Read the rows of lanes that are not known yet."""
        if self.store.is_cluster and self._shards is None:
            await self.learn_attendants()
        known = dict(self._lanes)
        await self._read_lanes(names)
        for name in self._lanes.keys() - known.keys():
            self._lanes[name] = self.as_driven(name, self._lanes[name])

    async def _read_lanes(self, names: set[str]) -> None:
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
        """Read which processes drive which lanes until they are stopped, and have which shards."""
        self._attendants = await self.store.attendants.by_lane()
        if self.store.is_cluster:
            self._shards = await self.store.shards.holders()

    @property
    def shards(self) -> Mapping[int, LeaseRow]:
        """The leases of shards, of a store that many machines share."""
        return self._shards or {}

    @property
    def silent_s(self) -> float:
        """Seconds without a sign of life after which a process is taken to be dead."""
        return SILENT_S if self._shards is None else SHARD_SILENT_S

    def as_driven(self, name: str, row: LaneRow) -> LaneRow:
        """
        Return a lane's row with the process that drives it.

        In a cluster that is whoever has the lane's shard, also while there is nothing to do there;
        and its signs of life are those for the shard.
        """
        if self._shards is None:
            return row
        lease = self._shards.get(shard_of(name), _NO_LEASE)
        seen = [at for at in (row.seen_at, lease.seen_at) if at is not None]
        return evolve(row, owner=lease.holder, seen_at=max(seen, default=None))

    def attendant(self, name: str) -> LaneOwner | None:
        """Return a process that lives and drives a lane until it is stopped; `None` without one."""
        for attendant in (self._attendants or {}).get(name, ()):
            silent_s = (self.now - attendant.seen_at).total_seconds()
            # One that is stopped drives nothing now.
            if silent_s < self.silent_s and not self.is_gone(attendant.owner, silent_s):
                return attendant.owner
        return None

    def stand_by(self, name: str) -> LaneOwner | None:
        """Return a process that drives a lane as soon as there is something to do; or `None`."""
        # Of a cluster that may as well be a lane whose shard nobody can drive.
        return self.attendant(name) if self._shards is None else None

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
        return self.stand_by(name)

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
            fix = f"fix it; {_GOES_ON}" if self.store.is_cluster else "fix it, then resume the job"
            yield Trouble.STUCK, "paused", job.updated_at, note, fix
        row = self._lanes[job.lane]
        driver = self.judge_driver(job.lane, row, job.created_at, job.updated_at)
        if driver is not None:
            yield driver
        answered_at = job.observed_at or job.created_at
        if job.contact is Contact.UNREACHABLE:
            is_left = row.owner is None and not self.store.is_cluster
            goes_on = "then resume the job" if is_left else _GOES_ON
            advice = f"check the network and the vendor; {goes_on}"
            yield Trouble.STUCK, "unreachable", answered_at, note, advice
        yield from self._find_lateness(job, is_driven=row.owner is not None)
        if job.contact is Contact.STALE:
            silent_s = (self.now - answered_at).total_seconds()
            if silent_s > self.grace_s:
                why = f"no useful answer for {duration(silent_s)}: {note}"
                yield Trouble.STUCK, "stale", answered_at, why, "check the vendor"

    def judge_driver(
        self, name: str, row: LaneRow, created_at: datetime, updated_at: datetime
    ) -> FoundTrouble | None:
        """
        Find out whether anybody drives a lane.

        Args:
            name: The lane.
            row: Its row, as `as_driven` returns it.
            created_at: When an open job of it was submitted.
            updated_at: When that job changed last.
        """
        if self._shards is not None:
            return self._judge_in_cluster(name, row, created_at, updated_at)
        return self._judge_on_machine(row, created_at, updated_at)

    def _judge_on_machine(
        self, row: LaneRow, created_at: datetime, updated_at: datetime
    ) -> FoundTrouble | None:
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

    def _judge_in_cluster(
        self, name: str, row: LaneRow, created_at: datetime, updated_at: datetime
    ) -> FoundTrouble | None:
        owner, seen_at = row.owner, row.seen_at or created_at
        silent_s = (self.now - seen_at).total_seconds()
        if owner is not None and not self.is_gone(owner, silent_s):
            return None
        since = max(seen_at, updated_at) if owner is None else seen_at
        is_attended = self.attendant(name) is not None
        # One that lives takes it over in some seconds, unless something is in the way.
        if (owner is None or is_attended) and (self.now - since).total_seconds() <= self.grace_s:
            return None
        advice = "start 'batchhub worker' where its account is in the settings"
        why = "no process drives its account"
        if owner is not None:
            why = f"process {owner.pid} on {owner.host}, which drove its account, is silent"
        if is_attended:
            why += f", and no worker takes its shard, {shard_of(name)}, with all that is open there"
            advice = "give all workers the same accounts; /healthz of each names what it leaves"
        return Trouble.UNATTENDED, "unattended", since, why, advice

    def is_gone(self, owner: LaneOwner, silent_s: float) -> bool:
        """Whether the process that drove a lane has ended, silent for some seconds as it is."""
        verdict = self._verdicts.get(owner.token)
        if verdict is None:
            verdict = self._verdicts[owner.token] = self.process.verdict(owner.token)
        is_silent = silent_s >= self.silent_s
        return verdict is Verdict.DEAD or (verdict is Verdict.UNKNOWN and is_silent)

    def _find_lateness(self, job: OpenJob, *, is_driven: bool) -> Iterator[FoundTrouble]:
        again = "a worker drives it" if self.store.is_cluster else "the job is resumed"
        asked = "it is asked on" if is_driven else f"it is asked again once {again}"
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


async def find_workers(look: HealthLook, driven: Mapping[str, int]) -> list[WorkerHealth]:
    """
    Return the processes that drive accounts until they are stopped, and live; by machine.

    Args:
        look: A look that has learned which there are.
        driven: How many lanes with open jobs each process drives, by its token.
    """
    shards = Counter(row.holder.token for row in look.shards.values() if row.holder is not None)
    found = [
        WorkerHealth(
            host=each.owner.host,
            pid=each.owner.pid,
            since=each.began_at,
            seen_at=each.seen_at,
            accounts=driven.get(each.owner.token, 0),
            shards=shards[each.owner.token] if look.store.is_cluster else None,
        )
        for each in await look.store.attendants.find()
        if not look.is_gone(each.owner, (look.now - each.seen_at).total_seconds())
    ]
    return sorted(found, key=lambda worker: (worker.host, worker.pid))


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
        self._changed: dict[tuple[str, str], datetime] = {}
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
        self._changed[key] = max(job.updated_at, self._changed.get(key, job.updated_at))
        self._held += job.unconfirmed
        if job.stalled and self._look.is_quiet(job):
            self._stalled += job.stalled

    def make_health(self, problems: Sequence[Problem], workers: Sequence[WorkerHealth]) -> Health:
        """Return all of it, with what needs a person, and who works."""
        return Health(
            checked_at=self._look.now,
            open_jobs=self._jobs.total(),
            problems=tuple(problems),
            states={s.value: self._states[s] for s in BatchState if self._states[s]},
            oldest_at=min(self._oldest.values(), default=None),
            held_tickets=self._held,
            stalled_tickets=self._stalled,
            accounts=tuple(map(self._describe, sorted(self._jobs))),
            workers=tuple(workers),
        )

    def driven(self) -> Counter[str]:
        """Return how many lanes with open jobs each process drives, by its token."""
        oldest = {lane: at for (_, lane), at in self._oldest.items()}
        drivers = [self._look.driver(lane, at) for lane, at in oldest.items()]
        return Counter(each.token for each in drivers if each is not None)

    def _describe(self, key: tuple[str, str]) -> AccountHealth:
        account, lane = key
        row = self._look.lane(lane)
        oldest = self._oldest[key]
        driver = self._look.driver(lane, oldest)
        idle_since = max(oldest, row.seen_at or oldest, self._changed[key])
        until = Spent.read(None, row.cooled, lane=lane).cooled.get(WHOLE_LANE)
        return AccountHealth(
            account=account,
            open_jobs=self._jobs[key],
            oldest_at=oldest,
            driven_by=None if driver is None else f"process {driver.pid} on {driver.host}",
            idle_since=None if driver is not None else idle_since,
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
