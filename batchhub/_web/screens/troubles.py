"""What needs a person, as `batchhub health` says it: jobs with the same trouble together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import define, field, frozen

from batchhub._engine.health import HealthLook
from batchhub.models import Problem, Trouble
from batchhub.models.advice import problem_command

MOST: Final = 2_500
"""Jobs that are judged one by one, the oldest: some 50 ms where all of them are in trouble."""

_MOST_JOBS: Final = 3
_TONES: Final = {Trouble.HELD: "odd", Trouble.STUCK: "warn", Trouble.UNATTENDED: "bad"}


@frozen(kw_only=True)
class TroubleGroup:
    """
    Jobs with the same trouble.

    Attributes:
        code: What is wrong, as `Problem.code`.
        tone: How it is to be seen.
        accounts: How many jobs of which account.
        since: Since when the first of them.
        message: Why, of the first.
        advice: What to do, for the first.
        command: The words of the command that helps, if there is one job; else empty.
        jobs: The ids of the first of them.
    """

    code: str
    tone: str
    accounts: Mapping[str, int]
    since: datetime
    message: str
    advice: str
    command: Sequence[str]
    jobs: Sequence[str]

    @property
    def count(self) -> int:
        """How many jobs."""
        return sum(self.accounts.values())


@frozen(kw_only=True)
class Troubles:
    """
    What was found.

    Attributes:
        groups: The jobs in trouble: those that are held first, then the oldest.
        is_cut: Whether there may be more jobs than were judged.
    """

    groups: Sequence[TroubleGroup]
    is_cut: bool

    def of(self, account: str) -> list[tuple[str, str, int]]:
        """Return the tone and code of each trouble of an account, and of how many jobs."""
        return [
            (group.tone, group.code, group.accounts[account])
            for group in self.groups
            if account in group.accounts
        ]


@define
class _Group:
    first: Problem
    accounts: Counter[str] = field(factory=Counter)
    jobs: list[str] = field(factory=list)

    def add(self, problem: Problem) -> None:
        if problem.since < self.first.since:
            self.first = problem
        self.accounts[problem.account] += 1
        if len(self.jobs) < _MOST_JOBS:
            self.jobs.append(problem.job_id)


async def find_troubles(look: HealthLook, without: Collection[str] = ()) -> Troubles:
    """
    Look for jobs that need a person, the oldest first.

    Args:
        look: Judges them.
        without: Codes that are said elsewhere.
    """
    found: dict[str, _Group] = {}
    judged = 0
    async for job in look.open_jobs():
        if judged == MOST:
            break
        judged += 1
        problem = next(look.problems_of(job), None)  # the worst
        if problem is not None and problem.code not in without:
            found.setdefault(problem.code, _Group(problem)).add(problem)
    groups = sorted(
        found.values(), key=lambda group: (group.first.kind is not Trouble.HELD, group.first.since)
    )
    needs_worker = look.store.is_cluster
    shown = [_show(group, needs_worker=needs_worker) for group in groups]
    return Troubles(groups=shown, is_cut=judged == MOST)


def _show(group: _Group, *, needs_worker: bool) -> TroubleGroup:
    first = group.first
    is_one = group.accounts.total() == 1
    return TroubleGroup(
        code=first.code,
        tone=_TONES[first.kind],
        accounts=dict(group.accounts.most_common()),
        since=first.since,
        message=first.message,
        advice=first.advice,
        command=(problem_command(first, needs_worker=needs_worker) if is_one else None) or (),
        jobs=group.jobs,
    )
