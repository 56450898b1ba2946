"""What the hub promises, at a vendor whose every answer is written down."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered, results_of, scripted_world
from support.vendor import ScriptedAccount, Vendor, capable, report_states

from batchhub import BatchHub, BatchItem, BatchState, Contact, ItemState, Outcome, sync
from batchhub._engine.raw_items import RawItem
from batchhub.adapter import Observation
from batchhub.errors import (
    ConnectError,
    InputError,
    KeyConflictError,
    NotKnownError,
    StoreError,
    UnsupportedError,
    UsageError,
    WaitTimeoutError,
)
from batchhub.polling import Fixed
from batchhub.testing import FakeClock
from batchhub_ecwid import EcwidAccount, get

FAILED, SUCCEEDED = ItemState.FAILED, ItemState.SUCCEEDED
NOT_EXECUTED = ItemState.NOT_EXECUTED


async def test_a_job_is_cut_into_tickets_and_joined_again() -> None:
    """Seven items at three a ticket go out as three requests and come back in order."""
    vendor = Vendor(default_report=report_states(i4=FAILED))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(7), label="prices")
        status = await job.wait()
        results = await results_of(job)
    assert [len(s.items) for s in vendor.submissions] == [3, 3, 1]
    assert [r.id for r in results] == [f"i{n}" for n in range(1, 8)]
    assert (status.outcome, status.counts.failed) == (Outcome.PARTIAL, 1)
    assert (status.label, status.progress, status.findings) == ("prices", 1.0, ())


async def test_ids_are_positions_when_missing() -> None:
    """An item without an id is named by its position; ours is taken out of the payload."""
    async with scripted_world() as world:
        items: list[RawItem] = [{"n": 1}, BatchItem(payload={"n": 2}), {"id": "x", "n": 3}]
        job = await world.hub.submit("shop", items)
        await job.wait()
        assert [r.id for r in await results_of(job)] == ["1", "2", "x"]
        assert b"id" not in world.vendor.submissions[0].items[2].wire


async def test_keep_going_has_as_many_tickets_on_their_way_as_the_vendor_likes() -> None:
    """A third ticket is sent only when one of the first two has ended."""
    vendor = capable(Vendor(), tickets_per_job=2, max_items=1)
    vendor.polls = deque([Observation(words=("Running",))] * 4)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(5))
        most = 0
        async for status in job.watch():
            at_vendor = [t for t in status.tickets if t.vendor_refs and not t.state.is_terminal]
            most = max(most, len(at_vendor))
    assert most == 2
    assert status.outcome is Outcome.SUCCEEDED


async def test_stop_on_first_failure_sends_nothing_after_a_failure() -> None:
    """The next ticket goes out only after a clean one; the rest is not executed."""
    vendor = capable(Vendor(), stops_on_first_failure=True)
    vendor.default_report = report_states(i5=FAILED)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(9), stop_on_first_failure=True)
        status = await job.wait()
        results = await results_of(job)
    assert len(vendor.submissions) == 2
    assert all(s.stop_on_first_failure for s in vendor.submissions)
    assert [t.state for t in status.tickets][-1] is BatchState.CANCELLED
    assert [r.state for r in results[6:]] == [NOT_EXECUTED] * 3
    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.PARTIAL)


async def test_a_missing_ability_is_refused_before_anything_is_sent() -> None:
    """Stop-on-first-failure at a vendor that can't do it is an error; nothing is stored."""
    async with scripted_world() as world:
        with pytest.raises(UnsupportedError, match="can't stop"):
            await world.hub.submit("shop", numbered(1), stop_on_first_failure=True)
        assert await world.hub.jobs() == []
    assert world.vendor.submissions == []


@pytest.mark.parametrize(
    ("items", "match"),
    [
        ([], "no items"),
        ([{"id": "a"}, {"id": "a"}], r"item 2 \(id 'a'\): .*twice"),
        ([{"id": 5}], "item 1: the id 5 is not text"),
        ([{"ok": 1}, {"bad": 1}], "item 2: it says that it is bad"),
        ("text", "iterable of mappings"),
        ([7], "item 1: an item is a mapping"),
    ],
)
async def test_bad_input_is_refused_whole(items: list[dict[str, object]], match: str) -> None:
    """One bad item stops the job before anything is stored or sent, and says which it is."""
    async with scripted_world() as world:
        with pytest.raises(InputError, match=match):
            await world.hub.submit("shop", items)
        assert await world.hub.jobs() == []
    assert world.vendor.submissions == []


