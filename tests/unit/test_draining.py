"""The end of a hub: nothing new is sent, what is under way is answered, the rest is let go."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.hosts import Host, open_host
from support.hubs import numbered, results_of, scripted_world
from support.patience import PATIENCE_S
from support.vendor import Conversation, ScriptedAccount, Vendor, capable

from batchhub import BatchHub, BatchJob, BatchState, Contact, ItemState, Outcome, sync
from batchhub._base import failpoints
from batchhub._engine.send_guard import SendGuard
from batchhub._http.guard import NotSentError
from batchhub.adapter import Accepted, Transport
from batchhub.errors import UsageError
from batchhub.testing import FakeClock

EFFECT = "/batches"


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """The vendor's own host."""
    async with open_host() as host:
        yield host


@pytest.fixture
async def clock() -> AsyncIterator[FakeClock]:
    """A clock that runs by itself."""
    clock = FakeClock()
    async with clock.running():
        yield clock


def sent(host: Host) -> int:
    """Return how many requests with an effect the host has had."""
    return sum(asked.target == EFFECT for asked in host.asked)


def numbers() -> Iterator[Accepted]:
    """Make answers with an id each."""
    number = 0
    while True:
        number += 1
        yield Accepted(vendor_refs=(f"r{number}",))


class Talk:
    """
    A submit over HTTP: an upload, then the request with the effect, then one more.

    It stands still where the test wants it to, until the test lets it go on.
    """

    def __init__(self, *, stops_at: int | None = None) -> None:
        self.stops_at = stops_at
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self._refs = numbers()

    async def __call__(self, transport: Transport) -> Accepted:
        await self._pass(0)
        await transport.request("POST", "/uploads", body=b"{}", effect=False)
        await self._pass(1)
        await transport.request("POST", EFFECT, body=b"{}")
        await self._pass(2)
        await transport.request("POST", "/start", body=b"{}")
        await self._pass(3)
        return next(self._refs)

    async def _pass(self, step: int) -> None:
        if step == self.stops_at:
            self.stops_at = None
            self.reached.set()
            await self.go_on.wait()


def account_at(host: Host, *talks: Conversation) -> ScriptedAccount:
    """Make an account at a host whose submits talk like that, the last one for ever."""
    vendor = capable(Vendor(), tickets_per_job=2)
    vendor.submits = deque([*talks, *[talks[-1]] * 20])
    return ScriptedAccount(vendor=vendor, base_url=host.url)


async def finish(store: Path, account: ScriptedAccount, clock: FakeClock, job_id: str) -> BatchJob:
    """Go on in another process's place, at once; return the job, which has ended."""
    async with BatchHub(store, {"shop": account}, clock=clock, seed=2) as hub:
        job = await hub.job(job_id)
        [*_] = await hub.resume()
        assert (await job.refresh()).outcome is Outcome.SUCCEEDED
        assert {result.state for result in await results_of(job)} == {ItemState.SUCCEEDED}
        return job


@pytest.mark.parametrize("step", [0, 1, 2, 3])
async def test_a_submit_of_several_requests_ends_where_nobody_is_in_doubt(
    tmp_path: Path, host: Host, clock: FakeClock, step: int
) -> None:
    """Before its effect it is called off, and certain; after it, it comes to its end."""
    store, talk = tmp_path / "jobs.db", Talk(stops_at=step)
    account = account_at(host, talk)
    hub = await BatchHub(store, {"shop": account}, clock=clock, seed=1).__aenter__()
    job = await hub.submit("shop", numbered(7))
    await talk.reached.wait()
    closing = asyncio.create_task(hub.aclose(grace_s=PATIENCE_S))
    await asyncio.sleep(0.01)  # not needed: so it is seen to wait, or not to
    talk.go_on.set()
    await closing
    assert sent(host) == (step > 1)
    async with BatchHub(store, clock=clock) as reader:
        status = (await reader.job(job.id)).status
        first = status.tickets[0]
        assert first.state is (BatchState.QUEUED if step > 1 else BatchState.PENDING)
        assert (first.attempt_id is None) == (step <= 1)
        assert (status.contact, status.contact_note) == (Contact.OK, None)
    await finish(store, account, clock, job.id)
    assert sent(host) == 3


