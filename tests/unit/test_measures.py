"""What an open hub counts of its own doings: each thing once, where it happens, for no price."""

from __future__ import annotations

import sqlite3
from collections import deque
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import evolve
from sqlalchemy import event
from support.hosts import Answer, make_transport, open_host
from support.hubs import World, numbered, scripted_world
from support.vendor import Vendor, capable, report_states

from batchhub._base.measures import (
    LATENESS_S,
    NO_ANSWER,
    OTHER_STATUS,
    AdapterMeasures,
    Histogram,
    Measures,
)
from batchhub._store import Store
from batchhub.adapter import Observation
from batchhub.errors import (
    BatchHubError,
    KeyConflictError,
    NoAnswerError,
    RefusedError,
    StoreError,
)
from batchhub.models import ItemState
from batchhub.polling import Fixed
from batchhub.testing import FakeClock
from batchhub.transport import Session


def measures_of(world: World) -> Measures:
    """Return the counts of an open hub."""
    assert world.hub._opened is not None
    return world.hub._opened.measures


async def test_tickets_items_and_jobs_are_counted_when_they_end() -> None:
    """Each once, by how it went; nothing is counted before the store has it."""
    states = report_states(i2=ItemState.FAILED, i5=ItemState.UNKNOWN)
    vendor = Vendor(default_report=states)
    async with scripted_world(vendor) as world:
        assert measures_of(world).adapters == {}
        await (await world.hub.submit("shop", numbered(7))).wait()
        await (await world.hub.submit("shop", [{"id": "x"}])).wait()
        counted = measures_of(world).of("scripted")
    assert counted.items == {"succeeded": 6, "failed": 1, "not_executed": 0, "unknown": 1}
    assert counted.jobs == {"succeeded": 1, "partial": 0, "failed": 0, "indeterminate": 1}
    assert (counted.sent, counted.accepted) == (4, 4)
    assert (counted.refused, counted.unconfirmed) == (0, 0)


async def test_refused_and_unconfirmed_tickets_are_counted() -> None:
    """A refusal is final; what was not answered waits for a decision."""
    vendor = Vendor(submits=deque([RefusedError("no"), NoAnswerError("silence")]))
    async with scripted_world(vendor) as world:
        await (await world.hub.submit("shop", [{"id": "a"}])).wait()
        assert (await (await world.hub.submit("shop", [{"id": "b"}])).wait()).is_held
        counted = measures_of(world).of("scripted")
        assert (counted.sent, counted.accepted) == (2, 0)
        assert (counted.refused, counted.unconfirmed) == (1, 1)
        assert counted.items["failed"] == 1
        assert counted.jobs["failed"] == 1


@pytest.mark.parametrize("together", [1, 10])
async def test_each_poll_and_its_lateness_are_counted(together: int) -> None:
    """Also where one request asks about many tickets; on time they are not late."""
    running = [Observation(words=("Running",))] * 50
    vendor = capable(Vendor(polls=deque(running)), max_polled_at_once=together)
    vendor.capabilities = evolve(vendor.capabilities, tickets_per_job=30, tickets_per_lane=None)
    async with scripted_world(vendor, polling=Fixed(1.0)) as world:
        await (await world.hub.submit("shop", numbered(90), options={"parallel": 1})).wait()
        counted = measures_of(world).of("scripted")
    assert (max(map(len, vendor.asked)) > 1) == (together > 1)
    assert counted.polls == len(vendor.polled) >= 3
    assert sum(counted.lateness.counts) == counted.polls
    assert counted.lateness.sum_s / counted.polls < 0.5


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (-1.0, 0),
        (0.0, 0),
        (0.001, 0),
        (0.0011, 1),
        (60.0, len(LATENESS_S) - 1),
        (60.1, len(LATENESS_S)),
    ],
)
def test_a_duration_is_in_the_bucket_that_ends_at_or_after_it(seconds: float, bucket: int) -> None:
    """As Prometheus means `le`; what is longer than all is in the last one."""
    histogram = Histogram()
    histogram.add(seconds)
    assert histogram.counts[bucket] == sum(histogram.counts) == 1
    assert histogram.sum_s == max(0.0, seconds)


async def test_requests_are_counted_by_the_status_of_their_answers() -> None:
    """Errors, pages and answers that can't be read too; and those that got none."""
    counted = AdapterMeasures()
    script = [
        Answer(),
        Answer(status=202),
        Answer(status=404),
        Answer(status=500),
        Answer(body=b"<html>", headers={"Content-Type": "text/html"}),
        Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
    ]
    clock = FakeClock()
    async with open_host() as host, Session() as session, clock.running():
        host.answers(*script)
        transport = make_transport(session, clock, host.url, measures=counted)
        for _ in script:
            with suppress(BatchHubError):
                await transport.request("GET", "/")
        gone = host.url
    async with Session() as session:
        transport = make_transport(session, clock, gone, measures=counted)
        with pytest.raises(BatchHubError):
            await transport.request("GET", "/")
    found = {status: n for status, n in enumerate(counted.requests) if n}
    assert found == {NO_ANSWER: 1, 200: 3, 202: 1, 404: 1, 500: 1}


async def test_a_status_of_no_class_is_counted_as_other() -> None:
    """Whatever a server sends, there are no more counts than statuses."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=799)

    counted, app = AdapterMeasures(), web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server, Session() as session:
        url = str(server.make_url("")).rstrip("/")
        transport = make_transport(session, FakeClock(), url, measures=counted)
        with pytest.raises(BatchHubError):
            await transport.request("GET", "/")
    assert counted.requests[OTHER_STATUS] == sum(counted.requests) == 1


async def test_failed_commits_are_counted_until_one_succeeds(tmp_path: Path) -> None:
    """With why, for as long as nothing can be written."""
    store = await Store.open(tmp_path / "jobs.db")
    counted, is_full = store.measures, True

    def commit(_: object) -> None:
        if is_full:
            raise sqlite3.OperationalError("database or disk is full")

    event.listen(store._db._writer.engine, "commit", commit)
    for failures in (1, 2):
        with pytest.raises(StoreError):
            await store.lanes.let_all_go("nobody")
        assert (counted.commits, counted.failures) == (0, failures)
        assert "disk is full" in (counted.error or "")
    is_full = False
    await store.lanes.let_all_go("nobody")
    assert (counted.commits, counted.failures, counted.error) == (1, 2, None)
    await store.aclose()


async def test_a_write_that_is_refused_is_no_trouble_of_the_store(tmp_path: Path) -> None:
    """What is wrong with it lies with whoever wrote it."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        await world.hub.submit("shop", numbered(1), key="k")
        with pytest.raises(KeyConflictError):
            await world.hub.submit("shop", numbered(2), key="k")
        counted = measures_of(world).store
        assert (counted.commits > 0, counted.failures, counted.error) == (True, 0, None)
