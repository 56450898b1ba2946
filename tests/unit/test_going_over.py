"""A store of an earlier version goes on: its locks are respected, and its jobs find their lane."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from support.hubs import numbered
from support.processes import ask_sandbox
from support.stand_ins import standing_in
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, BatchState, Outcome
from batchhub.errors import SettingsError, StoreError
from batchhub.testing import FakeClock
from batchhub_ecwid import EcwidAccount
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate import MircateAccount
from batchhub_mircate.sandbox import MircateSandbox

DUMP = Path(__file__).parent.parent / "fixtures/stores/0002.sql"
"""Made by that version: jobs `ended` and `open` of lane scripted:a, and `held` of scripted:b."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store as version 0002 left it."""
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(DUMP.read_text())
        old.commit()
    return path


def dump(path: Path) -> list[str]:
    """Return all that is in a store."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def lanes_of(path: Path) -> dict[str, str]:
    """Return the lane of each job."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT job_id, lane FROM jobs"))


# The locks.


@pytest.mark.parametrize("lane", ["scripted%3Aa", "events", "scripted%3Anever-driven"])
async def test_a_store_that_is_driven_by_an_earlier_version_stays_as_it_is(
    store: Path, lane: str
) -> None:
    """Who holds one of its locks is named; once it has ended the store goes over."""
    before = dump(store)
    folder = store.with_name("jobs.db.lanes")
    folder.mkdir()
    sign = {"pid": 4711, "host": "far", "seen_at": "2026-11-22T12:30:00+00:00"}
    (folder / f"{lane}.owner").write_text(json.dumps(sign))
    lock = FileLock(folder / f"{lane}.lock")
    with lock:
        with pytest.raises(StoreError) as caught:
            await BatchHub(store).__aenter__()
        assert dump(store) == before
    async with BatchHub(store) as hub:
        assert len(await hub.jobs()) == 3

    assert f"store {store}: it is of an earlier version, and process 4711 on far" in str(
        caught.value
    )
    assert list(folder.iterdir()) == []


async def test_a_lock_without_a_sign_of_its_owner_is_respected_too(store: Path) -> None:
    """Nobody can say which process it is, only that there is one."""
    folder = store.with_name("jobs.db.lanes")
    folder.mkdir()
    with FileLock(folder / "scripted%3Aa.lock"), pytest.raises(StoreError, match="and a process"):
        await BatchHub(store).__aenter__()


# The lanes.


async def test_jobs_go_to_the_account_of_their_name(store: Path) -> None:
    """Open ones are driven to their end, and a key is known again."""
    vendor, clock = Vendor(), FakeClock()
    account = ScriptedAccount(name="a", vendor=vendor)
    async with clock.running(), BatchHub(store, {"shop": account}, clock=clock) as hub:
        jobs = {job.id: job for job in await hub.resume()}
        done = jobs["open"].status
        ended = await hub.job("ended")
        assert ended.lane == jobs["open"].lane == "scripted:127.0.0.1:9:a"
        new = await hub.submit("shop", numbered(1))
        await new.wait()

    assert done.state is BatchState.COMPLETED
    assert set(jobs) == {"open", "held"}
    assert lanes_of(store)["held"] == "scripted:b"
    with closing(sqlite3.connect(store)) as connection:
        places = dict(connection.execute("SELECT job_id, place FROM jobs WHERE lane != 'x'"))
        lanes = [lane for (lane,) in connection.execute("SELECT lane FROM lanes ORDER BY lane")]
    assert places[new.id] > max(places["ended"], places["open"])
    assert lanes == ["scripted:127.0.0.1:9:a", "scripted:b"]


@pytest.mark.parametrize(
    "accounts",
    [
        {},
        {"shop": ScriptedAccount(name="other")},
        {"renamed": ScriptedAccount(name="a")},
        {
            "shop": ScriptedAccount(name="a"),
            "twin": ScriptedAccount(name="a", base_url="http://127.0.0.1:8"),
        },
    ],
    ids=["nobody", "another identity", "another name", "two hosts"],
)
async def test_jobs_that_nobody_certainly_owns_stay(
    store: Path, accounts: dict[str, ScriptedAccount]
) -> None:
    """Nothing of them is sent to anybody."""
    clock = FakeClock()
    async with clock.running(), BatchHub(store, accounts, clock=clock) as hub:
        for job in await hub.resume():
            assert not job.is_ours

    assert lanes_of(store) == {"ended": "scripted:a", "open": "scripted:a", "held": "scripted:b"}
    assert not any(account.vendor.submissions for account in accounts.values())


