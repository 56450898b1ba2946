"""`retry` leaves out what newer jobs change, unless it is told not to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from support.hubs import scripted_world
from support.stores import add_job, make_chunks, make_job, put_job
from support.vendor import PlainAccount, Vendor, report_states

from batchhub import BatchHub, ItemState
from batchhub._store import Store, TicketPlan
from batchhub._store import targets as store_targets
from batchhub.adapter import ItemReport, Report
from batchhub.errors import NoAnswerError, RefusedError, UsageError
from batchhub.hub import BatchJob
from batchhub.models import Finding
from batchhub.testing import FakeClock

FAILED = report_states(**dict.fromkeys("abcdef", ItemState.FAILED))


def items(**targets: str | None) -> list[dict[str, Any]]:
    return [{"id": name, "target": target} for name, target in targets.items()]


def sent(vendor: Vendor) -> list[str]:
    return ["".join(each.id for each in submission.items) for submission in vendor.submissions]


def superseded(job: BatchJob) -> Finding | None:
    return next((f for f in job.status.findings if f.code == "superseded"), None)


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_what_a_newer_job_changed_is_left_out(
    page: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The newest job that changes it is named; what it does not change is sent again."""
    monkeypatch.setattr(store_targets, "_PAGE", page)
    vendor = Vendor(default_report=FAILED)
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        await (await world.hub.submit("shop", items(z="one", y="two"))).wait()
        old = await world.hub.submit("shop", items(a="one", b="two", c=None, d="four"))
        await old.wait()
        newer = await world.hub.submit("shop", items(x="two", w="one"))
        newest = await world.hub.submit("shop", items(v="one", u=None))
        await newer.wait()
        await newest.wait()
        vendor.submissions.clear()
        again = await old.retry()
        await again.wait()
        assert sent(vendor) == ["cd"]
        finding = superseded(again)
        assert finding is not None
        assert finding.count == 2
        assert {*finding.examples} == {newer.id, newest.id}
        assert (await old.retry()).id == again.id