async def test_unknown_names_list_the_known() -> None:
    """An unknown account, operation, option or job says which there are."""
    async with scripted_world() as world:
        with pytest.raises(NotKnownError, match="no account named 'x'; known: shop"):
            await world.hub.submit("x", numbered(1))
        with pytest.raises(NotKnownError, match="no operation named 'x'; known: more, work"):
            await world.hub.submit("shop", numbered(1), operation="x")
        with pytest.raises(InputError, match="no option 'x'"):
            await world.hub.submit("shop", numbered(1), options={"x": 1})
        with pytest.raises(NotKnownError, match="no job named 'x'"):
            await world.hub.job("x")


async def test_key_and_label_are_text() -> None:
    """What is no Unicode text is refused with its name."""
    async with scripted_world() as world:
        with pytest.raises(InputError, match=r"the key .* is no valid Unicode"):
            await world.hub.submit("shop", numbered(1), key="\udcff")
        with pytest.raises(InputError, match="the key has 501 characters, of 500 at most"):
            await world.hub.submit("shop", numbered(1), key="k" * 501)
        with pytest.raises(InputError, match=r"the label .* is no valid Unicode"):
            await world.hub.submit("shop", numbered(1), label="\udcff")


async def test_a_lane_of_any_name_can_be_taken(tmp_path: Path) -> None:
    """A long account identity is a name like any other."""
    accounts = {n: ScriptedAccount(name="ä" * 300 + n) for n in ("a", "b")}
    clock = FakeClock()
    async with clock.running(), BatchHub(tmp_path / "jobs.db", accounts, clock=clock) as hub:
        for name in accounts:
            job = await hub.submit(name, numbered(1))
            assert (await job.wait(timeout_s=60)).outcome is Outcome.SUCCEEDED


async def test_a_key_makes_a_submit_idempotent() -> None:
    """The same key with the same items is the same job; with others it is an error."""
    async with scripted_world() as world:
        first = await world.hub.submit("shop", numbered(2), key="k")
        again = await world.hub.submit("shop", numbered(2), key="k")
        assert again.id == first.id
        with pytest.raises(KeyConflictError, match=first.id):
            await world.hub.submit("shop", numbered(3), key="k")
        await first.wait()
    assert len(world.vendor.submissions) == 1


async def test_a_wait_that_times_out_leaves_the_job_running() -> None:
    """A time-out raises, says so, and the job can be waited for again."""
    vendor = Vendor(polls=deque([Observation(words=("Running",))] * 20))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(1))
        with pytest.raises(WaitTimeoutError, match="it goes on") as caught:
            await job.wait(timeout_s=5)
        assert caught.value.job_id == job.id
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_an_overdue_job_is_said_to_be_and_asked_less() -> None:
    """Past its deadline a job gets a finding, is polled more rarely, and nothing else happens."""
    vendor = Vendor(polls=deque([Observation(words=("Running",))] * 40))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(1), deadline_s=10)
        status = await job.wait()
        elapsed_s = world.clock.monotonic()
    assert status.outcome is Outcome.SUCCEEDED
    assert [f.code for f in status.findings] == ["overdue"]
    assert elapsed_s > 100


async def test_cancel_stops_what_is_not_sent_and_asks_the_vendor_for_the_rest() -> None:
    """Unsent items are not executed; what the vendor has is cancelled there, results and all."""
    vendor = capable(Vendor(), can_cancel=True)
    vendor.polls = deque([Observation(words=("Running",))] * 3)
    vendor.default_report = report_states(i2=NOT_EXECUTED, i3=NOT_EXECUTED)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(6))
        await job.hand_over()
        await job.cancel()
        status = await job.wait()
        results = await results_of(job)
    assert len(vendor.cancelled) == 1
    assert len(vendor.submissions) == 1
    assert {t.state for t in status.tickets} == {BatchState.CANCELLED}
    assert [r.state for r in results] == [SUCCEEDED] + [NOT_EXECUTED] * 5
    assert status.outcome is Outcome.PARTIAL