async def test_a_lane_with_moved_jobs_may_have_sent_before(store: Path) -> None:
    """So it does not count as taken for the first time, after which a whole burst may go."""
    clock = FakeClock()
    async with clock.running(), BatchHub(store, {"shop": ScriptedAccount(name="a")}, clock=clock):
        pass

    with closing(sqlite3.connect(store)) as connection:
        epochs = dict(connection.execute("SELECT lane, epoch FROM lanes"))
    assert epochs["scripted:127.0.0.1:9:a"] > 0


async def test_two_names_of_one_account_are_one(store: Path) -> None:
    """The same settings under two names take their jobs over."""
    vendor, clock = Vendor(), FakeClock()
    accounts = {name: ScriptedAccount(name="a", vendor=vendor) for name in ("shop", "again")}
    async with clock.running(), BatchHub(store, accounts, clock=clock) as hub:
        jobs = {job.id: job for job in await hub.resume()}

    assert jobs["open"].status.state is BatchState.COMPLETED


async def test_a_job_whose_key_is_used_in_both_lanes_stays(store: Path) -> None:
    """Two jobs of one key would be one too many; the others go, and before what is newer."""
    clock = FakeClock()
    async with clock.running():
        async with BatchHub(store) as hub:
            await hub.jobs()
        with closing(sqlite3.connect(store)) as connection:
            connection.execute("UPDATE jobs SET account = 'elsewhere'")
            connection.commit()
        account = ScriptedAccount(name="a", vendor=Vendor())
        async with BatchHub(store, {"shop": account}, clock=clock) as hub:
            newer = await hub.submit("shop", numbered(1), key="k1")
            await newer.wait()
        with closing(sqlite3.connect(store)) as connection:
            connection.execute("UPDATE jobs SET account = 'shop'")
            connection.commit()
        async with BatchHub(store, {"shop": account}, clock=clock) as hub:
            await hub.resume()
            again = await hub.submit("shop", numbered(1), key="k1")

    lanes = lanes_of(store)
    assert again.id == newer.id
    assert (lanes["ended"], lanes["open"]) == ("scripted:a", "scripted:127.0.0.1:9:a")
    with closing(sqlite3.connect(store)) as connection:
        places = dict(connection.execute("SELECT job_id, place FROM jobs"))
    assert places["open"] < places[newer.id]


# Hosts and accounts.


async def test_no_job_moves_to_another_host(tmp_path: Path) -> None:
    """When an account's address changes, its open jobs stay at the old one, and are not sent."""
    clock, vendor = FakeClock(), Vendor()
    old = ScriptedAccount(vendor=vendor)
    store = tmp_path / "jobs.db"
    async with clock.running():
        async with BatchHub(store, {"shop": old}, clock=clock) as hub:
            job = await hub.submit("shop", numbered(6))
            await job.hand_over()
        sent = len(vendor.submissions)
        new = ScriptedAccount(vendor=vendor, base_url="http://127.0.0.1:8")
        async with BatchHub(store, {"shop": new}, clock=clock) as hub:
            (left,) = await hub.resume()
            assert not left.is_ours
    assert len(vendor.submissions) == sent


async def test_one_number_at_two_hosts_is_two_accounts(tmp_path: Path) -> None:
    """Each gets its own jobs, and the same key of both is two jobs."""
    clock = FakeClock()
    accounts = {
        name: ScriptedAccount(vendor=Vendor(), base_url=url)
        for name, url in [("one", "https://a.example"), ("two", "https://b.example")]
    }
    async with clock.running(), BatchHub(tmp_path / "jobs.db", accounts, clock=clock) as hub:
        jobs = [await hub.submit(name, numbered(1), key="k") for name in accounts]
        done = [await job.wait() for job in jobs]

    assert [status.outcome for status in done] == [Outcome.SUCCEEDED] * 2
    assert [len(account.vendor.submissions) for account in accounts.values()] == [1, 1]


