"""
Ctrl-C and SIGTERM, from the first import to the last line: one line, and no traceback.

While the command still loads what it needs nothing has been sent, and the process can end at
once; later a signal cancels the command's work, so that it can say what was kept.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    import asyncio

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


def enter_start() -> None:
    """From now on, and until `leave_start`, Ctrl-C ends the process with one line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def leave_start() -> None:
    """Give Ctrl-C back to Python: from now on something may have been sent."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """
    Let the first signal cancel the running task, and a second one end it at once.

    Not by the event loop's own handlers: those wait while a read or a write blocks.
    """
    import asyncio  # noqa: PLC0415  # slow to import, and `--help` needs `enter_start` only

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


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    # No KeyboardInterrupt: Typer would print "Aborted!" for it.
    sys.stderr.write("interrupted; nothing was sent\n")
    raise SystemExit(130)
