"""From what users hand over to what is stored: ids, bounds, and the cut into tickets."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.vendor import ScriptedAccount, ScriptedAdapter
from support.verbs import guard

from batchhub._engine.intake import Intake
from batchhub._engine.raw_items import MAX_ID_BYTES
from batchhub._store import TicketPlan
from batchhub._store.chunks import Chunk
from batchhub.adapter import Capabilities, WireItem
from batchhub.errors import InputError
from batchhub.models import BatchItem


class PlainAdapter(ScriptedAdapter):
    """Sends what the payload has as `wire`, in brackets and with commas; refuses what is bad."""

    seen: list[BatchItem]

    def __init__(
        self, capabilities: Capabilities | None = None, *, claims_id: bool = False
    ) -> None:
        account = ScriptedAccount()
        account.vendor.capabilities = capabilities or Capabilities(max_items=3)
        super().__init__(account, None)  # type: ignore[arg-type]  # no request is made
        self.seen = []
        self.claims_id = claims_id  # type: ignore[misc]
        self.guarded = guard(self)

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Take the item's bytes as they are."""
        self.seen.append(item)
        if "bad" in item.payload:
            raise InputError("the vendor would refuse it", line=99)
        wire: bytes = item.payload.get("wire", b"{}")
        return wire


def envelope(items: int) -> int:
    """Return the bytes of brackets and commas."""
    return items + 1


class Kept:
    """Takes chunks as a load does, and puts the tickets together again."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []

    async def put(self, chunk: Chunk) -> None:
        """Take one."""
        self.chunks.append(chunk)

    def tickets(self) -> list[list[WireItem]]:
        """Return the items, a ticket at a time, in order."""
        items = [
            WireItem(id=item_id, wire=wire)
            for chunk in self.chunks
            for item_id, wire in chunk.items
        ]
        plans = [plan for chunk in self.chunks for plan in chunk.plans]
        return [items[plan.first_item - 1 : plan.first_item - 1 + plan.total] for plan in plans]


async def take(
    items: Any, adapter: PlainAdapter | None = None, options: Mapping[str, Any] | None = None
) -> list[list[str]]:
    """Take items in and return the ids of each ticket."""
    kept = Kept()
    intake = Intake((adapter or PlainAdapter()).guarded, "work", kept.put)
    await intake.take(items, options or {})
    await kept.put(intake.take_chunk())
    return [[item.id for item in ticket] for ticket in kept.tickets()]


async def fingerprint(items: Any, capabilities: Capabilities | None = None, **facts: Any) -> str:
    """Return the fingerprint of some items and facts."""
    intake = Intake(PlainAdapter(capabilities).guarded, "work")
    await intake.take(items, {})
    return intake.fingerprint(**facts)


async def refusal(items: Any, adapter: PlainAdapter | None = None) -> InputError:
    """Return the error some items are refused with."""
    with pytest.raises(InputError) as caught:
        await take(items, adapter)
    return caught.value


# Ids.


async def test_a_mapping_gives_its_id_and_keeps_the_rest() -> None:
    """In a mapping `id` is ours: it names the item and is not sent."""
    adapter = PlainAdapter()
    given_items = [{"id": "a", "sku": 1}, {"sku": 2, "id": "b"}]

    assert await take(given_items, adapter) == [["a", "b"]]
    assert [item.payload for item in adapter.seen] == [{"sku": 1}, {"sku": 2}]
    assert given_items == [{"id": "a", "sku": 1}, {"sku": 2, "id": "b"}]


async def test_an_id_that_the_vendor_has_too_is_left_in_place() -> None:
    """An adapter that claims `id` gets the item whole, and its id names the item."""
    adapter = PlainAdapter(claims_id=True)

    ids = await take([{"id": "a", "n": 1}, BatchItem(payload={"id": "b"})], adapter)

    assert ids == [["a", "b"]]
    assert [item.payload for item in adapter.seen] == [{"id": "a", "n": 1}, {"id": "b"}]


async def test_a_batch_item_is_taken_as_it_is() -> None:
    """The id of a `BatchItem` is its own; an `id` in its payload is the vendor's."""
    adapter = PlainAdapter()
    item = BatchItem(id="a", payload={"id": 5})

    assert await take([item], adapter) == [["a"]]
    assert adapter.seen == [item]


async def test_a_missing_id_is_the_position() -> None:
    """Items without an id are called by their place in the input, from 1."""
    items = [{"n": 1}, {"id": "x"}, {"id": None}, BatchItem(payload={})]

    assert await take(items) == [["1", "x", "3"], ["4"]]


async def test_an_id_of_a_kind_of_text_is_text() -> None:
    """An enumeration's member that is text names an item by that text."""

    class Sku(StrEnum):
        A = "sku-a"

    assert await take([{"id": Sku.A}]) == [["sku-a"]]
    assert (await refusal([{"id": Sku.A}, {"id": "sku-a"}])).position == 2


