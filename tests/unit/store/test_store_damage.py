"""Rows that batchhub did not write so are named, and hide and stop no others."""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered, results_of, scripted_world
from support.raw_stores import open_raw
from support.vendor import Vendor, capable

from batchhub import BatchHub
from batchhub._store import Store
from batchhub.adapter import ItemReport, Report
from batchhub.errors import BatchHubError, StoreError
from batchhub.models import ItemState, Outcome
from batchhub.testing import FakeClock

DAMAGE: list[tuple[str, str, Any]] = [
    ("jobs", "contact", "odd"),
    ("jobs", "options", "{"),
    ("jobs", "options", "null"),
    ("jobs", "options", "3"),
    ("jobs", "findings", "{}"),
    ("jobs", "findings", '[{"foo": 1}]'),
    ("jobs", "ticket_findings", "[1]"),
    ("jobs", "created_at", "yesterday"),
    ("jobs", "created_at", b"2026"),
    ("jobs", "account", b"\xff"),
    ("jobs", "deadline_s", "long"),
    ("jobs", "tickets_pending", "many"),
    ("jobs", "progress", "half"),
    ("tickets", "state", "exploded"),
    ("tickets", "state", b"pending"),
    ("tickets", "vendor", "{"),
    ("tickets", "vendor_refs", '"abc"'),
    ("tickets", "first_item", "one"),
    ("tickets", "attempted_at", "12:00"),
    ("tickets", "finished_as", "odd"),
]


def damage(path: Path, table: str, column: str, value: Any, job_no: int) -> None:
    """Write a value into all rows of a job, as nobody should."""
    with closing(open_raw(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE job_no = ?", (value, job_no))
        connection.commit()


async def fill(path: Path) -> tuple[str, str]:
    """Store two jobs that nobody has begun to send; return their ids."""
    async with scripted_world(store=path) as world:
        world.hub._opened.driver.drive = lambda _: None  # type: ignore[union-attr,method-assign]
        jobs = [await world.hub.submit("shop", numbered(2)) for _ in range(2)]
    return jobs[0].id, jobs[1].id


@pytest.mark.parametrize(("table", "column", "value"), DAMAGE)
async def test_a_damaged_job_is_named_and_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, table: str, column: str, value: Any
) -> None:
    """It is an error of the store with table and job; the others are listed and driven."""
    path = tmp_path / "jobs.db"
    bad, good = await fill(path)
    damage(path, table, column, value, 1)
    caplog.set_level(logging.ERROR)

    async with scripted_world(store=path) as world:
        assert [job.id for job in await world.hub.jobs()] == [good]
        assert f"table {table}, job {bad}" in caplog.text
        with pytest.raises(StoreError, match=f"table {table}, job {bad}.*restore the store"):
            await world.hub.job(bad)
        resumed = {job.id: job.status.outcome for job in await world.hub.resume()}
        assert resumed.pop(bad, None) is None
        assert resumed == {good: Outcome.SUCCEEDED}
        more = await world.hub.submit("shop", numbered(1))
        assert (await more.wait()).outcome is Outcome.SUCCEEDED
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("results", "state", "odd"),
        ("results", "state", b"x"),
        ("results", "code", "x"),
        ("results", "raw", "text"),
        ("results", "message", b"\xff"),
        ("items", "item_id", b"\xff"),
    ],
)
async def test_a_damaged_result_is_named(
    tmp_path: Path, table: str, column: str, value: Any
) -> None:
    """Those before it are read; it is an error of the store with job and position."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
    damage(path, table, column, value, 1)

    async with BatchHub(path) as hub:
        again = await hub.job(job.id)
        with pytest.raises(StoreError, match=f"table {table}, job {job.id}, position 1"):
            await results_of(again)


async def test_a_result_whose_packed_answer_is_broken_is_named(tmp_path: Path) -> None:
    """As any other damage."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
    damage(path, "results", "raw", b"no zlib", 1)
    damage(path, "results", "packed", 1, 1)

    async with BatchHub(path) as hub:
        with pytest.raises(StoreError, match=f"table results, job {job.id}, position 1"):
            await results_of(await hub.job(job.id))


@pytest.mark.parametrize(("column", "value"), [("wire", 7), ("item_id", b"\xff")])
async def test_an_item_that_cannot_be_read_stops_no_other_job(
    tmp_path: Path, column: str, value: object
) -> None:
    """Its job waits, and says why; the others come to their ends."""
    path = tmp_path / "jobs.db"
    bad, good = await fill(path)
    damage(path, "items", column, value, 1)

    async with scripted_world(store=path) as world:
        resuming = asyncio.create_task(world.hub.resume())
        other = await world.hub.job(good)
        assert (await other.wait(300)).outcome is Outcome.SUCCEEDED
        status = await (await world.hub.job(bad)).refresh()
        assert not status.state.is_terminal
        resuming.cancel()