@pytest.mark.parametrize(
    "name",
    ["commit.begun", "commit.done", "intent.kept", "request.answered", "ticket.kept"],
)
@pytest.mark.parametrize("nth", [1, 2, 4])
async def test_wherever_it_is_closed_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path,
    host: Host,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    nth: int,
) -> None:
    """At any failpoint: the next process goes on at once, and each ticket has one effect."""
    store, account = tmp_path / "jobs.db", account_at(host, Talk())
    passed, closed = 0, asyncio.Event()
    loop = asyncio.get_running_loop()

    def note(passing: str) -> None:
        nonlocal passed
        passed += passing == name
        if passing == name and passed == nth:  # in a thread of the store, perhaps
            loop.call_soon_threadsafe(closed.set)

    async with BatchHub(store, {"shop": account}, clock=clock, seed=1) as hub:
        monkeypatch.setattr(failpoints, "listener", note)
        job = await hub.submit("shop", numbered(10), key="k")
        ending = asyncio.create_task(job.wait())
        await asyncio.wait(
            {asyncio.ensure_future(closed.wait()), ending}, return_when=asyncio.FIRST_COMPLETED
        )
        await hub.aclose(grace_s=PATIENCE_S)
        monkeypatch.setattr(failpoints, "listener", None)
        await asyncio.wait({ending})
        ending.exception()
    job = await finish(store, account, clock, job.id)
    assert sent(host) == 4
    assert not any(ticket.state is BatchState.UNCONFIRMED for ticket in job.status.tickets)


async def test_polls_are_dropped_at_once() -> None:
    """However long the hub would wait for a request with an effect."""
    vendor, asked = Vendor(), asyncio.Event()

    async def hang(_: object) -> list[object]:
        asked.set()
        await asyncio.get_running_loop().create_future()
        return []

    vendor.answer_poll = hang
    async with scripted_world(vendor) as world:
        await world.hub.submit("shop", numbered(2))
        await asked.wait()
        await world.hub.aclose(grace_s=1e6)


async def test_what_has_no_answer_in_time_is_in_doubt(tmp_path: Path, clock: FakeClock) -> None:
    """As after a crash: it is not sent again on a guess."""
    store, vendor, began = tmp_path / "jobs.db", Vendor(), asyncio.Event()

    async def hang(_: Transport) -> Accepted:
        began.set()
        await asyncio.get_running_loop().create_future()
        return Accepted(vendor_refs=("never",))

    vendor.submits.append(hang)
    account = ScriptedAccount(vendor=vendor)
    hub = await BatchHub(store, {"shop": account}, clock=clock, seed=1).__aenter__()
    job = await hub.submit("shop", numbered(2))
    await began.wait()
    await hub.aclose(grace_s=0.01)
    async with BatchHub(store, {"shop": account}, clock=clock, seed=2) as later:
        assert (await (await later.resume())[0].refresh()).is_held
    assert len(vendor.submissions) == 1
    assert job.id


