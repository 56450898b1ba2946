"""
How many steps of a lane may be under way: as many as the budget lets go while one is answered.

At ten requests a second and answers that take half a second, five requests are under way. Twice as
many may be, so that answers which take longer than usual leave the budget to the others. A
place is taken again with the next tick, so a tick counts as part of an answer. More would not be
sooner: they would wait for the budget, and for the connections that the lane has.

Polls are counted by operation, and apart from all else. So polls that hang, or wait for a rate of
their own, hold up no submit, no cancel, and no poll of another operation.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final, NamedTuple

from batchhub.adapter import Transport

from .alarm import TICK_S

LEAST: Final = 8
"""How many may be under way although the budget is small, or nobody knows yet how long it takes."""

MOST: Final = 256
"""How many may be, whatever the budget: 2,000 polls a second, answered in 0.1 s, are 200."""

_SLACK: Final = 2.0


class Kind(NamedTuple):
    """
    A kind of steps that are counted together.

    Attributes:
        operation: The kind of batch.
        is_poll: Whether they ask the vendor about a ticket first.
    """

    operation: str
    is_poll: bool


class Workers:
    """
    Counts the steps of a lane that are under way.

    Args:
        transport: Knows the budget, how long answers take, and how many connections there are.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._busy: Counter[Kind] = Counter()
        self._most: int | None = None

    @property
    def most(self) -> int:
        """How many of a kind may be under way."""
        needed = math.ceil(_SLACK * self._transport.under_way(TICK_S))
        # One connection is left for what is no poll.
        return min(max(LEAST, needed), MOST, max(1, self._transport.connections - 1))

    def has_room(self, kind: Kind) -> bool:
        """Whether one more of a kind may begin."""
        if self._most is None:
            self._most = self.most
        return self._busy[kind] < self._most

    def begin(self, kind: Kind) -> None:
        """Count a step that begins."""
        self._busy[kind] += 1

    def end(self, kind: Kind) -> None:
        """Count a step that has ended."""
        self._busy[kind] -= 1
        self._most = None  # its answer may have taught how long they take, or another budget
