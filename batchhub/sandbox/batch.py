"""A batch of a sandbox, and how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Final

from attrs import define, field

from .items import Item, ItemOutcome

TOLERANCE_S: Final = 1e-6
"""Sums of binary fractions miss the moment they stand for by a little."""


class Stage(StrEnum):
    """How far a batch is; a sandbox has the vendor's words for it."""

    QUEUED = "queued"
    """No item has ended."""
    RUNNING = "running"
    """Some items have ended."""
    DONE = "done"
    """Nothing more runs."""
    FAILED = "failed"
    """It failed as a whole, after some of its items."""
    STOPPED = "stopped"
    """It was stopped before its end."""


def _to_tuple(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(items)


@define(kw_only=True, eq=False)
class Batch:
    """
    One accepted batch. Its state at any past moment is known, so that answers can be late.

    Attributes:
        items: Its items, in order.
        id: Its name; `Batches.add` gives it one unless it has one.
        about: Whatever else the sandbox has to know of it.
        width: How many items run at once.
        gap_s: Seconds between the end of some items and the beginning of the next.
        stops_on_failure: Whether the first failed item ends it.
        retries: How often the vendor itself runs an item again that ended with 500 or above,
            unless it stops on failure.
        retry_after_s: After how many seconds.
        fails: Whether it fails as a whole after half of its items.
        accepted_at: When it came, in monotonic seconds.
        outcomes: What came of the items that ran, by their index, in the order they ended.
        ended_at: When it ended, in monotonic seconds; `None` before.
        is_stopped: Whether it was stopped.
        is_held: Whether the switch `never_ends` keeps it from ending.
    """

    items: tuple[Item, ...] = field(converter=_to_tuple, repr=False)
    id: str = ""
    about: Any = None
    width: int = 1
    gap_s: float = 0.0
    stops_on_failure: bool = False
    retries: int = 0
    retry_after_s: float = 0.0
    fails: bool = False
    accepted_at: float = 0.0
    outcomes: dict[int, ItemOutcome] = field(factory=dict, repr=False)
    ended_at: float | None = None
    is_stopped: bool = False
    is_held: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing more runs."""
        return self.ended_at is not None

    @property
    def stage(self) -> Stage:
        """How far it is now."""
        if not self.has_ended:
            return Stage.RUNNING if self.outcomes or self.is_held else Stage.QUEUED
        if self.is_stopped:
            return Stage.STOPPED
        return Stage.FAILED if self.fails else Stage.DONE

    @property
    def progress(self) -> float:
        """The part of its items that ended: 0 to 1."""
        return len(self.outcomes) / len(self.items) if self.items else 1.0

    def stage_at(self, at: float) -> Stage:
        """Return how far it was at a moment in monotonic seconds."""
        if self.ended_at is not None and self.ended_at <= at + TOLERANCE_S:
            return self.stage
        return Stage.RUNNING if any(self._until(at)) else Stage.QUEUED

    def outcomes_at(self, at: float) -> list[ItemOutcome]:
        """Return what had come by a moment in monotonic seconds, in the order it ended."""
        return [*self._until(at)]

    def _until(self, at: float) -> Iterator[ItemOutcome]:
        until = at + TOLERANCE_S
        return (outcome for outcome in self.outcomes.values() if outcome.ended_at <= until)
