"""
From what the user hands over to what is stored: items checked, encoded, cut into tickets.

Everything is checked before anything is stored. What has been checked waits in
a temporary file, so that a job of any size takes little memory and then appears
in the store in one short transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, Final

import msgspec

from batchhub._adapter.exchange import WireItem
from batchhub._base import json as _json
from batchhub._store import TicketPlan
from batchhub.adapter import Adapter
from batchhub.errors import InputError, StoreError
from batchhub.models import BatchItem

RawItem = BatchItem | Mapping[str, Any]
"""An item as users pass it."""

RawItems = Iterable[RawItem] | AsyncIterable[RawItem]
"""Items as users pass them."""

MAX_ID_BYTES: Final = 256
"""The longest id of an item."""

_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
_BREATH: Final = 250
_frame = msgspec.msgpack.Decoder(list[tuple[str, bytes]])


class Intake:
    """
    Items on their way into the store. Use it as a context manager.

    Attributes:
        plans: The tickets the items were cut into, in order.
        total: How many items there are.
        body_bytes: The bytes of the requests' bodies.
        sample: The first item in its stored form; `None` before there is one.

    Args:
        adapter: Checks and encodes the items.
        operation: The kind of batch.
        keeps: Whether the items are wanted afterwards; if not, they are only counted.
    """

    def __init__(self, adapter: Adapter[Any], operation: str, *, keeps: bool = True) -> None:
        self.plans: list[TicketPlan] = []
        self.total = 0
        self.body_bytes = 0
        self.sample: bytes | None = None
        self._keeps = keeps
        self._adapter = adapter
        self._operation = operation
        self._capabilities = adapter.capabilities(operation)
        self._digest = hashlib.sha256()
        # Checked items wait outside of memory: a job may be larger than it.
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
        self._ticket: list[tuple[str, bytes]] = []
        self._ticket_bytes = 0

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the temporary file go."""
        self._spool.close()

    async def take(
        self,
        raw_items: RawItems,
        options: Mapping[str, Any],
        *,
        on_refused: Callable[[InputError], None] | None = None,
    ) -> None:
        """
        Check, encode and keep the items a user handed over.

        Args:
            raw_items: The items.
            options: What `Adapter.check_options` gave.
            on_refused: Called for every item that can't be sent, before the next one is read;
                without it the first one is raised.

        Raises:
            InputError: An item can't be sent; it says which. Nothing is kept.
        """
        seen: dict[str, int] = {}
        keys: dict[str, str] = {}
        async for position, raw in _enumerate(raw_items):
            item_id: str | None = None
            try:
                item = _normalise(raw, position, claims_id=self._adapter.claims_id)
                item_id = item.id or ""
                _check_unique(item_id, position, seen)
                wire = self._adapter.encode(self._operation, item, options)
                self._check_key(item, item_id, keys)
                self.add(WireItem(id=item_id, wire=wire))
            except InputError as error:
                refused = InputError(error.reason, position=position, item_id=item_id)
                if on_refused is None:
                    raise refused from None
                on_refused(refused)
        self.close()

    def add(self, item: WireItem) -> None:
        """Keep one item in its stored form."""
        capabilities, count = self._capabilities, len(self._ticket) + 1
        size = len(item.wire)
        limit = capabilities.max_bytes
        if limit is not None and size + self._envelope(1) > limit:
            raise InputError(f"it takes {size} bytes; a request may have {limit}")
        too_large = limit is not None and self._ticket_bytes + size + self._envelope(count) > limit
        if self._ticket and (count > capabilities.max_items or too_large):
            self.close()
        # With the lengths, so that no two sequences of ids and items give the same bytes.
        self._digest.update(b"%d %d " % (len(item.id), size) + item.id.encode() + item.wire)
        if self.sample is None:
            self.sample = item.wire
        self._ticket.append((item.id, item.wire))
        self._ticket_bytes += size

    def close(self) -> None:
        """End the ticket that is being filled."""
        if not self._ticket:
            return
        if self._keeps:  # a plan only counts
            self._write_frame(msgspec.msgpack.encode(self._ticket))
        self.body_bytes += self._ticket_bytes + self._envelope(len(self._ticket))
        self.plans.append(TicketPlan(first_item=self.total + 1, total=len(self._ticket)))
        self.total += len(self._ticket)
        self._ticket, self._ticket_bytes = [], 0

    def tickets(self) -> Iterator[list[WireItem]]:
        """Yield the items, a ticket at a time, in order."""
        self._spool.seek(0)
        while header := self._spool.read(8):
            frame = self._spool.read(int.from_bytes(header))
            yield [WireItem(id=item_id, wire=wire) for item_id, wire in _frame.decode(frame)]

    def fingerprint(self, **facts: Any) -> str:
        """Return SHA-256 over the items and some facts about the job, in hex."""
        digest = self._digest.copy()
        # Sorted throughout: options are the same in whatever order they were given.
        digest.update(msgspec.json.encode(_json.loads(_json.dumps(facts)), order="sorted"))
        fingerprint: str = digest.hexdigest()
        return fingerprint

    def _check_key(self, item: BatchItem, item_id: str, keys: dict[str, str]) -> None:
        key = self._adapter.find_unique_key(self._operation, item)
        if key is not None and (first := keys.setdefault(key, item_id)) != item_id:
            raise InputError(
                f"{key} is also in item {first!r}; the vendor could not tell them apart"
            )

    def _write_frame(self, frame: bytes) -> None:
        try:
            self._spool.write(len(frame).to_bytes(8))
            self._spool.write(frame)
        except OSError as error:
            raise StoreError(f"can't keep the items in a temporary file: {error}") from error

    def _envelope(self, items: int) -> int:
        return self._adapter.envelope_bytes(self._operation, items)


