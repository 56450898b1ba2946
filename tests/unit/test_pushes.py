"""Calls by a vendor (webhooks): they bring the next poll forward, and decide nothing."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from support.hubs import World, numbered, scripted_world
from support.raw_stores import open_raw
from support.vendor import ScriptedAccount, Vendor

import batchhub.sync
from batchhub import BatchHub, BatchState, Outcome
from batchhub.adapter import Accepted, Capabilities, Observation, TicketRef
from batchhub.errors import (
    AdapterError,
    NotKnownError,
    RefusedError,
    StoreError,
    UnsupportedError,
    UsageError,
)
from batchhub.hub import BatchJob
from batchhub.polling import Fixed
from batchhub.testing import FakeClock, capture_events

RUNNING: Final = Observation(words=("Running",))
SIGNING_KEY: Final = b"the key both know"
TOKEN: Final = "tok_5f1c8e7a90b3"
MB: Final = 1024 * 1024


def sign(*refs: str, **more: Any) -> tuple[dict[str, str], bytes]:
    """Make a call as the vendor makes it."""
    body = json.dumps({"refs": refs, **more}).encode()
    signature = hmac.new(SIGNING_KEY, body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    return {**headers, "Authorization": f"Bearer {TOKEN}"}, body


def read_signed(headers: Mapping[str, str], body: bytes) -> Sequence[str]:
    """Read a call as an adapter does."""
    expected = hmac.new(SIGNING_KEY, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(headers.get("x-signature", ""), expected):
        raise RefusedError("the signature of the call is wrong")
    refs: Sequence[str] = json.loads(body)["refs"]
    return refs


def calling_vendor(**changes: Any) -> Vendor:
    """Make a vendor that is polled once in 100 s, and calls."""
    usual = {"poll_s": 100.0, "min_poll_s": 10.0, "stall_s": 1e9, "visibility_grace_s": 60.0}
    capabilities = Capabilities(max_items=1, tickets_per_job=100, **{**usual, **changes})
    return Vendor(
        capabilities=capabilities,
        read_push=read_signed,
        answer_poll=lambda tickets: [RUNNING] * len(tickets),
    )


async def submit(world: World, tickets: int) -> BatchJob:
    """Submit a job and wait until its tickets are polled at the usual interval."""
    job = await world.hub.submit("shop", numbered(tickets))
    await world.clock.sleep(250.0)
    return job


async def time_of_next_poll(world: World, ref: str, most_s: float = 400.0) -> float:
    """Return after how many seconds a ticket is polled."""
    began_s = world.clock.monotonic()
    seen = len(world.vendor.polled)
    while not any(ref in ticket.vendor_refs for ticket in world.vendor.polled[seen:]):
        await world.clock.sleep(0.25)
        if world.clock.monotonic() - began_s > most_s:
            return most_s
    return world.clock.monotonic() - began_s


@asynccontextmanager
async def reading_hub(store: Path, vendor: Vendor, clock: FakeClock) -> AsyncIterator[BatchHub]:
    """Open a second hub on a store, which drives nothing."""
    account = ScriptedAccount(vendor=Vendor(read_push=vendor.read_push))
    async with BatchHub(store, {"shop": account}, clock=clock, seed=2) as hub:
        yield hub


def kept(store: Path) -> list[str]:
    """Return the ids of batches in a store that no driver has looked at."""
    with closing(open_raw(store)) as connection, connection:
        return [ref for (ref,) in connection.execute("SELECT vendor_ref FROM pushes")]


def read_files(folder: Path) -> bytes:
    """Return all bytes of a store's files."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


async def test_a_call_brings_the_next_poll_forward_and_decides_nothing(tmp_path: Path) -> None:
    """The ticket it names is polled at once, others are not, and only the answer counts."""
    vendor = calling_vendor()
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        job = await submit(world, 3)
        assert await world.hub.push("shop", *sign("ref-2", state="Done")) == 1
        vendor.polled.clear()
        assert await time_of_next_poll(world, "ref-2") <= 2.0
        assert {ticket.vendor_refs for ticket in vendor.polled} == {("ref-2",)}
        assert (await job.refresh()).tickets[1].state is BatchState.IN_PROGRESS
        assert kept(tmp_path / "jobs.db") == []
        vendor.answer_poll = None
        await world.hub.push("shop", *sign("ref-1", "ref-2", "ref-3"))
        began_s = world.clock.monotonic()
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert world.clock.monotonic() - began_s <= 15.0


async def test_a_call_in_a_store_in_memory() -> None:
    """Without a file, the one process drives and is called."""
    vendor = calling_vendor()
    async with scripted_world(vendor, polling=Fixed(100.0)) as world:
        await submit(world, 1)
        await world.hub.push("shop", *sign("ref-1"))
        assert await time_of_next_poll(world, "ref-1") <= 2.0


