"""The tickets of a job, at one moment and as they change, in blocks that are shared meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final, overload

from batchhub.models import Ticket

from .packing import Kept, glance, pack, unpack
from .records import TicketRecord

_BLOCK: Final = 256
"""How many tickets are copied when one of them changes while somebody looks at them."""

_Blocks = Sequence[Sequence[Kept]]


class TicketView(Sequence[Ticket]):
    """
    The tickets of a job at one moment, in order.

    Looking costs nothing until a ticket is asked for: a job may have 100,000. Two views of one
    job share what did not change between them, so that comparing them is cheap as well.
    """

    __slots__ = ("_blocks", "_total")
    __hash__ = None  # type: ignore[assignment]  # what vendors say is in dictionaries

    def __init__(self, blocks: _Blocks, total: int) -> None:
        self._blocks = blocks
        self._total = total

    @classmethod
    def of(cls, tickets: Iterable[TicketRecord]) -> TicketView:
        """Return a view of tickets that do not change, given in order."""
        blocks = list(_cut(tickets))
        return cls(blocks, sum(map(len, blocks)))

    def __len__(self) -> int:
        """Return how many tickets there are."""
        return self._total

    @overload
    def __getitem__(self, index: int) -> Ticket: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Ticket, ...]: ...

    def __getitem__(self, index: int | slice) -> Ticket | tuple[Ticket, ...]:
        """Return a ticket by its place from 0, or several."""
        if isinstance(index, slice):
            return tuple(self[n] for n in range(*index.indices(self._total)))
        number = index + self._total if index < 0 else index
        if not 0 <= number < self._total:
            raise IndexError(f"there is no ticket {index} of {self._total}")
        return unpack(self._blocks[number // _BLOCK][number % _BLOCK]).public()

    def __iter__(self) -> Iterator[Ticket]:
        """Yield the tickets in order."""
        return (unpack(kept).public() for kept in chain.from_iterable(self._blocks))

    def look(self) -> Iterator[Any]:
        """Yield what the tickets are made of: states and words have the same names there."""
        return map(glance, chain.from_iterable(self._blocks))

    def __eq__(self, other: object) -> bool:
        """Whether the tickets are the same."""
        if isinstance(other, TicketView):
            pairs = zip(self._blocks, other._blocks, strict=False)
            return self._total == other._total and all(
                mine is theirs or all(map(_is_same, mine, theirs)) for mine, theirs in pairs
            )
        if isinstance(other, Sequence) and not isinstance(other, str | bytes):
            return len(other) == self._total and all(
                a == b for a, b in zip(self, other, strict=True)
            )
        return NotImplemented

    def __repr__(self) -> str:
        """Return how many there are."""
        return f"<{self._total} tickets>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as what is in it."""
        return TicketView.of, (list(map(unpack, chain.from_iterable(self._blocks))),)


def _is_same(one: Kept, other: Kept) -> bool:
    # Both packed and equal is what nearly all of them are.
    return one is other or one == other or unpack(one) == unpack(other)


class TicketList:
    """The tickets of a job as they change, by their positions from 1."""

    __slots__ = ("_blocks", "_own", "_total")

    def __init__(self, tickets: Iterable[TicketRecord]) -> None:
        self._blocks: list[Sequence[Kept]] = list(_cut(tickets))
        self._total = sum(map(len, self._blocks))
        # Blocks that no view has: the others are copied before they change.
        self._own: set[int] | None = None

    def __len__(self) -> int:
        """Return how many tickets there are."""
        return self._total

    def look(self) -> Iterator[Any]:
        """Yield what has the fields of each ticket, in order."""
        return map(glance, chain.from_iterable(self._blocks))

    def get(self, position: int) -> TicketRecord:
        """Return a ticket."""
        return unpack(self._blocks[(position - 1) // _BLOCK][(position - 1) % _BLOCK])

    def replace(self, ticket: TicketRecord) -> None:
        """Take a ticket as it is now."""
        self._put(ticket.position, ticket)

    def pack(self, position: int) -> None:
        """Keep a ticket as bytes, until it is replaced: nothing is done with it for a while."""
        self._put(position, pack(self._blocks[(position - 1) // _BLOCK][(position - 1) % _BLOCK]))

    def unpack(self, position: int) -> None:
        """Keep a ticket as it is: something is going to be done with it."""
        kept = self._blocks[(position - 1) // _BLOCK][(position - 1) % _BLOCK]
        if isinstance(kept, bytes):
            self._put(position, unpack(kept))

    def _put(self, position: int, kept: Kept) -> None:
        number, place = divmod(position - 1, _BLOCK)
        if self._total == 1:
            self._blocks[0] = (kept,)
            return
        if self._own is None:
            self._own = set()
        if number not in self._own:
            self._blocks[number] = list(self._blocks[number])
            self._own.add(number)
        block = self._blocks[number]
        assert isinstance(block, list)  # noqa: S101  # it is a copy
        block[place] = kept

    def view(self) -> TicketView:
        """Return the tickets as they are at this moment."""
        self._own = None
        return TicketView(tuple(self._blocks), self._total)


def _cut(tickets: Iterable[TicketRecord]) -> Iterator[tuple[TicketRecord, ...]]:
    rest = iter(tickets)
    while block := tuple(islice(rest, _BLOCK)):
        yield block
