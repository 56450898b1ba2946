"""Leases: one process has one at a time, and who lost it knows before it writes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from support.raw_stores import open_raw
from support.stores import LATER, NOW, make_older

from batchhub._store import LaneOwner, LeaseRow, Store
from batchhub._store.leases import is_held

ME = LaneOwner(token="a" * 16, pid=1, host="here")
OTHER = LaneOwner(token="b" * 16, pid=2, host="there")


def nobody_has_it(row: LeaseRow) -> bool:
    """Whether a lease has no holder."""
    return row.holder is None


async def test_a_lease_has_one_holder(store: Store) -> None:
    """Who comes second gets it when it was let go, and the first knows that it has it no more."""
    assert await store.leases.get("alerts") == LeaseRow()
    first = await store.leases.take("alerts", ME, NOW, nobody_has_it)
    assert first is not None
    assert await store.leases.take("alerts", OTHER, NOW, nobody_has_it) is None
    assert await store.leases.renew(first, LATER)
    assert await store.leases.get("alerts") == LeaseRow(epoch=1, holder=ME, seen_at=LATER)

    await store.leases.let_go(first)
    second = await store.leases.take("alerts", OTHER, LATER, nobody_has_it)
    assert second is not None
    assert second.epoch == 2
    assert not await store.leases.renew(first, LATER)
    await store.leases.let_go(first)  # which is not its own any more
    assert (await store.leases.get("alerts")).holder == OTHER


async def test_a_lease_that_was_taken_over_is_known_in_the_transaction(store: Store) -> None:
    """Also by the same process that took it again: what was begun under the old one is over."""
    first = await store.leases.take("alerts", ME, NOW, nobody_has_it)
    again = await store.leases.take("alerts", ME, NOW, lambda _: True)
    assert first is not None
    assert again is not None
    assert not await store._db.write(lambda connection: is_held(connection, first))
    assert await store._db.write(lambda connection: is_held(connection, again))


async def test_leases_of_other_names_are_others(store: Store) -> None:
    """Two of them have nothing to do with each other."""
    one = await store.leases.take("one", ME, NOW, nobody_has_it)
    two = await store.leases.take("two", OTHER, NOW, nobody_has_it)
    assert one is not None
    assert two is not None
    assert await store.leases.renew(one, LATER)
    assert await store.leases.renew(two, LATER)


async def test_the_lock_file_of_a_holder_is_kept(store: Store) -> None:
    """Its token is among those that the store still mentions."""
    await store.leases.take("alerts", ME, NOW, nobody_has_it)
    assert ME.token in await store.lanes.tokens()


async def test_a_time_that_is_none_is_no_sign_of_life(file_store: Store, tmp_path: Path) -> None:
    """Somebody edited it; the lease can be taken all the same."""
    await file_store.leases.take("alerts", ME, NOW, nobody_has_it)
    with closing(open_raw(tmp_path / "jobs.db")) as other:
        other.execute("UPDATE leases SET seen_at = 'yesterday'")
        other.commit()
    assert (await file_store.leases.get("alerts")).seen_at is None


async def test_a_store_of_the_version_before_goes_on(file_store: Store, tmp_path: Path) -> None:
    """It gets its tables, and they work."""
    await file_store.aclose()
    make_older(tmp_path / "jobs.db", "0005")
    store = await Store.open(tmp_path / "jobs.db")
    assert await store.leases.take("alerts", ME, NOW, nobody_has_it) is not None
    await store.aclose()