@pytest.mark.parametrize(
    ("items", "position", "twice", "first"),
    [
        ([{"id": "x"}, {"id": "a"}, {}, {"id": "a"}], 4, "a", 2),
        ([{"id": "2"}, {}], 2, "2", 1),
        ([{}, {"id": "1"}], 2, "1", 1),
        ([{"id": "a"}, BatchItem(id="a", payload={})], 2, "a", 1),
    ],
)
async def test_an_id_that_is_there_twice_is_refused(
    items: Sequence[Any], position: int, twice: str, first: int
) -> None:
    """Ids are unique in a job, those that are positions included; the error names both items."""
    error = await refusal(items)

    assert (error.position, error.item_id) == (position, twice)
    assert f"the id {twice!r} is there twice, first in item {first}; " in str(error)
    assert ("an item without an id has its number for one" in str(error)) == twice.isdigit()
    assert str(error).startswith(f"item {position}")


async def test_an_empty_id_is_refused() -> None:
    """As a row without one gives it: it is said to be empty."""
    for item in ({"id": ""}, BatchItem(id="", payload={})):
        assert "item 2: the id is empty; write one" in str(await refusal([{}, item]))


@pytest.mark.parametrize("item_id", [5, 1.5, True, b"a", ["a"], {}])
async def test_an_id_that_is_no_text_is_refused(item_id: object) -> None:
    """A number is no id: 1 and "1" would be two ids, and their results look the same."""
    error = await refusal([{}, {"id": item_id}])

    assert error.position == 2
    assert f"item 2: the id {item_id!r} is not text" in str(error)


