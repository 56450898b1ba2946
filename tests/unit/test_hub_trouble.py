"""What the hub does when things go wrong at the worst moment."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.hubs import World, numbered, results_of, scripted_world
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor, capable, report_states

from batchhub import BatchHub, BatchState, ItemState, Outcome
from batchhub._store.jobs import Jobs
from batchhub.adapter import Accepted, Observation, Steps, Submission
from batchhub.errors import (
    ConnectError,
    CredentialsError,
    NoAnswerError,
    RefusedError,
    ReplyError,
    ServerError,
    SettingsError,
    UsageError,
)
from batchhub.testing import FakeClock


def cool_down(world: World, seconds: float) -> None:
    """Let the lane send nothing for a while, as after a 429."""
    opened = world.hub._opened
    assert opened is not None
    gate = opened.get_lane("shop").adapter.transport._gate
    gate.cool_down(status=429, retry_after_s=seconds, sent_at_s=world.clock.monotonic())


async def open_lane(world: World) -> None:
    """Make the hub open its store and its lane."""
    await world.hub.jobs()


async def test_what_waits_for_the_budget_was_not_sent(tmp_path: Path) -> None:
    """Closed while a batch waits for a cool-down, a hub leaves no doubt: it was never sent."""
    store, vendor, clock = tmp_path / "jobs.db", Vendor(), FakeClock()
    hub = BatchHub(store, {"shop": ScriptedAccount(vendor=vendor)}, clock=clock, seed=1)
    world = World(hub, clock, vendor)
    await open_lane(world)
    cool_down(world, 1000.0)
    job = await hub.submit("shop", numbered(2))
    for _ in range(20):
        await clock.advance(1.0)
    await hub.aclose()
    assert vendor.submissions == []
    async with scripted_world(vendor, store, clock) as world:
        (job,) = await world.hub.resume()
        assert job.status.outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 1


async def test_a_cancelled_batch_that_waits_is_never_sent() -> None:
    """A cancel calls off what waits for a cool-down, at once."""
    async with scripted_world() as world:
        await open_lane(world)
        cool_down(world, 1000.0)
        job = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(5.0)
        await job.cancel()
        status = await job.wait(timeout_s=100)
        assert world.clock.monotonic() < 200
    assert (status.state, status.counts.not_executed) == (BatchState.CANCELLED, 2)
    assert world.vendor.submissions == []


async def test_the_window_is_looked_at_when_the_request_goes() -> None:
    """A resend that waited longer than the vendor remembers is not sent any more."""
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")])), dedup_window_s=100.0)
    async with scripted_world(vendor) as world:
        await open_lane(world)
        job = await world.hub.submit("shop", numbered(2))
        while not vendor.submissions:
            await world.clock.sleep(0.1)
        cool_down(world, 200.0)
        status = await job.wait()
    assert status.is_held
    assert len(vendor.submissions) == 1


class ClockSetBack(FakeClock):
    """A clock whose wall time can be set back while the monotonic time goes on."""

    back = timedelta()

    def now(self) -> datetime:
        """Return the wall time, less what it was set back by."""
        return super().now() - self.back


async def test_a_clock_set_back_loses_no_answers() -> None:
    """A wall clock that jumps hides no fresh answers."""
    clock = ClockSetBack()
    vendor = Vendor(polls=deque([Observation(words=("Running",))] * 3))
    async with scripted_world(vendor, clock=clock) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.hand_over()
        clock.back = timedelta(days=400)
        assert (await job.wait(timeout_s=600)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("by_s", [-18000.0, -3000.0, 0.0, 3000.0, 18000.0])
@pytest.mark.parametrize("away_s", [1800.0, 4200.0])
async def test_the_window_of_a_key_is_that_of_the_boot_clock(by_s: float, away_s: float) -> None:
    """Whatever the wall clock is set to, a key is used again while the vendor knows it, only."""
    clock = ClockSetBack()
    answers = [NoAnswerError("silence"), *[ConnectError("away")] * 1000]
    vendor = capable(Vendor(submits=deque(answers)), dedup_window_s=3600.0)
    async with scripted_world(vendor, clock=clock) as world:
        job = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(600.0)
        clock.back = timedelta(seconds=-by_s)
        await world.clock.sleep(away_s - 600.0)
        vendor.submits.clear()
        status = await job.wait(timeout_s=3600)
    if away_s < 3600:
        assert status.outcome is Outcome.SUCCEEDED
    else:
        assert status.is_held
    assert len({submission.idempotency_key for submission in vendor.submissions}) == 1


@pytest.mark.parametrize("deadline_s", [0, -1, float("inf"), float("nan")])
async def test_a_deadline_is_a_number_of_seconds(deadline_s: float) -> None:
    """A deadline that is no time span is refused before anything is stored."""
    async with scripted_world() as world:
        with pytest.raises(UsageError, match="deadline_s"):
            await world.hub.submit("shop", numbered(1), deadline_s=deadline_s)
        assert await world.hub.jobs() == []


async def test_figures_beyond_all_measure_stop_nothing() -> None:
    """Ages and deadlines of any size are compared, not added to dates."""
    vendor = Vendor(polls=deque([Observation(words=("Running",), age_s=1e18)]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(1), deadline_s=1e15)
        assert (await job.wait(timeout_s=600)).outcome is Outcome.SUCCEEDED


async def test_an_adapters_nonsense_touches_its_own_ticket_only() -> None:
    """An answer that breaks the seam is put off; the other job of the lane goes on."""
    vendor = capable(Vendor(), max_items=1)
    vendor.polls = deque([Observation(words=None)] * 4)  # type: ignore[arg-type]
    async with scripted_world(vendor) as world:
        first = await world.hub.submit("shop", numbered(1))
        second = await world.hub.submit("shop", numbered(1))
        assert (await first.wait(timeout_s=600)).outcome is Outcome.SUCCEEDED
        assert (await second.wait(timeout_s=600)).outcome is Outcome.SUCCEEDED


async def test_an_accepted_batch_without_an_id_is_held() -> None:
    """The vendor took it and nobody can ask about it: a matter for a decision, never a resend."""
    vendor = Vendor(submits=deque([Accepted(vendor_refs=())]))
    async with scripted_world(vendor) as world:
        assert (await (await world.hub.submit("shop", numbered(1))).wait()).is_held
    assert len(vendor.submissions) == 1


@pytest.mark.parametrize("trouble", [ServerError("down"), ReplyError("no JSON")])
async def test_a_broken_cancel_does_not_stop_the_polling(trouble: Exception) -> None:
    """The ticket is asked about all the same, and its results come in."""
    vendor = capable(Vendor(cancels=deque([trouble] * 500)), can_cancel=True)
    vendor.polls = deque([Observation(words=("Running",))] * 5)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.hand_over()
        await job.cancel()
        status = await job.wait(timeout_s=3600)
    assert (status.state, status.counts.succeeded) == (BatchState.COMPLETED, 2)


async def test_a_cancel_waits_for_no_interval() -> None:
    """The vendor is asked to cancel at once, however seldom it is polled."""
    vendor = capable(Vendor(), can_cancel=True, poll_s=300.0, min_poll_s=300.0)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.hand_over()
        began = world.clock.monotonic()
        await job.cancel()
        await job.wait(timeout_s=3600)
        assert world.clock.monotonic() - began < 100
    assert len(vendor.cancelled) == 1


@pytest.mark.parametrize("answer", [ReplyError("an id nobody finds"), RefusedError("no")])
async def test_resending_by_the_users_word_ends_with_an_answer(answer: Exception) -> None:
    """`resends_unanswered` is for silence: what was answered, however oddly, is not sent again."""
    vendor = Vendor(submits=deque([NoAnswerError("silence"), *[answer] * 50]))
    capable(vendor, resends_unanswered=True)
    async with scripted_world(vendor) as world:
        assert (await (await world.hub.submit("shop", numbered(1))).wait()).is_held
    assert len(vendor.submissions) == 2


async def test_an_intent_is_durable_before_its_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the vendor is asked, another process reads in the store under which key."""
    store, submit = tmp_path / "jobs.db", ScriptedAdapter.submit
    seen: list[tuple[str, str | None]] = []

    async def look_first(
        adapter: ScriptedAdapter, submission: Submission, steps: Steps
    ) -> Accepted:
        async with BatchHub(store) as reader:
            (job,) = await reader.jobs()
        ticket = next(t for t in job.status.tickets if not t.vendor_refs)
        seen.append((submission.idempotency_key, ticket.attempt_id))
        return await submit(adapter, submission, steps)

    monkeypatch.setattr(ScriptedAdapter, "submit", look_first)
    async with scripted_world(store=store) as world:
        await (await world.hub.submit("shop", numbered(6))).wait()
    assert len(seen) == 2
    assert all(sent == stored for sent, stored in seen)


