"""The tickets of one operation of a lane that are to be sent, and those that are on their way."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import Final

from batchhub._adapter.capabilities import Capabilities
from batchhub._base.clock import Clock
from batchhub._store.targets import TargetSet, TicketKey
from batchhub.models import BatchState
from batchhub.models.fold import STUCK
from batchhub.models.tickets import MAX_EXAMPLES

from .job_state import JobState
from .meeting import Meetings
from .ticket_notes import Mark
from .turn import AHEAD, IN_LINE, Turn

AT_VENDOR: Final = frozenset({BatchState.QUEUED, BatchState.IN_PROGRESS})
"""States of tickets that take one of the places at the vendor."""

OUT: Final = AT_VENDOR | {BatchState.UNCONFIRMED}
"""States of open tickets that were sent."""


class SendQueue:
    """
    The tickets of one operation of a lane, in the order they are sent.

    Attributes:
        needs: The tickets whose targets have to be read before the next one can be chosen.
        news: The turns whose `waits_for` or `is_held` have changed.
        wakes_at_s: When to look again, in monotonic seconds, if nothing changes before.
        turns: The jobs, by number.
        line: Those with tickets to send, in the order these are sent.
        unindexed: The open tickets that were sent and that `meetings` lacks; kept up only where
            some run in no order.
        targets: What is known of what tickets change; nothing where nobody can tell.
        meetings: The tickets that a later one may have to wait for.
        has_unordered: Whether the vendor does not run all of the jobs in order.
        due_s: When tickets that could not be sent are tried again, in monotonic seconds.
        since_s: Since when tickets are passed by others, in monotonic seconds.
    """

    def __init__(
        self, clock: Clock, age_s: Callable[[datetime], float], *, knows_targets: bool
    ) -> None:
        self.needs: set[TicketKey] = set()
        self.news: list[Turn] = []
        self.wakes_at_s = inf
        self.age_s = age_s
        self._clock = clock
        self.knows_targets = knows_targets
        self.turns: dict[int, Turn] = {}
        self.line: list[Turn] = []
        self.targets: dict[TicketKey, TargetSet] = {}
        self.meetings = Meetings()
        self.unindexed: set[TicketKey] = set()
        self.has_unordered = False
        self._placed = 0
        self.due_s: dict[TicketKey, float] = {}
        self.since_s: dict[TicketKey, float] = {}
        self._sending: TicketKey | None = None
        self._is_stale = True

    # What happens to tickets.

    def add(self, job: JobState, capabilities: Capabilities) -> None:
        """Take a job in, with whatever has become of its tickets."""
        record = job.record
        turn = Turn(
            job=job,
            rank=(record.place or 0) + (AHEAD if record.ahead else IN_LINE),
            capabilities=capabilities,
            waits_for=next((f.examples[0] for f in record.findings if f.code == "waits_for"), None),
            is_held=any(finding.code == STUCK for finding in record.findings),
        )
        self.turns[record.job_no] = turn
        insort(self.line, turn, key=_rank)
        if not (self.has_unordered or capabilities.runs_in_order):
            self.has_unordered = True
            self._take_out()
        for position in job.sent():
            self.note(job, position)
        self._is_stale = True

    def remove(self, job_no: int) -> None:
        """Forget a job that has ended; each of its tickets was forgotten at its own end."""
        turn = self.turns.pop(job_no, None)
        if turn is None:
            return
        self.leave_line(turn)
        self._placed -= turn.placed
        self._is_stale = True

    def note(self, job: JobState, position: int) -> None:
        """Take note of what a ticket is now; costs nothing where that makes no difference."""
        key = (job.job_no, position)
        turn = self.turns.get(key[0])
        if turn is None:
            return
        state = job.ticket(position).state
        takes_place = state in AT_VENDOR and not job.notes.has(position, Mark.STALLED)
        if takes_place != job.notes.has(position, Mark.PLACED):
            self._is_stale = True
            self._place(turn, position, 1 if takes_place else -1)
        if state in OUT:
            self._note_out(job, key)
        elif state.is_terminal:
            self._is_stale = True
            if job.notes.has(position, Mark.OUT):
                job.notes.unmark(position, Mark.OUT)
                if state is BatchState.CANCELLED:
                    self._note_undecided(key, turn)
            self._forget(key)

    def _place(self, turn: Turn, position: int, change: int) -> None:
        """Count a ticket that takes one of the places at the vendor, or does no more."""
        (turn.job.notes.mark if change > 0 else turn.job.notes.unmark)(position, Mark.PLACED)
        turn.placed += change
        self._placed += change

    def _note_out(self, job: JobState, key: TicketKey) -> None:
        """Take note that a ticket was sent: nobody waits for it where all run in order."""
        if not self.has_unordered:
            if key in self.targets or key in self.since_s or key in self.due_s:
                self._is_stale = True
                self._forget(key)
            return
        if job.notes.has(key[1], Mark.OUT):
            return
        self._is_stale = True
        job.notes.mark(key[1], Mark.OUT)
        self.due_s.pop(key, None)
        self.since_s.pop(key, None)
        if key not in self.meetings:
            self.unindexed.add(key)

    def _take_out(self) -> None:
        """Begin to keep up which tickets were sent."""
        for turn in self.turns.values():
            if turn.job.has_sent:
                for position in range(1, turn.job.size + 1):
                    ticket = turn.job.ticket(position)
                    if ticket.state in OUT:
                        self._note_out(turn.job, (turn.job.job_no, ticket.position))

    def _note_undecided(self, key: TicketKey, turn: Turn) -> None:
        """Tell jobs that wait for a ticket that the vendor may still run what was given up."""
        if not turn.job.ticket(key[1]).unknown:
            return
        for other in self.line:
            if other.waits_for == turn.job.job_id:
                # Said at once, and kept: another process may be the one that sends it.
                other.undecided = (*other.undecided, turn.job.job_id)
                self.news.append(other)

    def changed(self) -> None:
        """Look again: something has changed that decides who may go."""
        self._is_stale = True

    def begin(self, key: TicketKey) -> None:
        """Take note that a ticket's step is under way, which may send it."""
        self._sending = key

    def end(self, key: TicketKey) -> None:
        """Take note that this step is over."""
        if self._sending == key:
            self._sending = None
            self._is_stale = True

    def postpone(self, key: TicketKey, delay_s: float) -> None:
        """Take note that a ticket was not sent, and is tried again after `delay_s` seconds."""
        now_s = self._clock.monotonic()
        self.due_s[key] = now_s + delay_s
        self.since_s.setdefault(key, now_s)
        self._is_stale = True

    def learn(self, found: dict[TicketKey, TargetSet]) -> None:
        """Take in targets that were read."""
        for key, targets in found.items():
            turn = self.turns.get(key[0])
            if turn is not None and not turn.job.ticket(key[1]).state.is_terminal:
                self.targets[key] = targets
        self.needs.clear()
        self._is_stale = True

    def wait(self, delay_s: float) -> None:
        """Read targets no sooner than in `delay_s` seconds: it has failed."""
        self.needs.clear()
        self.wakes_at_s = self._clock.monotonic() + delay_s

    @property
    def is_stale(self) -> bool:
        """Whether something has changed that decides who may go."""
        return self._is_stale

    @property
    def is_active(self) -> bool:
        """Whether a ticket is being sent, or it is not decided yet who may go."""
        return self._sending is not None or self._is_stale or bool(self.needs)

    @property
    def looks_at_s(self) -> float:
        """When time alone makes a look worth while, in monotonic seconds."""
        return inf if self._sending is not None or self.needs else self.wakes_at_s

    # Who goes next.

    def has_slot(self, turn: Turn) -> bool:
        """Whether one more ticket of a job may be on its way."""
        most = turn.capabilities.tickets_per_lane
        return turn.placed < turn.capabilities.tickets_per_job and (
            most is None or self._placed < most
        )

    def passed_by(self, turn: Turn) -> tuple[int, tuple[str, ...]]:
        """Return how many older jobs with tickets to send a job passes, and the ids of some."""
        if turn.rank >= IN_LINE:
            return 0, ()
        first, end = (
            bisect_left(self.line, rank, key=_rank) for rank in (IN_LINE, turn.rank - AHEAD)
        )
        some = self.line[first : min(end, first + MAX_EXAMPLES)]
        return end - first, tuple(other.job.job_id for other in some)

    def take_look(self) -> bool:
        """Whether to look for a ticket that may go; until something changes, that is done then."""
        if self._sending is not None or self.needs:
            return False
        if not self._is_stale and self._clock.monotonic() < self.wakes_at_s:
            return False
        self._is_stale, self.wakes_at_s = False, inf
        return True

    def leave_line(self, turn: Turn) -> None:
        """Take a job that has nothing to send any more out of the line."""
        at = bisect_left(self.line, turn.rank, key=_rank)
        if at < len(self.line) and self.line[at] is turn:
            del self.line[at]

    def _forget(self, key: TicketKey) -> None:
        self.due_s.pop(key, None)
        self.since_s.pop(key, None)
        self.targets.pop(key, None)
        self.meetings.remove(key)
        self.unindexed.discard(key)


def _rank(turn: Turn) -> int:
    return turn.rank
