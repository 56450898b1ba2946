"""The figures of a process: true, readable by Prometheus' own parser, few, and without a secret."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.hubs import World, numbered, scripted_world
from support.metrics import Scraped, watched
from support.owners import other_process
from support.raw_stores import open_raw
from support.vendor import ScriptedAccount, Vendor, capable

from batchhub import BatchHub
from batchhub._base.secrets import forget, remember
from batchhub._metrics.families import FAMILIES, Kind
from batchhub._metrics.labels import MOST_ACCOUNTS, AccountLabels
from batchhub._store import Traffic
from batchhub.adapter import Observation
from batchhub.errors import CredentialsError, NoAnswerError, RateLimitedError
from batchhub.polling import Fixed
from batchhub.testing import FakeClock

RUNNING = Observation(words=("Running",))
LANE = ScriptedAccount().lane


def running(**changes: Any) -> Vendor:
    """Make a vendor whose batches do not end."""
    vendor = capable(Vendor(), **changes)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    return vendor


def facts_of(world: World, **changes: Any) -> dict[str, Any]:
    """Return what a worker tells of itself."""
    now = world.clock.now()
    told = {"driving_since": now, "settings_read_at": now, "settings_error": None}
    return {**told, "is_stopping": False, **changes}


@pytest.mark.parametrize("openmetrics", [False, True])
async def test_prometheus_own_parser_reads_all_of_it(tmp_path: Path, openmetrics: bool) -> None:
    """Every metric there is, with the type, the text and the labels it is said to have."""
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        await (await world.hub.submit("shop", numbered(2))).wait()
        with closing(open_raw(tmp_path / "jobs.db", autocommit=True)) as other:
            other.execute(
                "INSERT INTO alerts (condition, account, state, since, facts)"
                " VALUES ('held', 'shop', 'firing', '2026-01-01T00:00:00+00:00', '{}')"
            )
        assert world.hub._opened is not None
        world.hub._opened.measures.of("scripted").count_request(200)
        async with watched(world.hub, tell=lambda: facts_of(world)) as metrics:
            await metrics.look()
            scraped = await metrics.scrape(openmetrics=openmetrics)
    shown = {name: f for name, f in scraped.families.items() if name.startswith("batchhub_")}
    for family in FAMILIES:
        base = family.name
        if family.kind is Kind.COUNTER:
            base = base.removesuffix("_total") if openmetrics else base
            base = base if base in shown else base.removesuffix("_total")
        if family.kind is Kind.INFO and openmetrics:
            base = base.removesuffix("_info")
        found = shown.pop(base)
        kind = Kind.GAUGE if family.kind is Kind.INFO and not openmetrics else family.kind
        assert (found.type, found.documentation) == (kind.value, family.says)
        labels = {name for sample in found.samples for name in sample.labels} - {"le"}
        assert labels == set(family.labels), family.name
    assert shown == {}
    assert "process_resident_memory_bytes" in scraped.families
    assert "python_info" not in scraped.families


def test_names_follow_the_conventions() -> None:
    """Base units at the end, `_total` for what only grows and for nothing else."""
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.startswith("batchhub_")
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
        assert family.name.endswith("_info") == (family.kind is Kind.INFO)
        words = family.name.split("_")
        assert not {"ms", "milliseconds", "minutes", "kb", "kilobytes", "percent"} & set(words)
        assert family.says.endswith(".")
        for unit in ("seconds", "bytes"):
            assert unit not in words[:-1]


async def test_open_jobs_are_counted_as_the_store_has_them(tmp_path: Path) -> None:
    """By state; held tickets, the age of the oldest, and what nobody drives."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = running(tickets_per_lane=9, runs_in_order=False)
    vendor.submits.extend([NoAnswerError("silence")])
    async with scripted_world(vendor, store, clock) as world:
        for _ in range(3):
            await world.hub.submit("shop", [{"id": "a"}], deadline_s=1e9)
        await clock.sleep(100.0)
        async with watched(world.hub) as metrics:
            await metrics.look()
            scraped = await metrics.scrape()
        assert scraped.samples("batchhub_jobs") == {
            ("scripted", "pending"): 0,
            ("scripted", "queued"): 0,
            ("scripted", "in_progress"): 2,
            ("scripted", "unconfirmed"): 1,
        }
        assert scraped.value("batchhub_tickets_held", adapter="scripted") == 1
        assert scraped.value("batchhub_jobs_undriven", adapter="scripted") == 0
        assert scraped.value("batchhub_lanes_driven", adapter="scripted") == 1
        assert scraped.value("batchhub_account_jobs", adapter="scripted", account="shop") == 3
        age = scraped.value("batchhub_oldest_open_job_age_seconds", adapter="scripted")
        assert age == pytest.approx(100.0, abs=20.0)
        await world.hub.aclose()
        async with BatchHub(store, clock=clock) as reader, watched(reader) as metrics:
            await metrics.look()
            scraped = await metrics.scrape()
    assert scraped.value("batchhub_jobs_undriven", adapter="scripted") == 3
    assert scraped.value("batchhub_lanes_driven", adapter="scripted") == 0


