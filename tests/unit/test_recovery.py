"""What becomes of a batch that was sent and not answered, and of answers that come late."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.hubs import numbered, results_of, scripted_world
from support.stores import add_job, make_job, make_plans, put_job
from support.vendor import ScriptedAdapter, Vendor, capable

from batchhub import BatchState, ItemState, Outcome
from batchhub._store import Hold, Store, TicketRecord
from batchhub._store.tickets import Tickets
from batchhub.adapter import (
    Accepted,
    Attempt,
    ItemReport,
    Observation,
    Report,
    Steps,
    Submission,
    WireItem,
)
from batchhub.errors import NoAnswerError, RefusedError, ReplyError
from batchhub.testing import FakeClock

NO_ANSWER = NoAnswerError("silence")


# Batches that may run twice.


def let_repeat(monkeypatch: pytest.MonkeyPatch, answer: bool) -> list[Sequence[WireItem]]:
    """Let the adapter say whether a batch may run twice; return what it is asked."""
    asked: list[Sequence[WireItem]] = []

    def may_repeat(
        self: Any, operation: str, items: Sequence[WireItem], options: Mapping[str, Any]
    ) -> bool:
        asked.append(items)
        return answer

    monkeypatch.setattr(ScriptedAdapter, "may_repeat", may_repeat)
    return asked


async def test_a_batch_that_may_run_twice_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same key, until an answer comes; nobody has to decide."""
    asked = let_repeat(monkeypatch, answer=True)
    vendor = Vendor(submits=deque([NO_ANSWER, NO_ANSWER]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 3
    assert len({submission.idempotency_key for submission in vendor.submissions}) == 1
    assert [item.id for item in asked[0]] == ["i1", "i2"]


async def test_one_that_may_not_waits_for_a_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter's no is the end of it."""
    let_repeat(monkeypatch, answer=False)
    vendor = Vendor(submits=deque([NO_ANSWER]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert status.is_held
    assert len(vendor.submissions) == 1


async def test_an_answer_nobody_understands_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch that may run twice is sent again then, too."""
    let_repeat(monkeypatch, answer=True)
    vendor = Vendor(submits=deque([ReplyError("no batch's answer")] * 2))
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 3


@pytest.mark.parametrize(("answer", "sends"), [(True, 3), (False, 1)])
async def test_a_vendor_that_never_makes_sense_is_not_sent_the_same_for_ever(
    answer: bool, sends: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third such answer is the last; one that may not run twice waits after the first."""
    let_repeat(monkeypatch, answer=answer)
    vendor = Vendor(submits=deque([ReplyError("no batch's answer")] * 10))
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.is_held
    assert len(vendor.submissions) == sends


# Vendors whose list shows what they have.


def let_find(
    monkeypatch: pytest.MonkeyPatch, answers: list[Accepted | Exception | None]
) -> list[Attempt]:
    """Let the adapter find attempts; return those it is asked about."""
    asked: list[Attempt] = []

    async def find_attempt(self: Any, attempt: Attempt) -> Accepted | None:
        asked.append(attempt)
        answer = answers.pop(0) if answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(ScriptedAdapter, "find_attempt", find_attempt)
    return asked


async def test_a_batch_that_is_found_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is told what the request said, and its answer is the vendor's ticket."""
    asked = let_find(monkeypatch, [NO_ANSWER, Accepted(vendor_refs=("found",))])
    vendor = capable(Vendor(submits=deque([NO_ANSWER])), finds_attempts=True)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2), key="mine")
        status = await job.wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert status.tickets[0].vendor_refs == ("found",)
    (sent,) = vendor.submissions
    assert {(a.key, a.group, a.idempotency_key, a.total) for a in asked} == {
        ("mine", sent.group, sent.idempotency_key, 2)
    }


async def test_a_batch_that_is_not_there_is_sent_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """But only after the time for which a fresh one may be missing in the list."""
    asked = let_find(monkeypatch, [])
    vendor = Vendor(submits=deque([NO_ANSWER]))
    capable(vendor, finds_attempts=True, visibility_grace_s=20.0)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        while len(vendor.submissions) < 2:
            before_s = world.clock.monotonic()
            await world.clock.sleep(1.0)
        status = await job.wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert before_s > 19
    assert len(asked) > 1
    first, second = vendor.submissions
    assert first.idempotency_key != second.idempotency_key


async def test_a_search_that_is_refused_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again; the ticket stays as it is meanwhile."""
    refused = RefusedError("not now", status=500)
    let_find(monkeypatch, [refused, Accepted(vendor_refs=("found",))])
    vendor = capable(Vendor(submits=deque([NO_ANSWER])), finds_attempts=True)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 1


# Evidence that comes late.


async def test_a_late_answer_settles_a_ticket_in_doubt(tmp_path: Path) -> None:
    """Held here, taken there: what another process learned is polled, not decided."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = Vendor(submits=deque([NO_ANSWER]), polls=deque([Observation(words=("Running",))] * 9))
    async with scripted_world(vendor, store, clock) as world:
        # A second job keeps the lane busy, so that it is not simply read anew.
        held = await world.hub.submit("shop", numbered(2))
        other = await world.hub.submit("shop", numbered(1))
        await held.wait()
        late = await Store.open(store)
        job, _ = await late.jobs.get(held.id)
        (ticket,) = await late.tickets.of_job(job.job_no)
        taken = evolve(
            ticket, state=BatchState.QUEUED, vendor_refs=("late",), accepted_at=clock.now()
        )
        await late.tickets.accept(job, taken)
        await late.aclose()
        await other.wait()
        status = await held.wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert status.tickets[0].vendor_refs == ("late",)
    assert len(vendor.submissions) == 2


async def test_late_results_end_a_ticket_that_is_held_here(tmp_path: Path) -> None:
    """What another process got at once with its answer is no decision to wait for, either."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = Vendor(submits=deque([NO_ANSWER]), polls=deque([Observation(words=("Running",))] * 9))
    async with scripted_world(vendor, store, clock) as world:
        held = await world.hub.submit("shop", numbered(2))
        other = await world.hub.submit("shop", numbered(1))  # keeps the lane busy
        await held.wait()
        late = await Store.open(store)
        job, _ = await late.jobs.get(held.id)
        (ticket,) = await late.tickets.of_job(job.job_no)
        ended = evolve(ticket, state=BatchState.COMPLETED, accepted_at=clock.now())
        stale = Hold(lane=job.lane, token="stale", epoch=0)
        await late.tickets.end(job, ended, (), ItemState.SUCCEEDED, at=clock.now(), hold=stale)
        await late.aclose()
        await other.wait()
        await world.hub.resume()
        status = await held.refresh()
    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.SUCCEEDED)
    assert len(vendor.submissions) == 2


@pytest.mark.parametrize("given_up", ["cancelled", "sent again"])
async def test_evidence_after_the_end_is_a_finding(tmp_path: Path, given_up: str) -> None:
    """A ticket that was given up, or is there under another id, stays and tells of the late one."""
    store = await Store.open(tmp_path / "jobs.db")
    job = await add_job(store, 2)
    (ticket,) = await store.tickets.of_job(job.job_no)
    intent = evolve(ticket, attempt_id="a-1", attempted_at=job.created_at)
    await store.tickets.save([(job, [intent])])
    if given_up == "cancelled":
        ended = evolve(intent, state=BatchState.CANCELLED)
        await store.tickets.end(job, ended, (), ItemState.UNKNOWN, at=job.created_at)
    else:
        await store.tickets.accept(
            job, evolve(intent, state=BatchState.QUEUED, vendor_refs=("first",))
        )
    before = (await store.tickets.of_job(job.job_no))[0]

    late = evolve(intent, state=BatchState.QUEUED, vendor_refs=("second",))
    kept = await store.tickets.accept(job, late)
    again = await store.tickets.accept(job, late)
    _, status = await store.jobs.get(job.job_id)
    await store.aclose()

    assert (kept.state, kept.vendor_refs) == (before.state, before.vendor_refs)
    assert again.state is before.state
    (finding,) = status.findings
    assert finding.code == "late_ticket"
    assert finding.examples == ("second",)


@pytest.mark.parametrize("given_up", ["cancelled", "sent again", "searched"])
async def test_results_that_come_late_with_their_submit_are_evidence(
    tmp_path: Path, given_up: str
) -> None:
    """As an id is: they end what nobody has sent since, and are a finding on everything else."""
    store = await Store.open(tmp_path / "jobs.db")
    job = await add_job(store, 2)
    (ticket,) = await store.tickets.of_job(job.job_no)
    intent = evolve(ticket, attempt_id="a-1", attempted_at=job.created_at, sends=1)
    await store.tickets.save([(job, [intent])])
    if given_up == "cancelled":
        ended = evolve(intent, state=BatchState.CANCELLED)
        await store.tickets.end(job, ended, (), ItemState.UNKNOWN, at=job.created_at)
    else:
        attempt_id = "a-2" if given_up == "sent again" else None
        await store.tickets.save([(job, [evolve(intent, attempt_id=attempt_id)])])

    late = evolve(intent, state=BatchState.COMPLETED, accepted_at=job.created_at)
    stale = Hold(lane=job.lane, token="stale", epoch=0)
    for _ in range(2):
        await store.tickets.end(job, late, (), ItemState.SUCCEEDED, at=job.created_at, hold=stale)
    (kept,) = await store.tickets.of_job(job.job_no)
    await store.aclose()

    if given_up == "searched":
        assert (kept.state, kept.succeeded, kept.findings) == (BatchState.COMPLETED, 2, ())
    else:
        assert [finding.code for finding in kept.findings] == ["late_ticket"]
        assert kept.succeeded == 0


async def test_evidence_for_another_attempt_ends_nothing(tmp_path: Path) -> None:
    """A ticket that is being sent under a new attempt is not taken for the old one."""
    store = await Store.open(tmp_path / "jobs.db")
    job, _ = await put_job(store, make_job(), make_plans(1), [[WireItem(id="i1", wire=b"{}")]])
    (ticket,) = await store.tickets.of_job(job.job_no)
    await store.tickets.save(
        [(job, [evolve(ticket, attempt_id="new", attempted_at=job.created_at)])]
    )

    kept = await store.tickets.accept(
        job, evolve(ticket, attempt_id="old", state=BatchState.QUEUED, vendor_refs=("r",))
    )
    await store.aclose()

    assert (kept.state, kept.attempt_id, kept.vendor_refs) == (BatchState.PENDING, "new", ())
    assert [finding.code for finding in kept.findings] == ["late_ticket"]


async def test_evidence_is_not_written_over(tmp_path: Path) -> None:
    """Who does not know of it yet can neither take it back nor end the ticket without a word."""
    store = await Store.open(tmp_path / "jobs.db")
    job = await add_job(store, 2)
    (ticket,) = await store.tickets.of_job(job.job_no)
    intent = evolve(ticket, attempt_id="a-1", attempted_at=job.created_at)
    await store.tickets.save([(job, [intent])])
    taken = evolve(intent, state=BatchState.QUEUED, vendor_refs=("r",), accepted_at=job.created_at)
    await store.tickets.accept(job, taken)

    await store.tickets.save([(job, [evolve(intent, attempt_id=None, attempted_at=None)])])
    assert (await store.tickets.of_job(job.job_no)) == [taken]

    ended = evolve(intent, state=BatchState.CANCELLED)
    await store.tickets.end(job, ended, (), ItemState.UNKNOWN, at=job.created_at)
    _, status = await store.jobs.get(job.job_id)
    await store.aclose()
    assert status.state is BatchState.CANCELLED
    assert [(f.code, f.examples) for f in status.findings] == [("late_ticket", ("r",))]


async def test_evidence_during_a_search_is_not_sent_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process learned while the vendor's list was read is no reason to send anew."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    vendor = Vendor(submits=deque([NO_ANSWER]))
    capable(vendor, finds_attempts=True, visibility_grace_s=0.0)

    async def find_attempt(self: Any, attempt: Attempt) -> Accepted | None:
        late = await Store.open(path)
        ((job, (ticket,)),) = await late.jobs.find_open(self.account.lane)
        taken = evolve(
            ticket, state=BatchState.QUEUED, vendor_refs=("late",), accepted_at=clock.now()
        )
        await late.tickets.accept(job, taken)
        await late.aclose()
        await clock.sleep(5.0)
        return None

    monkeypatch.setattr(ScriptedAdapter, "find_attempt", find_attempt)
    async with scripted_world(vendor, path, clock) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert status.tickets[0].vendor_refs == ("late",)
    assert len(vendor.submissions) == 1


async def test_evidence_during_a_resend_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resend without an answer knows nothing newer, so the batch is not sent a third time."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(submits=deque([NO_ANSWER, NO_ANSWER])), resends_unanswered=True)
    submit = ScriptedAdapter.submit

    async def submit_slowly(
        self: ScriptedAdapter, submission: Submission, steps: Steps
    ) -> Accepted:
        if vendor.submissions:
            await learn_late(path, clock)
            await clock.sleep(3.0)  # and the lane looks into the store
        return await submit(self, submission, steps)

    monkeypatch.setattr(ScriptedAdapter, "submit", submit_slowly)
    async with scripted_world(vendor, path, clock) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert status.tickets[0].vendor_refs == ("late",)
    assert len(vendor.submissions) == 2


async def test_evidence_before_a_resend_makes_it_needless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process learned of a ticket is seen by the write that leads to its resend."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(submits=deque([NO_ANSWER])), resends_unanswered=True)
    get_items = Tickets.get_items
    learned: list[bool] = []

    async def prepare_slowly(self: Tickets, ticket: TicketRecord) -> list[WireItem]:
        if vendor.submissions and not learned:
            learned.append(True)
            await learn_late(path, clock)
        return await get_items(self, ticket)

    monkeypatch.setattr(Tickets, "get_items", prepare_slowly)
    async with scripted_world(vendor, path, clock) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert status.tickets[0].vendor_refs == ("late",)
    assert len(vendor.submissions) == 1


async def learn_late(path: Path, clock: FakeClock) -> None:
    """Be another process that was stopped, and now learns that the vendor took its batch."""
    late = await Store.open(path)
    ((job, (ticket,)),) = await late.jobs.find_open("scripted:127.0.0.1:9:one")
    taken = evolve(ticket, state=BatchState.QUEUED, vendor_refs=("late",), accepted_at=clock.now())
    await late.tickets.accept(job, taken)
    await late.aclose()


# Tickets that stand still.


async def test_a_ticket_that_stands_still_has_stalled() -> None:
    """It is said once, and asked about less often; nothing else changes, other jobs go on."""
    vendor = Vendor(polls=deque([Observation(words=("Running",), progress=0.5)] * 100))
    capable(vendor, stall_s=20.0, poll_s=2.0, deadline_s=lambda items, options: 1e9)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(19.0)
        assert job.status.findings == ()
        before = len(vendor.polled)
        await world.clock.sleep(120.0)
        slow = len(vendor.polled) - before
        status = job.status
        other = await world.hub.submit("shop", numbered(1))
        vendor.polls.clear()
        assert (await other.wait()).outcome is Outcome.SUCCEEDED
        done = await job.wait()
    assert status.state is BatchState.IN_PROGRESS
    (finding,) = status.findings
    assert (finding.code, finding.count) == ("stalled", 1)
    assert slow < 30  # of 60 at the usual pace
    assert done.outcome is Outcome.SUCCEEDED


async def test_a_ticket_that_moves_slowly_has_not_stalled() -> None:
    """Any progress within the time counts."""
    steps = [Observation(words=("Running",), progress=n / 10) for n in range(8) for _ in range(3)]
    vendor = capable(Vendor(polls=deque(steps)), stall_s=20.0, poll_s=5.0, min_poll_s=5.0)
    capable(vendor, deadline_s=lambda items, options: 1e9)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert status.findings == ()


# Results, and forgetting them.


async def test_large_results_come_back_as_they_came(tmp_path: Path) -> None:
    """They are kept compressed, and nobody sees it; small ones and binary ones too."""
    bodies = [b'{"a": "' + b"x" * 5000 + b'"}', b"{}", bytes(range(256)) * 2, b""]
    vendor = Vendor()
    vendor.default_report = lambda items: Report(
        items=[
            ItemReport(id=item.id, state=ItemState.SUCCEEDED, raw=body)
            for item, body in zip(items, bodies, strict=False)
        ]
    )
    capable(vendor, max_items=10)
    path = tmp_path / "jobs.db"
    async with scripted_world(vendor, path) as world:
        job = await world.hub.submit("shop", numbered(4))
        await job.wait()
        raws = [result.raw for result in await results_of(job)]
    assert raws == bodies
    assert b"x" * 300 not in read(path) + read(path.with_name("jobs.db-wal"))


@pytest.mark.sqlite_only("looks into files")
async def test_old_jobs_are_forgotten(tmp_path: Path) -> None:
    """Jobs that ended before, with all that is theirs; open ones and younger ones stay."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(), max_items=1000)
    async with scripted_world(vendor, path, clock) as world:
        old = await world.hub.submit("shop", numbered(1000), key="k")
        await old.wait()
        await clock.sleep(timedelta(days=40).total_seconds())
        young = await world.hub.submit("shop", numbered(1))
        await young.wait()
        vendor.submits.append(NO_ANSWER)
        held = await world.hub.submit("shop", numbered(1))
        await held.wait()
        size = len(read(path) + read(path.with_name("jobs.db-wal")))

        gone = await world.hub.prune(timedelta(days=30).total_seconds())

        assert (gone.jobs, gone.items) == (1, 1000)
        assert [job.id for job in await world.hub.jobs()] == [young.id, held.id]
        assert len(read(path) + read(path.with_name("jobs.db-wal"))) < size / 2
        again = await world.hub.prune(timedelta(days=30).total_seconds())
        assert (again.jobs, again.items) == (0, 0)
        assert (await world.hub.submit("shop", numbered(1000), key="k")).id != old.id


def read(path: Path) -> bytes:
    """Return a file's bytes, none if there is no such file."""
    return path.read_bytes() if path.exists() else b""
