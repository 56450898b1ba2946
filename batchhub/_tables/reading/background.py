"""A thread that reads ahead, so that an event loop never waits for a disk or a pipe."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from typing import Final, TypeVar

T = TypeVar("T")

_BATCH: Final = 500
"""How many values the loop gets at once; each handing over costs more than a value."""

_BATCHES_AHEAD: Final = 4


class _StoppedError(Exception):
    """Nobody wants the rest."""


async def in_background(
    start: Callable[[Callable[[], None]], Iterator[T]],
) -> AsyncGenerator[list[T], None]:
    """
    Yield what an iterator yields that runs in a thread of its own, as lists of many values.

    The thread keeps no process alive: it may wait for a pipe for ever.

    Args:
        start: Makes the iterator. It is given a function to call before each read, which hands
            over what there is so far.

    Raises:
        Exception: Whatever the iterator raises, after all that it yielded before.
    """
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue[tuple[list[T], BaseException | None, bool]]()
    room, stopped = threading.Semaphore(_BATCHES_AHEAD), threading.Event()
    batch: list[T] = []

    def send(error: BaseException | None = None, *, is_last: bool = False) -> None:
        nonlocal batch
        room.acquire()
        if stopped.is_set():
            raise _StoppedError
        found, batch = batch, []
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(queue.put_nowait, (found, error, is_last))

    def pause() -> None:
        if stopped.is_set():
            raise _StoppedError
        if batch:
            send()

    def run() -> None:
        error: BaseException | None = None
        with suppress(_StoppedError):
            try:
                for value in start(pause):
                    batch.append(value)
                    if len(batch) >= _BATCH:
                        send()
            except _StoppedError:
                raise
            except BaseException as failure:
                error = failure
            send(error, is_last=True)

    threading.Thread(target=run, name="batchhub-input", daemon=True).start()
    try:
        is_last = False
        while not is_last:
            found, error, is_last = await queue.get()
            room.release()
            yield found
            if error is not None:
                raise error
    finally:
        stopped.set()
        room.release()
