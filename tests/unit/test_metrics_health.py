"""`/healthz`: 503 for what a restart may cure, 200 with a warning for what only people can."""

from __future__ import annotations

import sqlite3
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from support.hubs import World, numbered, scripted_world
from support.metrics import Watched, watched
from support.owners import other_process
from support.raw_stores import open_raw
from support.vendor import ScriptedAccount, Vendor, capable

from batchhub import BatchHub
from batchhub._store import LaneOwner
from batchhub.adapter import Observation
from batchhub.errors import CredentialsError, StoreError
from batchhub.polling import Fixed
from batchhub.testing import FakeClock

LANE = ScriptedAccount().lane


def running() -> Vendor:
    """Make a vendor whose batches do not end."""
    vendor = capable(Vendor())
    vendor.answer_poll = lambda tickets: [Observation(words=("Running",))] * len(tickets)
    return vendor


class Teller:
    """A worker, as far as it tells of itself."""

    def __init__(self, world: World) -> None:
        now = world.clock.now()
        self.facts: dict[str, Any] = {
            "driving_since": now,
            "is_stopping": False,
            "settings_read_at": now,
            "settings_error": None,
        }

    def __call__(self) -> dict[str, Any]:
        return self.facts


async def states(metrics: Watched) -> tuple[int, dict[str, str]]:
    """Return the status, and the states of what is not well."""
    status, checks = await metrics.health()
    return status, {name: c["state"] for name, c in checks.items() if c["state"] != "ok"}


async def test_all_is_well(tmp_path: Path) -> None:
    """Each check says so in a sentence."""
    async with (
        scripted_world(store=tmp_path / "jobs.db") as world,
        watched(world.hub, tell=Teller(world)) as metrics,
    ):
        await metrics.look()
        await world.clock.sleep(30.0)
        await metrics.look()
        status, checks = await metrics.health()
    assert status == 200
    assert {name: check["message"] for name, check in checks.items()} == {
        "drives": "drives for 30 s; has nothing to do now",
        "settings": "the settings were taken when they were last read",
        "store_readable": "the store can be read",
        "store_writable": "the last transaction was written",
        "jobs_driven": "every open job is driven by a process",
        "workers": "no process has said that it drives its accounts until it is stopped",
    }


async def test_a_process_that_does_not_drive_fails() -> None:
    """Before it does, and once it is about to end; without a worker nobody knows."""
    async with scripted_world() as world:
        teller = Teller(world)
        async with watched(world.hub, tell=teller) as metrics:
            assert await states(metrics) == (200, {})
            teller.facts["is_stopping"] = True
            assert await states(metrics) == (503, {"drives": "failing"})
            teller.facts |= {"is_stopping": False, "driving_since": None}
            assert await states(metrics) == (503, {"drives": "failing"})
            assert (await metrics.scrape()).value("batchhub_driving") == 0
        async with watched(world.hub) as metrics:
            assert await states(metrics) == (200, {})
            assert (await metrics.scrape()).value("batchhub_driving") is None


async def test_an_account_that_is_gone_is_at_work_until_its_vendor_is_done(tmp_path: Path) -> None:
    """What the vendor has is followed, and that is something to do."""
    async with (
        scripted_world(running(), tmp_path / "jobs.db") as world,
        watched(world.hub, tell=Teller(world)) as metrics,
    ):
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(60.0)
        await world.hub.set_accounts({"other": ScriptedAccount(name="other")})
        await world.clock.sleep(60.0)
        _, checks = await metrics.health()
        assert checks["drives"]["message"].endswith("; works on 1 account now")
        assert (await metrics.scrape()).value("batchhub_lanes_driven", adapter="scripted") == 1


async def test_settings_that_were_not_taken_are_a_warning() -> None:
    """A restart would find the same file, and drive nothing at all."""
    async with scripted_world() as world:
        teller = Teller(world)
        async with watched(world.hub, tell=teller) as metrics:
            scraped = await metrics.scrape()
            assert scraped.value("batchhub_settings_last_reload_successful") == 1
            teller.facts["settings_error"] = "batchhub.toml: accounts.shop: unknown key 'tokn'"
            assert await states(metrics) == (200, {"settings": "warning"})
            _, checks = await metrics.health()
            assert "unknown key 'tokn'" in checks["settings"]["message"]
            scraped = await metrics.scrape()
            assert scraped.value("batchhub_settings_last_reload_successful") == 0


