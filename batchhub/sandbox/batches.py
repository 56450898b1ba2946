"""Batches that run by the sandbox's clock: each item when its time has come."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from .batch import TOLERANCE_S, Batch
from .items import Item, ItemOutcome
from .kept import Kept
from .state import SandboxState

_TROUBLE: Final = 500


class Batches:
    """
    The batches of a sandbox, which run as its switches say.

    A batch is known until it is forgotten, or `results_kept_s` after its end.

    Args:
        sandbox: Whose clock, switches and list of executions it uses.
        run_item: Runs an item: returns what the vendor answers about it, or raises
            `AnswerError` if it fails.
        make_id: Makes the name of a batch; by default 16 digits that depend on the seed.
        dedup_s: For how many seconds a key stands for the batch that came with it first.
    """

    def __init__(
        self,
        sandbox: SandboxState,
        run_item: Callable[[Batch, Item], Any],
        *,
        make_id: Callable[[], str] | None = None,
        dedup_s: float = 0.0,
    ) -> None:
        self._sandbox = sandbox
        self._run_item = run_item
        self._make_id = make_id or sandbox.make_id
        self._keys: Kept[Batch] = Kept(sandbox, dedup_s)
        self._batches: dict[str, Batch] = {}
        self._gone: set[str] = set()
        self._ended: deque[Batch] = deque()
        self._waiting: deque[Batch] = deque()
        self._active: set[Batch] = set()
        # The number keeps batches that are due at the same moment in the order they came.
        self._due: list[tuple[float, int, _Run]] = []
        self._numbers = itertools.count()
        sandbox.add_clocked(self.advance)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches that are known, in the order they came."""
        return iter([*self._batches.values()])

    def add(self, batch: Batch, key: str | None = None) -> Batch:
        """
        Take a batch, unless its key stands for another one.

        Args:
            batch: The batch.
            key: Its deduplication key, if it has one.

        Returns:
            The batch, or the one that came with this key before.
        """
        if key is not None:
            first = self._keys.find(key)
            if first is not None:
                return first
            self._keys.put(key, batch)
        batch.id = batch.id or self._make_id()
        batch.accepted_at = self._sandbox.clock.monotonic()
        self._batches[batch.id] = batch
        self._waiting.append(batch)
        self._begin_waiting(batch.accepted_at)
        self.advance()
        return batch

    def run_now(self, batch: Batch) -> Batch:
        """
        Run all items of a batch at once, for a vendor that answers with their results.

        Nothing is kept of it but its executions. The vendor's time is the handler's: it may
        wait before it answers, see `Route`.
        """
        batch.id = batch.id or self._make_id()
        batch.accepted_at = now = self._sandbox.clock.monotonic()
        for index, item in enumerate(batch.items):
            batch.outcomes[index] = self._run(batch, item, now)
        batch.ended_at = now
        return batch

    def find(self, batch_id: str) -> Batch | None:
        """Return the batch of a name, if it is known."""
        return self._batches.get(batch_id)

    def get(self, batch_id: str) -> Batch:
        """
        Return the batch of a name.

        Raises:
            AnswerError: 404, there is none; or as the switch `gone_status` says, it is kept no
                longer.
        """
        batch = self._batches.get(batch_id)
        if batch is not None:
            return batch
        is_gone = batch_id in self._gone
        raise self._sandbox.refuse(self._sandbox.switches.gone_status if is_gone else 404)

    def stop(self, batch: Batch) -> bool:
        """Stop a batch, waiting or running; return whether there was anything to stop."""
        if batch.has_ended:
            return False
        batch.is_stopped = True
        if batch in self._waiting:
            self._waiting.remove(batch)
        self._due = [entry for entry in self._due if entry[2].batch is not batch]
        heapq.heapify(self._due)
        self._end(batch, self._sandbox.clock.monotonic())
        return True

    def forget(self, batch: Batch) -> None:
        """Delete a batch and its results; what runs of it is stopped."""
        self.stop(batch)
        self._batches.pop(batch.id, None)

    def advance(self) -> None:
        """Run all that is due until now, and forget what is kept no longer."""
        now = self._sandbox.clock.monotonic()
        held = []
        while self._due and self._due[0][0] <= now + TOLERANCE_S:
            due_at, _, run = heapq.heappop(self._due)
            run.batch.is_held = self._sandbox.switches.never_ends and run.is_last
            if run.batch.is_held:
                held.append(run)
            else:
                self._step(run, due_at)
        for run in held:
            self._plan(run, now)
        self._forget_old(now)

    def _begin_waiting(self, free_at: float) -> None:
        switches = self._sandbox.switches
        while self._waiting and not (switches.one_at_a_time and self._active):
            batch = self._waiting.popleft()
            self._active.add(batch)
            begin_at = max(batch.accepted_at + switches.queue_time_s, free_at)
            self._plan(_Run(batch), begin_at + switches.item_time_s)

    def _step(self, run: _Run, at: float) -> None:
        """Run the items that end at `at`, and see what follows."""
        batch = run.batch
        outcomes = {index: self._run(batch, batch.items[index], at) for index in run.indices}
        again = {index for index, outcome in outcomes.items() if run.is_again(outcome)}
        batch.outcomes |= {n: outcome for n, outcome in outcomes.items() if n not in again}
        stops = batch.stops_on_failure and any(done.failed for done in outcomes.values())
        if again:
            run.begin_again(sorted(again))
            self._plan(run, at + batch.retry_after_s)
        elif stops or len(batch.outcomes) >= run.size:
            self._end(batch, at)
        else:
            run.begin_next()
            self._plan(run, at + batch.gap_s + self._sandbox.switches.item_time_s)

    def _run(self, batch: Batch, item: Item, at: float) -> ItemOutcome:
        def run(item: Item) -> Any:
            if self._sandbox.strikes("item_fails"):
                switches = self._sandbox.switches
                raise self._sandbox.refuse(switches.item_fails_status, switches.item_fails_message)
            return self._run_item(batch, item)

        return self._sandbox.run(item, run, ticket=batch.id, at=at)

    def _end(self, batch: Batch, at: float) -> None:
        batch.ended_at = at
        self._ended.append(batch)
        self._active.discard(batch)
        self._begin_waiting(at)

    def _plan(self, run: _Run, due_at: float) -> None:
        heapq.heappush(self._due, (due_at, next(self._numbers), run))

    def _forget_old(self, now: float) -> None:
        kept_s = self._sandbox.switches.results_kept_s
        while kept_s and self._ended and (self._ended[0].ended_at or 0.0) + kept_s <= now:
            batch = self._ended.popleft()
            self._batches.pop(batch.id, None)
            self._gone.add(batch.id)


class _Run:
    """The items of a batch that run at once now."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.size = len(batch.items) // 2 if batch.fails else len(batch.items)
        self.indices: list[int] = []
        self.tries = 0
        self.begin_next()

    @property
    def is_last(self) -> bool:
        """Whether nothing follows them."""
        return len(self.batch.outcomes) + len(self.indices) >= self.size

    def begin_next(self) -> None:
        """Take up those after the ones that have ended."""
        done = len(self.batch.outcomes)
        self.indices = [*range(done, min(done + self.batch.width, self.size))]
        self.tries = 0

    def begin_again(self, indices: list[int]) -> None:
        """Take up some of them once more."""
        self.indices = indices
        self.tries += 1

    def is_again(self, outcome: ItemOutcome) -> bool:
        """Whether the vendor itself runs an item again."""
        batch = self.batch
        return (
            outcome.status >= _TROUBLE and self.tries < batch.retries and not batch.stops_on_failure
        )