async def test_cancel_at_a_vendor_that_cannot() -> None:
    """When all is with a vendor that can't cancel, cancel is refused and the job goes on."""
    vendor = Vendor(polls=deque([Observation(words=("Running",))] * 3))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.hand_over()
        with pytest.raises(UnsupportedError, match="can't cancel"):
            await job.cancel()
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_cancel_where_the_vendor_cannot_still_stops_what_is_unsent() -> None:
    """The ticket at the vendor goes on and a finding says so; the unsent rest is not executed."""
    vendor = Vendor(polls=deque([Observation(words=("Running",))] * 3))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(6))
        await job.hand_over()
        await job.cancel()
        status = await job.wait()
    assert (status.counts.succeeded, status.counts.not_executed) == (3, 3)
    assert "not_cancelled" in {f.code for f in status.findings}


async def test_retry_repeats_what_failed_once() -> None:
    """The new job has the failed and not executed items only; a second call returns it."""
    vendor = Vendor(default_report=report_states(i2=FAILED, i3=NOT_EXECUTED))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(4))
        with pytest.raises(UsageError, match="wait for it"):
            await job.retry()
        await job.wait()
        vendor.default_report = report_states()
        new = await job.retry()
        assert (await job.retry()).id == new.id
        assert (await new.wait()).outcome is Outcome.SUCCEEDED
        assert [r.id for r in await results_of(new)] == ["i2", "i3"]
        with pytest.raises(UsageError, match="no items to retry"):
            await new.retry()


async def test_a_new_hub_goes_on_where_the_old_one_stopped(tmp_path: Path) -> None:
    """Jobs outlive the hub: what is at the vendor is polled, not sent again."""
    vendor = Vendor(polls=deque([Observation(words=("Running",))] * 5))
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(vendor, store, clock) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.hand_over()
    async with scripted_world(vendor, store, clock) as world:
        (job,) = await world.hub.resume()
        assert job.status.outcome is Outcome.SUCCEEDED
        assert (await world.hub.resume()) == []
    assert len(vendor.submissions) == 1


async def test_one_accounts_trouble_touches_no_other() -> None:
    """Law 8: while one vendor is silent the other's job runs as if it were alone."""
    dead, well = Vendor(submits=deque([ConnectError("dead")] * 1000)), Vendor()
    clock = FakeClock()
    accounts = {
        "dead": ScriptedAccount(name="dead", vendor=dead),
        "well": ScriptedAccount(name="well", vendor=well),
    }
    async with clock.running():
        with pytest.warns(UserWarning, match="memory"):
            hub = await BatchHub(accounts=accounts, clock=clock).__aenter__()
        stuck = await hub.submit("dead", numbered(3))
        job = await hub.submit("well", numbered(9))
        status = await job.wait(timeout_s=30)
        assert (status.outcome, status.contact) == (Outcome.SUCCEEDED, Contact.OK)
        assert (await stuck.refresh()).contact is Contact.UNREACHABLE
        await hub.aclose()


async def test_a_job_of_an_unknown_account_is_left_alone(tmp_path: Path) -> None:
    """`resume` drives the accounts it knows and returns the others as they are."""
    store = tmp_path / "jobs.db"
    async with scripted_world(Vendor(polls=deque([Observation()] * 99)), store) as world:
        job = await world.hub.submit("shop", numbered(1))
        await job.hand_over()
    async with BatchHub(store) as hub:
        (left,) = await hub.resume()
        assert left.status.state is BatchState.QUEUED
        assert not left.is_ours


async def test_a_quiet_poll_writes_nothing() -> None:
    """A poll that brings nothing new leaves the stored status as it was."""
    vendor = Vendor(polls=deque([Observation(words=("Running",))] * 30))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(1))
        seen = [status async for status in job.watch()]
    running = [s for s in seen if s.tickets[0].vendor_state == "Running"]
    assert len({s.updated_at for s in running}) <= 2  # begun, and about to end
    observed = {s.observed_at for s in running}
    assert len(observed) > 5
    assert all(o is not None and o - seen[0].created_at < timedelta(hours=1) for o in observed)


