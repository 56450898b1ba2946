"""
Which ticket of a lane is sent next.

The tickets of an operation go out by their jobs' places, then by position, and one at a time: two
requests under way may arrive swapped. A ticket that can't go now (it backs off after an error, or
an attempt of it is in doubt) is passed by those that have no target in common with it. Where the
vendor does not run in order, a ticket also waits for the end of the earlier ones it meets.

| an earlier ticket that shares a target            | a later one              |
|---------------------------------------------------|--------------------------|
| was not sent, or is in doubt and asked about      | waits                    |
| is at the vendor, which runs in order             | goes                     |
| is UNCONFIRMED, and the vendor runs in order      | goes                     |
| is at the vendor or UNCONFIRMED, otherwise        | waits for its end        |
| made no progress for `stall_s`, or is of a job    |                          |
| past its deadline, or cancelled in vain           | goes: `order_given_up`   |

Behind a job of which more than `LOOK` tickets wait, all wait, as long as they would for its first.

Only the tickets at the head are looked at, and their targets read: what a decision takes does not
depend on how many tickets wait behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Final

from attrs import frozen

from batchhub._store.targets import TicketKey
from batchhub.models import BatchState

from .job_state import JobState
from .lane_context import LaneContext
from .send_queue import AT_VENDOR, OUT, SendQueue
from .ticket_notes import Mark
from .turn import Choice, Turn

LOOK: Final = 100
"""How many tickets at the head are looked at for one that may go."""

MAX_HELD: Final = 8
"""How many tickets may back off or be in doubt before no other one is sent."""

_READ: Final = 32
_BLOCKERS: Final = 5


class SendOrder:
    """
    The tickets of a lane in the order they are sent: a queue for each operation.

    Args:
        context: The lane.
    """

    def __init__(self, context: LaneContext) -> None:
        self._context = context
        self._queues: dict[str, SendQueue] = {}

    def clear(self) -> None:
        """Forget all jobs."""
        self._queues.clear()

    def add(self, job: JobState) -> None:
        """Take a job in, if it is new."""
        if job.job_no not in self._queue(job).turns:
            self._queue(job).add(job, self._context.capabilities(job))

    def remove(self, job: JobState) -> None:
        """Forget a job that has ended."""
        self._queue(job).remove(job.job_no)

    def note(self, job: JobState, position: int) -> None:
        """Take note of what a ticket is now."""
        self._queue(job).note(job, position)

    def changed(self, job: JobState) -> None:
        """Look again: a job was cancelled, for instance."""
        self._queue(job).changed()

    def postpone(self, job: JobState, position: int, delay_s: float) -> bool:
        """Try a ticket again after a time, if it still is to be sent; return whether it is."""
        queue, job_no = self._queue(job), job.job_no
        turn = queue.turns.get(job_no)
        if turn is None or not turn.is_pending(position):
            return False
        queue.postpone((job_no, position), delay_s)
        return True

    def end(self, job_no: int, position: int) -> None:
        """Take note that a step is over, whatever came of it."""
        for queue in self._queues.values():
            queue.end((job_no, position))

    @property
    def is_stale(self) -> bool:
        """Whether something has changed that decides who may go, since `choose` looked."""
        return any(queue.is_stale for queue in self._queues.values())

    def choose(self) -> Iterator[Choice]:
        """Yield the tickets to be sent now, one of an operation at most; a step of each begins."""
        for queue in self._queues.values():
            if not queue.take_look():
                continue
            choice = _Look(queue, self._context.clock.monotonic()).run()
            if choice is not None:
                queue.begin((choice.job.job_no, choice.position))
                yield choice

    def unread(self) -> list[SendQueue]:
        """Return the queues that need targets before the next ticket can be chosen."""
        return [queue for queue in self._queues.values() if queue.needs]

    def take_news(self) -> list[Turn]:
        """Return the turns of jobs that began or ceased to wait for others, once."""
        news = {id(turn): turn for queue in self._queues.values() for turn in queue.news}
        for queue in self._queues.values():
            queue.news.clear()
        return list(news.values())

    def is_active(self, operation: str) -> bool:
        """Whether a ticket of an operation is being sent, or will be without anything happening."""
        queue = self._queues.get(operation)
        return queue is not None and queue.is_active

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be sent unless something else happens first."""
        return all(
            not queue.is_active and queue.wakes_at_s == inf for queue in self._queues.values()
        )

    def delay_s(self, most_s: float) -> float:
        """Return the seconds until it is time to look again, at most `most_s`."""
        wakes_at_s = min((queue.looks_at_s for queue in self._queues.values()), default=inf)
        return max(0.0, min(most_s, wakes_at_s - self._context.clock.monotonic()))

    def _queue(self, job: JobState) -> SendQueue:
        operation, context = job.operation, self._context
        if operation not in self._queues:
            self._queues[operation] = SendQueue(
                context.clock, context.ages.age_s, knows_targets=context.adapter.has_targets
            )
        return self._queues[operation]