@pytest.mark.parametrize(
    ("base_url", "lane"),
    [
        ("https://API.Example.com", "scripted:api.example.com:one"),
        ("https://api.example.com.", "scripted:api.example.com:one"),
        ("https://api.example.com:443/", "scripted:api.example.com:one"),
        ("http://api.example.com:443", "scripted:api.example.com:443:one"),
        ("http://api.example.com:80", "scripted:api.example.com:one"),
        ("http://[::1]:8080", "scripted:[::1]:8080:one"),
    ],
)
def test_a_lane_is_named_by_its_host_in_one_form(base_url: str, lane: str) -> None:
    """However an address is written, it is the same lane."""
    assert ScriptedAccount(base_url=base_url).lane == lane


async def test_two_accounts_of_one_lane_must_agree(tmp_path: Path) -> None:
    """They are refused when their lane is opened, both named, and the settings that differ."""
    store, vendor = tmp_path / "jobs.db", Vendor()
    accounts = {
        "one": ScriptedAccount(vendor=vendor),
        "two": ScriptedAccount(vendor=vendor, base_url="http://127.0.0.1.:9"),
    }
    async with BatchHub(store, accounts) as hub:
        with pytest.raises(SettingsError) as caught:
            await hub.submit("one", numbered(1))
        assert await hub.jobs() == []

    assert str(caught.value) == (
        "accounts 'one' and 'two' are both scripted:127.0.0.1:9:one, but differ in base_url; "
        "give them the same settings, or remove one"
    )
    assert not vendor.submissions


# A store with open jobs at both vendors, two of their requests unanswered.


OPEN = DUMP.with_name("0002_open.sql")
ATTEMPTED_AT = datetime(2026, 11, 29, 2, 2, 4, tzinfo=UTC)
PRICES = [
    {
        "id": f"p{n}",
        "method": "PUT",
        "path": f"/products/{n}",
        "body": {"price": n + 0.5, "x": "y" * 60},
    }
    for n in range(1, 21)
]


@pytest.mark.parametrize(
    ("later_s", "state"), [(600, BatchState.COMPLETED), (7200, BatchState.UNCONFIRMED)]
)
async def test_open_jobs_of_an_earlier_version_are_finished(
    tmp_path: Path, later_s: int, state: BatchState
) -> None:
    """What was in doubt goes out again under its key while the vendor may know it, only."""
    store = tmp_path / "jobs.db"
    with closing(sqlite3.connect(store)) as old:
        old.executescript(OPEN.read_text())
        old.commit()
    clock = FakeClock(ATTEMPTED_AT + timedelta(seconds=later_s))
    ecwid, mircate = EcwidSandbox(token="secret_example_1234"), MircateSandbox()
    for sandbox in (ecwid, mircate):
        sandbox.change_switches({"item_time_s": 0.001, "requests_per_minute": 100_000})
    with standing_in(ecwid) as shop_url, standing_in(mircate) as supplier_url:
        accounts = {
            "shop": EcwidAccount(store_id=1003, token="secret_example_1234", base_url=shop_url),
            "supplier": MircateAccount(
                project_id="5p1hp1d2t",
                merchant_project_id="m-1",
                api_key=mircate.api_key,
                base_url=supplier_url,
            ),
        }
        async with clock.running(), BatchHub(store, accounts, clock=clock) as hub:
            jobs = {job.status.label or job.status.account: job for job in await hub.resume()}
            again = await hub.submit("shop", PRICES, key="prices-2026-11-28")
        executions = ask_sandbox(shop_url, "journal")["executions"]

    states = {name: job.status.state for name, job in jobs.items()}
    assert states == {
        "of the night": state,
        "an order": BatchState.COMPLETED,
        "supplier": BatchState.COMPLETED,
    }
    assert again.id == jobs["of the night"].id
    prices = [one["path"] for one in executions if "/products/" in one["path"]]
    assert len(prices) == len(set(prices)) == (20 if state is BatchState.COMPLETED else 0)
