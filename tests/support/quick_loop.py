"""An event loop that waits for nothing, where a program measures time by its loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class QuickLoop(asyncio.SelectorEventLoop):
    """Whenever it has nothing to do, its time is that of its next timer: no machine is too busy."""

    _ready: Any
    _scheduled: Any

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0

    def time(self) -> float:
        """Return the seconds that have passed."""
        return self._now_s

    def _run_once(self) -> None:
        if not self._ready:
            ends = (timer.when() for timer in self._scheduled if not timer.cancelled())
            self._now_s = max(self._now_s, min(ends, default=0.0))
        super()._run_once()  # type: ignore[misc]  # of asyncio's base


def run_quickly(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for its loop's timers only."""
    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        return runner.run(work)
