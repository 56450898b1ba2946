"""What a display of jobs has in common with any other, whatever it draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from attrs import define, field

from batchhub._base.clock import Clock, SystemClock
from batchhub.models import BatchStatus

from .pace import Pace
from .words import contact_text, cooling_text, done_count, finding_text, stand_text, vendor_words


class Followed(Protocol):
    """What is asked of a job that is shown; a `BatchJob` is one."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def status(self) -> BatchStatus:
        """How it stands."""
        ...

    @property
    def cooling_until(self) -> datetime | None:
        """Until when nothing is sent for its account; `None` if nothing cools."""
        ...


@define
class Row:
    """
    One job as it is shown.

    Attributes:
        job: The job.
        status: How it stands.
        pace: How fast it gets on.
        told: The codes of the findings that were shown.
    """

    job: Followed
    status: BatchStatus
    pace: Pace = field(factory=Pace)
    told: set[str] = field(factory=set)

    def take(self, status: BatchStatus) -> None:
        """Take note of how it stands now."""
        self.status = status
        self.pace.note(status.observed_at or status.created_at, done_count(status))

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to come, unless somebody decides."""
        return self.status.state.is_terminal or self.status.is_held

    def per_s(self, now: datetime) -> float | None:
        """Return the items a second; `None` when that is unknown, or something keeps it waiting."""
        return None if self.has_ended or any(self.notes(now)) else self.pace.per_s(now)

    def notes(self, now: datetime) -> Iterator[str]:
        """Yield why it does not get on: a vendor that is not heard, or that asked for a pause."""
        if self.has_ended:
            return
        if contact := contact_text(self.status):
            yield contact
        until = self.job.cooling_until
        if until is not None and until > now:
            yield cooling_text(until, now)


class Display(ABC):
    """
    Shows how jobs get on, for as long as it is entered.

    Args:
        clock: What time it is.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._rows: dict[str, Row] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(  # noqa: B027  # only a live one has something to stop
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop showing."""

    def add(self, job: Followed) -> None:
        """Show one more job from now on."""
        row = self._rows[job.id] = Row(job, job.status)
        row.take(job.status)

    def show(self, status: BatchStatus) -> None:
        """Show a job that was added as it is now."""
        row = self._rows[status.job_id]
        row.take(status)
        if self._is_closed_elsewhere(row):
            return  # the closing table tells them at once
        for finding in status.findings:
            if finding.code not in row.told:
                row.told.add(finding.code)
                self._tell(f"{self._name(row)}: finding {finding_text(finding)}")
        self._draw(row)

    def tick(self) -> None:
        """Look at the clock; called about once a second, whether anything has changed or not."""
        for row in self._rows.values():
            if not self._is_closed_elsewhere(row):
                self._draw(row)

    @abstractmethod
    def _draw(self, row: Row) -> None:
        """Show a job as it is now."""

    @abstractmethod
    def _name(self, row: Row) -> str:
        """Return what to call a job."""

    @abstractmethod
    def _tell(self, line: str) -> None:
        """Write a line that stays."""

    def _is_closed_elsewhere(self, row: Row) -> bool:
        """Whether its closing follows at once: it has ended, and there is no other job."""
        return row.has_ended and len(self._rows) == 1

    def _count_accounts(self) -> int:
        return len({row.status.account for row in self._rows.values()})


def state_and_word(status: BatchStatus) -> str:
    """Write how a job stands, with the vendor's own word where that says more."""
    words = vendor_words(status)
    return stand_text(status) + (f" ({words})" if words else "")
