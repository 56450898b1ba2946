"""Lanes that change while they are driven: other settings, or an account that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from batchhub.errors import StoreError

from .lane import Lane
from .lane_claims import LaneClaims
from .lane_hold import LaneHold
from .lane_table import LaneTable
from .owner_watch import OwnerWatch


class LaneChanges:
    """
    Puts lanes in the place of others, and ends those that nobody needs any more.

    Args:
        table: The lanes.
        claims: What this process has of them.
        owners: Says which other processes drive them.
        on_start: Drives the lane of a name, which nothing drives.
        on_change: Called when whoever waits for a job has to look anew.
    """

    def __init__(
        self,
        table: LaneTable,
        claims: LaneClaims,
        owners: OwnerWatch,
        *,
        on_start: Callable[[str], None],
        on_change: Callable[[], None],
    ) -> None:
        self._table = table
        self._claims = claims
        self._owners = owners
        self._on_start = on_start
        self._on_change = on_change

    def replace(self, old: Lane, new: Lane) -> None:
        """
        Have a lane take another's place: it is the same account, with other settings.

        What the old one has under way is answered first, and it hands on the right to drive. Where
        it waits, for another process or since its credentials were refused, the new one begins.
        """
        table, name = self._table, new.name
        if old not in table.all():  # it was never driven
            table.discard(old)
        if table.lanes.get(name) is None:
            return
        if name in table.held:
            if (waiting := table.successors.pop(name, None)) is not None:
                new.inherit(waiting)
                table.discard(waiting)
            table.successors[name] = new
            table.lanes[name].close(None)
            return
        self.succeed(table.lanes[name], new)
        task = table.tasks.get(name)
        if task is not None and not task.done():
            task.cancel()
            self._on_start(name)

    def retire(self, lane: Lane) -> None:
        """
        Drive a lane whose account is gone to the end of what the vendor has; then forget it.

        Where another process drives it until it is stopped, that one goes on with all of it.

        One that is not driven at this moment, such as one that waits, is forgotten at once.
        """
        table, name = self._table, lane.name
        if name in table.held and lane in {table.lanes[name], table.successors.get(name)}:
            lane.wind_up()
            self.offer(name)
            return
        if table.lanes.get(name) is lane:
            if (task := table.tasks.get(name)) is not None:
                task.cancel()
                table.keep(task)
            self._drop(name)
        table.discard(lane)

    def offer(self, name: str) -> None:
        """Let a lane go whose account is gone here, if another process drives it for good."""
        self._table.keep(asyncio.create_task(self._offer_now(name), name="batchhub-offer"))

    async def _offer_now(self, name: str) -> None:
        try:
            other = await self._owners.find_attendant(name)
        except StoreError:
            return  # then it is followed here
        table = self._table
        lane = table.find_held(name)
        if other is None or lane is None or not lane.is_winding_up:
            return
        if name not in table.successors:
            lane.close(None)  # else what is new would wait for all that the vendor has

    def succeed(self, old: Lane, new: Lane, hold: LaneHold | None = None) -> Lane:
        """Put a lane in another's place; with a hold it goes on at once."""
        if hold is not None:
            new.adapter.transport.restore(old.adapter.transport.spent())
            hold.hand_on = partial(self._claims.hand_on, new)
        new.inherit(old)
        self._table.put(new)
        self._table.troubles.pop(new.name, None)
        self._table.discard(old)
        self._on_change()
        return new

    def forget(self, lane: Lane) -> None:
        """Forget a lane whose account is gone, once it has come to its end."""
        self._drop(lane.name)
        self._table.discard(lane)

    def _drop(self, name: str) -> None:
        self._table.drop(name)
        self._claims.forget(name)
