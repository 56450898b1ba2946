"""Examples that Hypothesis draws: the same ones in every run, and the smallest one that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")


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

    @make_examples(count)
    def draw(data: st.DataObject) -> None:
        asyncio.run_coroutine_threadsafe(check(data.draw(drawn)), loop).result()

    def work() -> None:
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
