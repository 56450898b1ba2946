"""The connections of a hub, shared out among its lanes: one that hangs holds its share, no more."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from batchhub._base.waits import waiting, yields

from .line import Line, Place

_LARGEST_SHARE: Final = 64
"""The most connections of a lane at once, however few lanes there are."""


class Shares:
    """
    A bound on the connections of all lanes together, and on those of each.

    As long as there are no more lanes than connections, no lane waits for another one. Of a share
    of two or more, polls leave one to the other requests of the lane: a vendor that hangs in the
    answers to polls still gets submits.

    Attributes:
        used: How many there are.
        size: The most of a lane at once.

    Args:
        limit: The most connections at once.
        lanes: How many lanes there may be; more of them make the shares smaller.
    """

    def __init__(self, *, limit: int, lanes: int = 1) -> None:
        self.used = 0
        self._limit = limit
        self._lanes = lanes
        self._joined = 0
        self._blocked: OrderedDict[Share, None] = OrderedDict()
        self.size = self._find_size()

    def join(self) -> Share:
        """Return the share of one more lane."""
        self._joined += 1
        self.size = self._find_size()
        return Share(self)

    def leave(self) -> None:
        """Take note that a lane is gone: what it has not used is the others'."""
        self._joined -= 1
        self.size = self._find_size()

    def _find_size(self) -> int:
        share = self._limit // max(1, self._lanes, self._joined)
        return max(1, min(share, _LARGEST_SHARE))

    def take(self, share: Share, *, yields: bool) -> bool:
        """Take a connection for a lane, if both have one left for such a request."""
        if not self.has_room(share, yields=yields):
            return False
        if self.used >= self._limit:
            self._blocked[share] = None
            return False
        share.used += 1
        share.yielding += yields
        self.used += 1
        return True

    def has_room(self, share: Share, *, yields: bool) -> bool:
        """Whether a lane has used less than its share, or than the part of it that is for polls."""
        size = self.size
        return share.used < size and not (yields and share.yielding >= max(1, size - 1))

    def give_back(self, share: Share, *, yields: bool) -> None:
        """Give one back; who has waited longest gets it."""
        share.used -= 1
        share.yielding -= yields
        self.used -= 1
        share.admit()
        for _ in range(len(self._blocked)):
            if self.used >= self._limit:
                break
            blocked, _ = self._blocked.popitem(last=False)
            blocked.admit()


class Share:
    """
    What one lane may have of the connections. Made by `Shares.join`.

    Attributes:
        used: How many it has.
        yielding: How many of them requests have that let others go first: polls.
    """

    def __init__(self, shares: Shares) -> None:
        self.used = 0
        self.yielding = 0
        self._shares = shares
        self._line: Line[Place] = Line()

    @property
    def size(self) -> int:
        """How many it may have."""
        return self._shares.size

    def take(self, *, yields: bool) -> bool:
        """
        Take a connection, if nobody waits for one and one is free. Give it back.

        Args:
            yields: Whether others go before, as they do before a poll.
        """
        if self._line and self._line.holds_up(yields=yields):
            return False
        return self._shares.take(self, yields=yields)

    def give_back(self, *, yields: bool) -> None:
        """Give a connection back; who waits gets it."""
        self._shares.give_back(self, yields=yields)

    async def wait_free(self) -> None:
        """Wait until a connection could be held. Another one may come first all the same."""
        is_poll = yields()
        if self._line.holds_up(yields=is_poll) or not self._shares.has_room(self, yields=is_poll):
            await self.wait(yields=is_poll)
            self.give_back(yields=is_poll)

    def admit(self) -> None:
        """Let those go who wait, as far as there are connections."""
        while self._line and (place := self._take_for_next()) is not None:
            self._line.leave(place, went=True)
            place.turn.set_result(None)

    def _take_for_next(self) -> Place | None:
        """Take a connection for who is next, and return who that is; `None` if none is free."""
        place = self._line.next()
        if place is None or self._shares.take(self, yields=place.yields):
            return place
        # Polls may have all that is for them, and the others not.
        place = self._line.next(skips_yielding=True) if place.yields else None
        if place is None or self._shares.take(self, yields=False):
            return place
        return None

    async def wait(self, *, yields: bool) -> None:
        """Wait for a connection, and take it. Give it back."""
        place = Place(yields=yields)
        self._line.join(place)
        try:
            with waiting():
                await place.turn
        except asyncio.CancelledError:
            if not place.turn.cancelled():  # it was let go at the same moment
                self._shares.give_back(self, yields=yields)
            raise
