"""Whether anything needs a person: jobs that are held, stuck, or driven by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import field, frozen

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
class AccountHealth(Plain):
    """
    An account that has open jobs.

    Attributes:
        account: Its name.
        open_jobs: How many of its jobs have not ended.
        oldest_at: When the oldest of them was submitted.
        driven_by: The process that drives it, such as ``process 4711 on web-1``; `None` if none
            does at the moment.
        idle_since: Since when nobody drives it, as far as it is known; `None` if a process does.
        seen_at: The last sign of life of whoever drives it, or did; `None` if nobody ever has.
        silent_until: Until when it sends nothing, as its vendor asked; `None` if it may send.
    """

    account: str
    open_jobs: int
    oldest_at: datetime
    driven_by: str | None
    seen_at: datetime | None
    silent_until: datetime | None
    idle_since: datetime | None = None


@frozen(kw_only=True)
class WorkerHealth(Plain):
    """
    A process that drives accounts until it is stopped.

    Attributes:
        host: The machine it is on.
        pid: Its process there.
        since: Since when; `None` if that is not known.
        seen_at: Its last sign of life.
        accounts: How many accounts it drives that have open jobs.
        shards: How many shards it has; `None` where the store is no cluster's.
    """

    host: str
    pid: int
    since: datetime | None
    seen_at: datetime
    accounts: int
    shards: int | None = None


@frozen(kw_only=True)
class Health(Plain):
    """
    What a look at the store has found.

    Attributes:
        checked_at: When it looked.
        open_jobs: How many jobs have not ended.
        problems: Those of them that need a person, held ones first, then the oldest; one each.
        states: How many open jobs there are in each state that some are in, by its word.
        oldest_at: When the oldest open job was submitted; `None` if all have ended.
        held_tickets: How many tickets nobody knows the vendor has.
        stalled_tickets: How many tickets the vendor makes no progress with, in jobs of which
            nothing has changed for the grace.
        accounts: The accounts that have open jobs, by name.
        workers: The processes that drive accounts until they are stopped, by machine.
    """

    checked_at: datetime
    open_jobs: int
    problems: tuple[Problem, ...]
    states: Mapping[str, int] = field(factory=dict)
    oldest_at: datetime | None = None
    held_tickets: int = 0
    stalled_tickets: int = 0
    accounts: tuple[AccountHealth, ...] = ()
    workers: tuple[WorkerHealth, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing needs a person."""
        return not self.problems

    def has(self, kind: Trouble) -> bool:
        """Whether there is a problem of a kind."""
        return any(problem.kind is kind for problem in self.problems)
