"""An unconfirmed ticket that is found at the vendor: adopted by its id there, if it is the one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.hubs import World, numbered, results_of, scripted_world
from support.owners import other_process
from support.vendor import ScriptedAccount, Vendor, capable

import batchhub.sync
from batchhub import BatchHub, BatchState, Contact, Outcome
from batchhub.adapter import Accepted, Observation, TicketRef, Transport
from batchhub.errors import (
    AdapterError,
    BatchHubError,
    CredentialsError,
    NoAnswerError,
    NotFoundError,
    NotKnownError,
    RefusedError,
    UsageError,
)
from batchhub.hub import BatchJob
from batchhub.testing import FakeClock

LANE = ScriptedAccount().lane
SILENCE = NoAnswerError("silence")


async def hold_job(world: World, items: int = 2) -> BatchJob:
    """Submit a job whose tickets get no answer, and wait until it is held."""
    job = await world.hub.submit("shop", numbered(items))
    assert (await job.wait()).is_held
    return job


def unanswered(tickets: int = 1, **changes: Any) -> Vendor:
    """Make a vendor that gives the first submits no answer."""
    return capable(Vendor(submits=deque([SILENCE] * tickets)), tickets_per_job=10, **changes)


async def test_a_ticket_that_is_found_is_followed_to_its_results() -> None:
    """The vendor is asked first; then the ticket is like any other, and nothing is sent again."""
    vendor = unanswered()
    vendor.polls.append(Observation(words=("Running",), done=1, vendor={"shop": 7}))
    async with scripted_world(vendor) as world:
        job = await hold_job(world)
        before = job.status.tickets[0]
        assert job.status.contact is Contact.STALE
        status = await job.adopt("found-1")
        assert (status.contact, status.contact_note) == (Contact.OK, None)
        ticket = status.tickets[0]
        assert (status.state, ticket.state) == (BatchState.IN_PROGRESS, BatchState.IN_PROGRESS)
        assert (ticket.vendor_refs, ticket.vendor_state) == (("found-1",), "Running")
        assert (ticket.message, ticket.vendor, ticket.progress) == (None, {"shop": 7}, 0.5)
        assert ticket.attempt_id == before.attempt_id
        assert [(f.code, f.examples) for f in status.findings] == [("adopted", ("found-1",))]
        done = await job.wait()
        assert done.outcome is Outcome.SUCCEEDED
        assert await job.adopt("found-1") == await job.adopt("found-1", ticket=1) == done
        assert [r.vendor_ref for r in await results_of(job)] == ["found-1", "found-1"]
    asked = vendor.polled[0]
    assert (asked.vendor_refs, asked.total, asked.submitted_at) == (
        ("found-1",),
        2,
        before.attempted_at,
    )
    assert len(vendor.submissions) == 1


async def test_one_that_is_finished_long_since_gives_its_results() -> None:
    """A batch that ended while nobody looked is fetched, not lost."""
    async with scripted_world(unanswered()) as world:
        job = await hold_job(world)
        await world.clock.sleep(36_000.0)
        await job.adopt("found-1")
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_a_ticket_of_several_ids() -> None:
    """Where a vendor has several for one request, each has its word; the same twice is one."""
    vendor = unanswered()
    vendor.answer_poll = lambda tickets: [
        Observation(words=("Done",) * len(ticket.vendor_refs)) for ticket in tickets
    ]
    async with scripted_world(vendor) as world:
        job = await hold_job(world)
        status = await job.adopt([" a ", "b", "a"])
        assert status.tickets[0].vendor_refs == ("a", "b")
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


REFUSALS = {
    "unknown": (NotFoundError("no such batch"), "scripted knows no batch 'found-1': no such batch"),
    "gone": (Observation(is_gone=True), "scripted knows no batch 'found-1'"),
    "refused": (RefusedError("not a number"), "tells nothing of batch 'found-1': not a number"),
    "silent": (None, "the answer of scripted says nothing of batch 'found-1'"),
    "larger": (Observation(words=("Running",), total=3), "'found-1' has 3 items, and ticket 1 of"),
    "smaller": (Observation(words=("Running",), total=1), "has 1 item, and ticket 1 of job"),
    "counted": (Observation(words=("Running",), done=3), "counts 3 items in batch 'found-1'"),
    "finished": (Observation(words=("Done",), succeeded=1, failed=0), "counts 1 item in batch"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_what_the_vendor_does_not_have_is_refused(case: str, tmp_path: Path) -> None:
    """Unknown, or of another size: nothing changes, and a better id is taken after it."""
    answer, why = REFUSALS[case]
    vendor, store = unanswered(counts_items=True), tmp_path / "jobs.db"

    def say(tickets: Sequence[TicketRef]) -> list[Any]:
        if isinstance(answer, Exception):
            raise answer
        return [answer]

    async with scripted_world(vendor, store) as world:
        job = await hold_job(world)
        before = job.status
        vendor.answer_poll = say
        with pytest.raises(UsageError, match="nothing was changed") as caught:
            await job.adopt("found-1")
        assert why in str(caught.value)
        assert await job.refresh() == before
        vendor.answer_poll = lambda tickets: [Observation(words=("Done",), succeeded=2, failed=0)]
        await job.adopt("found-2")
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_one_word_for_two_ids_is_refused() -> None:
    """An adapter that asks about one id only can't speak for two."""
    async with scripted_world(unanswered()) as world:
        job = await hold_job(world)
        with pytest.raises(UsageError, match="answers about one batch, not about 2: name one id"):
            await job.adopt(["a", "b"])
        assert (await job.refresh()).is_held