async def test_refused_credentials_are_a_warning(tmp_path: Path) -> None:
    """The account is tried now and then, and is not undriven meanwhile."""
    vendor = Vendor(submits=deque([CredentialsError("wrong token")] * 100))
    async with (
        scripted_world(vendor, tmp_path / "jobs.db") as world,
        watched(world.hub, tell=Teller(world)) as metrics,
    ):
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(4000.0)
        await metrics.look()
        assert await states(metrics) == (200, {"drives": "warning"})
        _, checks = await metrics.health()
    told = "works on no account now; the credentials of 1 account were refused"
    assert checks["drives"]["message"].endswith(told)


async def test_a_store_that_cant_be_written_fails_until_it_can(tmp_path: Path) -> None:
    """Tried for real from then on, so that it is found out; figures are still shown."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        assert world.hub._opened is not None
        store, is_full = world.hub._opened.store, True

        def commit(_: object) -> None:
            if is_full:
                raise sqlite3.OperationalError("database or disk is full")

        async with watched(world.hub) as metrics:
            await metrics.look()
            assert await states(metrics) == (200, {})
            event.listen(store._db._writer.engine, "commit", commit)
            with pytest.raises(StoreError):
                await store.lanes.let_all_go("nobody")
            assert await states(metrics) == (503, {"store_writable": "failing"})
            await metrics.look()
            _, checks = await metrics.health()
            assert "the disk is full" in checks["store_writable"]["message"]
            scraped = await metrics.scrape()
            assert scraped.value("batchhub_store_writable") == 0
            assert scraped.value("batchhub_store_readable") == 1
            assert (scraped.value("batchhub_store_commit_failures_total") or 0) >= 2
            is_full = False
            with closing(open_raw(tmp_path / "jobs.db")) as other:
                versions = [other.execute("PRAGMA data_version").fetchone()]
                for _ in range(2):
                    await metrics.look()
                    versions.append(other.execute("PRAGMA data_version").fetchone())
            assert versions[0] != versions[1] == versions[2]
            assert await states(metrics) == (200, {})
            assert (await metrics.scrape()).value("batchhub_store_writable") == 1
        with closing(open_raw(tmp_path / "jobs.db")) as other:
            assert other.execute("SELECT * FROM leases").fetchall() == []


async def test_a_store_that_nobody_writes_to_is_tried_without_writing(tmp_path: Path) -> None:
    """A file that is gone, or is another one by now, is found out all the same."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        await (await world.hub.submit("shop", numbered(1))).wait()
        await world.clock.sleep(60.0)  # what was learned is written a little later
        async with watched(world.hub) as metrics:
            await metrics.look()
            before = path.with_name("jobs.db-wal").read_bytes()
            await metrics.look()
            await metrics.look()
            assert path.with_name("jobs.db-wal").read_bytes() == before
            path.rename(tmp_path / "moved.db")
            await metrics.look()
            status, checks = await metrics.health()
            assert status == 503
            assert "deleted or moved" in checks["store_writable"]["message"]
            (tmp_path / "moved.db").rename(path)
            await metrics.look()
            assert await states(metrics) == (200, {})


