"""
Ctrl-C and SIGTERM while a command works: they cancel it, so that it can say what was kept.

For what is before and after that, see `start`.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """
    Let the first signal cancel the running task, and a second one end it at once.

    Not by the event loop's own handlers: those wait while a read or a write blocks.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    is_stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_stopping
        if is_stopping or task is None:
            raise KeyboardInterrupt
        is_stopping = True
        loop.call_soon_threadsafe(task.cancel)

    # For good: a task that the second signal ends is reported when the loop is gone.
    loop.set_exception_handler(_report)
    before = {number: signal.signal(number, stop) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what nobody handles as asyncio does, but not that a signal ended a task."""
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)