@pytest.mark.parametrize(
    "error",
    [NoAnswerError("still silent"), CredentialsError("wrong token"), AdapterError("it broke")],
    ids=lambda error: type(error).__name__,
)
async def test_a_vendor_that_can_not_be_asked_leaves_it_held(error: BatchHubError) -> None:
    """The error is the vendor's own; the job is as it was, and the same can be tried again."""
    vendor = unanswered()
    vendor.polls.append(error)
    async with scripted_world(vendor) as world:
        job = await hold_job(world)
        with pytest.raises(type(error), match=str(error)):
            await job.adopt("found-1")
        assert (await job.refresh()).is_held
        await job.adopt("found-1")
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_an_id_that_another_ticket_has_is_refused_unasked() -> None:
    """Of this job or an older one, open or ended: a batch is one ticket's."""
    vendor = unanswered(0)
    async with scripted_world(vendor) as world:
        older = await world.hub.submit("shop", numbered(1))
        await older.wait()
        vendor.submits.extend([SILENCE, Accepted(vendor_refs=('the "other"', "ö%_"))])
        job = await world.hub.submit("shop", numbered(6))
        await job.wait()
        vendor.polled.clear()
        for ref, owner in (
            ("ref-1", f"ticket 1 of job {older.id}"),
            ('the "other"', f"ticket 2 of job {job.id}"),
            ("ö%_", f"ticket 2 of job {job.id}"),
        ):
            with pytest.raises(UsageError, match=f"is {owner}, so it can't be") as caught:
                await job.adopt(ref)
            assert repr(ref) in str(caught.value)
        assert vendor.polled == []
        assert (await job.adopt("ref-")).tickets[0].vendor_refs == ("ref-",)


