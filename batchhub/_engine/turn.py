"""A job's turn among the jobs of a lane, and which of its tickets were not sent yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, frozen

from batchhub._adapter.capabilities import Capabilities
from batchhub.models import BatchState, Finding

from .job_state import JobState

AHEAD: Final = -(2**62)
"""What is added to the place of a job that passes older ones, to get its rank."""

IN_LINE: Final = 0
"""What is added to the place of any other job."""


@define(eq=False, weakref_slot=False)  # there may be 100,000
class Turn:
    """
    A job's turn in a queue.

    Attributes:
        job: The job.
        rank: What decides who is first.
        capabilities: What the vendor can do for it.
        placed: How many of its tickets take one of the places at the vendor.
        front: The positions of the tickets that were looked at and not sent yet.
        next: The position of the first ticket that was not looked at yet.
        indexed: The position up to which later jobs can meet the tickets of a chain.
        waits_for: The id of the job it waits for, if any.
        undecided: The ids of jobs it waited for until they were cancelled, which the vendor may
            still run.
        is_held: Whether nothing of it goes on before a decision about a ticket of another job.
    """

    job: JobState
    rank: int
    capabilities: Capabilities
    placed: int = 0
    front: Sequence[int] = ()
    next: int = 1
    indexed: int = 0
    waits_for: str | None = None
    undecided: tuple[str, ...] = ()
    is_held: bool = False

    @property
    def is_chain(self) -> bool:
        """Whether each of its tickets waits for the one before: only the first can be next."""
        return self.job.record.stop_on_first_failure

    def pending(self) -> Iterator[int]:
        """Yield the positions of the tickets that can be next, in order."""
        if self.is_chain:
            self.front = self._find_head()
            yield from self.front
            return
        # Nothing is kept of a job whose tickets were all sent: there may be many.
        front = self.front = [p for p in self.front if self.is_pending(p)] or ()
        yield from tuple(front)
        last = self.job.size
        while self.next <= last:
            position = self.next
            self.next += 1
            if self.is_pending(position):
                self.front = [*self.front, position]
                yield position

    def _find_head(self) -> Sequence[int]:
        """Return the position of a chain's first ticket to be sent, if there is one."""
        while self.next <= self.job.size:
            if self.is_pending(self.next):
                return (self.next,)
            self.next += 1
        return ()

    def is_pending(self, position: int) -> bool:
        """Whether a ticket is still to be sent."""
        ticket = self.job.ticket(position)
        return ticket.state is BatchState.PENDING and not self.job.is_to_end(ticket)

    @property
    def is_done(self) -> bool:
        """Whether it has nothing to send any more; known only after a look at `pending`."""
        return not self.front and self.next > self.job.size


@frozen
class Choice:
    """
    The ticket to be sent next.

    Attributes:
        job: Its job.
        position: Its position.
        given_up: The ids of the jobs it should have waited for, and does no more.
        passed: How many older jobs with tickets to send it passes, and the ids of some.
    """

    job: JobState
    position: int
    given_up: tuple[str, ...] = ()
    passed: tuple[int, tuple[str, ...]] = (0, ())

    def findings(self) -> list[Finding]:
        """Return what is to be said of the job for that."""
        said = []
        if self.given_up:
            message = (
                "jobs it should have waited for, since they change the same; they took too long or "
                "were given up, and may still overwrite it"
            )
            said.append(
                Finding(
                    code="order_given_up",
                    message=message,
                    count=len(self.given_up),
                    examples=self.given_up,
                )
            )
        number, some = self.passed
        if number:
            message = (
                "older jobs it went ahead of; where they change the same, what they still send "
                "overwrites it"
            )
            said.append(Finding(code="went_ahead", message=message, count=number, examples=some))
        return said
