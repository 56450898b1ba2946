"""The batches of a store: one after another, their items when their time has come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from attrs import define, field

from .calls import Item
from .store import Reply
from .switches import EcwidSwitches

DEDUP_WINDOW_S: Final = 3600.0
"""Source: the vendor's pages on batch requests, deduplicationKey."""

PARALLEL_ITEMS: Final = 100
"""Source: the vendor's pages on batch requests, allowParallelMode."""

RETRIES: Final = 5
"""Source: the vendor's pages on batch requests, handling failed requests."""

RETRY_AFTER_S: Final = 3.0
"""Source: the same."""

# Sums of binary fractions miss the moment they stand for by a little.
_TOLERANCE_S: Final = 1e-6


@define(kw_only=True, eq=False)
class Batch:
    """
    One accepted batch.

    Attributes:
        ticket: Its name.
        items: Its items, in order.
        stop_on_first_failure: Whether the first failed item ends it.
        parallel: Whether up to 100 items run at once.
        group: The group it can be cancelled by, if any.
        accepted_at: When it came, in monotonic seconds.
        due_at: When its next items end, in monotonic seconds; `None` before its turn.
        replies: What came of the items that ran, by their index.
        ended: Whether nothing more runs.
        held: Whether a switch keeps it from ending.
        wave: The indices of the items that run at once now.
        tries: How often these have run.
    """

    ticket: str
    items: tuple[Item, ...]
    stop_on_first_failure: bool
    parallel: bool
    group: str | None
    accepted_at: float
    due_at: float | None = None
    replies: dict[int, Reply] = field(factory=dict)
    ended: bool = False
    held: bool = False
    wave: list[int] = field(factory=list)
    tries: int = 0

    @property
    def word(self) -> str:
        """
        The vendor's word for its state.

        Source: newer page "Get batch status", response.
        """
        if self.ended:
            return "COMPLETED"
        return "IN_PROGRESS" if self.replies or self.held else "QUEUED"

    @property
    def is_last_wave(self) -> bool:
        """Whether nothing follows the items that run."""
        return len(self.replies) + len(self.wave) == len(self.items)

    def begin_wave(self) -> None:
        """Take up the items that run next: one, or up to 100."""
        width = PARALLEL_ITEMS if self.parallel else 1
        done = len(self.replies)
        self.wave = list(range(done, min(done + width, len(self.items))))
        self.tries = 0


class BatchQueue:
    """
    A store's queue: first in, first out.

    Source: the vendor's pages on batch requests, how batches are executed.

    Args:
        switches: Where an item's time is read from.
        execute: Executes an item that ends at a moment in monotonic seconds.
    """

    def __init__(
        self, switches: EcwidSwitches, execute: Callable[[Batch, Item, float], Reply]
    ) -> None:
        self._switches = switches
        self._execute = execute
        self._batches: dict[str, Batch] = {}
        self._keys: dict[str, Batch] = {}
        self._open: deque[Batch] = deque()
        self._free_at = float("-inf")

    def add(self, batch: Batch, key: str | None) -> Batch:
        """
        Put a batch at the end, unless its key stands for another one.

        Args:
            batch: The batch.
            key: Its deduplicationKey, if it has one.

        Returns:
            The batch, or the one that came with this key within the last hour.
        """
        if key is not None:
            first = self._keys.get(key)
            if first is not None and batch.accepted_at < first.accepted_at + DEDUP_WINDOW_S:
                return first
            self._keys[key] = batch
        self._batches[batch.ticket] = batch
        self._open.append(batch)
        self.advance(batch.accepted_at)
        return batch

    def find(self, ticket: str) -> Batch | None:
        """Return the batch of a ticket, if it is known."""
        return self._batches.get(ticket)

    def known(self) -> list[Batch]:
        """Return the batches in the order they came."""
        return [*self._batches.values()]

    def advance(self, now: float) -> None:
        """Run all that is due until `now`."""
        while self._open:
            batch = self._open[0]
            if batch.due_at is None:
                batch.begin_wave()
                begin_at = max(batch.accepted_at, self._free_at)
                batch.due_at = begin_at + self._switches.item_time_s
            if batch.due_at > now + _TOLERANCE_S:
                return
            if self._switches.never_ends and batch.is_last_wave:
                batch.held = True
                batch.due_at = now
                return
            self._step(batch, batch.due_at)
            if batch.ended:
                self._open.popleft()

    def stop(self, batch: Batch, now: float) -> bool:
        """Stop a batch, queued or running; return whether there was anything to stop."""
        if batch.ended:
            return False
        if batch.due_at is not None:
            self._free_at = now
        batch.ended = True
        self._open.remove(batch)
        return True

    def forget(self, batch: Batch) -> None:
        """Delete a batch and its results."""
        del self._batches[batch.ticket]

    def _step(self, batch: Batch, at: float) -> None:
        """Run the items of a wave that end at `at`, and see what follows."""
        batch.held = False
        replies = {index: self._execute(batch, batch.items[index], at) for index in batch.wave}
        again = [index for index in batch.wave if self._is_tried_again(batch, replies[index])]
        batch.replies |= {i: replies[i] for i in batch.wave if i not in again}
        stopped = batch.stop_on_first_failure and any(reply.failed for reply in replies.values())
        if stopped or len(batch.replies) == len(batch.items):
            batch.ended = True
            self._free_at = at
        elif again:
            batch.wave = again
            batch.tries += 1
            batch.due_at = at + RETRY_AFTER_S
        else:
            batch.begin_wave()
            batch.due_at = at + self._switches.item_time_s

    def _is_tried_again(self, batch: Batch, reply: Reply) -> bool:
        """
        Whether the vendor itself runs an item again.

        Assumed: not where the batch stops at a failure.
        """
        return reply.is_trouble and batch.tries < RETRIES and not batch.stop_on_first_failure
