"""Iterators that cross the threads: results for the caller, and items for the hub."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from batchhub._engine.intake import RawItems

from .bridge import Bridge, CallerQueue, read_async_chunk

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


def read_by_caller(items: RawItems, queue: CallerQueue) -> RawItems:
    """Have items read in the thread of the caller; what is not an iterable, the hub refuses."""
    is_plain = isinstance(items, Iterable) and not isinstance(items, str | bytes | Mapping)
    if not is_plain or isinstance(items, AsyncIterable):
        return items
    return queue.iterate(cast("Iterable[Any]", items))
