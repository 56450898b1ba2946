"""Who of a lane goes next: submits before polls, and polls every second time all the same."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Generic, TypeVar


class Place:
    """
    A place in a line.

    Attributes:
        turn: Done once it has been its turn, or once nobody waits in it any more.
        yields: Whether others go first: a poll can wait, and there is always another one.
    """

    __slots__ = ("turn", "yields")

    def __init__(self, *, yields: bool) -> None:
        self.turn: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.yields = yields


P = TypeVar("P", bound=Place)


class Line(Generic[P]):
    """
    Two rows of those who wait: the ones that go first, and the ones that yield to them.

    Each row is first come, first served. While somebody waits in both, every second one to go is
    one that yields: polls never take a submit's turn, nor do submits ever stop the polls.
    """

    def __init__(self) -> None:
        self._first: deque[P] = deque()
        self._yielding: deque[P] = deque()
        self._owes_one = False

    def __bool__(self) -> bool:
        """Whether somebody may wait in it."""
        return bool(self._first or self._yielding)

    def join(self, place: P) -> None:
        """Wait in it from now on."""
        (self._yielding if place.yields else self._first).append(place)

    def holds_up(self, *, yields: bool) -> bool:
        """Whether somebody who came now would go behind others."""
        return bool(_drop_done(self._first) or (yields and _drop_done(self._yielding)))

    def next(self, *, skips_yielding: bool = False) -> P | None:
        """Return who goes next; `None` if nobody waits."""
        first = _drop_done(self._first)
        if skips_yielding:
            return first[0] if first else None
        yielding = _drop_done(self._yielding)
        if yielding and (self._owes_one or not first):
            return yielding[0]
        return first[0] if first else None

    def leave(self, place: P, *, went: bool) -> None:
        """
        Wait no more, with the place that is next.

        Args:
            place: The place.
            went: Whether it has had its turn; else it is the same one's turn as before.
        """
        (self._yielding if place.yields else self._first).popleft()
        if went:
            self._owes_one = not place.yields and bool(_drop_done(self._yielding))

    def clear(self) -> list[P]:
        """Have nobody wait any more; return who did."""
        waited = [p for p in (*self._first, *self._yielding) if not p.turn.done()]
        self._first.clear()
        self._yielding.clear()
        self._owes_one = False
        return waited


def _drop_done(row: deque[P]) -> deque[P]:
    """Drop those at the head that nobody waits in any more, as it was cancelled."""
    while row and row[0].turn.done():
        row.popleft()
    return row