async def test_a_hub_that_only_reads_hands_a_call_to_whoever_drives(tmp_path: Path) -> None:
    """Another hub takes the call; the one that drives hears of it by the store."""
    vendor = calling_vendor()
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        await submit(world, 3)
        async with reading_hub(tmp_path / "jobs.db", vendor, world.clock) as reader:
            assert await reader.push("shop", *sign("ref-3")) == 1
            assert await time_of_next_poll(world, "ref-3") <= 5.0
        assert kept(tmp_path / "jobs.db") == []


async def test_a_call_that_comes_while_nobody_drives_is_found_by_the_next_driver(
    tmp_path: Path,
) -> None:
    """It is kept in the store, and seen when the account is taken."""
    vendor = calling_vendor()
    clock = FakeClock()
    async with scripted_world(vendor, tmp_path / "jobs.db", clock, polling=Fixed(100.0)) as world:
        await submit(world, 3)
    async with clock.running(), reading_hub(tmp_path / "jobs.db", vendor, clock) as reader:
        await reader.push("shop", *sign("ref-2"))
    assert kept(tmp_path / "jobs.db") == ["ref-2"]
    vendor.polled.clear()
    async with scripted_world(vendor, tmp_path / "jobs.db", clock, polling=Fixed(100.0)) as world:
        resuming = asyncio.create_task(world.hub.resume())
        first = await time_of_next_poll(world, "ref-2")
        # Nobody knows when the process before has polled: not before `min_poll_s` from here.
        assert 9.9 <= first <= 12.0
        resuming.cancel()
    assert kept(tmp_path / "jobs.db") == []


async def test_a_call_for_another_account_is_found_when_that_is_driven(tmp_path: Path) -> None:
    """A process that drives one account has seen the store change; it takes the other one later."""
    vendor, clock, store = calling_vendor(), FakeClock(), tmp_path / "jobs.db"
    async with scripted_world(vendor, store, clock, polling=Fixed(100.0)) as world:
        await submit(world, 1)
    busy = ScriptedAccount(name="two", vendor=calling_vendor())
    accounts = {"shop": ScriptedAccount(vendor=vendor), "busy": busy}
    async with (
        clock.running(),
        BatchHub(store, accounts, clock=clock, seed=1, polling=Fixed(100.0)) as hub,
    ):
        await hub.submit("busy", numbered(1))
        async with reading_hub(store, vendor, clock) as reader:
            await reader.push("shop", *sign("ref-1"))
        await clock.sleep(5.0)
        assert kept(store) == ["ref-1"]
        vendor.polled.clear()
        resuming = asyncio.create_task(hub.resume())
        await clock.sleep(13.0)
        assert len(vendor.polled) == 1
        resuming.cancel()


async def test_a_call_that_comes_during_a_poll_is_followed_by_another_poll(tmp_path: Path) -> None:
    """The answer under way may know less than the call: the ticket is polled after it, too."""
    vendor = calling_vendor()

    async def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
        vendor.answer_poll = lambda _: [Observation(words=("Done",))]
        await world.hub.push("shop", *sign("ref-1"))
        await world.clock.sleep(3.0)
        return [RUNNING] * len(tickets)

    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        job = await submit(world, 1)
        vendor.answer_poll = answer
        while vendor.answer_poll is answer:
            await world.clock.sleep(0.25)
        began_s = world.clock.monotonic()
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert world.clock.monotonic() - began_s <= 20.0
        assert kept(tmp_path / "jobs.db") == []


async def test_the_same_call_again_does_no_harm() -> None:
    """A replay, as often as anybody likes, polls no more than `min_poll_s` allows."""
    vendor = calling_vendor()
    async with scripted_world(vendor, polling=Fixed(100.0)) as world:
        job = await submit(world, 1)
        polled_at: list[float] = []

        def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
            polled_at.append(world.clock.monotonic())
            return [RUNNING] * len(tickets)

        vendor.answer_poll = answer
        for _ in range(100):
            assert await world.hub.push("shop", *sign("ref-1")) == 1
            await world.clock.sleep(1.0)
        gaps = [b - a for a, b in pairwise(polled_at)]
        assert len(polled_at) >= 9
        assert min(gaps) > 9.99
        assert (await job.refresh()).state is BatchState.IN_PROGRESS


async def test_a_call_for_a_batch_nobody_knows_is_dropped(tmp_path: Path) -> None:
    """It may be of another program: kept until its ticket can't be on its way any more."""
    vendor = calling_vendor()
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        await submit(world, 1)
        polls = len(vendor.polled)
        assert await world.hub.push("shop", *sign("of somebody else")) == 1
        await world.clock.sleep(30.0)
        assert kept(tmp_path / "jobs.db") == ["of somebody else"]
        await world.clock.sleep(60.0)
        assert kept(tmp_path / "jobs.db") == []
        assert len(vendor.polled) <= polls + 1


