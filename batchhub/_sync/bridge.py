"""
From plain threads into an event loop and back: a hub's loop, in a thread of its own.

A caller waits in its own thread. While it waits it may be asked to do something
there: take the next items out of an iterator, tell of an item that is refused.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from itertools import islice
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

from batchhub.errors import UsageError

T = TypeVar("T")
P = ParamSpec("P")

Taken = tuple[list[T], Exception | None]
"""What was had, and the error that came after it."""

CHUNK: Final = 250
"""The most things that are handed from one thread to the other at once."""

EXIT_S: Final = 10.0
"""Seconds the end of the process waits for hubs that nobody closed."""

_lock: Final = threading.RLock()
_running: Final[set[Bridge]] = set()

if hasattr(os, "register_at_fork"):  # a child must not find it held by a thread it hasn't got
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


class Desk:
    """What the loop wants done in the thread of the caller, who serves it while waiting."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def serve(self, future: Future[Any]) -> None:
        """Do what is asked for until `future` is done; what a function raises comes out."""
        future.add_done_callback(lambda _: self._work.put(None))
        while (work := self._work.get()) is not None:
            work()

    def tell(self, function: Callable[[T], None]) -> Callable[[T], None]:
        """Make a function that the loop may call, of one that is then called in its turn."""
        return lambda value: self._work.put(lambda: function(value))

    async def ask(self, function: Callable[[], T]) -> T:
        """Have something done and wait for what it returns."""
        answer: Future[T] = Future()

        def work() -> None:
            if answer.set_running_or_notify_cancel():
                answer.set_result(function())

        self._work.put(work)
        return await asyncio.wrap_future(answer)

    async def feed(self, items: Iterable[T]) -> AsyncIterator[T]:
        """Iterate over what is taken out of `items` in the thread of the caller."""
        source = _iterate(items)
        while True:
            taken, error = await self.ask(lambda: take(source, CHUNK))
            for item in taken:
                yield item
            if error is not None:
                raise error
            if len(taken) < CHUNK:
                return


def _iterate(items: Iterable[T]) -> Iterator[T]:
    # A generator does nothing before it is asked: `iter` runs where the items are taken.
    yield from items


class Bridge:
    """
    An event loop in a thread, begun by the first call.

    Args:
        name: The thread's name.
        aclose: Run in the loop before it ends.
    """

    def __init__(self, name: str, aclose: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._aclose = aclose
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid: int | None = None
        self._is_closing = False
        self._stop = asyncio.Event()
        self._calls: set[asyncio.Task[Any]] = set()
        self._ended: Future[None] = Future()

    @property
    def is_usable(self) -> bool:
        """Whether there is a running loop that this thread may wait for."""
        is_running = self._pid == os.getpid() and not self._is_closing
        return is_running and threading.current_thread() is not self._thread

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Run an async function in the loop and wait for what it returns.

        An interrupt ends the waiting and cancels the function.

        Raises:
            UsageError: The hub is closed, was begun in another process, or this is its thread.
        """
        return self.serve(Desk(), lambda: function(*args, **kwargs))

    def serve(self, desk: Desk, function: Callable[[], Awaitable[T]]) -> T:
        """As `call`, and do meanwhile what is asked for at the desk."""
        if threading.current_thread() is self._thread and self._pid == os.getpid():
            raise UsageError("this is the hub's own thread; use the async BatchHub here")
        future = self._begin(function)
        try:
            desk.serve(future)
            values, error = future.result()
        except CancelledError:
            raise self._make_error() from None
        except BaseException:
            future.cancel()
            raise
        if error is None:
            return values[0]
        try:
            raise error
        finally:
            del error, future  # they would keep this frame, and the caller's, alive

    def begin(self, function: Callable[[], Awaitable[Any]]) -> None:
        """Run an async function in the loop, if that is still there; wait for nothing."""
        if self._pid == os.getpid() and not self._is_closing:
            self._begin(function)

    def close(self) -> None:
        """End the loop; calls that wait are cancelled. Again, or in a child, it does nothing."""
        if threading.current_thread() is self._thread and self._pid == os.getpid():
            raise UsageError("this is the hub's own thread; close the hub from another")
        self.let_go()
        if self._thread is not None and self._pid == os.getpid():
            self._ended.result()
            self._thread.join()

    def let_go(self) -> None:
        """As `close`, and wait for nothing."""
        if self._pid is not None and self._pid != os.getpid():
            return
        with _lock:
            if self._loop is not None and not self._is_closing:
                self._loop.call_soon_threadsafe(self._stop.set)
            self._is_closing = True

    def join(self, timeout_s: float) -> None:
        """Wait until the loop has ended, at most `timeout_s` seconds."""
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(timeout_s)

    def _begin(self, function: Callable[[], Awaitable[T]]) -> Future[Taken[T]]:
        if self._pid is not None and self._pid != os.getpid():
            raise UsageError(
                "this hub was used before the process forked; make a hub in each process"
            )
        with _lock:
            if self._is_closing:
                raise self._make_error()
            if self._loop is None:
                self._start()
            assert self._loop is not None  # noqa: S101  # for the type checker
            return asyncio.run_coroutine_threadsafe(self._track(function), self._loop)

    def _make_error(self) -> UsageError:
        return UsageError("the hub is closed; its jobs are in the store: open a new hub for them")

    def _start(self) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        # A daemon, since a process must be able to end while a vendor is slow to answer.
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()
        _running.add(self)

    def _run(self) -> None:
        loop = self._loop
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:  # type: ignore[arg-type,return-value]
                runner.run(self._stay())
        except BaseException as error:  # raised by `close`
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)
        finally:
            _running.discard(self)

    async def _stay(self) -> None:
        await self._stop.wait()
        if self._calls:
            for task in self._calls:
                task.cancel()
            await asyncio.wait(self._calls)
        await self._aclose()

    async def _track(self, function: Callable[[], Awaitable[T]]) -> Taken[T]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # for the type checker
        self._calls.add(task)
        try:
            return [await function()], None
        except Exception as error:  # as a value: futures make another `TimeoutError` of one
            return [], error
        finally:
            self._calls.discard(task)


def take(source: Iterator[T], most: int) -> Taken[T]:
    """Take at most so many things; an error comes back beside what was taken before it."""
    taken: list[T] = []
    try:
        for thing in islice(source, most):
            taken.append(thing)  # noqa: PERF402  # to keep what came before an error
    except Exception as error:  # raised again at its turn, as itself
        return taken, error
    return taken, None


async def pull(source: AsyncIterator[T], most: int) -> Taken[T]:
    """As `take`, from an async iterator."""
    taken: list[T] = []
    try:
        async for thing in source:
            taken.append(thing)
            if len(taken) == most:
                break
    except Exception as error:  # raised again at its turn, as itself
        return taken, error
    return taken, None


@atexit.register
def _close_all() -> None:
    """Close what nobody closed, so that the process ends without a wait or a complaint."""
    bridges = list(_running)
    end_s = time.monotonic() + EXIT_S
    for bridge in bridges:
        bridge.let_go()
    for bridge in bridges:
        bridge.join(max(0.0, end_s - time.monotonic()))