async def test_several_tickets_are_listed_and_one_is_named() -> None:
    """Without a number it is refused, with what tells them apart; with one it is that one."""
    async with scripted_world(unanswered(2)) as world:
        job = await hold_job(world, 8)
        with pytest.raises(UsageError, match="has 2 unconfirmed tickets; say which one") as caught:
            await job.adopt("found-2")
        assert "1 (3 items, sent 20" in str(caught.value)
        assert "2 (3 items, sent 20" in str(caught.value)
        with pytest.raises(UsageError, match=r"ticket 3 of job \S+ is completed, not unconf") as no:
            await job.adopt("found-2", ticket=3)
        assert "unconfirmed: 1 (3 items" in str(no.value)
        for odd in (0, 4, -1):
            with pytest.raises(UsageError, match=f"has 3 tickets, and no ticket {odd}"):
                await job.adopt("found-2", ticket=odd)
        status = await job.adopt("found-2", ticket=2)
        assert [t.vendor_refs for t in status.tickets] == [(), ("found-2",), ("ref-3",)]
        await job.adopt("found-1")  # the only one left
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_a_ticket_is_adopted_while_others_of_its_job_are_under_way() -> None:
    """The job is not held as a whole; its lane is driven already."""
    vendor = unanswered()
    vendor.answer_poll = lambda tickets: [Observation(words=("Running",)) for _ in tickets]
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(6))
        await world.clock.sleep(30.0)
        assert (await job.refresh()).state is BatchState.IN_PROGRESS
        status = await job.adopt("found-1")
        assert status.tickets[0].state is BatchState.IN_PROGRESS
        vendor.answer_poll = None
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("ref", ["", "  ", [], ["a", ""], 7, None])
async def test_what_is_no_id_is_refused(ref: Any) -> None:
    """Before anything is asked."""
    async with scripted_world(unanswered()) as world:
        job = await hold_job(world)
        with pytest.raises(UsageError, match="ref is the vendor's id of a batch"):
            await job.adopt(ref)
        assert world.vendor.polled == []


@pytest.mark.parametrize("ref", ["a\nb", "x" * 2000], ids=["two lines", "long"])
async def test_an_id_that_can_not_be_one_is_refused(ref: str) -> None:
    """What the store would not take from a vendor it does not take from a user."""
    async with scripted_world(unanswered()) as world:
        job = await hold_job(world)
        with pytest.raises(UsageError, match="ref names a batch with an id"):
            await job.adopt(ref)
        assert world.vendor.polled == []


async def test_a_job_that_is_not_held_has_nothing_to_adopt() -> None:
    """Open or ended, whatever the id."""
    async with scripted_world() as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        with pytest.raises(UsageError, match="is completed and has no unconfirmed ticket to adopt"):
            await job.adopt("found-1")


async def test_one_that_was_given_up_meanwhile_says_so_by_a_finding() -> None:
    """Cancelled while the vendor is asked: it stays ended, with the finding `late_ticket`."""
    vendor = unanswered()
    async with scripted_world(vendor) as world:
        job = await hold_job(world)

        async def cancel_first(tickets: Sequence[TicketRef]) -> list[Observation]:
            await job.cancel()
            await job.wait()
            return [Observation(words=("Running",))]

        vendor.answer_poll = cancel_first
        with pytest.raises(UsageError, match="was given up meanwhile; a finding"):
            await job.adopt("found-1")
        status = await job.refresh()
        assert status.state is BatchState.CANCELLED
        assert [(f.code, f.examples) for f in status.findings] == [("late_ticket", ("found-1",))]
        assert status.outcome is Outcome.INDETERMINATE
        with pytest.raises(UsageError, match="has no unconfirmed ticket"):
            await job.adopt("found-1")
        # Nor is it another ticket's.
        vendor.submits.append(SILENCE)
        other = await hold_job(world)
        with pytest.raises(UsageError, match=f"batch 'found-1' is ticket 1 of job {job.id}"):
            await other.adopt("found-1")


async def test_two_at_once_with_one_id_are_one() -> None:
    """Both are answered; another id for the same ticket comes too late."""
    async with scripted_world(unanswered()) as world:
        job = await hold_job(world)
        first, second, third = await asyncio.gather(
            job.adopt("a"), job.adopt("a"), job.adopt("b"), return_exceptions=True
        )
        assert not isinstance(first, BaseException)
        assert not isinstance(second, BaseException)
        assert isinstance(third, UsageError)
        assert "is in progress by now, as 'a'; nothing was changed" in str(third)
        assert first.tickets[0].vendor_refs == ("a",)


