"""Examples that Hypothesis draws: the same ones in every run, and the smallest one that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")

_LOOK_S: Final = 1.0
"""Seconds between two looks whether the event loop is still there."""


async def check_examples(
    count: int,
    drawn: st.SearchStrategy[T],
    check: Callable[[T], Coroutine[Any, Any, None]],
) -> None:
    """
    Await a function with this many examples, and with smaller ones if it raises.

    Hypothesis calls plain functions, so it draws in a thread of its own and this event loop runs
    the examples. The thread ends with the process if the loop never comes to the end of one.
    """
    loop = asyncio.get_running_loop()
    done: Future[None] = Future()
    tasks: list[asyncio.Task[None]] = []

    @make_examples(count)
    def draw(data: st.DataObject) -> None:
        example, came = data.draw(drawn), Future[None]()

        async def run() -> None:
            try:
                await check(example)
            except BaseException as error:
                came.set_exception(error)
            else:
                came.set_result(None)

        # Made by the loop: one that was closed meanwhile, with its rule, makes nothing any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: tasks.append(loop.create_task(run())))
        while not wait([came], timeout=_LOOK_S).done:
            if loop.is_closed():
                raise SystemExit
        came.result()

    def work() -> None:
        done.set_running_or_notify_cancel()  # a loop that gives up can't take it back
        try:
            draw()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=work, name="batchhub-examples", daemon=True).start()
    await asyncio.wrap_future(done)


def make_examples(count: int) -> Callable[[Callable[[st.DataObject], None]], Callable[[], Any]]:
    """Have a function called with this many examples, and with smaller ones if it raises."""
    settled = settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[*HealthCheck],
        print_blob=False,
        report_multiple_bugs=False,
    )

    def make(check: Callable[[st.DataObject], None]) -> Callable[[], Any]:
        made: Callable[[], Any] = settled(given(st.data())(check))
        return made

    return make
