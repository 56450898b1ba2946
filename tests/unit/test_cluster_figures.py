"""Who drives what of a store on PostgreSQL: in health, in figures, and on the page."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve
from support.metrics import watched
from support.patience import PATIENCE_S
from support.stores import add_job
from support.web import web_world
from typer.testing import CliRunner

from batchhub import BatchHub
from batchhub._base.file_mode import FileMode
from batchhub._base.store_place import find_store_place
from batchhub._cluster.status import find_status
from batchhub._engine.health import GRACE_S, find_problems
from batchhub._exchanges import ExchangeLog, find_record
from batchhub._http.journal import Noted
from batchhub._store import LaneOwner, Store
from batchhub._store.shards import shard_of
from batchhub._web.tokens import find_token_folder
from batchhub.cli.app import app
from batchhub.job import find_other_hosts
from batchhub.models import Health
from batchhub.testing import FakeClock

ANN = LaneOwner(token="a" * 32, pid=11, host="web-1")
BOB = LaneOwner(token="b" * 32, pid=22, host="web-2")
NOTED = Noted(
    at=datetime(2026, 1, 1, tzinfo=UTC),
    account="shop",
    adapter="acme",
    tickets=[("j-1", 1)],
    verb="submit",
    method="POST",
    host="",
    path="/1",
    status=200,
    sent_bytes=0,
    received_bytes=0,
    duration_s=0.1,
    message="",
)
LANES = ("ecwid:shop:1", "ecwid:shop:2")


@pytest.fixture
async def store(cluster_url: str) -> AsyncIterator[Store]:
    """A store with an open job of each of two lanes, which are in two shards."""
    assert len({shard_of(lane) for lane in LANES}) == 2
    opened = await Store.open(cluster_url)
    now = datetime.now(UTC)
    for number, lane in enumerate(LANES, 1):
        await add_job(
            opened,
            2,
            lane=lane,
            account=f"shop-{number}",
            job_id=f"job-{number}",
            created_at=now,
            updated_at=now,
        )
    yield opened
    await opened.aclose()


async def attend(store: Store, who: LaneOwner, *lanes: str, ago_s: float = 0.0) -> None:
    """Have a process that drives lanes until it is stopped, as long ago as that."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    await store.attendants.show(who, lanes, at)


