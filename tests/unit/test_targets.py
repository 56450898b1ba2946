"""What items change: how it is kept with their tickets, and what is said of two of one job."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from support.hubs import scripted_world
from support.raw_stores import open_raw
from support.vendor import PlainAccount, Vendor, capable, report_states

from batchhub import BatchHub, ItemState
from batchhub._engine.targets import hash_target
from batchhub._store import Store
from batchhub._store.tables import tickets
from batchhub._store.targets import NOTHING, pack_targets, read_targets
from batchhub.testing import FakeClock


def item(name: str, target: str | None) -> dict[str, Any]:
    return {"id": name, "target": target}


async def stored(store: Path) -> list[bytes | None]:
    """Return what each ticket's row has, in order."""
    opened = await Store.open(store)
    try:
        return await opened._db.read(
            lambda connection: list(
                connection.execute(
                    select(tickets.c.targets).order_by(tickets.c.job_no, tickets.c.position)
                ).scalars()
            )
        )
    finally:
        await opened.aclose()


async def test_targets_are_kept_in_the_order_of_the_items(tmp_path: Path) -> None:
    """A hash an item, zeros for one that changes nothing, nothing at all where none does."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world:
        items = [item("a", "x"), item("b", None), item("c", "y"), item("d", None)]
        await (await world.hub.submit("shop", items)).wait()
    assert await stored(store) == [hash_target("x") + NOTHING + hash_target("y"), b""]


async def test_an_adapter_without_targets_says_so(tmp_path: Path) -> None:
    """What nobody knows is no "changes nothing"."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with (
        clock.running(),
        BatchHub(store, {"shop": PlainAccount(vendor=Vendor())}, clock=clock) as hub,
    ):
        await (await hub.submit("shop", [item("a", "x")])).wait()
    assert await stored(store) == [None]


async def test_a_retry_keeps_the_targets(tmp_path: Path) -> None:
    """Each item takes its own target along, from whichever ticket it was in."""
    store = tmp_path / "jobs.db"
    vendor = Vendor(default_report=report_states(b=ItemState.FAILED, e=ItemState.FAILED))
    async with scripted_world(vendor, store=store) as world:
        items = [item(name, name and f"t-{name}") for name in "abcde"]
        job = await world.hub.submit("shop", items)
        await job.wait()
        await (await job.retry()).wait()
    assert (await stored(store))[-1] == hash_target("t-b") + hash_target("t-e")


@pytest.mark.parametrize("damaged", ["'text'", "7", "x'0102'"])
async def test_damaged_targets_are_as_good_as_none(tmp_path: Path, damaged: str) -> None:
    """A ticket may change anything then; the lane goes on, and a retry leaves nothing out."""
    store, vendor = tmp_path / "jobs.db", Vendor(default_report=report_states(a=ItemState.FAILED))
    capable(vendor, max_items=1)
    async with scripted_world(vendor, store=store) as world:
        old = await world.hub.submit("shop", [item("a", "x")])
        await old.wait()
        newer = await world.hub.submit("shop", [item("b", "y"), item("c", "z")])
        with closing(open_raw(store)) as database, database:
            database.execute(f"UPDATE tickets SET targets = {damaged}")
        await newer.wait()
        await (await old.retry()).wait()
    assert len(vendor.submissions) == 4


@given(st.lists(st.none() | st.text(max_size=3), max_size=20))
def test_a_set_of_targets_comes_back(targets: list[str | None]) -> None:
    """What is packed is read as the set of what there is."""
    hashes = [NOTHING if target is None else hash_target(target) for target in targets]
    known = frozenset(hash_target(target) for target in targets if target is not None)
    assert read_targets(pack_targets(b"".join(hashes))) == known
    assert NOTHING not in known
    assert read_targets(None) is None