async def test_a_call_that_is_faster_than_the_answer_to_the_submit(tmp_path: Path) -> None:
    """The vendor calls before its answer is in the store; the ticket is polled soon after."""
    vendor = calling_vendor(min_poll_s=1.0)

    async def answer_late(_: Any) -> Accepted:
        await world.hub.push("shop", *sign("early"))
        await world.clock.sleep(3.0)
        return Accepted(vendor_refs=("early",))

    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(250.0)
        vendor.submits.append(answer_late)
        await world.hub.submit("shop", numbered(1))
        while not any("early" in ticket.vendor_refs for ticket in vendor.polled):
            await world.clock.sleep(0.25)
        await world.clock.sleep(10.0)
        assert kept(tmp_path / "jobs.db") == []


async def test_a_call_for_a_batch_that_has_ended_is_dropped_and_keeps_nobody(
    tmp_path: Path,
) -> None:
    """The usual case: the poll was faster. Neither `wait` nor `resume` wait for it."""
    vendor = calling_vendor()
    vendor.answer_poll = None
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        job = await world.hub.submit("shop", numbered(1))
        await job.wait()
        await world.hub.push("shop", *sign("ref-1"))
        began_s = world.clock.monotonic()
        await world.hub.resume()
        assert world.clock.monotonic() - began_s <= 1.0
        await world.clock.sleep(120.0)
        again = await world.hub.submit("shop", numbered(1))
        await again.wait()
        await world.clock.sleep(5.0)
    assert kept(tmp_path / "jobs.db") == []


async def test_no_more_than_a_thousand_calls_of_an_account_are_kept_and_none_for_long(
    tmp_path: Path,
) -> None:
    """With nobody to look at them the oldest go; after a day all do."""
    vendor, clock = calling_vendor(), FakeClock()
    store = tmp_path / "jobs.db"
    async with clock.running(), reading_hub(store, vendor, clock) as hub:
        assert await hub.push("shop", *sign(*(f"a{n}" for n in range(600)))) == 600
        await clock.sleep(1.0)
        assert await hub.push("shop", *sign(*(f"b{n}" for n in range(600)))) == 600
        assert len(kept(store)) == 1000
        assert {f"b{n}" for n in range(600)} <= set(kept(store))
        assert await hub.push("shop", *sign(*(f"c{n}" for n in range(5000)))) == 5000
        assert len(kept(store)) == 1000
        await clock.sleep(timedelta(days=1, minutes=1).total_seconds())
        assert await hub.push("shop", *sign("d")) == 1
        assert kept(store) == ["d"]
        await clock.sleep(timedelta(days=1, minutes=1).total_seconds())
        await hub.prune(0)
        assert kept(store) == []


async def test_a_refused_call_changes_nothing(tmp_path: Path) -> None:
    """A wrong signature, and an adapter that knows no calls."""
    vendor = calling_vendor()
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        await submit(world, 1)
        headers, body = sign("ref-1")
        polls = len(vendor.polled)
        for wrong in ({}, {**headers, "X-Signature": "0" * 64}):
            with pytest.raises(RefusedError, match="signature"):
                await world.hub.push("shop", wrong, body)
        with pytest.raises(RefusedError):
            await world.hub.push("shop", headers, body + b" ")
        vendor.read_push = None
        with pytest.raises(UnsupportedError, match="knows no calls"):
            await world.hub.push("shop", headers, body)
        with pytest.raises(NotKnownError, match="shop"):
            await world.hub.push("shoop", headers, body)
        await world.clock.sleep(5.0)
        assert len(vendor.polled) == polls
        assert kept(tmp_path / "jobs.db") == []


@pytest.mark.parametrize("size", [MB + 1, 100 * MB])
async def test_a_large_body_is_refused_before_anything_reads_it(size: int) -> None:
    """More than 1 MB never comes to the adapter; 1 MB does."""
    read: list[int] = []

    def note(headers: Mapping[str, str], body: bytes) -> Sequence[str]:
        read.append(len(body))
        return []

    vendor = Vendor(read_push=note)
    async with scripted_world(vendor, polling=Fixed(100.0)) as world:
        with pytest.raises(UsageError, match=f"{size:,} bytes"):
            await world.hub.push("shop", {}, bytes(size))
        assert read == []
        assert await world.hub.push("shop", {}, bytes(MB)) == 0
        assert read == [MB]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, "text"),
        ({}, None),
        ({}, {"refs": []}),
        (None, b""),
        ([("A", "b")], b""),
        ({"A": 1}, b""),
    ],
)
async def test_what_is_no_call_is_refused(headers: Any, body: Any) -> None:
    """Bytes and a mapping of texts; a parsed body has lost what was signed."""
    async with scripted_world(calling_vendor(), polling=Fixed(100.0)) as world:
        with pytest.raises(UsageError, match="of a push"):
            await world.hub.push("shop", headers, body)