async def own(store: Store, who: LaneOwner, lane: str, *, ago_s: float = 0.0) -> None:
    """Have a process that has the shard of a lane, and was last seen as long ago as that."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    assert await store.shards.take(shard_of(lane), who, at, lambda _: True)


async def look(url: str, **grace: float) -> Health:
    """Look at the health of a store, as whoever only reads it does."""
    async with BatchHub(url, drives=False) as hub:
        return await hub.health(**grace)


async def test_workers_and_their_shards_are_named(store: Store, cluster_url: str) -> None:
    """Whoever has a shard drives the lanes in it, also those that it has not taken."""
    await attend(store, BOB, *LANES)
    await attend(store, ANN, *LANES)
    await own(store, ANN, LANES[0])

    health = await look(cluster_url)

    assert [(each.host, each.pid, each.accounts, each.shards) for each in health.workers] == [
        ("web-1", 11, 1, 1),
        ("web-2", 22, 0, 0),
    ]
    assert all(each.since is not None for each in health.workers)
    driven = {each.account: each.driven_by for each in health.accounts}
    assert driven == {"shop-1": "process 11 on web-1", "shop-2": None}
    assert [each.idle_since is None for each in health.accounts] == [True, False]
    assert health.is_well  # a worker is there that takes it in a moment
    assert json.loads(json.dumps(health.to_dict()))["workers"][0]["shards"] == 1


async def test_a_silent_worker_drives_nothing(store: Store, cluster_url: str) -> None:
    """Without another one it is said at once, and no command to resume is: it would only watch."""
    await attend(store, ANN, *LANES, ago_s=20.0)
    await own(store, ANN, LANES[0], ago_s=20.0)

    health = await look(cluster_url)

    assert health.workers == ()
    [problem] = health.problems
    assert (problem.code, problem.account) == ("unattended", "shop-1")
    assert problem.message == "process 11 on web-1, which drove its account, is silent"
    assert "batchhub worker" in problem.advice


async def test_one_that_lives_takes_over(store: Store, cluster_url: str) -> None:
    """That takes some seconds, and is nothing to tell of."""
    await own(store, ANN, LANES[0], ago_s=20.0)
    await attend(store, BOB, *LANES)

    assert (await look(cluster_url)).is_well


async def test_a_shard_that_no_worker_takes(store: Store, cluster_url: str) -> None:
    """Workers that have the account do not help, if none has all accounts of the shard."""
    await attend(store, BOB, LANES[0])

    health = await look(cluster_url, grace_s=0.0)

    found = {each.account: each.message for each in health.problems}
    shard = shard_of(LANES[0])
    assert found["shop-1"] == (
        f"no process drives its account, and no worker takes its shard, {shard}, with all that is "
        "open there"
    )
    assert found["shop-2"] == "no process drives its account"


async def test_alerts_look_at_the_same(store: Store, cluster_url: str) -> None:
    """The process that looks for what is wrong need not drive anything itself."""
    await attend(store, ANN, *LANES)
    await own(store, ANN, LANES[0])
    async with BatchHub(cluster_url, drives=False) as hub:
        assert hub._opened is not None
        opened = hub._opened
        found = await find_problems(opened.store, opened.process, opened.clock, 0.0)

    assert [(each.code, each.account) for each in found] == [("unattended", "shop-2")]


async def test_figures(store: Store, cluster_url: str) -> None:
    """What nobody drives, and since when; and what this process leaves to others, with the why."""
    await attend(store, ANN, *LANES)
    await own(store, ANN, LANES[0])
    async with BatchHub(cluster_url) as hub, watched(hub) as metrics:
        opened = hub._opened
        assert opened is not None
        assert opened.shards is not None
        assert await opened.shards.open_lanes() == {}  # it has no account
        await metrics.look()
        scraped = await metrics.scrape()
        status, checks = await metrics.health()
        assert metrics.server._sampler is not None
        metrics.server._sampler.error = "no PostgreSQL answers there"
        away, told = await metrics.health()

    assert (away, told["store_readable"]["state"]) == (200, "warning")  # it is away for all
    values = {name: scraped.value(f"batchhub_{name}") for name in VALUES}
    assert values == VALUES
    idle_s = scraped.value("batchhub_oldest_unowned_seconds")
    assert idle_s is not None
    assert 0 <= idle_s < GRACE_S
    assert (scraped.value("batchhub_store_size_bytes") or 0) > 0
    assert scraped.value("batchhub_store_free_bytes") is None  # of another machine's disk
    assert status == 200  # a restart would change nothing of it
    left = checks["lanes_drivable"]
    assert (left["state"], left["not_drivable"]) == ("warning", 2)
    assert left["lanes"][LANES[0]] == "no account of this process goes through it"
    assert checks["workers"]["workers"][0]["host"] == "web-1"
    assert checks["drives"]["shards_owned"] == 0


VALUES = {"shards_owned": 0, "unowned_lanes": 1, "workers": 1, "lanes_not_drivable": 2}


async def test_the_page_names_workers(store: Store, cluster_url: str, tmp_path: Path) -> None:
    """On its first screen; and the store, without a password."""
    url = cluster_url.replace("postgres@", "postgres:geheim@")
    await attend(store, ANN, *LANES)
    await own(store, ANN, LANES[0])
    async with web_world(url, tokens=tmp_path / "tokens") as world:
        page = (await world.get("/")).text

    assert "process 11 on web-1" in page
    assert "1 of 256" in page
    assert find_store_place(url).name in page.replace("&amp;", "&")
    assert "geheim" not in page


async def test_each_machine_records_what_it_sent(
    store: Store, cluster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the user's folder for state; whoever looks elsewhere hears where the workers are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    place = find_store_place(cluster_url)
    await attend(store, ANN, *LANES)
    await own(store, BOB, LANES[0])

    async with BatchHub(cluster_url, drives=False) as hub:
        job = await hub.job("job-1")
        assert await job.exchanges() == []
        assert await find_other_hosts(job) == ["web-1"]
        assert hub._opened is not None
        log = hub._opened.exchanges

    assert log.path == tmp_path / "batchhub" / f"{place.key}.exchanges.db"
    assert log.path == find_record(cluster_url)
    assert find_token_folder(cluster_url) == tmp_path / "batchhub" / f"{place.key}.web"


def test_the_record_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever `store_mode` says: the folder is no group's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = find_store_place("postgresql://shop@db/orders")
    same = evolve(place, url="postgresql://shop:geheim@db/orders")
    log = ExchangeLog(place, FileMode.GROUP, FakeClock())
    log.note(NOTED)
    log.close(PATIENCE_S)

    assert log.path == ExchangeLog(same, FileMode.PRIVATE, FakeClock()).path
    assert log.path is not None
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.path.parent.stat().st_mode & 0o777 == 0o700


async def test_the_status_of_a_cluster(store: Store, cluster_url: str) -> None:
    """It has each worker with what it has, and each open lane that nobody drives."""
    await attend(store, ANN, LANES[0])
    await own(store, ANN, LANES[0])
    await attend(store, BOB, LANES[1], ago_s=20.0)
    await own(store, BOB, LANES[1], ago_s=20.0)

    status = await find_status(cluster_url)

    assert (status.open_lanes, status.open_jobs) == (2, 2)
    assert [(each.name, each.is_silent, each.shards) for each in status.workers] == [
        ("process 11 on web-1", False, 1),
        ("process 22 on web-2", True, 0),
    ]
    assert [each.to_dict() for each in status.undriven] == [
        {"lane": LANES[1], "shard": shard_of(LANES[1]), "is_drivable": False}
    ]
    shown = await asyncio.to_thread(
        CliRunner().invoke, app, ["cluster", "status", "--store", cluster_url]
    )
    assert "process 22 on web-2 (silent)" in shown.stdout
    assert "no worker has all open accounts of its shard" in shown.stdout
    assert "1 worker, 2 open lanes (1 driven by nobody), 2 open jobs" in shown.stdout


async def test_a_shard_is_drivable_by_whoever_has_all_of_it(store: Store, cluster_url: str) -> None:
    """A worker takes no shard with an open lane that it has no account for; two are not one."""
    shard, now = shard_of(LANES[0]), datetime.now(UTC)
    twin = next(lane for n in itertools.count(3) if shard_of(lane := f"ecwid:shop:{n}") == shard)
    await add_job(store, 1, lane=twin, job_id="twin", created_at=now, updated_at=now)
    await attend(store, ANN, LANES[0])
    await attend(store, BOB, twin, LANES[1])

    async def look_again() -> dict[str, bool]:
        status = await find_status(cluster_url)
        return {each.lane: each.is_drivable for each in status.undriven}

    assert await look_again() == {LANES[0]: False, twin: False, LANES[1]: True}
    await attend(store, ANN, LANES[0], twin)
    assert await look_again() == {LANES[0]: True, twin: True, LANES[1]: True}
