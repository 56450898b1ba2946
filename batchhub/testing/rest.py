"""When nothing else is going on: seen where it can be, waited for where it can't."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from attrs import frozen

from batchhub._base import under_way

_QUIET_S: Final = 0.002
_QUIET_ROUNDS: Final = 2
_QUIET_TURNS: Final = 20
_IDLE_ROUNDS: Final = 2
"""In the second one a loop has looked at what came from a thread as well."""
_PAUSE_S: Final = 0.001
_PATIENT_ROUNDS: Final = 500
_SOON_S: Final = 0.05
_TRIES: Final = 50
_HARMLESS: Final = ("batchhub-store", "batchhub-pulse", "batchhub-examples", "batchhub-exchanges")
"""Threads whose work is counted, that only look, that wait for this loop, or that nobody awaits."""

_looking: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, int]] = WeakKeyDictionary()
"""How many of a loop's clocks have it go round, to look; they are nothing to wait for."""


async def wait_for_rest(get_activity: Callable[[], int]) -> None:
    """
    Wait until nothing but time can bring anything.

    A loop that only talks to itself shows at once whether anything is left to do: a test's clock
    moves thousands of times, and on a busy machine no wait is long enough. Real timers that end
    in a moment come first, but not those that are set meanwhile: a test may look again and again
    for what only the clock brings. Else a network or another thread may be at work, and some quiet
    milliseconds have to do.

    Args:
        get_activity: Returns how often anybody has looked at the clock.
    """
    loop = asyncio.get_running_loop()
    parts = _find_parts(loop)
    end_s: float | None = None
    while parts is not None and _shows_all(parts):
        await _see_rest(loop, parts)
        if end_s is None:
            end_s = _end_of_timers(parts, loop.time() + _SOON_S)
        left_s = end_s - loop.time()
        if left_s <= 0:
            return
        await asyncio.sleep(left_s)
    await _wait_for_quiet(get_activity)


@frozen
class _Parts:
    """What an event loop of asyncio is made of."""

    ready: Any
    scheduled: Any
    selector: Any
    waker: Any
    """The socket by which other threads wake it."""


def _find_parts(loop: asyncio.AbstractEventLoop) -> _Parts | None:
    """Return the parts of a loop; `None` if it is another kind, such as uvloop's or Windows'."""
    found = [getattr(loop, name, None) for name in ("_ready", "_scheduled", "_selector", "_ssock")]
    if None in found:
        return None
    parts = _Parts(*found)
    return parts if hasattr(parts.selector, "get_map") else None


def _end_of_timers(parts: _Parts, soon_s: float) -> float:
    """Return when the last of the timers ends that end before a time; 0 if none does."""
    ends = (timer.when() for timer in parts.scheduled if not timer.cancelled())
    return max((end_s for end_s in ends if end_s < soon_s), default=0.0)


def _shows_all(parts: _Parts) -> bool:
    """Whether nothing but the loop's own callbacks and threads it knows of can be at work."""
    threads = {t for t in threading.enumerate() if not t.name.startswith(_HARMLESS)}
    pool = _find_pool()
    if pool is not None:
        threads -= pool.threads
    return threads == {threading.main_thread()} and _talks_to_itself(parts)


@frozen
class _Pool:
    """The threads that `asyncio.to_thread` works in, which stay when there is nothing to do."""

    threads: AbstractSet[threading.Thread]
    idle: Any
    """The semaphore that counts those without work."""
    waiting: Any
    """The queue of what none of them has begun."""

    @property
    def is_busy(self) -> bool:
        """Whether one of them is at work, or about to hand over what it made."""
        return bool(self.waiting.qsize() or self.idle._value < len(self.threads))  # noqa: SLF001


def _find_pool() -> _Pool | None:
    """Return the threads of the running loop; `None` if it has none, or does not show them."""
    pool = getattr(asyncio.get_running_loop(), "_default_executor", None)
    names = ("_threads", "_idle_semaphore", "_work_queue")
    threads, idle, waiting = (getattr(pool, name, None) for name in names)
    if threads is None or idle is None or waiting is None:
        return None
    return _Pool(threads, idle, waiting)


def _talks_to_itself(parts: _Parts) -> bool:
    """Whether both ends of all its connections are in it, such as those to a stand-in."""
    sockets = [fd for fd in parts.selector.get_map() if fd != parts.waker.fileno()]
    if not sockets:
        return True
    ends = [_find_ends(fd) for fd in sockets]
    here = {name for name, _ in ends}
    return all(peer is None or peer in here for _, peer in ends) and _is_immediate()


def _find_ends(fd: int) -> tuple[Any, Any]:
    """Return the addresses of a socket and of its peer; `None` for that of one that listens."""
    end = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=fd)
    name: Any = None
    peer: Any = fd  # which is nobody's address: of what is no socket there is no telling
    with suppress(OSError):
        name, peer = end.getsockname(), None
        peer = end.getpeername()
    end.detach()
    return name, peer


@cache
def _is_immediate() -> bool:
    """Whether what is sent on loopback is there at once, as on Linux, or some time later."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
        with one, other:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(_TRIES):
                one.send(b"?")
                if not select.select([other], [], [], 0)[0]:
                    return False
                other.recv(1)
    return True


async def _see_rest(loop: asyncio.AbstractEventLoop, parts: _Parts) -> None:
    """Wait until a loop has nothing to do, and no thread has anything for it."""
    idle = pauses = 0
    while idle < _IDLE_ROUNDS:
        _looking[loop] = _looking.get(loop, 0) + 1
        try:
            await asyncio.sleep(0)
        finally:
            _looking[loop] -= 1
        if len(parts.ready) > _looking[loop]:
            idle = 0
        elif _are_threads_busy() and pauses < _PATIENT_ROUNDS:
            # One is at work, or waits for what only time can bring.
            idle, pauses = 0, pauses + 1
            await asyncio.sleep(_PAUSE_S)
        else:
            idle += 1


def _are_threads_busy() -> bool:
    """Whether the store's threads, or those of `asyncio.to_thread`, have something to do."""
    pool = _find_pool()
    return under_way.count > 0 or (pool is not None and pool.is_busy)


async def _wait_for_quiet(get_activity: Callable[[], int]) -> None:
    """Wait until nobody has looked at a clock for some real milliseconds and turns of the loop."""
    quiet = pauses = 0
    while quiet < _QUIET_ROUNDS:
        before = get_activity()
        await asyncio.sleep(_QUIET_S)
        for _ in range(_QUIET_TURNS):  # a machine may be busy for longer than the milliseconds
            await asyncio.sleep(0)
        quiet = quiet + 1 if get_activity() == before else 0
        pauses = pauses + 1 if _are_threads_busy() else 0
        if 0 < pauses < _PATIENT_ROUNDS:
            quiet = 0
