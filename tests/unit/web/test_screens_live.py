"""Screens of a store that a hub writes to: exchanges, lessons, alerts, and jobs that go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.hubs import numbered, scripted_world
from support.page_html import Html
from support.raw_stores import open_raw
from support.stand_ins import STAND_INS
from support.vendor import Vendor
from support.web import WebWorld, web_world

from batchhub import BatchHub, BatchJob
from batchhub._base.store_path import find_exchanges_path
from batchhub._store import LaneOwner
from batchhub._web.screens import failures as failures_screen
from batchhub._web.screens.ticket import show_body
from batchhub.hub import opened
from batchhub.testing import FakeClock

VENDOR = "ecwid"


@asynccontextmanager
async def ended_job(folder: Path, **settings: Any) -> AsyncIterator[tuple[WebWorld, BatchJob]]:
    """Run a job of a real vendor's stand-in to its end, and serve the page of its store."""
    vendor, clock = STAND_INS[VENDOR], FakeClock()
    sandbox = vendor.sandbox(clock=clock)
    async with clock.running(), sandbox.running() as url:
        account = evolve(sandbox.account(url), **settings)
        async with BatchHub(folder / "jobs.db", {"shop": account}, clock=clock, seed=1) as hub:
            job = await hub.submit("shop", vendor.items, operation=vendor.operation)
            await job.wait(timeout_s=24 * 3600)
    async with web_world(folder / "jobs.db", clock=FakeClock(clock.now())) as web:
        yield web, job


async def look(web: WebWorld, path: str) -> Html:
    """Look at a page, which is to be sound."""
    found = Html((await web.get(path)).text)
    assert found.faults == []
    return found


async def test_a_ticket_shows_its_exchanges(tmp_path: Path) -> None:
    """Each request and its answer, with sizes and times; and how to have their bodies kept."""
    async with ended_job(tmp_path) as (web, job):
        text = (await look(web, f"/jobs/{job.id}/tickets/1")).text

    assert " 200 POST " in text
    assert "submit · " in text
    assert "fetch results · " in text
    assert "bytes sent" in text
    assert 'Bodies are kept where the account has exchanges = "bodies"' in text
    assert f"batchhub exchanges {job.id}" in text


async def test_bodies_are_shown_as_they_were(tmp_path: Path) -> None:
    """Letter by letter, as text."""
    async with ended_job(tmp_path, exchanges="bodies") as (web, job):
        found = await look(web, f"/jobs/{job.id}/tickets/1")

    assert " Sent " in found.text
    assert " Received " in found.text
    assert "Bodies are kept where" not in found.text


async def test_a_record_that_cannot_be_read_hides_no_ticket(tmp_path: Path) -> None:
    """The ticket is shown, and in place of its exchanges a sentence."""
    async with ended_job(tmp_path) as (web, job):
        path = find_exchanges_path(tmp_path / "jobs.db")
        path.write_bytes(b"no database at all" * 100)
        got = await web.get(f"/jobs/{job.id}/tickets/1")
        path.unlink()
        then = await look(web, f"/jobs/{job.id}/tickets/1")

    assert got.status == 200
    assert "is damaged" in Html(got.text).text
    assert "No exchanges are kept of this ticket" in then.text


def test_a_body_is_a_text_without_control_characters() -> None:
    """Cut after some thousand characters, and whatever bytes it has."""
    made = show_body(b'{"a":\t"b\x00\x1b[31m\xff\xe2\x80\xae"}\n')
    assert made is not None
    assert made.text == '{"a":\t"b??[31m\ufffd?"}\n'
    long = show_body("ä".encode() * 10_000)
    assert long is not None
    assert (len(long.text), long.is_cut) == (4_000, True)
    assert show_body(b"") is None


async def test_usual_times_come_with_experience(tmp_path: Path) -> None:
    """Once some batches of a kind have ended, a job shows how long they take."""
    async with scripted_world(Vendor(), store=tmp_path / "jobs.db") as world:
        jobs = [await world.hub.submit("shop", numbered(2)) for _ in range(12)]
        for job in jobs:
            await job.wait(timeout_s=3600)
        now = world.clock.now()
    async with web_world(tmp_path / "jobs.db", clock=FakeClock(now)) as web:
        text = (await look(web, f"/jobs/{jobs[0].id}")).text

    assert "half of those seen so far" in text


async def test_an_idle_account_is_driven_by_who_attends_it(tmp_path: Path) -> None:
    """A process that goes on until it is stopped has let go of an account with nothing to do."""
    async with scripted_world(Vendor(), store=tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait(timeout_s=3600)
        store = (await opened(world.hub)).store
        owner = LaneOwner(token="f" * 16, pid=77, host="worker-7")
        await store.attendants.show(owner, [job.lane], world.clock.now())
        now = world.clock.now()
    async with web_world(tmp_path / "jobs.db", clock=FakeClock(now)) as web:
        driven = (await look(web, "/")).text
    async with web_world(tmp_path / "jobs.db", clock=FakeClock(now + timedelta(hours=1))) as web:
        gone = (await look(web, "/")).text

    assert "process 77 on worker-7" in driven
    assert "all is well" in driven
    assert "process 77" not in gone
    assert " nobody " in gone


async def test_alerts_come_first(store: Path) -> None:
    """Those that fire, with their account, since when and why; not those that only may."""
    with closing(open_raw(store)) as db, db:
        row = "INSERT INTO alerts (condition, account, state, since, facts) VALUES (?, ?, ?, ?, ?)"
        since = "2026-01-01T00:00:00.000000+00:00"
        why = '{"why": "<b>2 jobs</b> are held", "jobs": ["b-1", "b-2"]}'
        db.execute(row, ["held", "north<i>", "firing", since, why])
        db.execute(row, ["of_a_newer_version", "south", "clearing", since, "{}"])
        db.execute(row, ["stalled", "west", "pending", since, "{}"])
    async with web_world(store) as web:
        text = (await look(web, "/")).text

    assert "firing north<i> : a job is held" in text
    assert "<b>2 jobs</b> are held." in text
    assert "clearing south : of_a_newer_version" in text
    assert "west" not in text


async def test_too_many_failures_are_a_sentence(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where grouping takes too long, one is told to look at fewer."""

    async def take_long(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(BatchHub, "failures", take_long)
    monkeypatch.setattr(failures_screen, "BOUND_S", 0.0)
    async with web_world(store) as web:
        found = await look(web, "/failures")

    assert "There are too many failures to group them here; choose an account" in found.text
