"""Lists that are wrong on purpose: distorted results, and items some of which fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

# Of each 25 demo items one is wrong: the fifth.
_CYCLE: Final = 25
_WRONG_AT: Final = 4


def distort(
    entries: Sequence[T], *, missing: int = 0, doubled: int = 0, foreign: Iterable[T] = ()
) -> list[T]:
    """
    Distort a list of results, each time in the same way.

    Args:
        entries: The list.
        missing: How many are left out, from the first; -1 is all.
        doubled: How many of the rest come once more, at the end; -1 is all.
        foreign: What comes besides, after that.
    """
    kept = list(entries[count_of(missing, entries) :])
    return [*kept, *kept[: count_of(doubled, kept)], *foreign]


def count_of(value: int, entries: Sequence[object]) -> int:
    """Return how many of some entries a switch means: -1 is all."""
    return len(entries) if value < 0 else min(value, len(entries))


def demo_turns(count: int) -> Iterator[tuple[int, int | None]]:
    """
    Count demo items, and say which are to fail: one in 25.

    Args:
        count: How many.

    Yields:
        The index from 0, and for one that is to fail how many failed before it; else `None`.
    """
    for index in range(count):
        turn, place = divmod(index, _CYCLE)
        yield index, turn if place == _WRONG_AT else None
