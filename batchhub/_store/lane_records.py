"""What is kept of a lane: who drives it, the hold of it, and what it has sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import frozen


@frozen(kw_only=True)
class LaneOwner:
    """
    A process that drives a lane.

    Attributes:
        token: Its open hub.
        pid: Its process.
        host: The machine it is on.
    """

    token: str
    pid: int
    host: str


@frozen(kw_only=True)
class LaneRow:
    """
    A lane as the store keeps it.

    Attributes:
        epoch: How often it was taken.
        owner: Who drives it; `None` if nobody does.
        seen_at: When its last owner gave a sign of life; `None` if it never had one.
        latest_at: The newest time an owner has written here, whatever was done to the clock since.
        sent: What was sent lately, as JSON values.
        cooled: Until when it is silent, as JSON values.
        has_pushes: Whether its vendor has called, and no driver has looked at that.
        has_wishes: Whether other processes wait for what they asked of its driver.
    """

    epoch: int = 0
    owner: LaneOwner | None = None
    seen_at: datetime | None = None
    latest_at: datetime | None = None
    sent: Any = None
    cooled: Any = None
    has_pushes: bool = False
    has_wishes: bool = False


@frozen(kw_only=True)
class Hold:
    """
    The right to drive a lane, as the store has it: gone once another process has raised the epoch.

    Attributes:
        lane: The lane.
        token: The owner's open hub.
        epoch: The number of this hold; every other one of the lane has another.
    """

    lane: str
    token: str
    epoch: int

    def bound(self) -> dict[str, Any]:
        """Return the values of `is_held`."""
        return {"held_lane": self.lane, "held_by": self.token, "held_epoch": self.epoch}


@frozen(kw_only=True)
class Traffic:
    """
    What the next owner of a lane has to know of this one's requests, as JSON values.

    Attributes:
        sent: What was sent lately.
        cooled: Until when the lane is silent.
    """

    sent: Any
    cooled: Any