async def test_a_closed_hub_says_so(tmp_path: Path) -> None:
    """It does not open the store again behind the user's back; entered again, it may."""
    hub = BatchHub(tmp_path / "jobs.db")
    async with hub:
        await hub.jobs()

    with pytest.raises(UsageError, match="this hub is closed"):
        await hub.jobs()
    async with hub:
        assert await hub.jobs() == []


@pytest.mark.sqlite_only("shows a file as it was given")
@pytest.mark.parametrize("kind", [BatchHub, sync.BatchHub], ids=["async", "sync"])
def test_a_hub_shows_where_its_jobs_are(kind: Any) -> None:
    """And its accounts by name, without any setting of theirs."""
    shop = EcwidAccount(store_id=1003, token="secret_x")
    assert repr(kind("jobs.db", {"shop": shop, "depot": shop})) == "<BatchHub jobs.db: shop, depot>"
    assert repr(kind()) == "<BatchHub memory: no accounts>"


async def test_a_job_of_a_closed_hub_says_so(tmp_path: Path) -> None:
    """What to do is said, also where the hub was opened again: the handle is of the old store."""
    account = ScriptedAccount(vendor=Vendor())
    hub = BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=FakeClock())
    async with hub:
        job = await hub.submit("shop", [{"id": "a"}])
    words = "it is closed, as its hub is; open a hub, and get the job there$"
    with pytest.raises(StoreError, match=words):
        await job.refresh()
    async with hub:
        with pytest.raises(StoreError, match=words):
            await job.failures()
        assert (await (await hub.job(job.id)).refresh()).job_id == job.id


async def test_progress_is_kept_now_and_then(tmp_path: Path) -> None:
    """A poll that brings only figures writes nothing; other processes see them soon."""
    store = tmp_path / "jobs.db"
    steps = [Observation(words=("Running",), progress=n / 100) for n in range(1, 41)]
    vendor = capable(Vendor(polls=deque(steps)), poll_s=0.5, min_poll_s=0.5)
    writes = 0
    async with scripted_world(vendor, store, polling=Fixed(0.5)) as world:
        job = await world.hub.submit("shop", numbered(2))
        opened = world.hub._opened
        assert opened is not None
        write = opened.store._db.write

        async def counted(work: Any, **kind: Any) -> Any:
            nonlocal writes
            writes += 1
            return await write(work, **kind)

        opened.store._db.write = counted  # type: ignore[method-assign]
        while len(vendor.polls) > 20:
            await world.clock.sleep(0.5)
        async with BatchHub(store) as reader:
            seen = await reader.job(job.id)
            while (seen.status.progress or 0) <= 0.2 and vendor.polls:
                await world.clock.sleep(0.5)
                await seen.refresh()
            assert 0.2 < (seen.status.progress or 0) < 1
        await job.wait()
    assert writes < 30  # of forty answers


@pytest.mark.parametrize("name", ["key", "label"])
async def test_no_secret_is_kept_with_a_job(tmp_path: Path, name: str) -> None:
    """A key or label that holds the account's token is refused, and not shown."""
    account = EcwidAccount(store_id=1, token="secret_0123456789", base_url="http://127.0.0.1:9")
    async with BatchHub(tmp_path / "jobs.db", {"shop": account}) as hub:
        with pytest.raises(InputError, match=f"the {name} holds a secret") as caught:
            await hub.submit("shop", [get("/a")], **{name: f"x {account.token}"})  # type: ignore[arg-type]
        assert await hub.jobs() == []
    assert account.token not in str(caught.value)


async def test_a_state_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """Of jobs as of results, by an error of ours that names those there are."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(1))
        with pytest.raises(UsageError, match=r"state takes pending, .* not 'nope'"):
            await world.hub.jobs(state="nope")
        with pytest.raises(UsageError, match=r"only takes succeeded, .* not 'faild'"):
            job.results(only="faild")
