"""A machine of a simulated world: its clocks, its disk, and the life its program has now."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from attrs import define, field

if TYPE_CHECKING:
    from .loop import WorldLoop

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""What every wall clock shows at first."""


_LEAST_S: Final = 1e-6
"""Less is lost in the sums of floats, and whoever waited for it would wait again at once."""


@define(eq=False)
class Machine:
    """
    A machine, or a program's part of one.

    Attributes:
        name: Its name.
        loop: The world's loop.
        system: The machine whose boot and wall clock it has; `None` for its own.
        wall_off_s: By how many seconds its wall clock is wrong.
        slept_s: How long it slept: seconds that its monotonic clock leaves out.
        boots: How often it was started anew.
        booted_s: When it was started last, in virtual seconds.
        life: The host of the program's present life; empty while there is none.
        lives: How many there were.
        deaf_until_s: Until when nothing can be written to its disk.
        commits: How many commits were begun on it.
        failing: The numbers of the commits that fail.
        lying: The numbers of the commits that are made, and said to have failed.
        read_failures: How many of the next reads fail.
        snares: At which failpoint the program dies, and how often that is still passed before.
        workers: The connections of the present life.
        is_done: Whether its program has nothing left to do.
        lasts: Whether it goes on all the same, as one does that others wait for.
        is_simulated: That its time is none of the world outside.
    """

    name: str
    loop: WorldLoop
    chance: random.Random
    system: Machine | None = None
    wall_off_s: float = 0.0
    slept_s: float = 0.0
    boots: int = 1
    booted_s: float = 0.0
    life: str = ""
    lives: int = 0
    deaf_until_s: float = 0.0
    commits: int = 0
    failing: set[int] = field(factory=set)
    lying: set[int] = field(factory=set)
    read_failures: int = 0
    snares: list[dict[str, Any]] = field(factory=list)
    workers: list[Any] = field(factory=list)
    is_done: bool = False
    lasts: bool = False
    is_simulated: ClassVar[bool] = True

    # As a clock of the program's.

    def now(self) -> datetime:
        """Return its wall-clock time."""
        return BEGIN + timedelta(seconds=self.loop.time() + (self.system or self).wall_off_s)

    def monotonic(self) -> float:
        """Return seconds that never go back, without those it slept."""
        return self.loop.time() - self.slept_s

    async def sleep(self, delay_s: float) -> None:
        """Sleep in virtual time, which stands still unless it is told to go on: never for less."""
        await asyncio.sleep(max(_LEAST_S, delay_s) if delay_s > 0 else 0.0)

    def call_later(self, delay_s: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Make a call in virtual time."""
        return self.loop.call_later(max(_LEAST_S, delay_s), call)

    # As a system.

    @property
    def boot_id(self) -> str:
        """What names the time since it was started last."""
        system = self.system or self
        return f"{system.name}-boot-{system.boots}"

    def boot_s(self) -> float:
        """Return the seconds since it was started last, those it slept included."""
        return self.loop.time() - (self.system or self).booted_s

    def reboot(self) -> None:
        """Start the machine anew: another boot, counted from now."""
        self.boots += 1
        self.booted_s = self.loop.time()


class VendorClock:
    """A vendor's clock, which is right."""

    def __init__(self, loop: WorldLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        """Return the wall-clock time."""
        return BEGIN + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Return virtual seconds."""
        return self._loop.time()

    @property
    def boot_id(self) -> str:
        """What names its only start."""
        return "vendor-boot-1"

    def boot_s(self) -> float:
        """Return virtual seconds."""
        return self._loop.time()

    async def sleep(self, delay_s: float) -> None:
        """Sleep in virtual time."""
        await asyncio.sleep(max(0.0, delay_s))

    def call_later(self, delay_s: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Make a call in virtual time."""
        return self._loop.call_later(max(0.0, delay_s), call)
