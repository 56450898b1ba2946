"""What an operator may do: asked once more, done once, logged, and refused where it can't be."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.hubs import World, numbered, scripted_world
from support.vendor import ScriptedAccount, Vendor, capable, report_states
from support.web import Answer, Visitor, WebWorld, web_world

from batchhub import BatchHub, BatchState, ItemState
from batchhub._web.settings import OpenOwner
from batchhub.adapter import Observation
from batchhub.errors import NoAnswerError, NotFoundError, SettingsError
from batchhub.hub import BatchJob
from batchhub.testing import FakeClock

RUNNING = Observation(words=("Running",))


def owner_of(
    store: Path, vendor: Vendor | None = None, clock: FakeClock | None = None
) -> OpenOwner:
    """Make hubs that hand over for the account ``shop``."""

    def open_owner(job: BatchJob) -> BatchHub:
        accounts = {"shop": ScriptedAccount(vendor=vendor or Vendor())}
        return BatchHub(store, accounts, drives=False, clock=clock)

    return open_owner


@asynccontextmanager
async def failed_job(store: Path, **states: ItemState) -> AsyncIterator[tuple[WebWorld, str]]:
    """Serve the page of a job of four items that has ended, some of them as given."""
    vendor = Vendor(default_report=report_states(**states or {"i1": ItemState.FAILED}))
    async with scripted_world(vendor, store) as world:
        job = await world.hub.submit("shop", numbered(4))
        await job.wait()
    async with web_world(store, open_owner=owner_of(store)) as web:
        yield web, job.id


def fields_of(page: Answer) -> dict[str, str]:
    """Return the hidden fields of the form that asks once more."""
    form = page.text.partition('<form class="confirm"')[2].partition("</form>")[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


async def press(visitor: Visitor, path: str, more: Mapping[str, str] | None = None) -> Answer:
    """Open the page that asks, and press its button."""
    page = await visitor.get(path)
    assert page.status == 200, page.text
    return await visitor.post(path.partition("?")[0], {**fields_of(page), **(more or {})})


async def jobs_of(store: Path) -> list[BatchJob]:
    """Return the jobs of a store, oldest first."""
    async with BatchHub(store, drives=False) as hub:
        return await hub.jobs()


async def test_a_retry_is_asked_once_more_and_makes_one_job(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says how many items; two clicks make one job, and the log says who made it."""
    caplog.set_level(logging.INFO)
    async with failed_job(store, i1=ItemState.FAILED, i2=ItemState.UNKNOWN) as (web, job_id):
        page = await web.get(f"/jobs/{job_id}/retry")
        path, form = f"/jobs/{job_id}/retry", fields_of(page)
        clicks = await asyncio.gather(*(web.operator.post(path, form) for _ in range(3)))
        later = await web.operator.post(path, form)
        again = await web.get(path)

    jobs = await jobs_of(store)
    assert "Retry 1 item of job" in page.text
    assert f"batchhub retry {job_id}" in page.text
    assert [job.status.counts.total for job in jobs] == [4, 1]
    where = f"/jobs/{jobs[1].id}?done=retried"
    assert {(got.status, got.headers.get("Location")) for got in [*clicks, later]} == {(303, where)}
    assert "nothing of this to retry" in again.text
    acted = [record.message for record in caplog.records if "page.acted" in record.message]
    assert len(acted) == 1
    for fact in ("'retry'", "'operator'", job_id, jobs[1].id, "'shop'", "lane="):
        assert fact in acted[0]


async def test_unknown_items_are_retried_after_a_warning(store: Path) -> None:
    """What may run twice is said before, and only done where it was asked for."""
    async with failed_job(store, i1=ItemState.UNKNOWN, i2=ItemState.UNKNOWN) as (web, job_id):
        without = await web.get(f"/jobs/{job_id}/retry")
        asked = await web.get(f"/jobs/{job_id}/retry?unknown=yes")
        got = await press(web.operator, f"/jobs/{job_id}/retry?unknown=yes")

    assert "nothing of this to retry" in without.text
    assert "2 items of unknown outcome may have run already, and may run twice." in asked.text
    assert "batchhub retry" in asked.text
    assert "--unknown" in asked.text
    assert got.status == 303
    assert [job.status.counts.total for job in await jobs_of(store)] == [4, 2]


async def test_a_retry_by_code_takes_the_items_of_it(store: Path) -> None:
    """A code that no item has is a sentence, and one that is no code as well."""
    async with failed_job(store) as (web, job_id):
        none = await web.get(f"/jobs/{job_id}/retry?code=429")
        wrong = await web.get(f"/jobs/{job_id}/retry?code=x")

    assert "nothing of this to retry" in none.text
    assert wrong.status == 400
    assert "such as 404" in wrong.text