@pytest.mark.parametrize("code", [2**31 - 1, 2**31, 2**63, -(2**63) - 1, 10**400])
async def test_a_status_that_no_database_has_room_for_ends_the_ticket(code: int) -> None:
    """The item has its result, without the number if that is out of all bounds."""
    vendor = capable(Vendor(), max_items=10)
    vendor.default_report = lambda sent: Report(
        items=[ItemReport(id=i.id, state=ItemState.FAILED, code=code, message="no") for i in sent]
    )
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait(300)

        assert (status.outcome, status.counts.failed) == (Outcome.FAILED, 2)
        got = await results_of(job)
        assert [result.code for result in got] == [code if code < 2**31 and code > 0 else None] * 2


async def test_a_store_that_is_cut_off_is_no_mystery(tmp_path: Path) -> None:
    """A file that lost its end is an error of the store, whatever part is missing."""
    path = tmp_path / "jobs.db"
    await fill(path)
    whole = path.read_bytes()
    for size in range(0, len(whole), 4096):
        path.write_bytes(whole[:size] + b"\x55" * (len(whole) - size))
        for ending in ("-wal", "-shm"):
            path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
        try:
            async with BatchHub(path) as hub:
                for job in await hub.jobs():
                    await results_of(job)
        except BatchHubError as error:
            assert "\n" not in str(error)  # noqa: PT017  # it may also be whole enough


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("seen_at", "yesterday"),
        ("seen_at", "2026-01-01T00:00:00"),
        ("latest_at", "never"),
        ("epoch", "many"),
        pytest.param(
            "owner_host", b"\xff", marks=pytest.mark.sqlite_only("elsewhere a text is one")
        ),
    ],
)
async def test_a_damaged_lane_is_named(tmp_path: Path, column: str, value: Any) -> None:
    """Nothing of it is sent, and whoever waits is told why."""
    path = tmp_path / "jobs.db"
    await fill(path)
    with closing(open_raw(path)) as connection:
        connection.execute("UPDATE lanes SET owner = 'dead', owner_pid = 1, owner_host = 'here'")
        connection.execute(f"UPDATE lanes SET {column} = ?", (value,))
        connection.commit()

    async with scripted_world(store=path) as world:
        job = await world.hub.submit("shop", numbered(1))
        with pytest.raises(StoreError, match=r"table lanes, lane \S+: .*restore the store"):
            await job.wait(60)
        assert not world.vendor.submissions


async def test_what_a_dead_process_left_is_deleted_though_its_time_is_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody sees it, so nothing is lost; and no error is left to the event loop."""
    path = tmp_path / "jobs.db"
    await fill(path)
    gc.collect()  # what other tests left is not of this one
    caplog.clear()
    with closing(open_raw(path)) as connection:
        connection.execute("UPDATE jobs SET place = NULL, loaded_by = 'dead', updated_at = 'x'")
        connection.commit()

    async with scripted_world(store=path) as world:
        assert (await world.hub.prune(0.0)).jobs == 0
    gc.collect()
    with closing(open_raw(path)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    assert "Traceback" not in caplog.text


async def test_a_damaged_row_hides_nothing_that_is_written_later(tmp_path: Path) -> None:
    """Whoever keeps the error keeps no view of the store as it was."""
    path = tmp_path / "jobs.db"
    _, good = await fill(path)
    damage(path, "items", "wire", 7, 1)

    store = await Store.open(path)
    (ticket,) = await store.tickets.of_job(1)
    with pytest.raises(StoreError) as kept:
        await store.tickets.get_items(ticket)
    damage(path, "jobs", "label", "new", 2)
    job, _ = await store.jobs.get(good)
    assert job.label == "new"
    assert kept.value.__traceback__ is not None
    await store.aclose()


async def test_a_damaged_job_keeps_the_end_of_no_other_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own end is reported once it can be read."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=path, clock=clock) as world:
        bad, good = [await world.hub.submit("shop", numbered(1)) for _ in range(2)]
        for job in (bad, good):
            await job.wait()
    damage(path, "jobs", "contact", "odd", 1)

    async with scripted_world(store=path, clock=clock) as world:
        assert [event.job_id async for event in world.hub.events(follow=False)] == [good.id]
        assert f"table jobs, job {bad.id}" in caplog.text
        damage(path, "jobs", "contact", "ok", 1)
        await clock.sleep(600.0)
        assert [event.job_id async for event in world.hub.events(follow=False)] == [bad.id]