@frozen
class _Wait:
    """Why a ticket can't go: for whom it waits, and whether only a decision ends that."""

    job_id: str | None = None
    is_stuck: bool = False


_NO_SLOT: Final = _Wait()


class _Look:
    """One look at the head of a queue, for the ticket that may be sent now."""

    def __init__(self, queue: SendQueue, now_s: float) -> None:
        self._queue = queue
        self._now_s = now_s
        self._looked = 0
        self._held = 0
        self._stuck: set[TicketKey] = set()
        self._passed: dict[str, None] = {}

    def run(self) -> Choice | None:
        """Return the first ticket that may go, if any may."""
        queue = self._queue
        if queue.has_unordered:
            for key in tuple(queue.unindexed):
                self._index(key)
            if not queue.unindexed:
                queue.unindexed = set()  # an emptied one keeps the room it took
        done: list[Turn] = []
        try:
            for turn in queue.line:
                choice, goes_on = self._look_at(turn)
                if turn.is_done:
                    done.append(turn)
                if not goes_on or len(queue.needs) >= _READ:
                    return None if queue.needs else choice
            return None
        finally:
            for turn in done:
                queue.leave_line(turn)

    def _look_at(self, turn: Turn) -> tuple[Choice | None, bool]:
        """Return the ticket of a job that may go, if any; and whether to look behind it."""
        waits_for: str | None = None
        choice: Choice | None = None
        stuck: list[bool] = []
        for position in turn.pending():
            self._looked += 1
            if self._looked > LOOK:
                return None, self._may_pass(turn)
            key = (turn.job.job_no, position)
            verdict = self._judge(turn, position, key)
            if isinstance(verdict, Choice):
                choice = verdict
                break
            if verdict is _NO_SLOT:
                break
            waits_for = waits_for or verdict.job_id
            self._queue.since_s.setdefault(key, self._now_s)
            stuck.append(verdict.is_stuck)
            if verdict.is_stuck:
                self._stuck.add(key)
            self._index(key)
        else:
            if turn.is_chain:
                self._index_chain(turn)
            self._report(turn, waits_for, is_held=bool(stuck) and all(stuck))
            return None, True
        self._report(turn, waits_for, is_held=False)
        return choice, False

    def _may_pass(self, turn: Turn) -> bool:
        """Whether to look behind a job of which too many tickets wait for all to be known."""
        queue, job = self._queue, turn.job
        key = (job.job_no, turn.front[0])
        left_s = self._left_s(turn, key)
        if left_s <= 0:
            self._looked = 0
            self._passed[job.job_id] = None
            return True
        self._wake(self._now_s + left_s)
        is_held = job.ticket(key[1]).state is BatchState.UNCONFIRMED
        behind = queue.line[queue.line.index(turn) + 1 :][:LOOK]
        for other in behind:
            self._report(other, job.job_id, is_held=is_held)
        return False

    def _judge(self, turn: Turn, position: int, key: TicketKey) -> Choice | _Wait:
        queue, job = self._queue, turn.job
        ticket = job.ticket(position)
        if (due_s := queue.due_s.get(key, 0.0)) > self._now_s:
            self._wake(due_s)
            self._held += self._left_s(turn, key) > 0
            return _Wait()
        if not job.may_go(ticket):
            before = (key[0], position - 1)
            is_unconfirmed = job.ticket(position - 1).state is BatchState.UNCONFIRMED
            return _Wait(is_stuck=is_unconfirmed or before in self._stuck)
        if not ticket.is_in_doubt and not queue.has_slot(turn):
            return _NO_SLOT
        if self._held >= MAX_HELD and key not in queue.due_s:
            return _NO_SLOT
        blockers, given_up = self._find_earlier(turn, key)
        if not blockers:
            given_up |= self._passed | dict.fromkeys(turn.undecided)
            return Choice(job, position, tuple(given_up), queue.passed_by(turn))
        others = [other.job.job_id for other, _ in blockers if other is not turn]
        return _Wait(
            job_id=others[0] if others else None,
            is_stuck=any(
                self._head(other, other_key) in self._stuck
                or other.job.ticket(other_key[1]).state is BatchState.UNCONFIRMED
                for other, other_key in blockers
            ),
        )

    def _find_earlier(
        self, turn: Turn, key: TicketKey
    ) -> tuple[list[tuple[Turn, TicketKey]], dict[str, None]]:
        """Return the earlier tickets that a ticket waits for, and the jobs it no more waits for."""
        blockers: list[tuple[Turn, TicketKey]] = []
        given_up: dict[str, None] = {}
        queue = self._queue
        if queue.meetings.is_empty:
            return blockers, given_up
        if not self._know(key):
            return [(turn, key)], given_up  # nothing is decided before it is read
        for other_key in queue.meetings.find(queue.targets.get(key)):
            other = queue.turns.get(other_key[0])
            if other is None or (other.rank, other_key[1]) >= (turn.rank, key[1]):
                continue
            if not self._counts(other, other_key[1], turn):
                continue
            left_s = self._left_s(other, other_key)
            if left_s > 0:
                self._wake(self._now_s + left_s)
                blockers.append((other, other_key))
                if len(blockers) >= _BLOCKERS:
                    break
            elif other is not turn:
                given_up[other.job.job_id] = None
        return blockers, given_up

    @staticmethod
    def _counts(other: Turn, position: int, turn: Turn) -> bool:
        """Whether an earlier ticket that was met is one to wait for."""
        if other.is_pending(position):
            return True
        is_ordered = other.capabilities.runs_in_order and turn.capabilities.runs_in_order
        return not is_ordered and other.job.ticket(position).state in OUT

    def _left_s(self, turn: Turn, key: TicketKey) -> float:
        """Return for how many seconds others wait for a ticket, at most."""
        queue, job, capabilities = self._queue, turn.job, turn.capabilities
        ticket = job.ticket(key[1])
        if ticket.state in AT_VENDOR:
            goes_on = not capabilities.can_cancel or any(
                finding.code == "not_cancelled" for finding in ticket.findings
            )
            if job.notes.has(key[1], Mark.STALLED) or (job.is_cancelled and goes_on):
                return 0.0
            quiet_s = 0.0  # the polls find out
        elif ticket.attempted_at is not None:
            quiet_s = queue.age_s(ticket.attempted_at)
        else:
            quiet_s = self._now_s - queue.since_s.get(self._head(turn, key), self._now_s)
        overdue_s = job.record.deadline_s - queue.age_s(job.record.created_at)
        return min(capabilities.stall_s - quiet_s, overdue_s)

    def _index(self, key: TicketKey) -> None:
        """Let later tickets meet this one."""
        if self._know(key):
            self._queue.meetings.add(key, self._queue.targets.get(key))
            self._queue.unindexed.discard(key)

    def _index_chain(self, turn: Turn) -> None:
        """Let later tickets meet those of a chain that can't be next yet, each once."""
        queue, position = self._queue, turn.indexed
        if not queue.knows_targets:
            return  # they meet its first one, and that is enough
        while position < turn.job.size and len(queue.needs) < _READ:
            position += 1
            if turn.is_pending(position):
                self._index((turn.job.job_no, position))
            if not queue.needs:
                turn.indexed = position

    @staticmethod
    def _head(turn: Turn, key: TicketKey) -> TicketKey:
        """Return the ticket that a ticket goes with: the first of its chain, or itself."""
        return (key[0], turn.front[0]) if turn.is_chain and turn.front else key

    def _know(self, key: TicketKey) -> bool:
        """Whether a ticket's targets are known; if not, they are to be read."""
        queue = self._queue
        if key in queue.targets or not queue.knows_targets:
            return True
        queue.needs.add(key)
        return False

    def _wake(self, at_s: float) -> None:
        self._queue.wakes_at_s = min(self._queue.wakes_at_s, at_s)

    def _report(self, turn: Turn, waits_for: str | None, *, is_held: bool) -> None:
        """Take note of whom a job waits for; not while something has to be read first."""
        if self._queue.needs or (turn.waits_for, turn.is_held) == (waits_for, is_held):
            return
        turn.waits_for, turn.is_held = waits_for, is_held
        self._queue.news.append(turn)