async def test_what_has_changed_meanwhile_is_asked_again(store: Path) -> None:
    """A page that was open for long does not do what it no longer says."""
    async with failed_job(store, i1=ItemState.FAILED, i2=ItemState.UNKNOWN) as (web, job_id):
        path = f"/jobs/{job_id}/retry"
        all_of_it = fields_of(await web.get(f"{path}?unknown=yes"))
        stale = fields_of(await web.get(path))
        await press(web.operator, path)
        nothing = await web.operator.post(path, stale)
        less = await web.operator.post(path, all_of_it)

    assert (nothing.status, less.status) == (409, 409)
    assert "nothing of this to retry" in nothing.text
    assert "Nothing was done: the job has changed" in less.text
    assert "Retry 1 item of job" in less.text
    assert len(await jobs_of(store)) == 2


async def test_a_viewer_changes_nothing(store: Path) -> None:
    """Neither the page that asks nor the form is a viewer's, not even with a form of their own."""
    async with failed_job(store) as (web, job_id):
        path = f"/jobs/{job_id}/retry"
        stolen = fields_of(await web.get(path))
        csrf = (await web.viewer.get("/nowhere")).csrf
        asked = await web.viewer.get(path)
        acted = await web.viewer.post(path, {**stolen, "csrf": csrf})
        stranger = await web.stranger.post(path, stolen)
        forged = await web.operator.post(path, {**stolen, "csrf": "00"})
        elsewhere = await web.operator.post(path, stolen, headers={"Origin": "https://e.example"})

    assert (asked.status, acted.status) == (403, 403)
    assert "signed in as a viewer" in acted.text
    assert stranger.status == 303
    assert stranger.headers["Location"].startswith("/sign-in")
    assert (forged.status, elsewhere.status) == (403, 403)
    assert len(await jobs_of(store)) == 1


async def test_an_account_that_cannot_be_made_is_a_sentence(store: Path) -> None:
    """Without its secrets nothing is handed over; once they are there the same form does it."""
    async with failed_job(store) as (web, job_id):
        pass
    refusing = [True]

    def open_owner(job: BatchJob) -> BatchHub:
        if refusing[0]:
            raise SettingsError("accounts.shop.token: the variable SHOP_TOKEN is not set")
        return owner_of(store)(job)

    async with web_world(store, open_owner=open_owner) as web:
        path = f"/jobs/{job_id}/retry"
        form = fields_of(await web.get(path))
        refused = await web.operator.post(path, form)
        assert len(await jobs_of(store)) == 1
        refusing[0] = False
        got = await web.operator.post(path, form)

    assert refused.status == 409
    assert "SHOP_TOKEN is not set" in refused.text
    assert "Back to the job" in refused.text
    assert got.status == 303


async def test_a_job_that_was_pruned_is_not_there(store: Path) -> None:
    """A job that is deleted between the question and the answer is a page with a sentence."""
    async with failed_job(store) as (web, job_id):
        form = fields_of(await web.get(f"/jobs/{job_id}/retry"))
        async with BatchHub(store, drives=False) as hub:
            await hub.prune(0)
        got = await web.operator.post(f"/jobs/{job_id}/retry", form)
        asked = await web.get(f"/jobs/{job_id}/cancel")

    assert (got.status, asked.status) == (404, 404)
    assert "may have been deleted since" in got.text


@asynccontextmanager
async def held_job(store: Path) -> AsyncIterator[tuple[World, WebWorld, BatchJob]]:
    """Serve the page of a job that waits for a decision, with a process that drives."""
    vendor = capable(Vendor(submits=deque([NoAnswerError("cut")])), tickets_per_job=10)
    async with scripted_world(vendor, store) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        driving = asyncio.create_task(world.hub.drive())
        async with web_world(store, open_owner=owner_of(store, vendor, world.clock)) as web:
            yield world, web, job
        driving.cancel()
        await asyncio.wait({driving})


async def test_a_cancel_says_what_becomes_of_what_and_is_kept(store: Path) -> None:
    """It needs no account: the wish is in the store, and whoever drives sees it."""
    vendor = capable(Vendor(), can_cancel=True)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    async with scripted_world(vendor, store) as world:
        job = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(10)
    async with web_world(store) as web:  # whose settings lack the account
        path = f"/jobs/{job.id}/cancel"
        asked = await web.get(path)
        got = await press(web.operator, path)
        again = await web.get(path)

    assert "1 ticket with the vendor: cancelled there, if the vendor can" in asked.text
    assert got.headers["Location"] == f"/jobs/{job.id}?done=cancelled"
    assert "was asked to stop already" in again.text
    async with scripted_world(vendor, store, FakeClock(job.status.updated_at)) as world:
        vendor.answer_poll = None
        await world.hub.resume()
        assert vendor.cancelled


