"""
From plain threads into an event loop and back: a hub's loop, in a thread of its own.

A caller waits in its own thread. Meanwhile it may be asked to do something there: take the next
items out of an iterator, or call a listener.

Why not anyio's blocking portal: it cancels again at every await (so an interrupted call could not
roll back), can't start anything from the loop's own thread (where the garbage collector may run),
and cancels calls only together with what closes the hub. Around it, forks, the end of the process
and calls of a closed hub would still be ours to handle.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor  # noqa: F401  # see the end
from itertools import islice
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

from batchhub._base.loops import make_loop
from batchhub.errors import UsageError

T = TypeVar("T")
P = ParamSpec("P")

Chunk = tuple[list[T], Exception | None]
"""Some values, and the error that came after them."""

CHUNK: Final = 250
"""How many values are passed between the threads at once, at most."""

EXIT_S: Final = 10.0
"""Seconds for which the end of the process waits for hubs that were left open."""

_lock: Final = threading.RLock()
_running: Final[set[Bridge]] = set()

if hasattr(os, "register_at_fork"):  # else a thread that the child does not have may hold it
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


class CallerQueue:
    """What the loop wants done in the thread of the caller, which does it while it waits."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def run_until(self, future: Future[Any]) -> None:
        """Do what is asked for until `future` is done. What a function raises is raised here."""
        future.add_done_callback(lambda _: self._work.put(None))
        while (work := self._work.get()) is not None:
            work()

    def listener(self, function: Callable[[T], None]) -> Callable[[T], None]:
        """Return a function for the loop to call, which has `function` called by the caller."""
        return lambda value: self._work.put(lambda: function(value))

    async def call(self, function: Callable[[], T]) -> T:
        """Have a function called by the caller, and return what it returns."""
        answer: Future[T] = Future()

        def work() -> None:
            if answer.set_running_or_notify_cancel():
                answer.set_result(function())

        self._work.put(work)
        return await asyncio.wrap_future(answer)

    async def iterate(self, items: Iterable[T]) -> AsyncIterator[T]:
        """Iterate over `items`, which are taken in the thread of the caller."""
        source = _iterate(items)
        while True:
            chunk, error = await self.call(lambda: read_chunk(source, CHUNK))
            for item in chunk:
                yield item
            if error is not None:
                raise error
            if len(chunk) < CHUNK:
                return


def _iterate(items: Iterable[T]) -> Iterator[T]:
    # A generator does nothing before its first value is asked for: so `iter` also runs there.
    yield from items


class Bridge:
    """
    An event loop in a thread, started by the first call.

    Args:
        name: The thread's name.
        aclose: Run in the loop before it ends, when no call is left.
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
        """Whether the loop is running, and this thread may wait for it."""
        is_running = self._pid == os.getpid() and not self._is_closing
        return is_running and threading.current_thread() is not self._thread

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Run an async function in the loop and wait for what it returns.

        An interrupt ends the wait and cancels the function.

        Raises:
            UsageError: The hub is closed, was used in another process, or this is its own thread.
        """
        return self.call_with(CallerQueue(), lambda: function(*args, **kwargs))

    def call_with(self, queue: CallerQueue, function: Callable[[], Awaitable[T]]) -> T:
        """As `call`; meanwhile this thread does what is put into `queue`."""
        if threading.current_thread() is self._thread and self._pid == os.getpid():
            raise UsageError("this is the hub's own thread; use the async BatchHub here")
        future = self._start_task(function)
        try:
            queue.run_until(future)
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
            del error, future  # a cycle that would keep this frame, and the caller's, alive

    def start_soon(self, function: Callable[[], Awaitable[Any]]) -> None:
        """Run an async function in the loop, from any thread, if the loop is still running."""
        if self._pid == os.getpid() and not self._is_closing:
            self._start_task(function)

    def close(self) -> None:
        """End the loop and cancel calls that wait. Again, or in a child, it does nothing."""
        if threading.current_thread() is self._thread and self._pid == os.getpid():
            raise UsageError("this is the hub's own thread; close the hub from another")
        self.close_soon()
        if self._thread is not None and self._pid == os.getpid():
            self._ended.result()
            self._thread.join()

    def close_soon(self) -> None:
        """As `close`, but don't wait; from any thread."""
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

    def _start_task(self, function: Callable[[], Awaitable[T]]) -> Future[Chunk[T]]:
        if self._pid is not None and self._pid != os.getpid():
            raise UsageError(
                "this hub was used before the process forked; make a hub in each process"
            )
        self._start_loop()
        with _lock:
            if self._is_closing:
                raise self._make_error()
            assert self._loop is not None  # noqa: S101  # for the type checker
            return asyncio.run_coroutine_threadsafe(self._track(function), self._loop)

    def _make_error(self) -> UsageError:
        return UsageError("the hub is closed; its jobs are in the store: open a new hub for them")

    def _start_loop(self) -> None:
        with _lock:
            if self._is_closing or self._loop is not None:
                return
            self._pid = os.getpid()
            self._loop = make_loop()
            # A daemon, so that the process can end while a vendor is slow to answer.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        # Not under the lock: this waits for the thread, in which the garbage collector may close
        # another hub before the thread says that it has begun.
        self._thread.start()

    def _run(self) -> None:
        loop = self._loop
        _running.add(self)
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
        # First the calls, which use the hub; they may take the time to clean up.
        if self._calls:
            for task in self._calls:
                task.cancel()
            await asyncio.wait(self._calls)
        await self._aclose()

    async def _track(self, function: Callable[[], Awaitable[T]]) -> Chunk[T]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # for the type checker
        self._calls.add(task)
        try:
            return [await function()], None
        except Exception as error:  # as a value, since futures replace a `TimeoutError`
            return [], error
        finally:
            self._calls.discard(task)


def read_chunk(source: Iterator[T], size: int) -> Chunk[T]:
    """Read at most `size` values; an error is returned, with the values before it."""
    values: list[T] = []
    try:
        for value in islice(source, size):
            values.append(value)  # noqa: PERF402  # to keep what came before an error
    except Exception as error:  # raised again, as itself, when the values before it are used up
        return values, error
    return values, None


async def read_async_chunk(source: AsyncIterator[T], size: int) -> Chunk[T]:
    """As `read_chunk`, from an async iterator."""
    values: list[T] = []
    try:
        async for value in source:
            values.append(value)
            if len(values) == size:
                break
    except Exception as error:  # raised again, as itself, when the values before it are used up
        return values, error
    return values, None


def _close_all() -> None:
    """Close hubs that were left open, so that the process ends soon and without warnings."""
    bridges = list(_running)
    end_s = time.monotonic() + EXIT_S
    for bridge in bridges:
        bridge.close_soon()
    for bridge in bridges:
        bridge.join(max(0.0, end_s - time.monotonic()))


# Before the pools of threads are told to take nothing any more, as `concurrent.futures` itself
# does it; what `atexit` calls comes after that, when no store can be written.
getattr(threading, "_register_atexit", atexit.register)(_close_all)
