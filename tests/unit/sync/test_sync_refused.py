"""What can't be sent of items is told in the thread of the caller, in step with the reading."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.sync_hubs import make_hub

from batchhub.errors import InputError


class Rows:
    """Six rows; every second one makes an item that is refused."""

    row = 0

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while self.row < 6:
            self.row += 1
            yield {"n": 1} if self.row % 2 else {"bad": 1}


def test_the_caller_hears_of_each_before_the_next_is_read(store: Path) -> None:
    """In its own thread, also of the last; plain items are read some hundred at a time."""
    told: list[tuple[int | None, int]] = []
    items = Rows()

    def listen(error: InputError) -> None:
        assert threading.current_thread() is caller
        told.append((error.position, items.row))

    caller = threading.current_thread()
    with make_hub(store) as hub:
        job = hub.submit("shop", items, on_refused=listen)
        job.wait()
        assert [result.id for result in job.results()] == ["1", "3", "5"]
    assert told == [(2, 2), (4, 4), (6, 6)]


@pytest.mark.parametrize("count", [1, 249, 250, 251, 600])
def test_what_the_callers_listener_raises_stores_nothing(store: Path, count: int) -> None:
    """Even for the very last item, wherever the pieces end that are passed between the threads."""
    items: list[dict[str, Any]] = [{"n": n} for n in range(count)]

    def fail(_error: InputError) -> None:
        raise OSError("no space left")

    with make_hub(store) as hub:
        with pytest.raises(OSError, match="no space"):
            hub.submit("shop", [*items, {"bad": 1}], on_refused=fail)
        assert hub.jobs() == []
        with pytest.raises(InputError, match="not str"):
            hub.submit("shop", "abc", on_refused=fail)  # type: ignore[arg-type]
