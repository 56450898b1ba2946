"""
From what the user hands over to what is stored: items checked, encoded, cut into tickets.

Items leave by chunks, as soon as there are enough of them, into a load that nobody sees before the
last one: a job of any size takes little memory. It lets other tasks run every 5 ms.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
from attrs import evolve

from batchhub._adapter.exchange import WireItem
from batchhub._base import json as _json
from batchhub._store import TicketPlan
from batchhub._store.chunks import CHUNK_BYTES, CHUNK_ITEMS, Chunk
from batchhub._store.targets import pack_targets
from batchhub.errors import InputError
from batchhub.models import Finding

from .guarded import GuardedAdapter
from .kept_rows import RowKeeper
from .raw_items import (
    CountsRows,
    KeepsRows,
    RawItem,
    RawItems,
    convert_item,
    hint_items,
    normalise,
)
from .targets import JobTargets

_modules: Final = sys.modules

STRETCH_S: Final = 0.005
"""Seconds of CPU after which other tasks get their turn."""

_HASH_BITS: Final = (1 << 60) - 1
_PARTS: Final = 256
_MOST_UNLOOKED: Final = 64


class Intake:
    """
    Items on their way into the store.

    Attributes:
        total: How many items there are.
        refused: How many more can't be sent.
        tickets: How many tickets they were cut into.
        body_bytes: The bytes of the requests' bodies.
        sample: The first item in its stored form; `None` before there is one.
        targets: What the items change; `None` before `take`.

    Args:
        adapter: Checks and encodes the items.
        operation: The kind of batch.
        put: Takes a full chunk of items; without it they are only counted.
        cpu_s: Tells the CPU time of this thread in seconds.
    """

    def __init__(
        self,
        adapter: GuardedAdapter,
        operation: str,
        put: Callable[[Chunk], Awaitable[None]] | None = None,
        *,
        cpu_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self.total = 0
        self.refused = 0
        self.tickets = 0
        self.body_bytes = 0
        self.sample: bytes | None = None
        self.targets: JobTargets | None = None
        self._adapter = adapter
        self._operation = operation
        self._put = put
        self._counted: CountsRows | None = None
        self._keeper: RowKeeper | None = None
        self._redact = adapter.transport.redact_body
        self._breath = _Breath(cpu_s)
        capabilities = adapter.capabilities(operation)
        self._max_items = capabilities.max_items
        self._max_bytes = capabilities.max_bytes
        self._envelopes: list[int] = []
        self._largest = 0 if self._max_bytes is None else self._max_bytes - self._envelope(1)
        self._digest = hashlib.sha256()
        self._digested = 0
        # In parts, since the growth of one large table would take long.
        self._ids: list[dict[int, int]] = [{} for _ in range(_PARTS)]
        self._has_batch_keys = adapter.has_batch_keys
        self._batch_key = ""
        # The ticket that is being filled.
        self._count = 0
        self._bytes = 0
        self._targets, self._knows_targets = bytearray(), True
        # The chunk that is being filled.
        self._items: list[tuple[str, bytes]] = []
        self._plans: list[TicketPlan] = []
        self._repeated: list[int] = []
        self._chunk_bytes = 0

    async def take(
        self,
        raw_items: RawItems,
        options: Mapping[str, Any],
        *,
        on_refused: Callable[[InputError], None] | None = None,
        keep_input: bool = True,
    ) -> None:
        """
        Check, encode and hand on the items a user handed over.

        Args:
            raw_items: The items.
            options: What `Adapter.check_options` gave.
            on_refused: Called for every item that can't be sent, before the next one is read;
                without it the first one is raised.
            keep_input: Whether to hand on the rows they are made of, if they are made of rows.

        Raises:
            InputError: An item can't be sent, or its row can't be kept; it says which.
        """
        self._counted = raw_items if isinstance(raw_items, CountsRows) else None
        self.targets = JobTargets(self._adapter, self._operation, options, self._counted)
        if keep_input and isinstance(raw_items, KeepsRows):
            secrets = self._adapter.account.secrets
            self._keeper = RowKeeper(
                raw_items, self._redact, secrets, self._keep_block, self._rest_if_full
            )
            raw_items.keep_rows(self._keeper)
        with self._adapter.watching():
            await self._take_all(raw_items, options, on_refused)
        self.close()
        self._digest_now()
        if self._keeper is not None:
            self._keeper.finish()

    async def _take_all(
        self,
        raw_items: RawItems,
        options: Mapping[str, Any],
        on_refused: Callable[[InputError], None] | None,
    ) -> None:
        position, breath, take_one = 0, self._breath, self._take_one
        counted = self._counted
        breath.begin()
        if isinstance(raw_items, AsyncIterable):
            taken, most = 0, 1
            async for raw in raw_items:
                taken += 1
                position = position + 1 if counted is None else counted.row
                take_one(raw, position, options, on_refused)
                if taken >= most or self._chunk_bytes >= CHUNK_BYTES:
                    if self._is_full or breath.is_due(taken):
                        await self._rest()
                    taken, most = 0, min(breath.items, CHUNK_ITEMS - len(self._items))
        else:
            if isinstance(raw_items, str | bytes | Mapping) or not isinstance(raw_items, Iterable):
                raise InputError(
                    f"items are an iterable of mappings, not {type(raw_items).__name__}"
                    f"{hint_items(raw_items)}"
                )
            raws = iter(raw_items)
            while True:
                taken = 0
                # As many as are not worth a look at the clock; no chunk gets too many of them.
                for raw in islice(raws, min(breath.items, CHUNK_ITEMS - len(self._items))):
                    taken += 1
                    position = position + 1 if counted is None else counted.row
                    take_one(raw, position, options, on_refused)
                    if self._chunk_bytes >= CHUNK_BYTES:
                        break
                if not taken:
                    break
                self._digest_now()
                if self._is_full or breath.is_due(taken):
                    await self._rest()

    async def repeat(
        self, item: WireItem, target: bytes | None, position: int, batch: str = ""
    ) -> None:
        """
        Hand on an item in its stored form, which another job has.

        Args:
            item: The item.
            target: The hash of what it changes; `None` if nobody knows.
            position: Its position in that job.
            batch: What tells it from items that must not be in one ticket with it.
        """
        self._begin_batch(batch)
        self._repeated.append(position)
        self.add(item.id, item.wire, target)
        if self._is_full or self._breath.is_due():
            await self._rest()

    def add(self, item_id: str, wire: bytes, target: bytes | None) -> None:
        """
        Keep one item in its stored form; a ticket it has no room in is closed before.

        Args:
            item_id: Its id.
            wire: The form.
            target: The hash of what it changes; `None` if nobody knows.
        """
        size, limit = len(wire), self._max_bytes
        if limit is not None:
            if size > self._largest:
                raise InputError(f"it takes {size} bytes; a request may have {limit}")
            count, known = self._count + 1, self._envelopes
            around = known[count] if count < len(known) else self._envelope(count)
            if count > 1 and self._bytes + size + around > limit:
                self.close()
        if self._count >= self._max_items:
            self.close()
        self._items.append((item_id, wire))
        self._count += 1
        self._bytes += size
        self._chunk_bytes += size
        if target is None:
            self._knows_targets = False
        else:
            self._targets += target

    def close(self) -> None:
        """End the ticket that is being filled."""
        if not self._count:
            return
        self.body_bytes += self._bytes + self._envelope(self._count)
        known = pack_targets(self._targets) if self._knows_targets else None
        self._plans.append(TicketPlan(first_item=self.total + 1, total=self._count, targets=known))
        self._targets, self._knows_targets = bytearray(), True
        self.tickets += 1
        self.total += self._count
        self._count = self._bytes = 0

    def take_chunk(self) -> Chunk:
        """Return what has not been handed on yet, and begin anew."""
        self._digest_now()
        chunk = Chunk(
            first_item=self.total + self._count - len(self._items) + 1,
            items=self._items,
            first_ticket=self.tickets - len(self._plans) + 1,
            plans=self._plans,
            repeated=self._repeated,
            rows=[] if self._keeper is None else self._keeper.take(),
        )
        self._items, self._plans, self._repeated = [], [], []
        self._chunk_bytes = self._digested = 0
        return chunk

    def take_last(self) -> Chunk:
        """Return what has not been handed on at the end, and what is known of the rows."""
        head = None if self._keeper is None else self._keeper.head
        return evolve(self.take_chunk(), head=head)

    def findings(self) -> tuple[Finding, ...]:
        """Return what a reader of the job's status should know of its items."""
        return () if self.targets is None else self.targets.findings()

    def fingerprint(self, **facts: Any) -> str:
        """Return SHA-256 over the items and some facts about the job, in hex."""
        self._digest_now()
        digest = self._digest.copy()
        # Sorted throughout: options are the same in whatever order they were given.
        digest.update(msgspec.json.encode(_json.loads(_json.dumps(facts)), order="sorted"))
        fingerprint: str = digest.hexdigest()
        return fingerprint

    def _take_one(
        self,
        raw: RawItem,
        position: int,
        options: Mapping[str, Any],
        on_refused: Callable[[InputError], None] | None,
    ) -> None:
        adapter, targets, item_id = self._adapter, self.targets, None
        spot = position if self._counted is None else self._counted.line
        assert targets is not None  # noqa: S101  # made before
        try:
            if "numpy" in _modules:  # a look for each item, as it may be imported to make them
                raw = convert_item(raw)
            item = normalise(raw, position, adapter, self._operation)
            item_id = item.id or ""
            # A hash instead of the id: the same memory for any id.
            hashed = hash(item_id) & _HASH_BITS
            first = self._ids[hashed % _PARTS].setdefault(hashed, spot)
            if first != spot:
                raise self._twice(item_id, first, position)
            wire = adapter.encode(self._operation, item, options)
            if self._has_batch_keys:
                self._begin_batch(adapter.batch_key(self._operation, item))
            self.add(item_id, wire, targets.read(item, spot))
        except InputError as error:
            # An id may be of the adapter's making, so it may be anything.
            reason, shown = self._blank(error.reason), item_id and self._blank(item_id)
            line, place = (None, "item") if self._counted is None else (spot, self._counted.place)
            refused = InputError(reason, position=position, item_id=shown, line=line, place=place)
            if on_refused is None:
                raise refused from None
            self.refused += 1
            if self._keeper is not None:
                self._keeper.refuse(reason)
            on_refused(refused)

    def _twice(self, item_id: str, first: int, position: int) -> InputError:
        # An id that is a number stands nowhere in the file, so the message says where it is from.
        by_number = item_id in {str(first), str(position)}
        hint = ", and an item without an id has its number for one" if by_number else ""
        unit = "item" if self._counted is None else self._counted.place
        return InputError(
            f"the id {item_id!r} is there twice, first in {unit} {first}; ids are unique in a "
            f"job{hint}"
        )

    @property
    def _is_full(self) -> bool:
        return len(self._items) >= CHUNK_ITEMS or self._chunk_bytes >= CHUNK_BYTES

    def _keep_block(self, size: int) -> None:
        """Count a block of rows, which goes along with the items."""
        self._chunk_bytes += size

    async def _rest_if_full(self) -> None:
        if self._is_full:
            await self._rest()

    async def _rest(self) -> None:
        """Hand on a full chunk, or let other tasks run."""
        chunk = self.take_chunk() if self._is_full else None
        if chunk is not None and self._put is not None:  # a plan only counts
            await self._put(chunk)
        else:
            await asyncio.sleep(0)
        self._breath.begin()

    def _begin_batch(self, key: str) -> None:
        """Begin a ticket where what its items share changes."""
        if key != self._batch_key:
            self.close()
            self._batch_key = key

    def _digest_now(self) -> None:
        items = self._items[self._digested :] if self._digested else self._items
        if not items:
            return
        if self.sample is None:
            self.sample = items[0][1]
        # With the lengths, so that no two sequences of ids and items give the same bytes.
        parts = [
            part
            for item_id, wire in items
            for part in (f"{len(item_id)} {len(wire)} {item_id}".encode(), wire)
        ]
        joined = b"".join(parts)
        self._digest.update(joined)
        # What is repeated is in the store already.
        if self.targets is not None and self._redact(joined) != joined:
            self._refuse_secret(items)
        self._digested = len(self._items)

    def _refuse_secret(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Raise that an item, or its id, would put a secret of the account into the store."""
        for item_id, wire in items:
            if self._redact(wire) != wire or self._blank(item_id) != item_id:
                what = f"the item with the id {self._blank(item_id)!r} holds a secret"
                raise InputError(f"{what} of the account, which would be stored")

    def _blank(self, text: str) -> str:
        """Return a text without the account's secrets."""
        found = self._redact(text.encode("utf-8", "surrogatepass"))
        return found.decode("utf-8", "surrogatepass")

    def _envelope(self, items: int) -> int:
        """Return the bytes around so many items; an adapter is asked once for each number."""
        known = self._envelopes
        if items >= len(known):
            for n in range(len(known), items + 1):
                known.append(self._adapter.envelope_bytes(self._operation, n))
        return known[items]


class _Breath:
    """
    Tells when a stretch of work has taken 5 ms of CPU.

    Asking the system takes as long as a good part of an item, so it is asked for every item only
    where items take long.

    Attributes:
        items: How many items may go before the next look.
    """

    def __init__(self, cpu_s: Callable[[], float]) -> None:
        self._cpu_s = cpu_s
        self._every = 1
        self.begin()

    def begin(self) -> None:
        """Begin a stretch."""
        self._began_s = self._looked_s = self._cpu_s()
        self.items = self._every

    def is_due(self, items: int = 1) -> bool:
        """Count items; tell whether the stretch is over."""
        self.items -= items
        if self.items > 0:
            return False
        now_s = self._cpu_s()
        if now_s - self._looked_s > STRETCH_S / 5:
            self._every = max(1, self._every // 2)
        elif self._every < _MOST_UNLOOKED:
            self._every *= 2
        self.items, self._looked_s = self._every, now_s
        return now_s - self._began_s >= STRETCH_S