async def test_a_store_that_was_moved_fails_although_it_can_be_written(tmp_path: Path) -> None:
    """Nobody would find again what is written there."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world, watched(world.hub) as metrics:
        assert world.hub._opened is not None
        moved = tmp_path / "moved.db"
        for before, after, wanted in ((path, moved, 503), (moved, path, 200)):
            before.rename(after)
            await world.hub._opened.store.lanes.let_all_go("nobody")
            await metrics.look()
            assert (await metrics.health())[0] == wanted


async def test_a_job_whose_process_is_idle_for_now_is_driven(tmp_path: Path) -> None:
    """As long as it is there: it may have credentials that were refused, and tries now and then."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(running(), store, clock) as world:
        await world.hub.submit("shop", numbered(1), deadline_s=1e9)
        await world.hub.aclose()
        async with BatchHub(store, clock=clock) as hub, watched(hub) as metrics:
            async with other_process(store) as other:
                owner = LaneOwner(token=other.lock.token, pid=4711, host="far")
                await other.store.attendants.show(owner, [LANE], clock.now())
                await metrics.look()
                scraped = await metrics.scrape()
                assert scraped.value("batchhub_jobs_undriven", adapter="scripted") == 0
                [account] = (await hub.health()).accounts
                assert account.driven_by == "process 4711 on far"
            await clock.sleep(40.0)
            await metrics.look()
            scraped = await metrics.scrape()
            assert scraped.value("batchhub_jobs_undriven", adapter="scripted") == 1
            [account] = (await hub.health()).accounts
            assert account.driven_by is None


async def test_a_store_that_cant_be_read_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was known before is still shown, with its age."""
    async with scripted_world(store=tmp_path / "jobs.db") as world, watched(world.hub) as metrics:
        await metrics.look()
        assert world.hub._opened is not None
        vitals = world.hub._opened.store.vitals

        async def fail(*_: object) -> Any:
            raise StoreError("store jobs.db: disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(vitals, "figures", fail)
            await world.clock.sleep(30.0)
            await metrics.look()
            status, checks = await metrics.health()
            assert status == 503
            assert checks["store_readable"]["message"] == "store jobs.db: disk I/O error"
            scraped = await metrics.scrape()
            assert scraped.value("batchhub_store_readable") == 0
            assert scraped.value("batchhub_jobs", adapter="scripted", state="queued") == 0
            assert scraped.value("batchhub_sample_age_seconds") == pytest.approx(30.0, abs=1.0)
        await metrics.look()
        assert await states(metrics) == (200, {})


async def test_a_store_that_hangs_fails(tmp_path: Path) -> None:
    """No look comes to its end."""
    async with scripted_world(store=tmp_path / "jobs.db") as world, watched(world.hub) as metrics:
        await world.clock.sleep(50.0)
        assert await states(metrics) == (200, {})
        await world.clock.sleep(50.0)
        assert await states(metrics) == (503, {"store_readable": "failing"})
        await metrics.look()
        assert await states(metrics) == (200, {})


@pytest.mark.parametrize("is_ours", [True, False])
async def test_an_open_job_that_nobody_drives(tmp_path: Path, is_ours: bool) -> None:
    """Of an account of its own the process fails; of another one it is a warning."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(running(), store, clock, polling=Fixed(60.0)) as world:
        job = await world.hub.submit("shop", numbered(1), deadline_s=1e9)
        await clock.sleep(60.0)
        await world.hub.aclose()
        accounts = {"shop": ScriptedAccount()} if is_ours else {}
        async with BatchHub(store, accounts, clock=clock) as hub, watched(hub) as metrics:
            await metrics.look()
            assert await states(metrics) == (200, {})
            await clock.sleep(700.0)
            await metrics.look()
            wanted = (503, "failing") if is_ours else (200, "warning")
            status, unwell = await states(metrics)
            assert (status, unwell["jobs_driven"]) == wanted
            _, checks = await metrics.health()
            told = checks["jobs_driven"]
            assert (told["undriven"], told["oldest"]["job_id"]) == (1, job.id)
            assert told["oldest"]["account"] == "shop"
            assert "12 min" in told["message"]


async def test_a_job_of_a_process_that_has_died(tmp_path: Path) -> None:
    """Is driven for as long as its process lives, or may live."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(running(), store, clock) as world:
        await world.hub.submit("shop", numbered(1), deadline_s=1e9)
        await world.hub.aclose()
        async with BatchHub(store, clock=clock) as hub, watched(hub) as metrics:
            async with other_process(store) as other:
                await other.take(LANE, clock.now())
                await metrics.look()
                scraped = await metrics.scrape()
                assert scraped.value("batchhub_jobs_undriven", adapter="scripted") == 0
            await clock.sleep(40.0)
            await metrics.look()
            scraped = await metrics.scrape()
            assert scraped.value("batchhub_jobs_undriven", adapter="scripted") == 1