async def test_two_tickets_at_once_with_one_id() -> None:
    """One gets it; of the other nothing changes."""
    async with scripted_world(unanswered(2)) as world:
        job = await hold_job(world, 6)
        first, second = await asyncio.gather(
            job.adopt("a", ticket=1), job.adopt("a", ticket=2), return_exceptions=True
        )
        assert not isinstance(first, BaseException)
        assert isinstance(second, UsageError)
        assert "batch 'a' is ticket 1 of job" in str(second)
        assert (await job.refresh()).tickets[1].state is BatchState.UNCONFIRMED


async def test_an_id_that_another_ticket_gets_while_the_vendor_is_asked() -> None:
    """It is looked for once more where the ticket is written."""
    vendor = unanswered()
    asked: list[tuple[str, ...]] = []

    async def send_another(tickets: Sequence[TicketRef]) -> list[Observation]:
        asked.extend(ticket.vendor_refs for ticket in tickets)
        if len(asked) == 1:
            vendor.submits.append(Accepted(vendor_refs=("a",)))
            await world.hub.submit("shop", numbered(1))
            await world.clock.sleep(5.0)
        return [Observation(words=("Running",)) for _ in tickets]

    async with scripted_world(vendor) as world:
        job = await hold_job(world)
        vendor.answer_poll = send_another
        with pytest.raises(UsageError, match="batch 'a' is ticket 1 of job"):
            await job.adopt("a")
        assert (await job.refresh()).is_held


@pytest.mark.parametrize("ref", ["a", "b"])
async def test_an_id_that_may_be_of_a_ticket_that_is_being_sent(ref: str) -> None:
    """Its answer is waited for: until then nobody has the id, and two would be one batch."""
    vendor, go = unanswered(), asyncio.Event()

    async def answer_later(_: Transport) -> Accepted:
        await go.wait()
        return Accepted(vendor_refs=("a",))

    vendor.answer_poll = lambda tickets: [Observation(words=("Running",)) for _ in tickets]
    async with scripted_world(vendor) as world:
        job = await hold_job(world)
        vendor.submits.append(answer_later)
        other = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(1.0)
        adopting = asyncio.ensure_future(job.adopt(ref))
        await world.clock.sleep(5.0)
        assert not adopting.done()
        go.set()
        await world.clock.sleep(5.0)
        assert (await other.refresh()).tickets[0].vendor_refs == ("a",)
        if ref == "a":
            with pytest.raises(UsageError, match=f"batch 'a' is ticket 1 of job {other.id}"):
                await adopting
            assert (await job.refresh()).is_held
        else:
            assert (await adopting).tickets[0].vendor_refs == ("b",)


async def test_an_answer_that_does_not_come_is_not_waited_for_for_ever() -> None:
    """Nothing changes then; it can be tried again."""
    vendor, go = unanswered(), asyncio.Event()

    async def answer_later(_: Transport) -> Accepted:
        await go.wait()
        return Accepted(vendor_refs=("b",))

    async with scripted_world(vendor) as world:
        job = await hold_job(world)
        vendor.submits.append(answer_later)
        other = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(1.0)
        with pytest.raises(UsageError, match=f"may be ticket 1 of job {other.id}, which was sent"):
            await job.adopt("a")
        assert (await job.refresh()).is_held
        go.set()
        await other.wait()
        assert (await job.adopt("a")).tickets[0].vendor_refs == ("a",)