@pytest.mark.parametrize("page", [1, 100])
async def test_what_a_later_item_of_the_job_changed_is_left_out(
    page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet may have a thing twice: its last row counts, also when the first one is repeated."""
    monkeypatch.setattr(store_targets, "_PAGE", page)
    vendor = Vendor(default_report=report_states(a=ItemState.FAILED, c=ItemState.FAILED))
    async with scripted_world(vendor) as world:
        old = await world.hub.submit("shop", items(a="one", b="one", c="two", d="three"))
        await old.wait()
        again = await old.retry()
        await again.wait()
        assert sent(vendor)[-1] == "c"
        assert superseded(again) == Finding(
            code="superseded",
            message="items left out of the retry, since newer jobs, or later items of the job "
            "itself, change the same",
            count=1,
            examples=(old.id,),
        )
        await (await old.retry(superseded=True)).wait()
        assert sent(vendor)[-1] == "a"


async def test_an_earlier_item_or_one_that_failed_supersedes_nothing() -> None:
    """Both are repeated then, in their order; and what may have run counts unless it is, too."""
    states = {"b": ItemState.FAILED, "c": ItemState.FAILED, "d": ItemState.UNKNOWN}
    vendor = Vendor(default_report=report_states(**states))
    async with scripted_world(vendor) as world:
        named = items(a="one", b="one", c="two", d="two")
        for unknown, expected in ((False, "b"), (True, "bcd")):
            old = await world.hub.submit("shop", named)
            await old.wait()
            await (await old.retry(unknown=unknown)).wait()
            assert sent(vendor)[-1] == expected


async def test_what_may_have_run_and_is_not_repeated_counts() -> None:
    """Also where unknown items are wanted: the codes leave it out, so it may have the last word."""
    reports = [
        ItemReport(id="a", state=ItemState.FAILED, code=429),
        ItemReport(id="b", state=ItemState.UNKNOWN),
        ItemReport(id="c", state=ItemState.FAILED, code=429),
    ]
    vendor = Vendor(default_report=lambda _: Report(items=reports))
    async with scripted_world(vendor) as world:
        old = await world.hub.submit("shop", items(a="one", b="one", c="two"))
        await old.wait()
        await (await old.retry(unknown=True, code=429)).wait()
        assert sent(vendor)[-1] == "c"


async def test_nothing_but_what_later_items_changed_is_said_as_that() -> None:
    """No newer job is named where there is none."""
    vendor = Vendor(default_report=report_states(a=ItemState.FAILED))
    async with scripted_world(vendor) as world:
        old = await world.hub.submit("shop", items(a="one", b="one"))
        await old.wait()
        with pytest.raises(UsageError, match="1 would overwrite what later items of it changed"):
            await old.retry()


async def test_superseded_items_are_sent_if_asked_for() -> None:
    """The user knows better."""
    vendor = Vendor(default_report=FAILED)
    async with scripted_world(vendor) as world:
        old = await world.hub.submit("shop", items(a="one", b="two"))
        await old.wait()
        await (await world.hub.submit("shop", items(x="one"))).wait()
        again = await old.retry(superseded=True)
        await again.wait()
        assert superseded(again) is None
    assert sent(vendor)[-1] == "ab"


async def test_nothing_left_is_said_plainly_and_kept(tmp_path: Path) -> None:
    """The old job has the finding then; what was left out can still be sent."""
    vendor = Vendor(default_report=FAILED)
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        old = await world.hub.submit("shop", items(a="one", b="one"))
        await old.wait()
        newer = await world.hub.submit("shop", items(x="one"))
        await newer.wait()
        for _ in range(2):
            with pytest.raises(UsageError, match=f"2 would overwrite.*{newer.id}.*superseded"):
                await old.retry()
        await old.refresh()
        assert superseded(old) == Finding(
            code="superseded",
            message="items left out of the retry, since newer jobs change the same",
            count=2,
            examples=(newer.id,),
        )
        await (await old.retry(superseded=True)).wait()
    assert sent(vendor)[-1] == "ab"


async def test_what_a_newer_job_is_still_to_change_counts_too() -> None:
    """The retry would be sent behind it and overwrite it."""
    vendor = Vendor(default_report=FAILED)
    async with scripted_world(vendor) as world:
        old = await world.hub.submit("shop", items(a="one"))
        await old.wait()
        vendor.submits.append(NoAnswerError("silence"))
        held = await world.hub.submit("shop", items(x="one"))
        assert (await held.wait()).is_held
        with pytest.raises(UsageError, match=held.id):
            await old.retry()


@pytest.mark.parametrize("how", ["refused", "cancelled"])
async def test_what_no_vendor_took_supersedes_nothing(how: str) -> None:
    """A newer job that was refused, or cancelled before it was sent, changed nothing."""
    vendor = Vendor(default_report=FAILED)
    async with scripted_world(vendor) as world:
        old = await world.hub.submit("shop", items(a="one"))
        await old.wait()
        if how == "refused":
            vendor.submits.append(RefusedError("no"))
        else:
            vendor.submits.extend([NoAnswerError("silence")])
        newer = await world.hub.submit("shop", items(x="one"))
        await newer.wait()
        if how == "cancelled":
            vendor.submits.clear()
            await newer.cancel()
            await newer.wait()
        again = old.retry()
        if how == "cancelled":  # it was sent, and nobody knows what came of it
            with pytest.raises(UsageError):
                await again
        else:
            await (await again).wait()


async def test_other_operations_and_older_jobs_supersede_nothing() -> None:
    """An adapter without targets leaves nothing out either: nobody knows."""
    vendor, clock = Vendor(default_report=FAILED), FakeClock()
    hub = BatchHub(None, {"shop": PlainAccount(vendor=vendor)}, clock=clock, seed=1)
    async with clock.running():
        with pytest.warns(UserWarning, match="memory"):
            await hub.__aenter__()
        old = await hub.submit("shop", items(a="one"))
        await old.wait()
        await (await hub.submit("shop", items(x="one"))).wait()
        await (await old.retry()).wait()
        await hub.aclose()
    assert sent(vendor) == ["a", "x", "a"]


@pytest.mark.sqlite_only("asks SQLite")
async def test_a_look_at_newer_jobs_costs_what_they_are_many() -> None:
    """Each page goes on where the last one ended: twice the jobs take twice the work, not four."""

    async def work(jobs: int) -> int:
        store = await Store.open(None)
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        def watch(connection: Connection) -> None:
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(count, 10)

        oldest = await add_job(store, 1, job_id="oldest")
        for n in range(jobs):
            plans = [TicketPlan(first_item=1, total=1, targets=bytes(7) + b"\1")]
            await put_job(store, make_job(f"job-{n}"), plans, make_chunks(1))
        await store._db.read(watch)
        assert await store.targets.find_newer(oldest, {bytes(7) + b"\2"}) == {}
        found, steps = steps, 0
        assert await store.targets.find_newer(oldest, {bytes(7) + b"\1"}) != {}
        assert steps < found
        await store.aclose()
        return found

    few, many = await work(300), await work(1200)
    assert many < 6 * few
