"""Which batches may run twice without more effect than once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from batchhub.adapter import WireItem

_READS: Final = frozenset({"GET"})
_IDEMPOTENT: Final = frozenset({"GET", "PUT", "DELETE"})


class _Method(msgspec.Struct):
    method: str


_decoder = msgspec.json.Decoder(_Method)


def may_repeat(items: Iterable[WireItem], *, idempotent_writes: bool) -> bool:
    """
    Whether every item of a batch may run twice.

    Reading may. PUT and DELETE may by HTTP's meaning, if the user says that it holds: a PUT
    that adds to a figure does not keep to it, and nothing in the item tells.

    Args:
        items: The items, as they are sent.
        idempotent_writes: Whether the user has said so of PUT and DELETE.
    """
    allowed = _IDEMPOTENT if idempotent_writes else _READS
    return all(_decoder.decode(item.wire).method in allowed for item in items)