async def test_accounts_with_nothing_under_way_are_free_while_others_are_answered(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Another process has them before the hub is closed."""
    store, began, go_on = tmp_path / "jobs.db", asyncio.Event(), asyncio.Event()

    async def wait(_: Transport) -> Accepted:
        began.set()
        await go_on.wait()
        return Accepted(vendor_refs=("late",))

    slow = Vendor(submits=deque([wait]))
    idle = Vendor(answer_poll=lambda tickets: [None] * len(tickets))
    accounts = {
        "slow": ScriptedAccount(name="slow", vendor=slow),
        "idle": ScriptedAccount(name="idle", vendor=idle),
    }
    hub = await BatchHub(store, accounts, clock=clock, seed=1).__aenter__()
    theirs = await hub.submit("idle", numbered(1))
    ours = await hub.submit("slow", numbered(1))
    await began.wait()
    while not idle.polled:
        await clock.sleep(1.0)
    closing = asyncio.create_task(hub.aclose(grace_s=PATIENCE_S))
    heirs = {"idle": ScriptedAccount(name="idle", vendor=Vendor())}
    async with BatchHub(store, heirs, clock=clock, seed=2) as other:
        await other.resume()
        assert (await (await other.job(theirs.id)).refresh()).outcome is Outcome.SUCCEEDED
        assert not closing.done()
        go_on.set()
        await closing
        status = await (await other.job(ours.id)).refresh()
        assert status.tickets[0].vendor_refs == ("late",)


async def test_a_closing_hub_takes_nothing_more(tmp_path: Path, clock: FakeClock) -> None:
    """Neither a job, nor what is stored for it by a submit that had begun."""
    store, vendor, began, go_on = tmp_path / "jobs.db", Vendor(), asyncio.Event(), asyncio.Event()

    async def items() -> AsyncIterator[dict[str, object]]:
        yield {"id": "a"}
        began.set()
        await go_on.wait()
        yield {"id": "b"}

    async def wait(_: Transport) -> Accepted:
        await go_on.wait()
        return Accepted(vendor_refs=("r",))

    vendor.submits.append(wait)
    hub = await BatchHub(store, {"shop": ScriptedAccount(vendor=vendor)}, clock=clock).__aenter__()
    await hub.submit("shop", numbered(1))
    while not vendor.submissions:
        await clock.sleep(0.1)
    late = asyncio.create_task(hub.submit("shop", items()))
    await began.wait()
    closing = [asyncio.create_task(hub.aclose(grace_s=PATIENCE_S)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(UsageError, match="this hub is closed"):
        await hub.submit("shop", numbered(1))
    go_on.set()
    await asyncio.gather(*closing)  # both end when it is closed
    await asyncio.wait({late})
    late.exception()
    assert len(vendor.submissions) == 1


async def test_who_has_no_patience_left_ends_it_at_once(tmp_path: Path, clock: FakeClock) -> None:
    """A second interruption: the hub is closed, and what was sent is in doubt."""
    store, vendor, began = tmp_path / "jobs.db", Vendor(), asyncio.Event()

    async def hang(_: Transport) -> Accepted:
        began.set()
        await asyncio.get_running_loop().create_future()
        return Accepted(vendor_refs=("never",))

    vendor.submits.append(hang)
    account = ScriptedAccount(vendor=vendor)
    hub = await BatchHub(store, {"shop": account}, clock=clock, seed=1).__aenter__()
    await hub.submit("shop", numbered(2))
    await began.wait()
    closing = asyncio.create_task(hub.aclose(grace_s=1e6))
    await clock.sleep(1.0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    async with BatchHub(store, {"shop": account}, clock=clock, seed=2) as later:
        assert (await (await later.resume())[0].refresh()).is_held


@pytest.mark.parametrize("grace_s", [-1.0, float("inf"), float("nan")])
async def test_odd_times_are_refused(tmp_path: Path, grace_s: float) -> None:
    """The hub stays open."""
    async with BatchHub(tmp_path / "jobs.db") as hub:
        with pytest.raises(UsageError, match="grace_s must be a number of seconds, not"):
            await hub.aclose(grace_s)
        assert await hub.jobs() == []


async def test_a_submit_that_writes_is_called_off_after_it_has_written() -> None:
    """What stands in the store by then says what is so; nothing goes after it."""
    clock, may_end, writes = FakeClock(), asyncio.Event(), 0

    async def write(more_sends: int) -> float | None:
        nonlocal writes
        writes += 1
        await may_end.wait()
        return clock.boot_s()

    guard = SendGuard(clock, clock.boot_s(), write)
    await clock.advance(60.0)
    sending = asyncio.create_task(guard.before_send(effect=True))
    await asyncio.sleep(0)
    guard.call_off()
    may_end.set()
    with pytest.raises(NotSentError):
        await sending
    assert (writes, guard.is_unsent) == (1, True)


def test_a_sync_hub_takes_the_time_as_well(tmp_path: Path) -> None:
    """From a plain thread."""
    hub = sync.BatchHub(tmp_path / "jobs.db", {"shop": ScriptedAccount(vendor=Vendor())})
    hub.submit("shop", numbered(1)).wait()
    with pytest.raises(UsageError, match="grace_s must be"):
        hub.close(-1.0)
    hub.close(grace_s=1.0)
    hub.close()
