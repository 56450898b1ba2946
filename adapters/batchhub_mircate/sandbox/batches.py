"""The batches of a project: their items one after another, each when its time has come."""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from attrs import define, field, frozen

from .catalogue import Json, Operation
from .switches import MircateSwitches

# Sums of binary fractions miss the moment they stand for by a little.
_TOLERANCE_S: Final = 1e-6


@frozen(kw_only=True)
class ItemOutcome:
    """
    What came of one item.

    Attributes:
        item: The item as it came.
        ended_at: When it ended, in monotonic seconds.
        problem: Why it failed; `None` if it succeeded.
    """

    item: Json = field(repr=False)
    ended_at: float
    problem: str | None


@define(kw_only=True, eq=False)
class Batch:
    """
    One accepted batch. Its state at any past moment is known, so that answers can be late.

    Attributes:
        id: Its id.
        operation: What its items do.
        items: Its items, in order.
        frequency_s: Seconds between its items.
        accepted_at: When it came, in monotonic seconds.
        fails: Whether it fails as a whole after half of its items.
        outcomes: What came of the items that ran, in order.
        ended_at: When it ended, in monotonic seconds; `None` before.
    """

    id: str
    operation: Operation
    items: tuple[Json, ...] = field(repr=False)
    frequency_s: int
    accepted_at: float
    fails: bool = False
    outcomes: list[ItemOutcome] = field(factory=list, repr=False)
    ended_at: float | None = None

    @property
    def is_run(self) -> bool:
        """Whether all items that are to run have run."""
        to_run = len(self.items) // 2 if self.fails else len(self.items)
        return len(self.outcomes) >= to_run

    def done_at(self, at: float) -> Sequence[ItemOutcome]:
        """Return what had come of the items that had run at a moment, in order."""
        end = bisect_right(self.outcomes, at + _TOLERANCE_S, key=lambda done: done.ended_at)
        return self.outcomes[:end]

    def had_ended_at(self, at: float) -> bool:
        """Whether it had ended at a moment."""
        return self.ended_at is not None and self.ended_at <= at + _TOLERANCE_S


class BatchRunner:
    """
    Runs batches: each for itself, or with the switch one after another.

    Source: page "Receive Price", frequency. Assumed: whether batches run side by side.

    Args:
        switches: Where an item's time is read from.
        execute: Executes an item that ends at a moment; returns why it failed, if it did.
    """

    def __init__(
        self,
        switches: MircateSwitches,
        execute: Callable[[Batch, Json, float], str | None],
    ) -> None:
        self._switches = switches
        self._execute = execute
        self._batches: dict[str, Batch] = {}
        self._waiting: deque[Batch] = deque()
        # The number keeps batches that are due at the same moment in the order they came.
        self._due: list[tuple[float, int, Batch]] = []
        self._numbers = itertools.count()

    def add(self, batch: Batch) -> None:
        """Take a batch; its first item begins now, or after those before it."""
        self._batches[batch.id] = batch
        if self._switches.one_at_a_time and self._due:
            self._waiting.append(batch)
        else:
            self._begin(batch, batch.accepted_at)
        self.advance(batch.accepted_at)

    def find(self, batch_id: str) -> Batch | None:
        """Return the batch of an id, if it is known."""
        return self._batches.get(batch_id)

    def advance(self, now: float) -> None:
        """Run all that is due until `now`."""
        while self._due and self._due[0][0] <= now + _TOLERANCE_S:
            due_at, _, batch = heapq.heappop(self._due)
            self._step(batch, due_at)

    def _begin(self, batch: Batch, free_at: float) -> None:
        begin_at = max(batch.accepted_at + self._switches.queue_time_s, free_at)
        self._plan(batch, begin_at + self._switches.item_time_s)

    def _step(self, batch: Batch, at: float) -> None:
        """Run the item that ends at `at`, and see what follows."""
        if not batch.is_run:
            item = batch.items[len(batch.outcomes)]
            problem = self._execute(batch, item, at)
            batch.outcomes.append(ItemOutcome(item=item, ended_at=at, problem=problem))
        if not batch.is_run:
            self._plan(batch, at + batch.frequency_s + self._switches.item_time_s)
            return
        batch.ended_at = at
        # Switched back, those that wait begin together.
        while self._waiting and not (self._switches.one_at_a_time and self._due):
            self._begin(self._waiting.popleft(), at)

    def _plan(self, batch: Batch, due_at: float) -> None:
        heapq.heappush(self._due, (due_at, next(self._numbers), batch))


def split_items(items: tuple[Json, ...], parts: int) -> list[tuple[Json, ...]]:
    """Split items into runs, none of them empty, whose lengths differ by at most 1."""
    parts = min(parts, len(items))
    bounds = [len(items) * part // parts for part in range(parts + 1)]
    return [items[begin:end] for begin, end in pairwise(bounds)]