@pytest.mark.parametrize("char", ["a", "é", "\N{SNOWMAN}", "\N{PILE OF POO}"])
async def test_an_id_has_a_bound_in_bytes(char: str) -> None:
    """An id may take 256 bytes in UTF-8 and not one more."""
    longest = char * (MAX_ID_BYTES // len(char.encode()))

    assert await take([{"id": longest}]) == [[longest]]
    error = await refusal([{"id": longest + char}])
    assert f"takes {len((longest + char).encode())} bytes; it may take 256" in str(error)


@pytest.mark.parametrize("item_id", ["\ud800", "a\udcff", "\udbff\ud800"])
async def test_an_id_that_is_no_unicode_text_is_refused(item_id: str) -> None:
    """A lone surrogate can be neither stored nor sent; the error itself can be printed."""
    error = await refusal([{"id": item_id}])

    assert "is no valid Unicode text" in str(error)
    assert str(error).encode()


# Items.


@pytest.mark.parametrize("item", ["x", 5, None, [], b"x", ("id", "a")])
async def test_an_item_that_is_no_mapping_is_refused(item: object) -> None:
    """An item is a mapping or a `BatchItem`; the error names the place and the kind."""
    error = await refusal([{}, item])

    assert str(error) == (f"item 2: an item is a mapping or a BatchItem, not {type(item).__name__}")


class _Named(NamedTuple):
    price: int


@dataclass
class _Plain:
    price: int


class _Model(pydantic.BaseModel):
    price: int


@pytest.mark.parametrize("items", ["abc", b"abc", {"id": "a"}, 5, None, BatchItem(payload={})])
async def test_items_that_are_no_iterable_of_items_are_refused(items: object) -> None:
    """Text and a single mapping could be iterated over, and are never meant to be."""
    error = await refusal(items)

    assert str(error).startswith(f"items are an iterable of mappings, not {type(items).__name__}")
    assert error.position is None


@pytest.mark.parametrize(
    ("items", "hint"),
    [
        ("prices.csv", "not str; a file is read by batchhub.tables.read_items"),
        (Path("prices.csv"), "Path; a file is read by batchhub.tables.read_items"),
        (BatchItem(payload={}), "not BatchItem; put it in a list, if it is an item"),
        ({"id": "a"}, "not dict; put it in a list, if it is an item"),
        ([_Named(1)], "not _Named; what its _asdict() gives may be one"),
        ([_Plain(1)], "not _Plain; what dataclasses.asdict() makes of it may be one"),
        ([_Model(price=1)], "not _Model; what its model_dump() gives may be one"),
    ],
    ids=["text", "path", "item", "mapping", "named-tuple", "dataclass", "pydantic"],
)
async def test_what_is_nearly_items_is_told_how_to_become_them(items: object, hint: str) -> None:
    """Whoever hands over a file, one item or objects of their own is told what to do."""
    assert str(await refusal(items)).endswith(hint)


async def test_what_the_adapter_refuses_is_named() -> None:
    """An error of `encode` comes out with the item's place and id."""
    error = await refusal([{}, {"id": "b7", "bad": True}])

    assert str(error) == "item 2 (id 'b7'): the vendor would refuse it"
    assert (error.position, error.item_id, error.reason) == (2, "b7", "the vendor would refuse it")


async def test_any_iterable_will_do() -> None:
    """Lists, generators and asynchronous ones give the same job."""

    def generated() -> Iterator[dict[str, Any]]:
        yield from ({"n": n} for n in range(4))

    async def streamed() -> AsyncIterator[dict[str, Any]]:
        for item in generated():
            await asyncio.sleep(0)
            yield item

    want = [["1", "2", "3"], ["4"]]
    assert await take(list(generated())) == want
    assert await take(generated()) == want
    assert await take(streamed()) == want


async def test_an_error_of_the_iterable_passes() -> None:
    """What goes wrong while the user's items are read is the user's to see."""

    async def broken() -> AsyncIterator[dict[str, Any]]:
        yield {}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await take(broken())


async def test_no_items_are_no_tickets() -> None:
    """Nothing makes no ticket; whether that is an error is the caller's decision."""
    assert await take([]) == []


# Cutting.


@given(
    sizes=st.lists(st.integers(0, 30), max_size=40),
    max_items=st.integers(1, 7),
    max_bytes=st.none() | st.integers(32, 100),
)
def test_tickets_hold_as_much_as_they_may_and_no_more(
    sizes: list[int], max_items: int, max_bytes: int | None
) -> None:
    """
    The tickets, one after another, are the items in order.

    Each is within both bounds, and no two neighbours could have been one.
    """
    capabilities = Capabilities(max_items=max_items, max_bytes=max_bytes)
    items = [WireItem(id=str(n), wire=b"x" * size) for n, size in enumerate(sizes, 1)]

    kept = Kept()
    intake = Intake(PlainAdapter(capabilities).guarded, "work", kept.put)
    for item in items:
        intake.add(item.id, item.wire, None)
    intake.close()
    kept.chunks.append(intake.take_chunk())
    tickets = kept.tickets()
    plans = kept.chunks[0].plans
    assert intake.total == len(items)

    def fits(ticket: Sequence[WireItem]) -> bool:
        size = sum(len(item.wire) for item in ticket) + envelope(len(ticket))
        return len(ticket) <= max_items and (max_bytes is None or size <= max_bytes)

    assert [item for ticket in tickets for item in ticket] == items
    assert all(ticket and fits(ticket) for ticket in tickets)
    assert not any(fits([*one, two[0]]) for one, two in itertools.pairwise(tickets))
    firsts = [int(ticket[0].id) for ticket in tickets]
    assert plans == [
        TicketPlan(first_item=first, total=len(ticket))
        for first, ticket in zip(firsts, tickets, strict=True)
    ]


async def test_an_item_too_large_for_any_request_is_refused() -> None:
    """An item that fits no ticket, not even its own, is refused; to the byte."""
    adapter = PlainAdapter(Capabilities(max_items=3, max_bytes=100))
    largest = 100 - envelope(1)

    assert await take([{"wire": b"x" * largest}], adapter) == [["1"]]
    error = await refusal([{}, {"id": "big", "wire": b"x" * (largest + 1)}], adapter)
    assert str(error) == "item 2 (id 'big'): it takes 99 bytes; a request may have 100"


async def test_items_leave_by_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No chunk is larger than it may be; together they are the items and tickets in order."""
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_ITEMS", 10)
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_BYTES", 100)
    items = [{"id": f"i{n}", "wire": b"x" * (n % 50)} for n in range(1, 200)]
    kept = Kept()
    intake = Intake(PlainAdapter(Capabilities(max_items=7)).guarded, "work", kept.put)

    await intake.take(items, {})
    await kept.put(intake.take_chunk())

    assert [item.id for ticket in kept.tickets() for item in ticket] == [i["id"] for i in items]
    assert [len(ticket) for ticket in kept.tickets()] == [7] * 28 + [3]
    first_item = first_ticket = 1
    for chunk in kept.chunks:
        assert (chunk.first_item, chunk.first_ticket) == (first_item, first_ticket)
        assert len(chunk.items) <= 10
        assert sum(len(wire) for _, wire in chunk.items[:-1]) < 100  # the last one fills it
        first_item += len(chunk.items)
        first_ticket += len(chunk.plans)
    assert len(kept.chunks) > 20


async def test_a_large_job_takes_little_memory() -> None:
    """Of what has been handed on nothing stays but a hash of each id."""
    items, size_bytes = 20_000, 2_000
    adapter = PlainAdapter(Capabilities(max_items=100))
    adapter.encode = lambda *_: b"x" * size_bytes  # type: ignore[method-assign]
    taken = 0

    async def put(chunk: Chunk) -> None:
        nonlocal taken
        taken += len(chunk.items)

    tracemalloc.start()
    try:
        intake = Intake(adapter.guarded, "work", put)
        await intake.take(({"id": "long" * 50 + str(n)} for n in range(items)), {})
        await put(intake.take_chunk())
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken == items
    assert peak_bytes < items * 200 + 4_000_000


class CpuClock:
    """CPU time that passes only as a test says."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.mark.parametrize("item_s", [0.000_01, 0.000_2, 0.003, 0.02])
@pytest.mark.parametrize("is_async", [False, True])
async def test_others_run_every_5_ms(item_s: float, is_async: bool) -> None:
    """However long an item takes, no stretch is longer than 5 ms and a few items."""
    cpu, stretch_s, longest_s = CpuClock(), 0.0, 0.0
    adapter = PlainAdapter()

    def encode(*_: object) -> bytes:
        nonlocal stretch_s
        cpu.now_s += item_s
        stretch_s += item_s
        return b"{}"

    adapter.encode = encode  # type: ignore[assignment,method-assign]

    async def beat() -> None:
        nonlocal stretch_s, longest_s
        while True:
            longest_s = max(longest_s, stretch_s)
            stretch_s = 0.0
            cpu.now_s += 0.050  # what others take is not ours
            await asyncio.sleep(0)

    async def streamed() -> AsyncIterator[dict[str, Any]]:
        for _ in range(2_000):
            yield {}

    beating = asyncio.create_task(beat())
    intake = Intake(adapter.guarded, "work", cpu_s=cpu)
    await intake.take(streamed() if is_async else [{}] * 2_000, {})
    longest_s = max(longest_s, stretch_s)
    beating.cancel()

    assert 0.005 <= longest_s <= max(0.007, item_s)


# The fingerprint.


async def test_the_fingerprint_is_of_items_and_facts() -> None:
    """Another item, id, order, operation or option is another fingerprint; the same is the same."""
    items = [{"id": "a", "wire": b"1"}, {"id": "b", "wire": b"2"}]
    facts: dict[str, Any] = {"operation": "work", "options": {"x": 1, "y": 2}, "stop": False}
    base = await fingerprint(items, **facts)

    assert await fingerprint(items, **facts) == base
    others = [
        await fingerprint(items[::-1], **facts),
        await fingerprint(items[:1], **facts),
        await fingerprint([*items, {"id": "c"}], **facts),
        await fingerprint([{"id": "a", "wire": b"1"}, {"id": "c", "wire": b"2"}], **facts),
        await fingerprint([{"id": "a", "wire": b"1"}, {"id": "b", "wire": b"3"}], **facts),
        await fingerprint([{"id": "a1", "wire": b""}, {"id": "b", "wire": b"2"}], **facts),
        await fingerprint(items, **facts | {"operation": "play"}),
        await fingerprint(items, **facts | {"options": {"x": 1}}),
        await fingerprint(items, **facts | {"options": {"x": 1, "y": "2"}}),
        await fingerprint(items, **facts | {"stop": True}),
    ]
    assert len({base, *others}) == len(others) + 1


async def test_the_fingerprint_does_not_know_the_order_of_options() -> None:
    """Options are the same in whatever order they were given, at any depth."""
    one = await fingerprint([{}], options={"x": {"a": 1, "b": [{"c": 1, "d": 2}]}, "y": 2})
    two = await fingerprint([{}], options={"y": 2, "x": {"b": [{"d": 2, "c": 1}], "a": 1}})

    assert one == two


async def test_the_fingerprint_does_not_know_the_cut() -> None:
    """A vendor's bound that changes between two calls with one key makes no conflict."""
    items = [{"id": f"i{n}", "wire": b"x" * n} for n in range(20)]

    cuts = [
        await fingerprint(items, Capabilities(max_items=n, max_bytes=size), operation="work")
        for n, size in [(1, None), (7, None), (100, None), (100, 40)]
    ]

    assert len(set(cuts)) == 1


@given(
    one=st.lists(st.tuples(st.text("12 ", min_size=1), st.binary(max_size=3)), max_size=4),
    two=st.lists(st.tuples(st.text("12 ", min_size=1), st.binary(max_size=3)), max_size=4),
)
def test_no_two_lists_of_items_look_the_same(
    one: list[tuple[str, bytes]], two: list[tuple[str, bytes]]
) -> None:
    """Where an id ends and an item begins is part of the fingerprint."""

    def of(pairs: list[tuple[str, bytes]]) -> str:
        intake = Intake(PlainAdapter().guarded, "work")
        for item_id, wire in pairs:
            intake.add(item_id, wire, None)
        return intake.fingerprint(operation="work")

    assert (of(one) == of(two)) == (one == two)