async def _enumerate(raw_items: RawItems) -> AsyncIterator[tuple[int, RawItem]]:
    """Number the items from 1; let other tasks run between them."""
    position = 0
    if isinstance(raw_items, AsyncIterable):
        async for raw in raw_items:
            position += 1
            yield position, raw
        return
    if isinstance(raw_items, str | bytes | Mapping) or not isinstance(raw_items, Iterable):
        raise InputError(f"items are an iterable of mappings, not {type(raw_items).__name__}")
    for raw in raw_items:
        position += 1
        yield position, raw
        if position % _BREATH == 0:  # a million items in one go would stop every other lane
            await asyncio.sleep(0)


def _check_unique(item_id: str, position: int, seen: dict[str, int]) -> None:
    first = seen.setdefault(item_id, position)
    if first == position:
        return
    # An id that is a position stands nowhere in the file, so the message says where it is from.
    by_number = item_id in {str(first), str(position)}
    hint = ", and an item without an id has its number for one" if by_number else ""
    raise InputError(
        f"the id {item_id!r} is there twice, first in item {first}; ids are unique in a job{hint}"
    )


def _normalise(raw: RawItem, position: int, *, claims_id: bool) -> BatchItem:
    """Give an item its id; take the id out of the payload unless the vendor has one there."""
    if isinstance(raw, BatchItem):
        item_id, payload = raw.id, raw.payload
        if item_id is None and claims_id:
            item_id = payload.get("id")
    elif isinstance(raw, Mapping):
        item_id, payload = raw.get("id"), raw
        if not claims_id:
            payload = {key: value for key, value in raw.items() if key != "id"}
    else:
        raise InputError(f"an item is a mapping or a BatchItem, not {type(raw).__name__}")
    if item_id is None:
        item_id = str(position)
    if item_id == "":
        raise InputError("the id is empty; write one, or leave the id out")
    if not isinstance(item_id, str):
        raise InputError(f"the id {item_id!r} is not text; write it in quotes")
    item_id = str.__str__(item_id)  # of a subclass, such as an enumeration, the plain text
    try:
        size = len(item_id.encode())
    except UnicodeEncodeError:
        raise InputError(f"the id {item_id!r} is no valid Unicode text") from None
    if size > MAX_ID_BYTES:
        raise InputError(f"the id takes {size} bytes; it may take {MAX_ID_BYTES}")
    return BatchItem(id=item_id, payload=payload)
