"""What a lane reads and saves beside its loop, which goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from batchhub._base.log import get_logger
from batchhub.errors import StoreError

from .adoptions import Adoptions
from .contact_writer import ContactWriter
from .lane_context import LaneContext
from .lane_jobs import LaneJobs
from .order import SendOrder
from .pushes import PushedPolls
from .send_queue import SendQueue
from .turn import Choice

STORE_RETRY_S: Final = 1.0
"""Seconds until a store that could not be used is tried again."""

_log = get_logger()


class Errands:
    """
    Reads what the choice of the next ticket depends on, and saves whom jobs wait for.

    Args:
        context: The lane.
        jobs: The lane's jobs.
        order: Says what is to be read, and who waits for whom.
        contacts: Learns of trouble with the store.
        on_end: Called at the end of each errand.
    """

    def __init__(
        self,
        context: LaneContext,
        jobs: LaneJobs,
        order: SendOrder,
        contacts: ContactWriter,
        on_end: Callable[[], None],
    ) -> None:
        self._context = context
        self._jobs = jobs
        self._order = order
        self._contacts = contacts
        self._on_end = on_end
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unsaved_waits: set[int] = set()

    @property
    def is_idle(self) -> bool:
        """Whether none is under way."""
        return not self._tasks

    def clear(self) -> None:
        """Forget what an earlier drive had to save."""
        self._unsaved_waits.clear()

    def read_targets(self) -> None:
        """Read what tickets at the head change, where a choice needs that."""
        for queue in self._order.unread():
            name = f"targets {id(queue)}"
            if name not in self._tasks:
                self._run(name, self._read_targets(queue))

    def save_waits(self) -> None:
        """Put on the status whom jobs wait for, and save it."""
        self._take_waits()
        if self._unsaved_waits and "waits" not in self._tasks:
            self._run("waits", self._save_waits())

    def look_at_pushes(self, pushed: PushedPolls) -> None:
        """Bring polls forward that the vendor has called about."""
        if pushed.is_due and "pushes" not in self._tasks:
            self._run("pushes", pushed.look())

    def adopt(self, adoptions: Adoptions) -> None:
        """Have the vendor asked about what users say is a ticket's."""
        if not adoptions.is_idle and "adoptions" not in self._tasks:
            self._run("adoptions", adoptions.look())

    async def finish(self) -> None:
        """End those under way, and save what they had to save."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._take_waits()
        if self._unsaved_waits:
            await self._save_waits_once()

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        lane = self._context.lane
        task = self._tasks[name] = asyncio.create_task(work, name=f"batchhub-{lane}")

        def end(task: asyncio.Task[None]) -> None:
            del self._tasks[name]
            self._on_end()
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("store.failed", lane=lane, error=f"{type(error).__name__}: {error}")

        task.add_done_callback(end)

    async def _read_targets(self, queue: SendQueue) -> None:
        try:
            queue.learn(await self._context.store.targets.read(tuple(queue.needs)))
        except StoreError as error:
            queue.wait(STORE_RETRY_S)
            self._contacts.note_store(error)
        except Exception:
            queue.wait(STORE_RETRY_S)  # else it would wait for them for ever
            raise

    def _take_waits(self) -> None:
        for turn in self._order.take_news():
            turn.job.set_wait(turn.waits_for, is_held=turn.is_held)
            if turn.undecided:
                said = Choice(turn.job, 0, given_up=turn.undecided)
                turn.job.add_new_findings(said.findings())
            self._unsaved_waits.add(turn.job.job_no)
            self._context.announce(turn.job.job_id)

    async def _save_waits(self) -> None:
        if not await self._save_waits_once():
            await self._context.clock.sleep(STORE_RETRY_S)

    async def _save_waits_once(self) -> bool:
        """Save whom jobs wait for; return whether that went well."""
        job_nos, self._unsaved_waits = self._unsaved_waits, set()
        found = [job for job_no in job_nos if (job := self._jobs.get(job_no)) is not None]
        is_saved = False
        try:
            await self._context.store.tickets.save([(job.record, ()) for job in found])
            is_saved = True
        except StoreError as error:
            self._contacts.note_store(error)
        finally:  # also if it is called off: then it is saved at the end of the drive
            if not is_saved:
                self._unsaved_waits |= job_nos
        return is_saved