async def test_a_job_that_has_ended_is_not_cancelled(store: Path) -> None:
    """The page that asks says so, and a form that was made before is asked again."""
    async with failed_job(store) as (web, job_id):
        asked = await web.get(f"/jobs/{job_id}/cancel")
        got = await web.operator.post(f"/jobs/{job_id}/cancel", {"csrf": asked.csrf, "once": "1"})

    assert "has already ended: partial" in asked.text
    assert got.status == 409


async def test_a_held_job_is_given_up_and_sent_again(store: Path) -> None:
    """Who says that items may run twice ends the tickets, and a new job has the items."""
    async with held_job(store) as (_, web, job):
        asked = await web.get(f"/jobs/{job.id}/retry?unknown=yes")
        plain = await web.get(f"/jobs/{job.id}/retry")
        got = await press(web.operator, f"/jobs/{job.id}/retry?unknown=yes")
        await job.refresh()

    assert "1 ticket may be with the vendor or not" in asked.text
    assert "can be retried once it has ended" in plain.text
    assert got.status == 303
    assert job.status.state is BatchState.CANCELLED
    assert [each.status.counts.total for each in await jobs_of(store)] == [2, 2]


async def test_a_ticket_is_adopted_by_the_process_that_drives(store: Path) -> None:
    """The vendor is asked there; what it does not know changes nothing, and is a sentence."""
    async with held_job(store) as (world, web, job):
        path = f"/jobs/{job.id}/tickets/1/adopt"
        world.vendor.polls.append(NotFoundError("no such batch"))
        wrong = await finish(web.operator, await press(web.operator, path, {"ref": "lost-1"}))
        assert (await job.refresh()).is_held
        got = await finish(web.operator, await press(web.operator, path, {"ref": "found-1"}))
        await job.refresh()

    assert wrong.status == 409
    assert "lost-1" in wrong.text
    assert got.headers["Location"] == f"/jobs/{job.id}?done=adopted"
    assert job.status.tickets[0].vendor_refs == ("found-1",)


async def finish(visitor: Visitor, got: Answer) -> Answer:
    """Wait on the page that waits, if a button has led there."""
    path = got.headers.get("Location", "")
    while path.startswith("/acts/"):
        await asyncio.sleep(0.02)
        got = await visitor.ask("GET", path)
        path = path if got.status == 200 else got.headers.get("Location", "")
    return got


async def test_what_takes_longer_is_waited_for(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process that drives has to act first, a page waits in place of a browser."""
    monkeypatch.setattr("batchhub._web.actions.PATIENCE_S", 0)
    async with held_job(store) as (world, web, job):
        got = await press(web.operator, f"/jobs/{job.id}/retry?unknown=yes")
        waits = await web.operator.ask("GET", got.headers["Location"])
        foreign = await web.viewer.ask("GET", got.headers["Location"])
        unknown = await web.operator.ask("GET", "/acts/00")
        while waits.status == 200:
            assert 'http-equiv="refresh"' in waits.text
            await world.clock.sleep(1)
            waits = await web.operator.ask("GET", got.headers["Location"])

    assert got.headers["Location"].startswith("/acts/")
    assert (foreign.status, unknown.status) == (403, 404)
    assert waits.headers["Location"].endswith("?done=retried")


async def test_a_ticket_that_is_not_unconfirmed_is_not_adopted(store: Path) -> None:
    """A ticket that there is not, that has ended, and an empty id are each a sentence."""
    async with failed_job(store) as (web, job_id):
        ended = await web.get(f"/jobs/{job_id}/tickets/1/adopt")
        none = await web.get(f"/jobs/{job_id}/tickets/9/adopt")
        odd = await web.get(f"/jobs/{job_id}/tickets/x/adopt")
    async with held_job(store.with_name("held.db")) as (_, web, job):
        asked = await web.get(f"/jobs/{job.id}/tickets/1/adopt")
        empty = await press(web.operator, f"/jobs/{job.id}/tickets/1/adopt", {"ref": " "})

    assert "is completed: there is nothing to adopt" in ended.text
    assert (none.status, odd.status) == (404, 404)
    assert "a batch of 2 items, sent 2026-01-01" in asked.text
    assert "enter the vendor" in empty.text
