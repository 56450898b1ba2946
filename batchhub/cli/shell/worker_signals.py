"""
The signals of a process that runs until it is stopped: SIGTERM and Ctrl-C, and SIGHUP.

The first of SIGTERM and Ctrl-C stops it in its own time, a second one ends it at once. SIGHUP has
it read its settings again; but one that comes because its terminal is gone stops it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from batchhub.cli.screen.console import say

from .exits import ExitCode

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
_HANGUP: Final[signal.Signals | None] = getattr(signal, "SIGHUP", None)
_STDERR: Final = 2


class Stopper:
    """
    Ends the process if it does not come to its end in time, as when an adapter holds up the loop.

    A thread of its own watches: the event loop may be what hangs.

    Args:
        most_s: Seconds from the first signal to the end.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        """Begin to count."""
        self._timer = threading.Timer(self._most_s, self._give_up)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()

    def _give_up(self) -> None:
        say(f"did not end within {self._most_s:.0f} s; unfinished jobs are kept")
        sys.stderr.flush()
        os._exit(ExitCode.UNFINISHED)


class Hangups:
    """
    SIGHUP before the worker is there: one that comes meanwhile is not lost, and ends nothing.

    Attributes:
        came: Whether there was one.
    """

    def __init__(self) -> None:
        self.came = False

    def note(self, _number: int, _frame: FrameType | None) -> None:
        """Take note of one."""
        self.came = True


@contextmanager
def noted_hangups() -> Iterator[Hangups]:
    """Take note of SIGHUP, until `heard_signals` hears it."""
    hangups = Hangups()
    if _HANGUP is None or threading.current_thread() is not threading.main_thread():
        yield hangups
        return
    before = signal.signal(_HANGUP, hangups.note)
    try:
        yield hangups
    finally:
        signal.signal(_HANGUP, before)


@contextmanager
def heard_signals(
    stop: Callable[[], None], reload: Callable[[], None], *, most_s: float
) -> Iterator[None]:
    """
    Take signals for as long as it is entered, in the running event loop.

    Args:
        stop: Called in the loop when the process is to end.
        reload: Called in the loop when the settings are to be read again.
        most_s: Seconds from then to its end, at most.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, stopper, has_terminal = asyncio.get_running_loop(), Stopper(most_s), os.isatty(_STDERR)
    is_stopping = False

    def on_stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_stopping
        if is_stopping:
            raise KeyboardInterrupt
        is_stopping = True
        stopper.start()
        loop.call_soon_threadsafe(stop)

    def on_hangup(number: int, frame: FrameType | None) -> None:
        # The system sends the same signal when a terminal is closed: then nobody reads what it
        # says any more, nor ends it with Ctrl-C.
        if has_terminal and not os.isatty(_STDERR):
            if not is_stopping:
                on_stop(number, frame)
        else:
            loop.call_soon_threadsafe(reload)

    # Not by the event loop's own handlers: those wait while something blocks.
    before = {number: signal.signal(number, on_stop) for number in _STOPPING}
    if _HANGUP is not None:
        before[_HANGUP] = signal.signal(_HANGUP, on_hangup)
    try:
        yield
    finally:
        stopper.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
