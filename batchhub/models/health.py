"""Whether anything needs a person: jobs that are held, stuck, or driven by nobody."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from .plain import Plain


class Trouble(StrEnum):
    """What is wrong with a job."""

    HELD = "held"
    """Nobody can tell whether the vendor has a ticket, and somebody has to decide."""

    STUCK = "stuck"
    """It gets no further, or not in time."""

    UNATTENDED = "unattended"
    """No process drives its account."""


@frozen(kw_only=True)
class Problem(Plain):
    """
    A job that needs a person.

    Attributes:
        kind: What is wrong.
        code: Its stable name: ``held``, ``paused``, ``unattended``, ``stopped``, ``unreachable``,
            ``overdue``, ``stalled`` or ``stale``.
        job_id: The job.
        account: Its account's name.
        since: Since when, as far as it is known.
        message: Why, in a sentence.
        advice: What to do.
    """

    kind: Trouble
    code: str
    job_id: str
    account: str
    since: datetime
    message: str
    advice: str


@frozen(kw_only=True)
class Health(Plain):
    """
    What a look at the store has found.

    Attributes:
        checked_at: When it looked.
        open_jobs: How many jobs have not ended.
        problems: Those of them that need a person, held ones first, then the oldest; one each.
    """

    checked_at: datetime
    open_jobs: int
    problems: tuple[Problem, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing needs a person."""
        return not self.problems

    def has(self, kind: Trouble) -> bool:
        """Whether there is a problem of a kind."""
        return any(problem.kind is kind for problem in self.problems)