def give(value: Any) -> Callable[[Mapping[str, str], bytes], Any]:
    """Make a `read_push` that returns nonsense."""
    return lambda headers, body: value


def fail(error: BaseException) -> Callable[[Mapping[str, str], bytes], Any]:
    """Make a `read_push` that raises."""

    def read(headers: Mapping[str, str], body: bytes) -> Sequence[str]:
        raise error

    return read


@pytest.mark.parametrize(
    "read",
    [
        give(None),
        give("ref-1"),
        give(b"ref-1"),
        give(7),
        give([1]),
        give([None]),
        give([""]),
        give(["x" * 100_000]),
        give({"ref-1": 1}),
        give(iter(["ref-1"])),
        fail(KeyError("refs")),
        fail(ValueError("no JSON")),
        fail(RecursionError()),
        fail(SystemExit(3)),
        fail(AdapterError("it broke")),
    ],
)
async def test_an_adapter_that_reads_calls_wrongly_is_named_and_harms_nobody(
    read: Callable[[Mapping[str, str], bytes], Any], tmp_path: Path
) -> None:
    """Whatever it raises or returns is an `AdapterError`; jobs go on."""
    vendor = calling_vendor()
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        job = await submit(world, 1)
        vendor.read_push = read
        for _ in range(12):
            with pytest.raises(AdapterError):
                await world.hub.push("shop", *sign("ref-1"))
        assert kept(tmp_path / "jobs.db") == []
        vendor.answer_poll = None
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_what_authorises_a_call_is_in_no_error_log_or_store(tmp_path: Path) -> None:
    """Not even where an adapter quotes it, or takes it for the id of a batch."""
    vendor = calling_vendor()
    reads: list[Callable[[Mapping[str, str], bytes], Any]] = [
        lambda headers, _: [headers["authorization"]],
        lambda headers, _: [headers["authorization"].split()[1]],
        lambda headers, _: [f"ref-{headers['X-SIGNATURE']}"],
        lambda headers, _: fail(KeyError(headers["Authorization"]))(headers, b""),
        lambda headers, _: fail(RefusedError(f"no: {headers['x-signature']}"))(headers, b""),
        lambda headers, _: fail(RefusedError(headers["Authorization"]))(headers, b""),
        read_signed,
    ]
    headers, body = sign("ref-1")
    errors: list[str] = []
    with capture_events() as events:
        async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
            await submit(world, 1)
            for vendor.read_push in reads:
                try:
                    await world.hub.push("shop", headers, body)
                except (AdapterError, RefusedError) as error:
                    errors.append(f"{error!r} {error}")
            await world.clock.sleep(1.0)
    assert len(errors) == len(reads) - 1
    files = read_files(tmp_path)
    for secret in (TOKEN, headers["X-Signature"]):
        assert secret not in "".join(errors)
        assert secret not in repr(list(events))
        assert secret.encode() not in files


async def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """The web server answers with an error then, and the vendor calls again."""
    vendor = calling_vendor()
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        await submit(world, 1)
        with closing(open_raw(tmp_path / "jobs.db")) as connection, connection:
            connection.execute("DROP TABLE pushes")
        with pytest.raises(StoreError):
            await world.hub.push("shop", *sign("ref-1"))


async def test_many_calls_at_once(tmp_path: Path) -> None:
    """Every ticket is named by a call of its own; each is polled once, soon."""
    vendor = calling_vendor(max_polled_at_once=50)
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(100.0)) as world:
        await submit(world, 100)
        vendor.polled.clear()
        for n in range(1, 101):
            await world.hub.push("shop", *sign(f"ref-{n}"))
        await world.clock.sleep(15.0)
        assert len({ticket.vendor_refs for ticket in vendor.polled}) == 100
        assert len(vendor.polled) <= 200
        assert kept(tmp_path / "jobs.db") == []


def test_a_call_in_a_plain_thread(tmp_path: Path) -> None:
    """The same for Django and its like."""
    account = ScriptedAccount(vendor=calling_vendor())
    with batchhub.sync.BatchHub(tmp_path / "jobs.db", {"shop": account}) as hub:
        assert hub.push("shop", *sign("ref-1", "ref-1", "ref-2")) == 2
        with pytest.raises(UsageError):
            hub.push("shop", {}, bytes(2 * MB))
    assert sorted(kept(tmp_path / "jobs.db")) == ["ref-1", "ref-2"]