async def test_a_stalled_ticket_counts_until_it_goes_on() -> None:
    """As `health` has it."""
    vendor = running(stall_s=1000.0)
    async with scripted_world(vendor, polling=Fixed(50.0)) as world:
        await world.hub.submit("shop", numbered(2), deadline_s=1e9)
        await world.clock.sleep(4000.0)
        async with watched(world.hub) as metrics:
            await metrics.look()
            stalled = (await metrics.scrape()).value("batchhub_tickets_stalled", adapter="scripted")
            assert stalled == 1
            vendor.answer_poll = lambda tickets: [Observation(words=("Running",), done=1)]
            await world.clock.sleep(400.0)
            await metrics.look()
            stalled = (await metrics.scrape()).value("batchhub_tickets_stalled", adapter="scripted")
            assert stalled == 0


async def test_what_the_process_counts_is_shown_at_once() -> None:
    """Without a look at the store."""
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with scripted_world(vendor) as world, watched(world.hub) as metrics:
        await (await world.hub.submit("shop", [{"id": "a"}])).wait()
        await (await world.hub.submit("shop", numbered(4))).wait()
        assert world.hub._opened is not None
        counted = world.hub._opened.measures.of("scripted")
        for status in (200, 200, 503, None):
            counted.count_request(status)
        scraped = await metrics.scrape()
    assert scraped.samples("batchhub_requests_total") == {
        ("scripted", "200"): 2,
        ("scripted", "503"): 1,
        ("scripted", "none"): 1,
    }
    assert scraped.value("batchhub_items_total", adapter="scripted", outcome="succeeded") == 4
    assert scraped.value("batchhub_jobs_ended_total", adapter="scripted", outcome="succeeded") == 1
    for name, number in (("sent", 3), ("accepted", 2), ("refused", 0), ("unconfirmed", 1)):
        assert scraped.value(f"batchhub_tickets_{name}_total", adapter="scripted") == number
    polls = scraped.value("batchhub_polls_total", adapter="scripted")
    assert polls == len(vendor.polled)
    name = "batchhub_poll_lateness_seconds"
    assert scraped.value(f"{name}_count", adapter="scripted") == polls
    assert scraped.value(f"{name}_bucket", adapter="scripted", le="+Inf") == polls
    below = list(scraped.samples(f"{name}_bucket").values())
    assert below == sorted(below)


async def test_a_lane_that_is_silent_or_paused_is_shown_at_once(tmp_path: Path) -> None:
    """And has no budget left."""
    vendor = running(tickets_per_lane=9)
    async with scripted_world(vendor, tmp_path / "jobs.db") as world, watched(world.hub) as metrics:

        async def values() -> tuple[float | None, ...]:
            scraped = await metrics.scrape()
            names = ("lanes_cooled", "lanes_paused")
            left = scraped.value(
                "batchhub_budget_left_requests", adapter="scripted", account="shop"
            )
            return *(scraped.value(f"batchhub_{n}", adapter="scripted") for n in names), left

        await world.hub.submit("shop", numbered(2), deadline_s=1e9)
        await world.clock.sleep(10.0)
        cooled, paused, left = await values()
        assert (cooled, paused) == (0, 0)
        assert (left or 0.0) > 0
        vendor.answer_poll = None
        vendor.polls.extend([RateLimitedError("slow", retry_after_s=500.0)])
        await world.clock.sleep(30.0)
        assert await values() == (1, 0, 0)
        vendor.polls.extend([CredentialsError("wrong")] * 100)
        await world.clock.sleep(560.0)
        cooled, paused, _ = await values()
        assert (cooled, paused) == (0, 1)


