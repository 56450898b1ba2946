"""
The calls of adapters' verbs that are under way: which take too long, which stop everybody.

A verb has a time limit, in which waits for the account's budget don't count; past it the call is
cancelled, and past some seconds more it is left to itself. A verb that computes, or waits without
``await``, stops every account: a thread notices that, and the log names it while it lasts.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Final

from batchhub._base import waits
from batchhub._base.log import get_logger
from batchhub._base.lost_time import LostTime
from batchhub._http.journal import settle

DEADLINES_S: Final = {"submit": 900.0, "fetch_results": 900.0}
"""Seconds a verb may take, where an adapter says nothing else (`Capabilities.verb_s`) …"""

DEADLINE_S: Final = 300.0
"""… and those of the other verbs."""

CLOSE_S: Final = 5.0
"""Seconds that a verb has to end once it is cancelled."""

END_S: Final = 2.0
"""Seconds that `aclose` may take, and that each has to end once everything does: a command is to
be at its end ten seconds after Ctrl-C, whatever an adapter does."""

BLOCKED_S: Final = 1.0
"""Seconds without a turn of the event loop after which a verb is named."""

_LOOK_S: Final = 1.0

METHOD: Final = "_read"
"""The method of `GuardedAdapter` that calls what has no I/O; its argument `verb` says what."""

_log = get_logger()


class VerbCall:
    """
    A call of a verb that is under way.

    Attributes:
        name: Adapter, version and verb, as they are shown.
        deadline_s: Seconds it may take.
        is_late: Whether it has taken longer, and was cancelled for it.
        is_left: Whether it did not end then, and is left to itself.
        blocked_s: Seconds for which it has stopped everybody.
        task: The task it is in.
    """

    __slots__ = (
        "_began_s",
        "_cancelled",
        "_late_s",
        "_waits",
        "blocked_s",
        "deadline_s",
        "is_late",
        "is_left",
        "name",
        "task",
    )

    def __init__(
        self,
        name: str,
        deadline_s: float,
        task: asyncio.Task[Any],
        *,
        yields: bool = False,
        verb: str = "",
    ) -> None:
        self.name = name
        self.deadline_s = deadline_s
        self.task = task
        self.is_late = self.is_left = False
        self.blocked_s = 0.0
        self._cancelled = task.cancelling()  # by others, before
        self._waits = waits.Waits(yields=yields, verb=verb)
        self._began_s = time.monotonic()
        self._late_s = 0.0

    @property
    def oddities(self) -> Iterable[str] | None:
        """What was odd about the answers it got; `None` for nothing."""
        return self._waits.oddities

    def look(self, now_s: float) -> bool:
        """Cancel it if it takes too long; return whether it is to be left, for it does not end."""
        if self.is_left:
            return False
        if self.is_late:
            self.is_left = now_s - self._late_s > CLOSE_S
            return self.is_left
        if now_s - self._began_s - self._waits.total_s > self.deadline_s:
            self.is_late, self._late_s = True, now_s
            self.task.cancel()
        return False

    def end(self) -> bool:
        """End it; return whether somebody still waits for what it brings."""
        if self.is_late:
            self.task.uncancel()
        return not self.is_left and self.task.cancelling() <= self._cancelled


class VerbCalls:
    """
    The calls of verbs that are under way in one event loop.

    Attributes:
        on_left: Called with a call that does not end although it was cancelled.
    """

    def __init__(self) -> None:
        self.on_left: Callable[[VerbCall], None] | None = None
        self._calls: dict[asyncio.Task[Any], VerbCall] = {}
        self._watchers = 0
        self._watching = _Watching(self)
        self._timer: asyncio.TimerHandle | None = None
        self._pulse: _Pulse | None = None

    def calling(
        self, name: str, deadline_s: float, *, yields: bool = False, verb: str = ""
    ) -> _Calling:
        """
        Have a call of a verb watched inside a `with` block; it gives the call.

        Args:
            name: Adapter, version and verb, as they are shown.
            deadline_s: Seconds it may take.
            yields: Whether its requests let others of the account go before them.
            verb: The verb alone.
        """
        return _Calling(self, name, deadline_s, yields=yields, verb=verb)

    def begin(self, call: VerbCall) -> VerbCall | None:
        """Watch a call; return the one of its task that it is made in."""
        outer = self._calls.get(call.task)
        self._calls[call.task] = call
        if self._timer is None:
            self._begin()
        return outer

    def end(self, call: VerbCall, outer: VerbCall | None) -> None:
        """Watch a call no more, but the one it was made in."""
        if outer is None:
            del self._calls[call.task]
        else:
            self._calls[call.task] = outer

    def watching(self) -> AbstractContextManager[None]:
        """Have what has no I/O, called inside the block, be named if it stops everybody."""
        return self._watching

    def watch(self, change: int) -> None:
        """Take note that one more or, with -1, one less of such blocks is entered."""
        self._watchers += change
        if change > 0 and self._timer is None:
            self._begin()

    def find(self, task: asyncio.Task[Any]) -> VerbCall | None:
        """Return the call a task is in; `None` if it is in none."""
        return self._calls.get(task)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pulse is not None:
            self._pulse.stop()
            self._pulse = None

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LOOK_S, self._look)
        if self._pulse is None:
            self._pulse = _Pulse(loop, self)
        self._pulse.beat()

    def _look(self) -> None:
        now_s = time.monotonic()
        for call in list(self._calls.values()):
            if call.look(now_s) and self.on_left is not None:
                self.on_left(call)
        self._timer = None
        if self._calls or self._watchers:
            self._begin()
        elif self._pulse is not None:
            self._pulse.rest()


class _Watching:
    """Has methods without I/O watched while it is entered, any number of times at once."""

    __slots__ = ("_calls",)

    def __init__(self, calls: VerbCalls) -> None:
        self._calls = calls

    def __enter__(self) -> None:
        self._calls.watch(1)

    def __exit__(self, *_: object) -> None:
        self._calls.watch(-1)


class _Calling:
    """Has a call watched while it is entered; a generator would take twice as long."""

    __slots__ = ("_call", "_calls", "_outer", "_token")

    def __init__(
        self, calls: VerbCalls, name: str, deadline_s: float, *, yields: bool, verb: str
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # verbs are awaited
        self._calls = calls
        self._call = VerbCall(name, deadline_s, task, yields=yields, verb=verb)

    def __enter__(self) -> VerbCall:
        call = self._call
        self._token = waits.current.set(call._waits)  # noqa: SLF001  # its own
        self._outer = self._calls.begin(call)
        return call

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if (met := self._call._waits).answer is not None:  # noqa: SLF001  # its own
            settle(met, error)
        waits.current.reset(self._token)
        self._calls.end(self._call, self._outer)


class _Pulse:
    """
    A thread that notices when the event loop stands still, and names the verb that is in its way.

    It looks only while a call, or work that may make one, is under way. Time in which this process
    did not run, as it was stopped or the machine was busy, is nobody's doing.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, calls: VerbCalls) -> None:
        self._loop = loop
        self._thread_id = threading.get_ident()
        self._calls = calls
        self._beaten_s = self._lost_before_s = 0.0
        self._lost = LostTime(_LOOK_S / 4)
        self._is_needed = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="batchhub-pulse", daemon=True)
        self._thread.start()

    def beat(self) -> None:
        """Take note that the loop has its turn; called once a second while calls are under way."""
        self._beaten_s, self._lost_before_s = time.monotonic(), self._lost.lost_s
        self._is_needed.set()

    def rest(self) -> None:
        """Look no more until the next beat."""
        self._is_needed.clear()

    def stop(self) -> None:
        """End the thread."""
        self._is_over.set()
        self._is_needed.set()
        self._thread.join()

    def _run(self) -> None:
        named: str | None = None
        task: asyncio.Task[Any] | None = None
        self._lost.begin()
        while True:
            if not self._is_needed.is_set():
                task = None
                self._is_needed.wait()
                self._lost.begin()
            if self._is_over.wait(_LOOK_S / 4):
                return
            if self._loop.is_closed():
                return  # its hub was never closed; what this thread does now is another's business
            before, task = task, asyncio.current_task(self._loop)
            self._lost.look()
            lost_s = self._lost.lost_s - self._lost_before_s
            still_s = time.monotonic() - self._beaten_s - lost_s - _LOOK_S
            # A loop that nobody runs, between two calls of `run_until_complete`, is in no way.
            if still_s < BLOCKED_S / 2 or not self._loop.is_running():
                named = None
                continue
            call = None if task is None else self._calls.find(task)
            if call is not None:
                if task is not before:
                    continue  # thousands of lanes have their turns, and none of them is in the way
                call.blocked_s = max(call.blocked_s, still_s)
            name = _name_method(self._thread_id, still_s) if call is None else call.name
            if name is not None and name != named:
                named = name
                _log.error("adapter.blocks", call=name)


def _name_method(thread_id: int, still_s: float) -> str | None:
    """
    Return the method without I/O that a thread is in, as it is shown; `None` for none.

    Args:
        thread_id: The thread.
        still_s: Seconds for which it has been in it; its adapter takes note of them.
    """
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001  # documented, for debuggers
    while frame is not None:
        if frame.f_code.co_name == METHOD and "verb" in frame.f_locals:
            named: str = frame.f_locals["self"].note_blocked(frame.f_locals["verb"], still_s)
            return named
        frame = frame.f_back
    return None
