"""What an adapter may answer with: results at once, of a whole batch, by key or place, no id."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.hubs import World, numbered, results_of, scripted_world
from support.vendor import ScriptedAdapter, Vendor, capable

from batchhub import BatchState, Contact, ItemState, Outcome
from batchhub.adapter import (
    Accepted,
    Adapter,
    Attempt,
    ItemReport,
    Observation,
    Report,
    Steps,
    Submission,
    TicketRef,
    WireItem,
)
from batchhub.errors import (
    AdapterError,
    CantTellError,
    InputError,
    NoAnswerError,
    NotFoundError,
    RepeatedError,
)
from batchhub.models import Finding
from batchhub.testing import FakeClock

OK = ItemState.SUCCEEDED
ALL = (Accepted(vendor_refs=("r1",)),)


def states(results: Sequence[Any]) -> list[ItemState]:
    """Return the states of results."""
    return [result.state for result in results]


@pytest.fixture
def by_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have results come with the poll, as they do where an adapter says nothing else."""
    monkeypatch.setattr(ScriptedAdapter, "fetch_results", Adapter.fetch_results)


# A vendor that answers at once.


async def test_results_may_come_with_the_submit() -> None:
    """A report without an id is a finished ticket: nothing is asked any more."""
    report = Report(items=[ItemReport(id="i2", state=ItemState.FAILED, code=400)], rest=OK)
    vendor = Vendor(submits=deque([Accepted(report=report)]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
        results = await results_of(job)
    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.PARTIAL)
    assert states(results) == [OK, ItemState.FAILED]
    assert not vendor.polled


async def test_a_report_that_is_not_settled_is_asked_for_again_by_its_id() -> None:
    """As long as the vendor gave one."""
    early = Accepted(vendor_refs=("r1",), report=Report(is_settled=False))
    vendor = Vendor(submits=deque([early]))
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert [ticket.vendor_refs for ticket in vendor.polled] == [("r1",)]


async def test_an_id_is_kept_though_the_report_that_came_with_it_can_not_be_read() -> None:
    """Whatever went wrong while it was read: the vendor has the batch, and is asked about it."""

    async def items() -> AsyncIterator[ItemReport]:
        yield ItemReport(id="i1", state=OK)
        raise NoAnswerError("silence")

    vendor = Vendor(submits=deque([Accepted(vendor_refs=("r1",), report=Report(items=items()))]))
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 1
    assert [ticket.vendor_refs for ticket in vendor.polled] == [("r1",)]


@pytest.mark.parametrize("report", [None, Report(rest=OK)])
async def test_what_was_noticed_at_an_acceptance_is_a_finding(report: Report | None) -> None:
    """It is on the status, whether the results came at once or later."""
    odd = Finding(code="odd_form", message="an id of another form", examples=("7",))
    accepted = Accepted(vendor_refs=("r1",), report=report, findings=(odd,))
    async with scripted_world(Vendor(submits=deque([accepted]))) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert (status.outcome, status.findings) == (Outcome.SUCCEEDED, (odd,))


@pytest.mark.parametrize("findings", [None, "odd", ["odd"], 7])
async def test_findings_that_are_none_cost_no_acceptance(findings: Any) -> None:
    """The id is worth more than what an adapter noticed."""
    accepted = Accepted(vendor_refs=("r1",), findings=findings)
    async with scripted_world(Vendor(submits=deque([accepted]))) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert (status.outcome, status.findings) == (Outcome.SUCCEEDED, ())


async def test_an_acceptance_without_id_and_report_is_a_fault() -> None:
    """The vendor may have taken it: it is held, not sent again."""
    vendor = Vendor(submits=deque([Accepted()]))
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.is_held
    assert len(vendor.submissions) == 1


# Results that come with the poll.


@pytest.mark.usefixtures("by_poll")
async def test_results_may_come_with_the_poll() -> None:
    """What makes them of the answer is called once, at the end, with what was sent."""
    calls = 0

    def make(sent: Sequence[WireItem]) -> Report:
        nonlocal calls
        calls += 1
        assert [item.id for item in sent] == ["i1", "i2"]
        return Report(items=[ItemReport(at=1, state=ItemState.FAILED)], rest=OK)

    running = Observation(words=("Running",), report=make)
    vendor = Vendor(polls=deque([running, running, Observation(words=("Done",), report=make)]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        assert states(await results_of(job)) == [OK, ItemState.FAILED]
    assert calls == 1


@pytest.mark.usefixtures("by_poll")
async def test_why_a_whole_batch_failed_is_shown() -> None:
    """With each of its items; nobody can tell whether they ran."""
    broken = Observation(words=("Broken",), message="the file has no header")
    async with scripted_world(Vendor(polls=deque([broken]))) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
        results = await results_of(job)
    assert (status.state, status.tickets[0].message) == (
        BatchState.FAILED,
        "the file has no header",
    )
    assert [(r.state, r.message) for r in results] == [
        (ItemState.UNKNOWN, "the file has no header")
    ] * 2


@pytest.mark.usefixtures("by_poll")
@pytest.mark.parametrize(
    ("state", "item"),
    [(BatchState.FAILED, ItemState.FAILED), (BatchState.CANCELLED, ItemState.NOT_EXECUTED)],
)
async def test_of_an_indivisible_batch_that_failed_nothing_ran(
    state: BatchState, item: ItemState
) -> None:
    """Where the vendor runs a batch wholly or not at all, its items can be sent again."""
    vendor = capable(Vendor(polls=deque([Observation(words=(), state=state)])), indivisible=True)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
        assert states(await results_of(job)) == [item] * 2
    assert status.state is state


async def test_a_state_no_vendor_can_be_in_is_a_fault() -> None:
    """A ticket the vendor has is not UNCONFIRMED because its adapter says so."""
    odd = Observation(words=(), state=BatchState.UNCONFIRMED)
    vendor = Vendor(polls=deque([odd, Observation(words=("Done",))]))
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.outcome is Outcome.SUCCEEDED


async def test_a_404_inside_an_answer_is_one() -> None:
    """After some in a row the ticket is lost."""
    gone = Observation(is_gone=True)
    vendor = capable(Vendor(polls=deque([gone] * 10_000)), visibility_grace_s=0.0)
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.state is BatchState.LOST


async def test_an_answer_may_say_nothing_of_a_ticket() -> None:
    """Then nothing has changed, and it is asked about again."""
    polls: Any = deque([None, None, Observation(words=("Done",))])
    async with scripted_world(Vendor(polls=polls)) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert (status.outcome, status.contact) == (Outcome.SUCCEEDED, Contact.OK)


async def test_the_final_state_and_the_answer_that_said_so_are_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also in the next process, which asks once more: that answer is in memory only."""
    given: list[TicketRef] = []
    is_down = True

    async def fetch(self: ScriptedAdapter, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        given.append(ticket)
        if is_down:
            raise NoAnswerError("silence")
        return Report(rest=OK)

    monkeypatch.setattr(ScriptedAdapter, "fetch_results", fetch)
    clock, vendor = FakeClock(), Vendor()
    vendor.polls = deque([Observation(words=("Done",), vendor={"file": "f1"})] * 2)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        await world.hub.submit("shop", numbered(2))
        await clock.sleep(10.0)
    is_down = False
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        await world.hub.resume()
    assert {ticket.state for ticket in given} == {BatchState.COMPLETED}
    assert all(t.seen is not None and t.seen.vendor == {"file": "f1"} for t in given)
    assert len(vendor.polled) == 2


# Whose result it is.


async def test_results_name_items_by_what_the_vendor_calls_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`key_field` is an item's id where it has none, what it changes, and what is joined by."""
    monkeypatch.setattr(ScriptedAdapter, "key_field", "sku")
    monkeypatch.setattr(ScriptedAdapter, "target", Adapter.target)
    entries = [
        ItemReport(key_value="B", state=ItemState.FAILED),
        ItemReport(key_value="A", state=OK),
        ItemReport(key_value="C", state=OK),
    ]
    vendor = Vendor(reports=deque([lambda items: Report(items=entries)]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", [{"sku": "A"}, {"sku": "B"}])
        status = await job.wait()
        results = await results_of(job)
        with pytest.raises(InputError, match=r"item 2.*'A'.*twice"):
            await world.hub.submit("shop", [{"sku": "A"}, {"sku": "A"}])
        with pytest.raises(InputError, match="A is also in item 1"):
            await world.hub.submit("shop", [{"id": "1", "sku": "A"}, {"id": "2", "sku": "A"}])
    assert [(r.id, r.state) for r in results] == [("A", OK), ("B", ItemState.FAILED)]
    assert [finding.code for finding in status.findings] == ["foreign_id"]


async def test_results_may_be_a_stream() -> None:
    """An adapter need not have all of them at once."""

    async def stream() -> AsyncIterator[ItemReport]:
        yield ItemReport(at=1, state=OK)
        yield ItemReport(at=0, state=ItemState.FAILED)

    vendor = Vendor(reports=deque([lambda items: Report(items=stream())]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        assert states(await results_of(job)) == [ItemState.FAILED, OK]


async def test_a_stream_without_end_is_a_fault() -> None:
    """It is left, and asked for again."""

    def endless() -> Iterator[ItemReport]:
        while True:
            yield ItemReport(id="x", state=OK)

    vendor = Vendor(reports=deque([lambda items: Report(items=endless())]))
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert status.outcome is Outcome.SUCCEEDED


async def test_what_items_share_is_in_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket has items of one `batch_key`."""
    monkeypatch.setattr(
        ScriptedAdapter, "batch_key", lambda self, operation, item: str(item.payload["at"])
    )
    places = ["x", "x", "y", "x"]
    async with scripted_world() as world:
        job = await world.hub.submit("shop", [{"at": place} for place in places])
        await job.wait()
    assert [len(s.items) for s in world.vendor.submissions] == [2, 1, 1]


async def test_what_items_share_is_in_one_batch_of_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of the retry of that one: never are two tickets made one that had two keys."""
    monkeypatch.setattr(
        ScriptedAdapter, "batch_key", lambda self, operation, item: str(item.payload["at"])
    )
    places, failed = ["x", "x", "y", "x", "z"], ItemState.FAILED
    vendor = Vendor(
        default_report=lambda items: Report(
            items=[
                ItemReport(id=i.id, state=OK if i.id == "1" else failed, code=500) for i in items
            ]
        )
    )
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", [{"at": place} for place in places])
        for _ in range(3):
            await job.wait()
            sent = [[places[int(i.id) - 1] for i in s.items] for s in vendor.submissions]
            assert all(len(set(each)) == 1 for each in sent)
            job = await job.retry()


# Nobody can tell.


async def hold_after_search(world: World) -> Any:
    job = await world.hub.submit("shop", numbered(2))
    return await job.wait()


async def test_a_search_that_finds_candidates_holds_the_ticket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sent anew it could run twice, and any of the candidates could be another batch."""

    async def find(self: ScriptedAdapter, attempt: Attempt) -> Accepted | None:
        raise CantTellError("2 batches of that minute could be it")

    monkeypatch.setattr(ScriptedAdapter, "find_attempt", find)
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")])), finds_attempts=True)
    async with scripted_world(vendor) as world:
        status = await hold_after_search(world)
    assert status.is_held
    assert "2 batches of that minute" in (status.tickets[0].message or "")
    assert len(vendor.submissions) == 1


async def test_a_body_the_vendor_has_had_is_held() -> None:
    """What came of it can't be asked: there is no id."""
    vendor = capable(Vendor(submits=deque([RepeatedError("seen")])), refuses_repeat_s=900.0)
    async with scripted_world(vendor) as world:
        status = await hold_after_search(world)
    assert status.is_held
    assert [finding.code for finding in status.findings] == ["accepted_without_id"]


async def test_a_body_that_may_be_repeated_goes_out_again_after_the_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Prices may be set twice, once the vendor takes them again."""
    monkeypatch.setattr(ScriptedAdapter, "may_repeat", lambda *_: True)
    vendor = capable(Vendor(submits=deque([RepeatedError("seen")])), refuses_repeat_s=900.0)
    async with scripted_world(vendor) as world:
        began_s = world.clock.monotonic()
        status = await (await world.hub.submit("shop", numbered(2))).wait()
        assert world.clock.monotonic() - began_s >= 900.0
    assert status.outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 2


async def test_the_same_body_of_another_ticket_waits_for_the_windows_end(tmp_path: Path) -> None:
    """Also in the next process; a job with another body passes."""
    clock, sent, said = FakeClock(), list[tuple[str, float]](), list[Finding]()
    vendor = capable(Vendor(), refuses_repeat_s=900.0)
    began_s, began_at = clock.monotonic(), clock.now()

    async def note(world: World, key: str, n: int) -> None:
        job = await world.hub.submit("shop", [{"id": "i1", "n": n, "target": f"t{n}"}], key=key)
        status = await job.wait()
        sent.append((key, clock.monotonic() - began_s))
        said.extend(status.findings)

    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        await note(world, "first", 1)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        await note(world, "other", 2)
        await note(world, "same", 1)
    (waits,) = (finding for finding in said if finding.code == "repeat_waits")
    until = datetime.strptime(waits.examples[0], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    assert abs((until - began_at).total_seconds() - 900.0) < 5.0
    assert sent[0][1] < sent[1][1] < 60.0
    assert sent[2][1] >= 900.0


# Results that are not kept for ever.


async def test_a_ticket_is_looked_at_several_times_while_its_results_are_kept() -> None:
    """However slowly it would be asked about."""
    vendor = capable(Vendor(), poll_s=10_000.0, min_poll_s=1.0, results_kept_s=600.0)
    async with scripted_world(vendor) as world:
        began_s = world.clock.monotonic()
        await (await world.hub.submit("shop", numbered(2))).wait()
        assert world.clock.monotonic() - began_s <= 300.0


@pytest.mark.parametrize("is_finished", [True, False])
async def test_results_that_are_not_kept_any_more_are_not_called_lost(is_finished: bool) -> None:
    """What is said is why they are not there."""
    word = "Done" if is_finished else "Running"
    silent, gone = [NoAnswerError("silence")] * 10_000, [NotFoundError("no such batch")] * 10_000
    vendor = capable(Vendor(), results_kept_s=600.0, visibility_grace_s=0.0)
    vendor.polls = deque([Observation(words=(word,)), *silent])
    vendor.reports = deque(silent)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(700.0)
        vendor.polls, vendor.reports = deque(gone), deque(gone)
        status = await job.wait()
        results = await results_of(job)
    assert status.state is (BatchState.COMPLETED if is_finished else BatchState.LOST)
    why = "the vendor keeps results for 10 min; they were asked for too late"
    assert {result.message for result in results} == {why}
    assert "results_expired" in [finding.code for finding in status.findings]


@pytest.mark.parametrize("rest", [ItemState.SUCCEEDED, ItemState.UNKNOWN])
async def test_what_was_known_of_a_batch_is_kept_when_the_vendor_forgets_it(
    rest: ItemState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never ended, so what its last answers did not name is unknown, whatever else that says."""
    monkeypatch.setattr(ScriptedAdapter, "fetch_results", Adapter.fetch_results)
    vendor = capable(Vendor(), results_kept_s=600.0, visibility_grace_s=0.0)

    def known(_: Sequence[WireItem]) -> Report:
        return Report(
            items=[ItemReport(id="i1", state=ItemState.SUCCEEDED)], rest=rest, is_settled=False
        )

    vendor.polls = deque([Observation(words=("Running",), report=known)] * 10_000)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(610.0)
        vendor.polls = deque([NotFoundError("no such batch")] * 10_000)
        status = await job.wait()
        results = await results_of(job)
    assert status.state is BatchState.LOST
    assert [result.state for result in results] == [ItemState.SUCCEEDED, ItemState.UNKNOWN]
    assert "results_expired" in [finding.code for finding in status.findings]


# Steps.


@pytest.fixture
def two_steps(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """Have a submit keep a file's id before it fails; return what each found."""
    found: list[Mapping[str, str]] = []
    submit = ScriptedAdapter.submit

    async def keep(self: ScriptedAdapter, submission: Submission, steps: Steps) -> Accepted:
        found.append(steps.kept)
        await steps.keep(file=f"f{len(found)}", old=None)
        return await submit(self, submission, steps)

    monkeypatch.setattr(ScriptedAdapter, "submit", keep)
    return found


async def test_what_a_submit_keeps_is_there_in_the_next_process(
    two_steps: list[Mapping[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And when the batch is searched or polled."""
    seen: list[Mapping[str, str]] = []

    async def find(self: ScriptedAdapter, attempt: Attempt) -> Accepted | None:
        seen.append(attempt.kept)
        return Accepted(vendor_refs=("r1",))

    monkeypatch.setattr(ScriptedAdapter, "find_attempt", find)
    clock = FakeClock()
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")])), finds_attempts=True)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        job = await world.hub.submit("shop", numbered(2))
        while not vendor.submissions:
            await clock.sleep(0.1)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        await world.hub.resume()
        status = await (await world.hub.job(job.id)).refresh()
    assert status.outcome is Outcome.SUCCEEDED
    assert seen[0] == {"file": "f1"}
    assert vendor.polled[0].kept == {"file": "f1"}


async def test_what_is_kept_at_one_time_is_all_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of several files that are uploaded side by side."""

    async def keep(self: ScriptedAdapter, submission: Submission, steps: Steps) -> Accepted:
        await asyncio.gather(steps.keep(one="1"), steps.keep(two="2"))
        return Accepted(vendor_refs=("r1",))

    monkeypatch.setattr(ScriptedAdapter, "submit", keep)
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        await (await world.hub.submit("shop", numbered(2))).wait()
    assert world.vendor.polled[0].kept == {"one": "1", "two": "2"}


@pytest.mark.parametrize(
    "value", ["https://files.example/up?sig=1", "x" * 1001, 5, "my secret_kT9xQ27LmZp0"]
)
async def test_what_lets_anybody_in_is_not_kept(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A presigned URL, a secret, and what is no short text."""
    monkeypatch.setattr(
        "batchhub._http.exchange.Exchange.redact",
        lambda self, v: ["***"] if "secret_kT9xQ27LmZp0" in str(v) else v,
    )
    errors: list[AdapterError] = []

    async def keep(self: ScriptedAdapter, submission: Submission, steps: Steps) -> Accepted:
        try:
            await steps.keep(link=value)
        except AdapterError as error:
            errors.append(error)
        assert not steps.kept
        return Accepted(vendor_refs=("r1",))

    monkeypatch.setattr(ScriptedAdapter, "submit", keep)
    async with scripted_world() as world:
        await (await world.hub.submit("shop", numbered(2))).wait()
    assert len(errors) == 1
    assert str(value)[:30] not in str(errors[0])
