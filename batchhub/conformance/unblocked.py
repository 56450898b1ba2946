"""Runs a rule, and ends it where an adapter keeps it from coming to its end."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TypeVar

from batchhub._base.lost_time import LostTime

from .run import BrokenError

T = TypeVar("T")

BLOCKED_S: Final = 30.0
"""Seconds, while the process runs, without a turn of the event loop, after which it is blocked."""

LONGEST_S: Final = 1_200.0
"""Seconds, while the process runs, that a rule takes at most, all operations together."""

_BEATS: Final = 10
_LOOK_S: Final = 0.1
_AT_ONCE_S: Final = 0.001

_lost: Final = LostTime(_LOOK_S)


def run_time() -> float:
    """Return the machine's time in seconds, without what was lost while `run_unblocked` ran."""
    return time.monotonic() - _lost.read_s()


def run_unblocked(
    main: Coroutine[Any, Any, T], *, blocked_s: float = BLOCKED_S, longest_s: float = LONGEST_S
) -> T:
    """
    Run a coroutine as `asyncio.run` does.

    Code that blocks the event loop gets a `BrokenError` raised where it is, again and again; so
    does whatever runs when the time is over, a task that swallows its cancellation for instance.
    Time in which the process was stopped, or had no turn on a busy machine, does not count.

    That needs a signal: it is done in the main thread of a system that has `SIGALRM`, which
    pytest-timeout may use as well.
    """
    beat_s = blocked_s / _BEATS
    began_at = turned_at = run_time()

    async def turn() -> None:
        nonlocal turned_at
        while True:
            turned_at = run_time()
            await asyncio.sleep(beat_s)

    async def run() -> T:
        turning = asyncio.create_task(turn())
        try:
            return await main
        finally:
            turning.cancel()

    def look(frame: FrameType | None) -> None:
        now = run_time()
        if now - turned_at > blocked_s:
            raise BrokenError(f"the event loop was blocked for {blocked_s:g} s, {_name(frame)}")
        if now - began_at > longest_s:
            raise BrokenError(f"no end after {longest_s:g} s")

    with _looking(), _alarm(look, beat_s):
        return asyncio.run(run())


@contextmanager
def _looking() -> Iterator[None]:
    """Have a thread look what time is lost."""
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(_LOOK_S):
            _lost.look()

    # Of those that only look (`batchhub.testing`): a clock that tests control does not wait for it.
    thread = threading.Thread(target=look, name="batchhub-pulse", daemon=True)
    _lost.begin()
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        _lost.rest()


@contextmanager
def _alarm(look: Callable[[FrameType | None], None], every_s: float) -> Iterator[None]:
    """Have a function called every few seconds, and whoever else has set the alarm when it is."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return
    began_at = time.monotonic()
    left_s, again_s = signal.getitimer(signal.ITIMER_REAL)

    def ring(signum: int, frame: FrameType | None) -> None:
        if left_s and time.monotonic() - began_at > left_s and callable(before):
            before(signum, frame)
        look(frame)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, every_s, every_s)
    try:
        yield
    finally:
        rest_s = max(left_s - (time.monotonic() - began_at), _AT_ONCE_S) if left_s else 0.0
        signal.setitimer(signal.ITIMER_REAL, rest_s, again_s)
        signal.signal(signal.SIGALRM, before)


def _name(frame: FrameType | None) -> str:
    if frame is None:
        return "nobody knows where"
    return f"in {frame.f_code.co_name}, line {frame.f_lineno} of {frame.f_code.co_filename}"
