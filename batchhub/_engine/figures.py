"""
Figures: what a vendor says of work under way that moves no state.

Other processes shall see them, but nothing waits for them: they are saved beside the loop, those of
all lanes together and at most every few seconds, and once more when a lane is let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import JobRecord, Store, TicketRecord
from batchhub.errors import StoreError

from .job_state import JobState
from .ticket_notes import Mark
from .together import Together

SAVE_S: Final = 5.0
"""Seconds between two times at which figures are saved; state changes are saved at once."""

PIECE: Final = 200
"""The most tickets in one write: what is made ready for it takes milliseconds of the loop."""

_LANES: Final = 500
"""The most lanes that have theirs saved together while they are let go."""

_log = get_logger()


class Figures:
    """Saves the figures of all jobs that this process drives."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        token: str,
        on_trouble: Callable[[StoreError | None], None],
    ) -> None:
        """
        Begin with nothing to save.

        Args:
            store: Where they are kept.
            clock: Where time comes from.
            token: This process, as the rows of the lanes it drives have it.
            on_trouble: Called after each save: with what went wrong, or with `None`.
        """
        self._store = store
        self._clock = clock
        self._token = token
        self._on_trouble = on_trouble
        self._changed: dict[JobState, list[int]] = {}
        self._saved_at_s = float("-inf")
        self._saving: asyncio.Task[None] | None = None
        self._together = Together(self._save_of, name="batchhub-save-figures", most=_LANES)

    def note(self, job: JobState, position: int) -> None:
        """Have the figures of a ticket saved some time soon."""
        if job.notes.has(position, Mark.UNSAVED):
            return
        job.notes.mark(position, Mark.UNSAVED)
        self._changed.setdefault(job, []).append(position)
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save_all(), name="batchhub-figures")

    async def save(self, jobs: Collection[JobState]) -> None:
        """Save what is not saved yet of some jobs; trouble is reported, and they wait no longer."""
        if left := [job for job in jobs if job in self._changed]:
            await self._together.ask(left)

    async def _save_of(self, lanes: Sequence[Sequence[JobState]]) -> Sequence[None]:
        """Save what the jobs of some lanes have that is not saved yet."""
        left = [job for jobs in lanes for job in jobs]
        is_saved = False
        try:
            while left:
                if taken := self._take(left):
                    await self._store.tickets.save_figures(taken, self._token)
                    is_saved = True
        except StoreError as error:  # only figures, and the next ones come soon
            self._on_trouble(error)
        except Exception as error:
            _log.error("store.failed", error=f"{type(error).__name__}: {error}")
        else:
            if is_saved:
                self._on_trouble(None)
        return [None] * len(lanes)

    def _take(self, left: list[JobState]) -> list[tuple[JobRecord, list[TicketRecord]]]:
        """Take what one write saves; a job of which nothing is left leaves the list."""
        taken: list[tuple[JobRecord, list[TicketRecord]]] = []
        room = PIECE
        while left and room > 0:
            job = left[-1]
            positions = self._changed.get(job, [])
            piece = positions[-room:]
            del positions[-room:]
            if not positions:
                self._changed.pop(job, None)
                left.pop()
            room -= len(piece)
            if tickets := _take(job, piece):
                taken.append((job.record, tickets))
        return taken

    async def aclose(self) -> None:
        """Stop; what lanes still had to save they have saved."""
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.wait({self._saving})

    async def _save_all(self) -> None:
        while self._changed:
            await self._clock.sleep(max(0.0, self._saved_at_s + SAVE_S - self._clock.monotonic()))
            self._saved_at_s = self._clock.monotonic()
            await self.save(list(self._changed))


def _take(job: JobState, positions: list[int]) -> list[TicketRecord]:
    """Return the tickets of a job whose figures are to be saved, and have not been meanwhile."""
    tickets = [
        job.ticket(position) for position in positions if job.notes.has(position, Mark.UNSAVED)
    ]
    for position in positions:
        job.notes.unmark(position, Mark.UNSAVED)
    return [ticket for ticket in tickets if not ticket.state.is_terminal]
