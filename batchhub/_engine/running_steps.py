"""The steps of a lane's tickets that are under way, and what each leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from attrs import define

from batchhub._base.log import get_logger
from batchhub._http.guard import right
from batchhub._http.journal import about
from batchhub._store import StoreMovedError
from batchhub.errors import AdapterError
from batchhub.models import BatchState

from .ask_order import AskOrder
from .asking import Asking
from .contact import LaneContact
from .contact_writer import ContactWriter
from .job_state import JobState
from .lane_context import LaneContext
from .lane_jobs import LaneJobs
from .order import SendOrder
from .schedule import Schedule
from .ticket_notes import Mark
from .ticket_step import TicketStep
from .verb_calls import END_S, VerbCall
from .workers import Kind, Workers

_FAULT_S: Final = 60.0
"""Seconds until a ticket goes on after an error that nothing else took in."""

_log = get_logger()


@define(eq=False)
class _Running:
    """
    What is known of a task.

    Attributes:
        tickets: The tickets.
        kind: The kind it is counted as; a submit is counted as none.
    """

    tickets: Sequence[tuple[JobState, int]]
    kind: Kind | None


class RunningSteps:
    """
    Runs steps of tickets, and gives each ticket its next one.

    Args:
        context: The lane.
        jobs: The lane's jobs; forgotten here when they end.
        order: Says when a ticket that could not be sent is tried again.
        ask_order: Says which tickets are not asked about for now.
        schedule: Takes all other steps to come.
        contact: Says whether only one request may be tried.
        contacts: Learns what steps came to.
        on_end: Called at the end of each step; with an error if the drive can't go on.
        on_plain_end: Called instead at the end of a poll that changed no more than figures, and
            after which the ticket is asked about again.
    """

    def __init__(
        self,
        context: LaneContext,
        *,
        jobs: LaneJobs,
        order: SendOrder,
        ask_order: AskOrder,
        schedule: Schedule,
        contact: LaneContact,
        contacts: ContactWriter,
        on_end: Callable[[StoreMovedError | None], None],
        on_plain_end: Callable[[], None],
    ) -> None:
        self._context = context
        self._jobs = jobs
        self._order = order
        self._ask_order = ask_order
        self._schedule = schedule
        self._contact = contact
        self._contacts = contacts
        self._on_end = on_end
        self._on_plain_end = on_plain_end
        self._asking = Asking(context)
        self._ticket_step = TicketStep(context, self._asking)
        self._task_name = f"batchhub-{context.lane}"
        self._workers = Workers(context.adapter.transport)
        self._tasks: dict[asyncio.Task[None], _Running] = {}

    @property
    def is_idle(self) -> bool:
        """Whether none is under way."""
        return not self._tasks

    def has_room(self, kind: Kind) -> bool:
        """Whether one more of a kind may begin."""
        return self.may_begin and self._workers.has_room(kind)

    @property
    def may_begin(self) -> bool:
        """Whether any step may."""
        # Refused credentials are tried with one request.
        return not (self._contact.is_trying and self._tasks)

    def is_poll(self, job: JobState, position: int) -> bool:
        """Whether the next step of a ticket asks the vendor about it, and does nothing before."""
        return self._ticket_step.asks(job, position) and not self._asking.has_answer(job, position)

    def forget(self) -> None:
        """Forget what an earlier drive was told: another process may have driven since."""
        self._ticket_step.forget()
        self._asking.forget()

    def start_sending(self) -> None:
        """Begin to send the tickets whose turn it is, one of an operation at a time."""
        choices = self._order.choose()
        while self.may_begin and (choice := next(choices, None)) is not None:
            job, position = choice.job, choice.position
            job.add_new_findings(choice.findings())
            job.begin_sending(position)
            # One of an operation at a time, whatever else is under way.
            self._start(self._run(job, position), [(job, position)], None)

    def start_due(self) -> None:
        """Begin the steps that are due; what can be asked about together takes one place."""
        while (due := self._schedule.take_due(self.has_room)) is not None:
            job, position, kind = due
            company = self._asking.take_company(self._schedule, job, position, asks=self.is_poll)
            if company:
                together = [(job, position), *company]
                self._start(self._ask_together(together), together, kind)
            else:
                self._start(self._run(job, position), [(job, position)], kind)

    def call_off_sending(self, job: JobState) -> None:
        """
        End the steps of a job that wait to send a ticket.

        Nothing is called off whose request, with an effect, is under way: its answer would be lost.
        """
        for task, running in self._tasks.items():
            for other, position in running.tickets:
                if other is not job or job.notes.has(position, Mark.SENDING):
                    continue
                if job.ticket(position).state is BatchState.PENDING:
                    task.cancel()

    def drop_harmless(self) -> None:
        """End all but those with a request under way that may have an effect."""
        for task in self._tasks.keys() - self._find_sending():
            task.cancel()

    async def wait_for_sending(self, patience_s: float | None) -> None:
        """
        Let requests with an effect come to their end, so that what they did is known.

        Args:
            patience_s: Seconds they get; `None` for no limit.
        """
        if sending := self._find_sending():
            await asyncio.wait(sending, timeout=patience_s)

    async def cut_off(self) -> None:
        """End whatever is left; an adapter may go on although it is cancelled."""
        left = list(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=END_S)
        for task in list(self._tasks):  # nobody waits for it
            self._leave(task, None)

    def _find_sending(self) -> set[asyncio.Task[None]]:
        return {
            task
            for task, running in self._tasks.items()
            if any(job.notes.has(position, Mark.SENDING) for job, position in running.tickets)
        }

    def _start(
        self,
        work: Coroutine[Any, Any, None],
        tickets: Sequence[tuple[JobState, int]],
        kind: Kind | None,
    ) -> None:
        task = asyncio.create_task(work, name=self._task_name)
        self._tasks[task] = _Running(tickets, kind)
        if kind is not None:
            self._workers.begin(kind)
        task.add_done_callback(self._end)

    def _take_out(self, task: asyncio.Task[None]) -> Sequence[tuple[JobState, int]]:
        """Count a task no more; return its tickets."""
        running = self._tasks.pop(task)
        if running.kind is not None:
            self._workers.end(running.kind)
        return running.tickets

    def leave(self, call: VerbCall) -> None:
        """Go on without a step whose adapter does not end although it was cancelled."""
        if call.task in self._tasks:
            self._leave(call.task, self._context.adapter.faults.leave(call.name))

    def _leave(self, task: asyncio.Task[None], error: AdapterError | None) -> None:
        for job, position in self._take_out(task):
            _log.error("adapter.left", lane=self._context.lane, job_id=job.job_id, ticket=position)
            self._order.end(job.job_no, position)
            job.end_step(position)
            if error is not None:
                self._go_on_after(error, job, position)
        self._on_end(None)

    async def _ask_together(self, tickets: Sequence[tuple[JobState, int]]) -> None:
        about.set(tickets)  # of this task, which does nothing else
        right.set(self._context.hold)
        answers = await self._asking.ask_together(tickets)
        running = self._find_running()
        if running is None:
            return  # nobody waits for it any more
        self._asking.keep(tickets, answers)
        for job, position in tickets:
            if self._jobs.get(job.job_no) is not None:
                self._schedule.add(job, position, 0.0)
        self._end_plain(running)

    async def _run(self, job: JobState, position: int) -> None:
        about.set(((job, position),))  # of this task, which does nothing else
        right.set(self._context.hold)
        was_cancelled, state = job.is_cancelled, job.state
        with self._context.adapter.watching():
            step = await self._ticket_step.step(job, position)
        running = self._find_running()
        if running is None:
            return  # nobody waits for it any more
        self._ask_order.note(job, position)
        if self._jobs.get(job.job_no) is None or self._context.hold.is_lost:
            return  # another step has ended the job, or another process drives it
        is_plain = step.trouble is None and job.state is state and self._contact.is_well
        self._order.note(job, position)
        if step.delay_s is None or self._order.postpone(job, position, step.delay_s):
            job.end_step(position)
            is_plain = False
        else:
            # Cancelled while the step was under way: its delay was chosen without knowing that.
            hurries = job.is_cancelled and not was_cancelled
            delay_s = self._ask_order.delay_s(job, position, step.delay_s)
            self._schedule.add(job, position, 0.0 if hurries else delay_s)
        self._jobs.note_doubt(job)
        await self._contacts.note_step(job, step)
        if (blocked := self._context.adapter.take_blocked()) is not None:
            await self._contacts.note_finding(job, blocked)
        self._context.announce(job.job_id, at_once=job.state is not state)
        if job.has_ended and self._jobs.remove(job):
            self._ask_order.remove(job)
            self._contact.forget(job.job_no)
        # If it is plain, nothing is to be scheduled or sent after it.
        if not (is_plain and self._end_plain(running)):
            self._jobs.changed.add(job.job_no)

    def _find_running(self) -> _Running | None:
        """Return what is known of the current task; `None` if nobody waits for it any more."""
        task = asyncio.current_task()
        return None if task is None else self._tasks.get(task)

    def _end_plain(self, running: _Running) -> bool:
        """
        End the current task's step here, not a round of the event loop later.

        Returns:
            False if the lane has to look: somebody may have had to wait for its place.
        """
        task = asyncio.current_task()
        if task is None or self._tasks.get(task) is not running:
            return False  # it was left to itself
        if running.kind is not None and not self.has_room(running.kind):
            return False
        task.remove_done_callback(self._end)
        for job, position in self._take_out(task):
            self._order.end(job.job_no, position)
        self._on_plain_end()
        return True

    def _end(self, task: asyncio.Task[None]) -> None:
        if task not in self._tasks:  # it was left to itself
            if not task.cancelled():
                task.exception()
            return
        tickets = self._take_out(task)
        error = None if task.cancelled() else task.exception()
        for job, position in tickets:
            self._order.end(job.job_no, position)
            if task.cancelled():
                job.end_step(position)
                self._jobs.changed.add(job.job_no)
            elif error is not None and not isinstance(error, StoreMovedError | KeyboardInterrupt):
                self._go_on_after(error, job, position)
        self._on_end(error if isinstance(error, StoreMovedError) else None)

    def _go_on_after(self, error: BaseException, job: JobState, position: int) -> None:
        """Try a ticket again later, after an error that nothing else took in."""
        if self._jobs.get(job.job_no) is None:
            return
        if self._order.postpone(job, position, _FAULT_S):
            job.end_step(position)
        else:
            self._ask_order.note(job, position, has_failed=True)
            self._schedule.add(job, position, _FAULT_S)
        self._contacts.note_fault(job, error)
