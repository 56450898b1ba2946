"""A sync hub over a scripted vendor, in a time that passes by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from batchhub import sync
from batchhub._base.clock import Timer
from batchhub.testing import FakeClock
from support.vendor import ScriptedAccount, Vendor


class LoopClock(FakeClock):
    """A clock that runs by itself in whichever loop sleeps on it first."""

    def __init__(self) -> None:
        super().__init__()
        self._ticker: asyncio.Task[None] | None = None

    async def sleep(self, delay_s: float) -> None:
        """Wait in the fake time."""
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._run())
        await super().sleep(delay_s)

    def call_later(self, delay_s: float, call: Callable[[], object]) -> Timer:
        """Make a call in the fake time."""
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._run())
        return super().call_later(delay_s, call)


def make_hub(store: Path, vendor: Vendor | None = None) -> sync.BatchHub:
    """Make a hub with the account ``shop`` at a scripted vendor, not begun."""
    account = ScriptedAccount(vendor=vendor or Vendor())
    return sync.BatchHub(store, {"shop": account}, clock=LoopClock(), seed=1)
