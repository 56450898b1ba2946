"""
Tickets that nothing is done with for a while, kept as bytes: a quarter of the memory.

There may be 100,000 that wait for their next poll.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias, get_type_hints

import msgspec

from .records import FILLERS, NAMES, VALUES, TicketRecord

Kept: TypeAlias = TicketRecord | bytes
"""A ticket as it is, or packed."""

_HINTS: Final = get_type_hints(TicketRecord)
_encoder: Final = msgspec.msgpack.Encoder()
_Row: Final = msgspec.defstruct("_Row", [(name, _HINTS[name]) for name in NAMES], array_like=True)
_decode: Final = msgspec.msgpack.Decoder(_Row).decode


def pack(ticket: Kept) -> Kept:
    """Return a ticket as bytes; as it is, if it has what they can't say exactly."""
    if isinstance(ticket, bytes):
        return ticket
    packed = bytearray()
    try:
        _encoder.encode_into(VALUES(ticket), packed)
    except (OverflowError, TypeError, UnicodeEncodeError):
        return ticket  # with a number of 20 digits, say, or half of a character
    return bytes(packed)  # what `encode` returns has a seventh more room than it needs


def unpack(kept: Kept) -> TicketRecord:
    """Return a ticket as it was before `pack`."""
    if isinstance(kept, TicketRecord):
        return kept
    # Straight into its slots: `__init__` takes three times as long, and checks nothing either.
    ticket = TicketRecord.__new__(TicketRecord)
    for fill, value in zip(FILLERS, VALUES(_decode(kept)), strict=True):
        fill(ticket, value)
    return ticket


def glance(kept: Kept) -> Any:
    """Return what has a ticket's fields by their names, and no more: where all are looked at."""
    return kept if isinstance(kept, TicketRecord) else _decode(kept)