async def test_a_refusal_during_a_look_at_the_store_stops_the_lane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more is sent, though a retry was due before the store had answered."""
    vendor = Vendor(submits=deque([CredentialsError("wrong token")]))
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        submit = ScriptedAdapter.submit

        async def slowly(
            adapter: ScriptedAdapter, submission: Submission, steps: Steps
        ) -> Accepted:
            await world.clock.sleep(5.0)
            return await submit(adapter, submission, steps)

        async def look(store: Jobs, lane: str) -> dict[int, datetime]:
            del store, lane
            await world.clock.sleep(600.0)
            return {}

        monkeypatch.setattr(ScriptedAdapter, "submit", slowly)
        job = await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(1.0)
        monkeypatch.setattr(Jobs, "find_cancelled", look)
        await world.hub.submit("shop", numbered(1))
        with pytest.raises(CredentialsError):
            await job.wait()
        await world.clock.sleep(620.0)  # the next minute after that, one request is tried
    assert len(vendor.submissions) == 1


async def test_one_accounts_settings_stop_no_other(tmp_path: Path) -> None:
    """`resume` drives the accounts it can; one that can't be opened is left as it is."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    accounts = {name: ScriptedAccount(name=name) for name in ("a", "b")}
    hub = BatchHub(store, accounts, clock=clock)
    for name, account in accounts.items():
        account.vendor.polls = deque([Observation(words=("Waiting",))] * 99)
        await hub.submit(name, numbered(1))
    await hub.aclose()
    async with BatchHub(store) as reader:
        before = {job.status.account: job.status.state for job in await reader.jobs()}
    broken = ScriptedAccount(name="a", vendor=Vendor(broken=SettingsError("not like that")))
    async with clock.running(), BatchHub(store, {**accounts, "a": broken}, clock=clock) as hub:
        accounts["b"].vendor.polls.clear()
        jobs = await hub.resume()
    states = {job.status.account: job.status.state for job in jobs}
    assert states == {"a": before["a"], "b": BatchState.COMPLETED}
    assert not before["a"].is_terminal


async def test_retries_of_different_kinds_are_told_apart() -> None:
    """`retry` returns the job of what failed, also after the unknown items were repeated."""
    vendor = Vendor()
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(3))
        vendor.reports.append(report_states(i1=ItemState.FAILED, i2=ItemState.UNKNOWN))
        await job.wait()
        failed = await job.retry()
        unknown = await job.retry(unknown=True)
        assert failed.id != unknown.id
        assert (await job.retry()).id == failed.id
        await failed.wait()
        await unknown.wait()
        assert [r.id for r in await results_of(failed)] == ["i1"]
        assert [r.id for r in await results_of(unknown)] == ["i2"]
