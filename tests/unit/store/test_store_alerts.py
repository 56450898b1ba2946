"""The rows of alerts: what is damaged is seen anew, what is old is dropped, jobs end once."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from support.raw_stores import open_raw
from support.stores import LATER, NOW, add_job, count_rows, end_all

from batchhub._store import (
    AlertChange,
    AlertRow,
    AlertState,
    LaneOwner,
    Lease,
    NewMessage,
    Store,
)
from batchhub._store.tables import alert_deliveries, alert_messages, deliveries
from batchhub.models import ItemState

ME = LaneOwner(token="a" * 16, pid=1, host="here")
ROW = AlertRow(
    condition="held",
    account="shop",
    state=AlertState.FIRING,
    since=NOW,
    fired_at=LATER,
    told_at=LATER,
    message_id="m-1",
    facts={"jobs": ["j"]},
)


async def take(store: Store) -> Lease:
    """Take the lease."""
    lease = await store.leases.take("alerts", ME, NOW, lambda _: True)
    assert lease is not None
    return lease


def message(number: int, *channels: str) -> NewMessage:
    """Make a message."""
    name = f"m-{number}"
    return NewMessage(message_id=name, body={"id": name}, channels=channels)


async def test_what_is_written_comes_back(store: Store) -> None:
    """Rows are replaced and dropped; messages come in their order, channel by channel."""
    lease = await take(store)
    change = AlertChange(puts=[ROW], messages=[message(1, "a", "b"), message(2, "a")])
    assert await store.alerts.commit(lease, change, LATER)
    assert await store.alerts.rows() == [ROW]
    first = await store.alerts.next_delivery("a")
    assert first is not None
    assert (first.message_id, first.body, first.due_at) == ("m-1", {"id": "m-1"}, LATER)
    assert await store.alerts.note_try(lease, first)
    tried = await store.alerts.next_delivery("a")
    assert tried is not None
    assert (tried.tries, tried.due_at) == (1, LATER)
    assert await store.alerts.note_failure(lease, first, "down\ud800", LATER)
    again = await store.alerts.next_delivery("a")
    assert again is not None
    assert (again.message_id, again.tries, again.problem) == ("m-1", 1, "down?")
    assert await store.alerts.note_taken(lease, again, LATER)
    second = await store.alerts.next_delivery("a")
    assert second is not None
    assert second.message_id == "m-2"
    assert await store.alerts.give_up(lease, second, "for good", LATER)
    assert await store.alerts.next_delivery("a") is None
    assert await store.alerts.keep_channels(lease, ["a"])
    assert await store.alerts.next_delivery("b") is None
    assert await store.alerts.commit(lease, AlertChange(drops=[ROW.key]), LATER)
    assert await store.alerts.rows() == []


async def test_messages_are_kept_until_they_are_old_and_done(store: Store) -> None:
    """One that waits stays."""
    lease = await take(store)
    change = AlertChange(messages=[message(1, "a"), message(2, "b")])
    await store.alerts.commit(lease, change, NOW)
    first = await store.alerts.next_delivery("a")
    assert first is not None
    await store.alerts.note_taken(lease, first, NOW)
    tables = [alert_messages, alert_deliveries]
    await store.alerts.drop_old(lease, NOW)
    assert await count_rows(store, tables) == [2, 2]
    await store.alerts.drop_old(lease, NOW + timedelta(seconds=1))
    assert await count_rows(store, tables) == [1, 1]


@pytest.mark.parametrize(
    "damage",
    ["facts = 'x'", "facts = '[]'", "state = 'odd'", "since = 'yesterday'", "told_at = '1'"],
)
async def test_a_row_that_makes_no_sense_is_seen_anew(
    file_store: Store, tmp_path: Path, damage: str
) -> None:
    """It is left out, and written over."""
    lease = await take(file_store)
    await file_store.alerts.commit(lease, AlertChange(puts=[ROW]), NOW)
    with closing(open_raw(tmp_path / "jobs.db")) as other:
        other.execute(f"UPDATE alerts SET {damage}")
        other.commit()
    assert await file_store.alerts.rows() == []
    assert await file_store.alerts.commit(lease, AlertChange(puts=[ROW]), NOW)
    assert await file_store.alerts.rows() == [ROW]


async def test_the_ends_of_jobs_come_once_and_not_from_before(store: Store) -> None:
    """What had ended when somebody looked for the first time is no news."""
    lease = await take(store)
    old = await add_job(store, 1, job_id="old")
    await end_all(store, old.job_id, ItemState.FAILED)
    assert await store.alerts.listen(lease, NOW)
    assert not await store.alert_looks.has_ended()
    new = await add_job(store, 2, job_id="new")
    await end_all(store, new.job_id, ItemState.FAILED, ItemState.UNKNOWN)
    assert await store.alert_looks.has_ended()
    [ended] = await store.alert_looks.ended()
    assert (ended.job_id, ended.account, ended.total) == ("new", "shop", 2)
    assert (ended.failed, ended.unknown, ended.is_cancelled) == (1, 1, False)
    assert await store.alert_looks.still_unknown(["new", "old", "none"]) == ["new"]
    assert await store.alert_looks.open_failures(["new", "old", "none"]) == {"new": 1, "old": 1}
    await store.alerts.commit(lease, AlertChange(heard=[ended.job_no]), NOW)
    assert not await store.alert_looks.has_ended()
    assert await store.alerts.close(lease)
    assert await store.alerts.is_empty()
    assert await count_rows(store, [deliveries]) == [0]


@pytest.mark.sqlite_only("looks again at numbers elsewhere")
async def test_jobs_that_are_being_stored_are_seen_when_they_are_there(store: Store) -> None:
    """Though their numbers are older than those of jobs that are there before them."""
    first = await add_job(store, 1, job_id="first", account="one")
    found, seen = await store.alert_looks.submitted(0)
    assert (found, seen) == ({"one": NOW}, first.job_no)
    await add_job(store, 1, job_id="second", account="two")
    await add_job(store, 1, job_id="retry", account="one", retry_of="first", created_at=LATER)
    found, seen = await store.alert_looks.submitted(seen)
    assert found == {"two": NOW}
    assert await store.alert_looks.submitted(seen) == ({}, seen)
    oldest = await store.alert_looks.oldest_open()
    assert {name: job.job_id for name, job in oldest.items()} == {"one": "first", "two": "second"}