async def test_a_lane_that_another_process_drives(tmp_path: Path) -> None:
    """Its cool-down is known from the store, and that it is driven."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(running(), store, clock) as world:
        await world.hub.submit("shop", numbered(1), deadline_s=1e9)
        await clock.sleep(10.0)
        await world.hub.aclose()
        until = {"": (clock.now() + timedelta(seconds=60)).isoformat()}
        async with other_process(store) as other:
            hold = await other.take(LANE, clock.now())
            traffic = Traffic(sent=None, cooled=until)
            await other.store.lanes.note_traffic(hold, traffic, clock.now())
            async with BatchHub(store, clock=clock) as reader, watched(reader) as metrics:
                await metrics.look()
                scraped = await metrics.scrape()
                assert scraped.value("batchhub_lanes_cooled", adapter="scripted") == 1
                assert scraped.value("batchhub_jobs_undriven", adapter="scripted") == 0
                await clock.sleep(100.0)
                scraped = await metrics.scrape()
                assert scraped.value("batchhub_lanes_cooled", adapter="scripted") == 0


async def test_ten_thousand_accounts_make_no_more_series_than_two_hundred(tmp_path: Path) -> None:
    """The first by name have figures of their own, the others one together, and none is lost."""
    vendor, store = Vendor(), tmp_path / "jobs.db"
    accounts = {f"a{n:05}": ScriptedAccount(name=f"n{n}", vendor=vendor) for n in range(10_000)}
    async with BatchHub(store, accounts, clock=FakeClock(), drives=False) as hub:
        await hub.submit("a00000", numbered(1))
        with closing(open_raw(store, autocommit=True)) as other:
            columns = [row[1] for row in other.execute("PRAGMA table_info(jobs)")]
            changed = {
                "job_no": "n",
                "job_id": "printf('x%d', n)",
                "account": "printf('a%05d', n - 1)",
                "place": "n",
            }
            names = ", ".join(columns)
            values = ", ".join(changed.get(name, f"j.{name}") for name in columns)
            other.execute(
                "WITH RECURSIVE s(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM s WHERE n < 10000)"
                f" INSERT INTO jobs ({names}) SELECT {values} FROM s, jobs j WHERE j.job_no = 1"
            )
        async with watched(hub) as metrics:
            await metrics.look()
            scraped = await metrics.scrape()
    found = scraped.samples("batchhub_account_jobs")
    assert len(found) == MOST_ACCOUNTS + 1
    assert found["a00199", "scripted"] == 1
    assert found["", "scripted"] == 10_000 - MOST_ACCOUNTS
    assert scraped.text.count("\n") < 1000


def test_which_accounts_have_figures_depends_on_their_names_alone() -> None:
    """So a line in a graph stays the same account's."""
    names = [f"a{n:03}" for n in range(300)]
    labels = AccountLabels(reversed(names))
    assert [name for name in names if labels.of(name) == name] == names[:MOST_ACCOUNTS]
    assert labels.of("a250") == labels.of("nobody") == ""


async def test_nothing_of_it_tells_a_secret(tmp_path: Path) -> None:
    """Nor an id of a job, a vendor's words, or an address of one."""
    secret = "hidden-token-9f8e7d"
    vendor = running()
    remember([secret])
    try:
        accounts = {f"shop {secret}": ScriptedAccount(name=secret, vendor=vendor)}
        async with BatchHub(tmp_path / "jobs.db", accounts) as hub, watched(hub) as metrics:
            job = await hub.submit(f"shop {secret}", numbered(1), label=secret, key="my-key")
            await metrics.look()
            scraped = await metrics.scrape()
            _, _, health = await metrics.get("/healthz")
    finally:
        forget([secret])
    for text in (scraped.text, health):
        assert secret not in text
        assert "my-key" not in text
        assert "127.0.0.1" not in text
    assert job.id not in scraped.text
    assert scraped.value("batchhub_account_jobs", adapter="scripted", account="shop ***") == 1


async def test_a_scrape_reads_nothing_from_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers while the store does not."""
    async with scripted_world(store=tmp_path / "jobs.db") as world, watched(world.hub) as metrics:
        assert world.hub._opened is not None

        async def never(*_: object) -> Any:
            raise AssertionError("the store was read")

        monkeypatch.setattr(world.hub._opened.store._db, "read", never)
        monkeypatch.setattr(world.hub._opened.store._db, "write", never)
        scraped = await metrics.scrape()
        assert scraped.value("batchhub_store_readable") == 1
        assert scraped.samples("batchhub_sample_age_seconds") == {}
        assert (await metrics.health())[0] == 200


async def test_it_is_sampled_every_fifteen_seconds_for_as_long_as_it_runs(tmp_path: Path) -> None:
    """And stops listening at the end."""
    async with scripted_world(store=tmp_path / "jobs.db") as world, watched(world.hub) as metrics:
        server = metrics.server
        looks = 0

        async def look() -> None:
            nonlocal looks
            looks += 1

        assert server._sampler is not None
        server._sampler.look = look  # type: ignore[method-assign]
        task = asyncio.create_task(server.run())
        await world.clock.sleep(100.0)
        assert looks == pytest.approx(7, abs=1)
        task.cancel()
        await asyncio.wait({task})
        with pytest.raises(OSError, match="Connect"):
            await metrics.scrape()


def test_a_scrape_that_is_empty_says_so() -> None:
    """The helper of these tests finds what is there only."""
    assert Scraped("", {}).value("batchhub_jobs") is None