async def test_another_process_that_drives_the_account_is_named(tmp_path: Path) -> None:
    """Only it may ask the vendor, so nothing is asked; when it has ended it works."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), unanswered()
    async with scripted_world(vendor, store, clock) as world, other_process(store) as other:
        job = await hold_job(world)
        await clock.sleep(5.0)
        hold = await other.take(LANE, clock.now())
        with pytest.raises(UsageError, match="process 4711 on far drives this account"):
            await job.adopt("found-1")
        assert vendor.polled == []
        await other.let_go(hold, clock.now())
        await job.adopt("found-1")
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_a_lane_that_is_taken_while_the_vendor_is_asked(tmp_path: Path) -> None:
    """The answer is not written by a process that has lost the account."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), unanswered()
    async with scripted_world(vendor, store, clock) as world, other_process(store) as other:
        job = await hold_job(world)

        async def take_first(tickets: Sequence[TicketRef]) -> list[Observation]:
            await other.take(LANE, clock.now())
            return [Observation(words=("Running",))]

        vendor.answer_poll = take_first
        with pytest.raises(UsageError, match="has taken over scripted"):
            await job.adopt("found-1")
        assert (await job.refresh()).is_held


async def test_a_hub_that_drives_learns_what_another_has_adopted(tmp_path: Path) -> None:
    """It stands in the store, where who drives the account next finds it."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), unanswered()
    async with scripted_world(vendor, store, clock) as world:
        job = await hold_job(world)
        await clock.sleep(5.0)
        account = ScriptedAccount(vendor=Vendor())
        async with BatchHub(store, {"elsewhere": account}, clock=clock, seed=2) as second:
            theirs = await second.job(job.id)
            await theirs.adopt("found-1")
            assert (await theirs.wait()).outcome is Outcome.SUCCEEDED
        assert (await job.refresh()).outcome is Outcome.SUCCEEDED


async def test_without_the_account_nothing_can_be_asked(tmp_path: Path) -> None:
    """A hub that only reads says which account is missing."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(unanswered(), store, clock) as world:
        job = await hold_job(world)
        async with BatchHub(store, clock=clock) as reader:
            with pytest.raises(NotKnownError, match="no account named 'shop'"):
                await (await reader.job(job.id)).adopt("found-1")


async def test_the_end_of_the_hub_answers_who_waits() -> None:
    """Nobody waits for ever for a vendor that does not answer."""
    vendor = unanswered()

    async def hang(tickets: Sequence[TicketRef]) -> list[Observation]:
        await asyncio.get_running_loop().create_future()
        return []

    vendor.answer_poll = hang
    async with scripted_world(vendor) as world:
        job = await hold_job(world)
        wish = asyncio.create_task(job.adopt("found-1"))
        await world.clock.sleep(3.0)
        assert not wish.done()
        await world.hub.aclose()
        with pytest.raises(BatchHubError):
            await wish


async def test_who_gives_up_waiting_harms_nobody() -> None:
    """A wish that nobody waits for any more is dropped; the next one is answered."""
    vendor = unanswered()

    async def answer_late(tickets: Sequence[TicketRef]) -> list[Observation]:
        await world.clock.sleep(20.0)
        return [Observation(words=("Running",))]

    async with scripted_world(vendor) as world:
        job = await hold_job(world)
        vendor.answer_poll = answer_late
        wish = asyncio.create_task(job.adopt("found-1"))
        await world.clock.sleep(3.0)
        wish.cancel()
        await world.clock.sleep(60.0)
        assert (await job.refresh()).is_held
        vendor.answer_poll = None
        status = await job.adopt("found-1")
        assert status.tickets[0].vendor_refs == ("found-1",)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


def test_from_a_plain_thread(tmp_path: Path) -> None:
    """The sync job has it too."""
    vendor = unanswered()
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    with batchhub.sync.BatchHub(tmp_path / "jobs.db", accounts) as hub:
        job = hub.submit("shop", numbered(1))
        job.wait()
        assert job.adopt("found-1", ticket=1).tickets[0].vendor_refs == ("found-1",)
        assert job.wait().outcome is Outcome.SUCCEEDED
