"""Submitting what can be sent of items, of which some can't."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.hubs import results_of, scripted_world

from batchhub.errors import InputError, KeyConflictError

MIXED: list[dict[str, Any]] = [{"n": 1}, {"bad": 1}, {"n": 3}, {"id": 7}, {"id": "x", "n": 5}]


class Rows:
    """The rows of a file, of which every second one is no item."""

    def __init__(self, rows: int) -> None:
        self.row = self.line = 0
        self.place = "line"
        self._rows = rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while self.row < self._rows:
            self.row += 1
            self.line = self.row + 1
            if self.row % 2:
                yield {"n": self.row}


class AsyncRows(Rows):
    """The same, read in the background."""

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        for item in iter(self):
            yield item


async def test_what_can_be_sent_is_sent_and_the_rest_is_told() -> None:
    """Items keep the numbers they have among all of them."""
    told: list[tuple[int | None, str | None]] = []

    async with scripted_world() as world:
        job = await world.hub.submit(
            "shop", MIXED, on_refused=lambda error: told.append((error.position, error.item_id))
        )
        await job.wait()
        ids = [result.id for result in await results_of(job)]

    assert ids == ["1", "3", "x"]
    assert told == [(2, "2"), (4, None)]


async def test_without_it_the_first_one_is_raised() -> None:
    """Nothing is sent."""
    async with scripted_world() as world:
        with pytest.raises(InputError, match="item 2"):
            await world.hub.submit("shop", MIXED)
        assert await world.hub.jobs() == []


async def test_where_all_are_refused_nothing_is_sent() -> None:
    """The error says so: it is not an empty source."""
    async with scripted_world() as world:
        with pytest.raises(InputError, match="all 2 items were refused; nothing was sent"):
            await world.hub.submit("shop", [{"bad": 1}, {"bad": 2}], on_refused=lambda _: None)
        with pytest.raises(InputError, match="the only item was refused"):
            await world.hub.submit("shop", [{"bad": 1}], on_refused=lambda _: None)
        with pytest.raises(InputError, match="there are no items"):
            await world.hub.submit("shop", [], on_refused=lambda _: None)
        assert await world.hub.jobs() == []


async def test_what_the_listener_raises_ends_the_submit() -> None:
    """Such as that a file of what was refused can't be written."""

    def fail(_error: InputError) -> None:
        raise OSError("no space left")

    async with scripted_world() as world:
        with pytest.raises(OSError, match="no space"):
            await world.hub.submit("shop", MIXED, on_refused=fail)
        assert await world.hub.jobs() == []


async def test_the_key_is_of_the_items_that_go() -> None:
    """The same ones join, whatever else is refused meanwhile; others don't."""
    async with scripted_world() as world:
        first = await world.hub.submit("shop", MIXED, key="k", on_refused=lambda _: None)
        again = await world.hub.submit("shop", MIXED, key="k", on_refused=lambda _: None)
        good = [{"id": "1", "n": 1}, {"id": "3", "n": 3}, {"id": "x", "n": 5}]
        alone = await world.hub.submit("shop", good, key="k")
        with pytest.raises(KeyConflictError):
            await world.hub.submit("shop", good[1:], key="k")

    assert first.id == again.id == alone.id


@pytest.mark.parametrize("kind", [Rows, AsyncRows])
async def test_default_ids_count_the_rows_that_are_no_items(kind: type[Rows]) -> None:
    """A row has the same id whatever becomes of those before it."""
    async with scripted_world() as world:
        job = await world.hub.submit("shop", kind(6))
        await job.wait()
        assert [result.id for result in await results_of(job)] == ["1", "3", "5"]


async def test_of_an_id_that_is_there_twice_the_second_is_refused() -> None:
    """Also if the first one was refused for a reason of its own: nobody knows which is meant."""
    told: list[str] = []
    items = [{"id": "a", "bad": 1}, {"id": "a", "n": 2}, {"id": "b", "n": 3}]

    async with scripted_world() as world:
        job = await world.hub.submit(
            "shop", items, on_refused=lambda error: told.append(error.reason)
        )
        assert job.status.counts.total == 1

    assert "first in item 1" in told[1]
