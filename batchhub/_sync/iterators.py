"""Iterators that cross the threads: results for the caller, and items for the hub."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from batchhub._engine.raw_items import CountsRows, KeepsRows, RawItem, RawItems
from batchhub.errors import InputError
from batchhub.models import InputHead, InputRow
from batchhub.models import rows as _rows

from .bridge import CHUNK, Bridge, CallerQueue, read_async_chunk

T = TypeVar("T")


def iterate(bridge: Bridge, source: AsyncIterator[T], size: int) -> Iterator[T]:
    """Read an async iterator, `size` values at a time; closing this one closes that."""
    while True:
        values, error = bridge.call(read_async_chunk, source, size)
        try:
            yield from values
        except GeneratorExit:  # perhaps raised by the garbage collector, in any thread
            bridge.start_soon(cast("Any", source).aclose)
            raise
        if error is not None:
            raise error
        if len(values) < size:
            return


class InputRows:
    """
    The rows of a job's input in their order, by ``for``; each loop reads them anew.

    Attributes:
        head: What is known of the input as a whole.
    """

    def __init__(self, rows: _rows.InputRows, bridge: Bridge) -> None:
        self.head = rows.head
        self._rows = rows
        self._bridge = bridge

    def __iter__(self) -> Iterator[InputRow]:
        """
        Yield the rows, some hundred of them in memory.

        Raises:
            StoreError: They can't be read.
        """
        return iterate(self._bridge, aiter(self._rows), CHUNK)


def read_by_caller(items: RawItems, queue: CallerQueue) -> RawItems:
    """Have items read in the thread of the caller; what is not an iterable, the hub refuses."""
    is_plain = isinstance(items, Iterable) and not isinstance(items, str | bytes | Mapping)
    if not is_plain or isinstance(items, AsyncIterable):
        return items
    return queue.iterate(cast("Iterable[Any]", items))


def refuse_by_caller(
    items: RawItems, on_refused: Callable[[InputError], None] | None, queue: CallerQueue
) -> tuple[RawItems, Callable[[InputError], None] | None]:
    """
    Have refused items told in the thread of the caller, each before the next one is read.

    Args:
        items: The items, as `read_by_caller` gave them.
        on_refused: What the caller calls; what it raises ends the call.
        queue: What the caller does while it waits.

    Returns:
        The items, and what the hub calls.
    """
    if on_refused is None:
        return items, None
    waiting: list[InputError] = []
    if not isinstance(items, AsyncIterable):  # nothing to iterate over; the hub says so
        return items, waiting.append
    kind: type[_InStep] = _InStep
    if isinstance(items, CountsRows):
        kind = _KeptInStep if isinstance(items, KeepsRows) else _RowsInStep
    return kind(items, waiting, on_refused, queue), waiting.append


class _InStep:
    """Items, the next of which is read when the caller has heard of what was refused before."""

    def __init__(
        self,
        items: AsyncIterable[RawItem],
        waiting: list[InputError],
        on_refused: Callable[[InputError], None],
        queue: CallerQueue,
    ) -> None:
        self._items = items
        self._waiting = waiting
        self._on_refused = on_refused
        self._queue = queue

    async def __aiter__(self) -> AsyncIterator[RawItem]:
        async for item in self._items:
            await self._tell()  # of rows before it that make no item
            yield item
            await self._tell()
        await self._tell()

    async def _tell(self) -> None:
        if self._waiting:
            await self._queue.call(self._pass_on)

    def _pass_on(self) -> None:
        while self._waiting:
            self._on_refused(self._waiting.pop(0))


class _RowsInStep(_InStep):
    """Items that are made of rows, of which some make no item."""

    @property
    def row(self) -> int:
        """The number of the row the last item was made of."""
        return cast("CountsRows", self._items).row

    @property
    def line(self) -> int:
        """Where that row is, as users count."""
        return cast("CountsRows", self._items).line

    @property
    def place(self) -> str:
        """What `line` counts."""
        return cast("CountsRows", self._items).place


class _KeptInStep(_RowsInStep):
    """Items that are made of rows which can be kept."""

    @property
    def head(self) -> InputHead | None:
        """What is known of the rows as a whole."""
        return cast("KeepsRows", self._items).head

    def keep_rows(self, sink: _rows.RowSink) -> None:
        """Hand every row to a sink."""
        cast("KeepsRows", self._items).keep_rows(sink)
