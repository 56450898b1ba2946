"""What a look at the store finds: which conditions hold now, of which accounts."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, field, frozen

from batchhub._base.clock import Clock
from batchhub._base.secrets import blank
from batchhub._base.show import clean, count, number
from batchhub._engine.health import GRACE_S, HealthLook
from batchhub._engine.process_lock import ProcessLock
from batchhub._store import AlertRow, EndedJob, Store
from batchhub._store.alert_looks import MOST_ENDED
from batchhub.models import Problem

from .conditions import OF_CODES, Condition, Rule
from .states import MOST_JOBS, Sighting

OLD_S: Final = 86_400.0
"""Seconds after which the end of a job is no news: nobody looked for as long."""

_AT_ONCE: Final = 100
"""How many open jobs are judged in one turn of the loop."""

_OF_HEALTH: Final = frozenset(OF_CODES.values())


@frozen(kw_only=True)
class Look:
    """
    What a look has found.

    Attributes:
        sightings: What holds now.
        heard: The numbers of the jobs whose end was taken in.
        is_all: Whether no further end of a job waits to be taken in.
    """

    sightings: Sequence[Sighting]
    heard: Sequence[int]
    is_all: bool


@define
class Lookout:
    """
    Looks at a store.

    Attributes:
        store: The store; it is only read.
        process: Says which processes live.
        clock: Where time comes from.
    """

    store: Store
    process: ProcessLock
    clock: Clock
    _submitted: dict[str, datetime] = field(factory=dict)
    _looked_to: int = 0

    async def look(self, rules: Mapping[Condition, Rule], rows: Sequence[AlertRow]) -> Look:
        """
        Find what holds now.

        Args:
            rules: The conditions that are looked for.
            rows: What is known of before.

        Raises:
            StoreError: The store can't be read.
        """
        now = self.clock.now()
        known = {row.key: row for row in rows}
        ended = await self.store.alert_looks.ended()
        fresh = [
            job
            for job in ended
            if job.ended_at is not None and (now - job.ended_at).total_seconds() < OLD_S
        ]
        found: list[Sighting] = []
        if _OF_HEALTH & rules.keys():
            found += await self._find_problems()
        if Condition.UNKNOWN in rules:
            found += await self._find_unknown(fresh, known, now)
        if Condition.FAILED_SHARE in rules:
            found += await self._find_failed(
                rules[Condition.FAILED_SHARE],
                fresh,
                {job.account for job in ended if job.retry_of},
                known,
                now,
            )
        if Condition.OLDEST_OPEN in rules:
            found += await self._find_oldest(rules[Condition.OLDEST_OPEN], now)
        if Condition.NOTHING_SENT in rules:
            found += await self._find_silent(rules[Condition.NOTHING_SENT], now)
        heard = [job.job_no for job in ended]
        return Look(sightings=found, heard=heard, is_all=len(ended) < MOST_ENDED)

    async def _find_problems(self) -> list[Sighting]:
        """
        Put what is wrong with open jobs together by condition and account.

        Of the problems of a job the first is the worst, and what others may follow from: of a job
        that is held nobody tells that it makes no progress.
        """
        look = HealthLook(
            store=self.store, process=self.process, now=self.clock.now(), grace_s=GRACE_S
        )
        groups: dict[tuple[Condition, str], _Group] = {}
        number = 0
        async for job in look.open_jobs():
            number += 1
            if not number % _AT_ONCE:
                await asyncio.sleep(0)  # there may be thousands, and others use this loop
            worst: Condition | None = None
            for problem in look.problems_of(job):
                condition = OF_CODES.get(problem.code)
                if condition is None:
                    continue
                worst = worst or condition
                key = condition, problem.account
                if (group := groups.get(key)) is None:
                    group = groups[key] = _Group(first=problem)
                group.add(problem, is_worst=condition is worst)
        return [_of_group(condition, group) for (condition, _), group in groups.items()]

    async def _find_unknown(
        self, ended: Sequence[EndedJob], known: Mapping[tuple[str, str], AlertRow], now: datetime
    ) -> list[Sighting]:
        """Find the jobs that ended with unknown items; each until it is retried or pruned."""
        by_account: dict[str, dict[str, int]] = defaultdict(dict)
        for account, latch in _latches(Condition.UNKNOWN, known):
            by_account[account].update(
                (str(job_id), items) for job_id, items in latch.items() if isinstance(items, int)
            )
        for job in ended:
            if job.is_cancelled:
                continue  # by somebody who was told what that means for what is in doubt
            if job.unknown and len(by_account[job.account]) < MOST_JOBS:
                by_account[job.account][job.job_id] = job.unknown
        found: list[Sighting] = []
        for account, jobs in by_account.items():
            still = await self.store.alert_looks.still_unknown(list(jobs))
            if not still:
                continue
            items = sum(jobs[job_id] for job_id in still)
            found.append(
                Sighting(
                    condition=Condition.UNKNOWN,
                    account=account,
                    since=now,
                    why=f"nobody can tell what became of {count(items, 'item')} of "
                    f"{count(len(still), 'job')}; a retry may run them twice",
                    jobs=tuple(still),
                    command=("failures", "--account", account),
                    latch={job_id: jobs[job_id] for job_id in still},
                )
            )
        return found

    async def _find_failed(
        self,
        rule: Rule,
        ended: Sequence[EndedJob],
        retried: Collection[str],
        known: Mapping[tuple[str, str], AlertRow],
        now: datetime,
    ) -> list[Sighting]:
        """Find the accounts whose last job of an operation failed too much, retries included."""
        by_account: dict[str, dict[str, Any]] = defaultdict(dict)
        for account, latch in _latches(Condition.FAILED_SHARE, known):
            by_account[account].update(latch)
        for job in ended:
            if job.retry_of is not None or job.is_cancelled or job.total < rule.min_items:
                continue
            if _is_bad(job, rule):
                failed = job.failed + job.not_executed
                by_account[job.account][job.operation] = [job.job_id, failed, job.total]
            else:
                by_account[job.account].pop(job.operation, None)
        found: list[Sighting] = []
        for account, bad in by_account.items():
            kept = await self._drop_mended(bad, rule, is_retried=account in retried)
            if kept:
                found.append(_of_failures(account, kept, now))
        return found

    async def _drop_mended(
        self, bad: Mapping[str, Any], rule: Rule, *, is_retried: bool
    ) -> dict[str, Any]:
        """Leave out the jobs that are gone, and those whose retries have succeeded."""
        entries = {name: each for name, each in bad.items() if _is_entry(each)}
        ids = [each[0] for each in entries.values()]
        if is_retried:
            left = await self.store.alert_looks.open_failures(ids)
        else:
            there = await self.store.alert_looks.existing(ids)
            left = dict.fromkeys(there, None)
        kept: dict[str, Any] = {}
        for operation, (job_id, failed, total) in entries.items():
            if job_id not in left:
                continue
            now_failed = left[job_id]
            if now_failed is not None and not _is_share(now_failed, total, rule):
                continue
            kept[operation] = [job_id, failed, total]
        return kept

    async def _find_oldest(self, rule: Rule, now: datetime) -> list[Sighting]:
        age_s = rule.age_s or 0.0
        oldest = await self.store.alert_looks.oldest_open()
        return [
            Sighting(
                condition=Condition.OLDEST_OPEN,
                account=account,
                since=job.created_at + timedelta(seconds=age_s),
                why=f"a job has not ended {_span(age_s)} after it was submitted",
                jobs=(job.job_id,),
                command=("status", job.job_id),
            )
            for account, job in oldest.items()
            if (now - job.created_at).total_seconds() >= age_s
        ]

    async def _find_silent(self, rule: Rule, now: datetime) -> list[Sighting]:
        new, self._looked_to = await self.store.alert_looks.submitted(self._looked_to)
        for account, newest in new.items():
            self._submitted[account] = max(newest, self._submitted.get(account, newest))
        found: list[Sighting] = []
        for account, span_s in rule.spans_s.items():
            at = self._submitted.get(account)
            if at is not None and (now - at).total_seconds() < span_s:
                continue
            found.append(
                Sighting(
                    condition=Condition.NOTHING_SENT,
                    account=account,
                    since=now if at is None else at + timedelta(seconds=span_s),
                    why="no job of it is in the store"
                    if at is None
                    else f"no job was submitted for {_span(span_s)}",
                    command=("list", "--account", account),
                    # Of one that was never used nothing is known before somebody has looked for
                    # as long.
                    settle_s=span_s if at is None else 0.0,
                )
            )
        return found


@define
class _Group:
    """
    The jobs of an account that have a condition.

    Attributes:
        first: The problem that is there for longest.
        jobs: Their ids, the newest last.
        is_worst: Whether it is the worst of what one of them has.
    """

    first: Problem
    jobs: list[str] = field(factory=list)
    is_worst: bool = False

    def add(self, problem: Problem, *, is_worst: bool) -> None:
        """Take one more problem in."""
        if problem.since < self.first.since:
            self.first = problem
        if not self.jobs or self.jobs[-1] != problem.job_id:
            self.jobs.append(problem.job_id)
        self.is_worst = self.is_worst or is_worst


def _of_group(condition: Condition, group: _Group) -> Sighting:
    return Sighting(
        condition=condition,
        account=group.first.account,
        since=group.first.since,
        why=blank(clean(group.first.message, 400)),
        jobs=tuple(group.jobs),
        command=_command_for(condition, group.first),
        is_overshadowed=not group.is_worst,
    )


def _command_for(condition: Condition, problem: Problem) -> tuple[str, ...]:
    match condition:
        case Condition.CREDENTIALS | Condition.UNREACHABLE:
            return ("check", problem.account)
        case Condition.UNATTENDED:
            return ("health",)
    return ("status", problem.job_id)


def _of_failures(account: str, bad: Mapping[str, Any], now: datetime) -> Sighting:
    shown = "; ".join(
        f"{clean(operation, 40)}: {number(failed)} of {number(total)} items "
        f"({100 * failed / total:.0f} %)"
        for operation, (_, failed, total) in sorted(bad.items())
    )
    jobs = tuple(job_id for job_id, _, _ in bad.values())
    return Sighting(
        condition=Condition.FAILED_SHARE,
        account=account,
        since=now,
        why=f"too many items have failed: {shown}",
        jobs=jobs,
        command=("failures", "--account", account),
        latch=dict(bad),
    )


def _latches(
    condition: Condition, known: Mapping[tuple[str, str], AlertRow]
) -> list[tuple[str, Mapping[str, Any]]]:
    found = [
        (row.account, row.facts.get("latch"))
        for row in known.values()
        if row.condition == condition.value
    ]
    return [(account, latch) for account, latch in found if isinstance(latch, dict)]


def _is_entry(value: Any) -> bool:
    """Whether what was kept of a bad job is its id and two numbers."""
    return (
        isinstance(value, list)
        and len(value) == 3  # noqa: PLR2004
        and isinstance(value[0], str)
        and all(isinstance(one, int) and one >= 0 for one in value[1:])
        and value[2] > 0
    )


def _span(seconds: float) -> str:
    """Write a span as somebody may have set it: 26 h, and not 1 d."""
    for step_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= step_s and not seconds % step_s:
            return f"{seconds / step_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def _is_bad(job: EndedJob, rule: Rule) -> bool:
    return _is_share(job.failed + job.not_executed, job.total, rule)


def _is_share(failed: int, total: int, rule: Rule) -> bool:
    return failed > 0 and 100.0 * failed >= rule.percent * total
