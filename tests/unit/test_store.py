"""The store, over a file and in memory: jobs, tickets, results, retries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from attrs import AttrsInstance, evolve, fields
from support.stores import (
    NOW,
    add_job,
    count_rows,
    make_chunk,
    make_chunks,
    make_job,
    make_plans,
    put_job,
    results_of,
    tickets_of,
)

from batchhub._store import JobRecord, RepeatedMeanwhileError, Store, TicketRecord, result_rows
from batchhub._store.tables import items, jobs, results, tickets
from batchhub.adapter import WireItem
from batchhub.errors import KeyConflictError, NotKnownError, StoreError
from batchhub.models import BatchState, Contact, Finding, ItemResult, ItemState, Outcome

FAILED, SUCCEEDED = ItemState.FAILED, ItemState.SUCCEEDED
NOT_EXECUTED, UNKNOWN = ItemState.NOT_EXECUTED, ItemState.UNKNOWN
LATER = NOW + timedelta(seconds=90)
TABLES = (jobs, tickets, items, results)


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store of each kind."""
    opened = await Store.open(tmp_path / "jobs.db" if request.param == "file" else None)
    yield opened
    await opened.aclose()


@pytest.fixture
async def file_store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store in a file."""
    opened = await Store.open(tmp_path / "jobs.db")
    yield opened
    await opened.aclose()


def rows(first: int, *states: ItemState) -> list[ItemResult]:
    """Make results of the items from a position on."""
    return [ItemResult(id=f"i{n}", state=state) for n, state in enumerate(states, first)]


def completed(ticket: TicketRecord) -> TicketRecord:
    """Return a ticket as the driver ends it."""
    return evolve(ticket, state=BatchState.COMPLETED, progress=1.0)


async def end_all(store: Store, job_id: str, *states: ItemState) -> None:
    """End the only ticket of a job with these results."""
    (job, (ticket,)) = next(
        found for found in await store.jobs.find_open("lane-1") if found[0].job_id == job_id
    )
    await store.tickets.end(job, completed(ticket), rows(1, *states), UNKNOWN, at=NOW)


def assert_set(record: AttrsInstance) -> None:
    """Check that a record has no field at its default, so that none is left out of a test."""
    unset = [f.name for f in fields(type(record)) if getattr(record, f.name) == f.default]
    assert not unset


# A job and its items.


async def test_a_job_comes_back_as_it_was_put_in(store: Store) -> None:
    """Every field of a job survives the way through SQL."""
    given = make_job(
        key="import-1",
        label="Ümlaut \N{SNOWMAN}",
        options={"nested": {"list": [1, 2.5, None, True]}, "text": "\u2028"},
        stop_on_first_failure=True,
        retry_of="job-0",
        place=1,
        ahead=True,
        contact=Contact.STALE,
        contact_note="no answer",
        findings=(Finding(code="odd", message="Odd.", count=7, examples=("a", "b")),),
        observed_at=LATER,
        cancelled_at=LATER,
        ended_at=LATER,
    )
    assert_set(given)
    added, is_new = await put_job(store, given, make_plans(2, 1), make_chunks(3))
    got, _ = await store.jobs.get("job-1")

    assert is_new
    assert got == added == evolve(given, job_no=got.job_no)


async def test_times_are_kept_in_utc(store: Store) -> None:
    """A time of another zone comes back as the same moment, in UTC."""
    zoned = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    await add_job(store, 1, created_at=zoned)

    got, _ = await store.jobs.get("job-1")

    assert got.created_at == NOW
    assert got.created_at.utcoffset() == timedelta(0)


async def test_a_ticket_comes_back_as_it_was_saved(store: Store) -> None:
    """Every field of a ticket survives the way through SQL."""
    job = await add_job(store, 10)
    (planned,) = await tickets_of(store, job)
    given = evolve(
        planned,
        state=BatchState.IN_PROGRESS,
        attempt_id="7e3d8f7c-7f5a-4a47-9a84-0a39b1c1b7a5",
        attempted_at=NOW,
        attempted_boot="boot",
        attempted_boot_s=12.25,
        sends=2,
        kept={"file": "f1"},
        accepted_at=NOW,
        finished_as=BatchState.FAILED,
        finished_at=LATER,
        settling_since=LATER,
        waits_for_previous=True,
        vendor_refs=("r1", "r2"),
        vendor_state="Läuft",
        vendor={"total": 2, "deep": {"a": [1]}},
        progress=0.5,
        message="half way",
        findings=(Finding(code="odd", message="Odd.", examples=("x",)),),
        succeeded=1,
        failed=2,
        not_executed=3,
        unknown=4,
    )
    assert_set(given)
    await store.tickets.save([(job, [given])])

    assert await tickets_of(store, job) == [given]


async def test_a_job_has_its_tickets_and_items_in_order(store: Store) -> None:
    """Each ticket has its own stretch of the items, whatever chunks they came in."""
    job, _ = await put_job(store, make_job(), make_plans(3, 2, 2), make_chunks(1, 5, 1))
    found = await tickets_of(store, job)

    got = [[item.id for item in await store.tickets.get_items(ticket)] for ticket in found]

    assert got == [["i1", "i2", "i3"], ["i4", "i5"], ["i6", "i7"]]
    assert [ticket.position for ticket in found] == [1, 2, 3]
    assert not any(ticket.waits_for_previous for ticket in found)


@pytest.mark.parametrize("stops", [True, False])
async def test_what_is_told_of_a_new_job_is_what_is_stored(store: Store, stops: bool) -> None:
    """Nothing is read again of a job that was stored a moment ago: it is known as it is."""
    doubt = Finding(code="same_target", message="two items change the same", count=2)
    job = make_job(stop_on_first_failure=stops, findings=(doubt,))
    added = await store.loads.add(job, make_chunk(make_plans(3, 2), make_chunks(3, 2)))

    read, status = await store.jobs.get(job.job_id)

    assert added.status == status
    assert len(status.tickets) == 2
    assert added.job == read


async def test_tickets_wait_for_one_another_when_a_job_stops_on_failure(store: Store) -> None:
    """With stop-on-first-failure every ticket but the first waits for the one before it."""
    job = await add_job(store, 1, 1, 1, stop_on_first_failure=True)

    found = await tickets_of(store, job)

    assert [ticket.waits_for_previous for ticket in found] == [False, True, True]


@pytest.mark.parametrize("good_chunks", [0, 1, 3])
async def test_an_error_among_the_items_leaves_nothing_of_a_job(
    store: Store, good_chunks: int
) -> None:
    """A job and its items appear in one transaction or not at all."""
    good = make_chunks(*[2] * good_chunks)
    bad = [WireItem(id="bad", wire=object())]  # type: ignore[arg-type]

    with pytest.raises(StoreError):
        await put_job(store, make_job(), make_plans(8), [*good, bad])

    assert await count_rows(store, TABLES) == [0, 0, 0, 0]


async def test_another_connection_sees_a_whole_job_or_none(
    file_store: Store, tmp_path: Path
) -> None:
    """While a job is being written, others see nothing of it."""
    other = await Store.open(tmp_path / "jobs.db")
    seen: set[tuple[int, ...]] = set()
    chunks = make_chunks(*[1] * 4000)

    adding = asyncio.create_task(put_job(file_store, make_job(), make_plans(4000), chunks))
    while not adding.done():
        seen.add(tuple(await count_rows(other, [jobs, items])))

    assert (0, 0) in seen
    assert seen <= {(0, 0), (1, 4000)}
    assert await count_rows(other, [jobs, items]) == [1, 4000]
    await other.aclose()


async def test_a_job_nobody_stored_is_not_known(store: Store) -> None:
    """Asking for an id the store does not have is the caller's error."""
    with pytest.raises(NotKnownError, match=r"no job named 'nope'; .*batchhub list"):
        await store.jobs.get("nope")


# Keys.


async def test_the_same_key_and_content_is_the_same_job(store: Store) -> None:
    """A second submit with the same key and the same fingerprint joins the first job."""
    first = await add_job(store, 2, key="k")

    again, is_new = await put_job(store, make_job("job-2", key="k"), make_plans(2), make_chunks(2))

    assert not is_new
    assert again == first
    assert await count_rows(store, TABLES) == [1, 1, 2, 0]


async def test_the_same_key_with_other_content_is_refused(store: Store) -> None:
    """A key with another fingerprint is an error that names the key and the job it belongs to."""
    await add_job(store, 2, key="k")

    with pytest.raises(KeyConflictError, match=r"key 'k' belongs to job job-1") as caught:
        await add_job(store, 2, job_id="job-2", key="k", fingerprint="0" * 64)

    assert caught.value.job_id == "job-1"
    assert await count_rows(store, TABLES) == [1, 1, 2, 0]


async def test_a_key_is_of_its_lane(store: Store) -> None:
    """The same key at another account is another job; jobs without a key never join."""
    await add_job(store, 1, key="k")
    await add_job(store, 1, job_id="job-2", lane="lane-2", key="k", fingerprint="0" * 64)
    await add_job(store, 1, job_id="job-3")
    await add_job(store, 1, job_id="job-4")

    assert await count_rows(store, [jobs]) == [4]


async def test_of_two_submits_at_once_with_a_key_one_makes_the_job(
    file_store: Store, tmp_path: Path
) -> None:
    """The same key from two connections at the same moment is one job."""
    other = await Store.open(tmp_path / "jobs.db")

    made = await asyncio.gather(
        *(
            put_job(opened, make_job(f"job-{n}", key="k"), make_plans(2), make_chunks(2))
            for n, opened in enumerate([file_store, other, file_store, other], 1)
        )
    )

    assert sum(is_new for _, is_new in made) == 1
    assert len({job.job_id for job, _ in made}) == 1
    assert await count_rows(other, TABLES) == [1, 1, 2, 0]
    await other.aclose()


# The end of a ticket.


async def test_every_item_of_an_ended_ticket_has_one_result(store: Store) -> None:
    """Items the vendor did not speak of come out as the rest; the counts add up."""
    job = await add_job(store, 5)
    (ticket,) = await tickets_of(store, job)

    ended, job = await store.tickets.end(
        job,
        completed(evolve(ticket, vendor_refs=("ref",))),
        [
            ItemResult(id="i1", state=SUCCEEDED, code=200, raw=b'{"a":1}', vendor_ref="own"),
            ItemResult(id="i2", state=FAILED, code=409, message="no"),
        ],
        NOT_EXECUTED,
        "stopped before it",
        at=LATER,
    )

    got = await results_of(store, "job-1")
    assert [(r.id, r.state, r.code, r.message, r.vendor_ref) for r in got] == [
        ("i1", SUCCEEDED, 200, None, "own"),
        ("i2", FAILED, 409, "no", None),
        ("i3", NOT_EXECUTED, None, "stopped before it", "ref"),
        ("i4", NOT_EXECUTED, None, "stopped before it", "ref"),
        ("i5", NOT_EXECUTED, None, "stopped before it", "ref"),
    ]
    assert got[0].raw == b'{"a":1}'
    assert (ended.succeeded, ended.failed, ended.not_executed, ended.unknown) == (1, 1, 3, 0)
    assert job.ended_at == LATER


async def test_a_ticket_ends_only_once(store: Store) -> None:
    """A second end of the same ticket changes nothing and returns what the first one made."""
    job = await add_job(store, 2)
    (ticket,) = await tickets_of(store, job)
    first = await store.tickets.end(
        job, completed(ticket), rows(1, SUCCEEDED, FAILED), UNKNOWN, at=NOW
    )
    before = await results_of(store, "job-1")

    second = await store.tickets.end(
        job,
        evolve(ticket, state=BatchState.LOST, message="late"),
        rows(1, FAILED),
        UNKNOWN,
        at=LATER,
    )

    assert second == first
    assert await results_of(store, "job-1") == before
    assert (await store.jobs.get("job-1"))[0].ended_at == NOW


async def test_a_job_ends_with_its_last_ticket(store: Store) -> None:
    """`ended_at` is set when no ticket is open any more, in whatever order they end."""
    job = await add_job(store, 1, 1, 1)
    open_tickets = await tickets_of(store, job)
    ends = []

    for ticket in (open_tickets[2], open_tickets[0], open_tickets[1]):
        at = NOW + timedelta(seconds=ticket.position)
        _, job = await store.tickets.end(job, completed(ticket), (), SUCCEEDED, at=at)
        ends.append(job.ended_at)

    assert ends == [None, None, NOW + timedelta(seconds=2)]
    assert await store.jobs.find_open("lane-1") == []
    _, status = await store.jobs.get("job-1")
    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.SUCCEEDED)


async def test_a_bad_result_leaves_a_ticket_open(store: Store) -> None:
    """The results and the terminal state are written together, or neither is."""
    job = await add_job(store, 2, 1)
    first, second = await tickets_of(store, job)
    await store.tickets.end(job, completed(second), rows(3, SUCCEEDED), UNKNOWN, at=NOW)

    with pytest.raises(StoreError):  # the third is an item of the other ticket
        await store.tickets.end(
            job, completed(first), rows(1, SUCCEEDED, FAILED, FAILED), UNKNOWN, at=NOW
        )

    assert [result.id for result in await results_of(store, "job-1")] == ["i3"]
    assert (await tickets_of(store, job))[0] == first


async def test_a_late_save_opens_nothing_again(store: Store) -> None:
    """Terminal is final: what a late driver saves of an ended ticket does not reopen it."""
    job = await add_job(store, 2)
    (ticket,) = await tickets_of(store, job)
    ended, ended_job = await store.tickets.end(
        job, completed(ticket), rows(1, SUCCEEDED, SUCCEEDED), UNKNOWN, at=NOW
    )

    await store.tickets.save([(job, [evolve(ticket, state=BatchState.IN_PROGRESS, progress=0.1)])])

    got, status = await store.jobs.get("job-1")
    assert status.state is BatchState.COMPLETED
    assert got.ended_at == ended_job.ended_at == NOW
    assert status.tickets == (ended.public(),)
    assert await store.jobs.find_open("lane-1") == []


async def test_words_that_are_no_valid_text_are_kept_as_well_as_may_be(store: Store) -> None:
    """A lone surrogate in a vendor's words keeps no ticket from ending."""
    job = await add_job(store, 2)
    (ticket,) = await tickets_of(store, job)
    odd = "so \ud800 so"

    doubtful = evolve(job, contact=Contact.STALE, contact_note=odd)
    seen = evolve(ticket, state=BatchState.IN_PROGRESS, vendor_state=odd, message=odd)
    await store.tickets.save([(doubtful, [seen])])
    await store.jobs.save_contact([job.job_no], Contact.STALE, odd)
    row = ItemResult(id="i1", state=FAILED, message=odd, vendor_ref=odd)
    await store.tickets.end(
        job, completed(evolve(ticket, vendor_refs=(odd,))), [row], UNKNOWN, odd, at=NOW
    )

    got = await results_of(store, "job-1")
    assert [(r.message, r.vendor_ref) for r in got] == [("so ? so", "so ? so")] * 2


async def test_what_is_no_json_is_no_trouble_of_the_store(store: Store) -> None:
    """A plug-in's value that JSON has no form for is a plain error, not one to try again."""
    job = await add_job(store, 1)
    (ticket,) = await tickets_of(store, job)

    with pytest.raises(TypeError, match="datetime is not JSON"):
        await store.tickets.save([(job, [evolve(ticket, vendor={"at": NOW})])])


# Results.


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7])
async def test_results_come_in_the_order_of_the_items(
    store: Store, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Results are in order and complete over any number of pages, full or not."""
    monkeypatch.setattr(result_rows, "PAGE", 3)
    job = await add_job(store, *[1] * count)
    for ticket in reversed(await tickets_of(store, job)):
        await store.tickets.end(job, completed(ticket), (), SUCCEEDED, at=NOW)

    got = await results_of(store, "job-1")

    assert [result.id for result in got] == [f"i{n}" for n in range(1, count + 1)]


async def test_results_may_be_asked_for_by_state(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`only` picks the states that are wanted, over all pages."""
    monkeypatch.setattr(result_rows, "PAGE", 2)
    await add_job(store, 8)
    await end_all(store, "job-1", *[SUCCEEDED, FAILED, FAILED, NOT_EXECUTED] * 2)

    async def ids(*only: ItemState) -> list[str]:
        return [result.id for result in await results_of(store, "job-1", only)]

    assert await ids(FAILED) == ["i2", "i3", "i6", "i7"]
    assert await ids(SUCCEEDED, NOT_EXECUTED) == ["i1", "i4", "i5", "i8"]
    assert await ids(UNKNOWN) == []
    assert await ids() == []


async def test_results_of_an_open_job_are_those_so_far(store: Store) -> None:
    """While a job is open its results are those of the tickets that have ended."""
    job = await add_job(store, 2, 2)
    first, _ = await tickets_of(store, job)
    await store.tickets.end(job, completed(first), (), SUCCEEDED, at=NOW)

    assert [result.id for result in await results_of(store, "job-1")] == ["i1", "i2"]


# Finding jobs.


async def test_jobs_are_found_by_account_and_state(store: Store) -> None:
    """Jobs come oldest first; those of an account, those in a state."""
    await add_job(store, 1, job_id="a")
    await add_job(store, 1, job_id="b", account="other")
    await add_job(store, 1, job_id="c")
    await end_all(store, "a", SUCCEEDED)

    async def ids(account: str | None = None, state: BatchState | None = None) -> list[str]:
        states = None if state is None else [state]
        return [job.job_id for job, _ in await store.jobs.find(account=account, states=states)]

    assert await ids() == ["a", "b", "c"]
    assert await ids(account="shop") == ["a", "c"]
    assert await ids(state=BatchState.COMPLETED) == ["a"]
    assert await ids(state=BatchState.PENDING) == ["b", "c"]
    assert await ids(account="shop", state=BatchState.PENDING) == ["c"]
    assert await ids(state=BatchState.FAILED) == []


async def test_jobs_are_found_by_several_states_and_since_when(store: Store) -> None:
    """Several states are one question; since a time means at that time, too."""
    a = await add_job(store, 1, job_id="a")
    await add_job(store, 2, job_id="b")
    await end_all(store, "a", SUCCEEDED)
    either = [BatchState.COMPLETED, BatchState.PENDING]

    assert [job.job_id for job, _ in await store.jobs.find(states=either)] == ["a", "b"]
    assert await store.jobs.find(states=[]) == []
    assert len(await store.jobs.find(since=a.created_at)) == 2
    assert await store.jobs.find(since=a.created_at + timedelta(microseconds=1)) == []
    assert [len(status.tickets) for _, status in await store.jobs.find()] == [1, 1]


async def test_a_driver_finds_the_unfinished_jobs_of_its_lane(store: Store) -> None:
    """A driver gets the open jobs of its own lane, oldest first, those after one it knows."""
    await add_job(store, 1, job_id="a")
    b = await add_job(store, 1, job_id="b")
    await add_job(store, 1, job_id="c", lane="lane-2")
    await add_job(store, 1, job_id="d")
    await end_all(store, "a", SUCCEEDED)

    assert [job.job_id for job, _ in await store.jobs.find_open("lane-1")] == ["b", "d"]
    assert [job.job_id for job, _ in await store.jobs.find_open("lane-1", after=b.job_no)] == ["d"]


async def test_a_wish_to_cancel_survives_what_the_driver_saves(store: Store) -> None:
    """A driver that does not know of the wish yet writes its job without undoing it."""
    job = await add_job(store, 1)
    (ticket,) = await tickets_of(store, job)
    await store.jobs.save_cancel("job-1", NOW)

    await store.tickets.save([(job, [evolve(ticket, state=BatchState.QUEUED)])])

    assert await store.jobs.find_cancelled("lane-1") == {job.job_no: NOW}


async def test_the_first_wish_to_cancel_counts(store: Store) -> None:
    """Cancelling again changes nothing; other lanes and jobs hear nothing of it."""
    job = await add_job(store, 1)
    await add_job(store, 1, job_id="job-2")
    await store.jobs.save_cancel("job-1", NOW)
    await store.jobs.save_cancel("job-1", LATER)

    assert await store.jobs.find_cancelled("lane-1") == {job.job_no: NOW}
    assert await store.jobs.find_cancelled("lane-2") == {}


async def test_contact_is_kept_for_the_jobs_named(store: Store) -> None:
    """How well a vendor is heard is written for some jobs and leaves the others."""
    first = await add_job(store, 1)
    await add_job(store, 1, job_id="job-2")
    await store.jobs.save_contact([first.job_no], Contact.UNREACHABLE, "refused")

    one, two = [status for _, status in await store.jobs.find()]

    assert (one.contact, one.contact_note) == (Contact.UNREACHABLE, "refused")
    assert (two.contact, two.contact_note) == (Contact.OK, None)


async def test_only_what_others_write_changes_the_foreign_version(
    file_store: Store, tmp_path: Path
) -> None:
    """A driver learns of other processes' writes without reading its tables, and not of its own."""
    other = await Store.open(tmp_path / "jobs.db")
    first = await file_store.foreign_version()
    await add_job(file_store, 1)
    own = await file_store.foreign_version()
    await add_job(other, 1, job_id="job-2")
    foreign = await file_store.foreign_version()
    await other.aclose()

    assert first == own != foreign


# Retries.


async def retry(store: Store, new_id: str, *states: ItemState) -> tuple[str, list[str]]:
    """Repeat the items of ``job-1`` that came out so; return the job's id and the items."""
    wanted = [(at, item) async for at, item, _ in store.results.retry_items("job-1", states)]
    job = await put_retry(store, new_id, wanted)
    return job.job_id, [item.id for _, item in wanted]


async def put_retry(store: Store, new_id: str, wanted: Sequence[tuple[int, WireItem]]) -> JobRecord:
    """Store a job that repeats items of ``job-1``."""
    new = make_job(new_id, retry_of="job-1")
    positions = [position for position, _ in wanted]
    items = [item for _, item in wanted]
    chunk = make_chunk(make_plans(len(wanted)), [items], repeated=positions)
    return (await store.loads.add(new, chunk)).job


async def test_a_retry_has_the_items_that_came_out_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry repeats the items in the states given, as they were sent, in their order."""
    monkeypatch.setattr(result_rows, "PAGE", 2)
    await add_job(store, 6)
    await end_all(store, "job-1", SUCCEEDED, FAILED, NOT_EXECUTED, UNKNOWN, FAILED, FAILED)

    made = await retry(store, "job-2", FAILED, NOT_EXECUTED)

    assert made == ("job-2", ["i2", "i3", "i5", "i6"])
    (new, (ticket,)) = (await store.jobs.find_open("lane-1"))[0]
    assert new.retry_of == "job-1"
    sent = {item.id: item.wire for chunk in make_chunks(6) for item in chunk}
    assert [(i.id, i.wire) for i in await store.tickets.get_items(ticket)] == [
        (item_id, sent[item_id]) for item_id in ("i2", "i3", "i5", "i6")
    ]


async def test_items_are_repeated_once(store: Store) -> None:
    """After a retry nothing is left to repeat, and the job that repeats it is found."""
    await add_job(store, 2)
    await end_all(store, "job-1", SUCCEEDED, FAILED)
    assert await store.results.find_retry("job-1", [FAILED]) is None
    await retry(store, "job-2", FAILED)

    assert [found async for found in store.results.retry_items("job-1", [FAILED])] == []
    assert await store.results.find_retry("job-1", [FAILED]) == "job-2"


async def test_of_two_retries_at_once_one_makes_the_job(store: Store) -> None:
    """Of two that read the same items and write at the same moment one has to look again."""
    await add_job(store, 3)
    await end_all(store, "job-1", FAILED, SUCCEEDED, FAILED)
    wanted = [(at, item) async for at, item, _ in store.results.retry_items("job-1", [FAILED])]

    made = await asyncio.gather(
        *(put_retry(store, new, wanted) for new in ("job-2", "job-3")), return_exceptions=True
    )

    assert [type(one) for one in made] == [JobRecord, RepeatedMeanwhileError]
    assert await store.results.find_retry("job-1", [FAILED]) == "job-2"
    assert await count_rows(store, [jobs, items]) == [2, 5]


async def test_other_states_make_a_retry_of_their_own(store: Store) -> None:
    """Unknown items may be repeated after the failed ones; each item is repeated once."""
    await add_job(store, 3)
    await end_all(store, "job-1", FAILED, UNKNOWN, SUCCEEDED)

    assert await retry(store, "job-2", FAILED) == ("job-2", ["i1"])
    assert await retry(store, "job-3", FAILED, UNKNOWN) == ("job-3", ["i2"])
    assert await store.results.find_retry("job-1", [FAILED]) == "job-2"
    assert await store.results.find_retry("job-1", [UNKNOWN]) == "job-3"
    assert await store.results.find_retry("job-1", [FAILED, UNKNOWN]) == "job-3"


async def test_a_retry_of_what_changed_meanwhile_is_refused(store: Store) -> None:
    """A retry of items that are repeated already marks nothing and makes no job."""
    await add_job(store, 3)
    await end_all(store, "job-1", FAILED, FAILED, SUCCEEDED)
    both = [(at, item) async for at, item, _ in store.results.retry_items("job-1", [FAILED])]
    await put_retry(store, "job-2", both[1:])

    with pytest.raises(RepeatedMeanwhileError, match="the items of job job-1 changed meanwhile"):
        await put_retry(store, "job-3", both)

    assert await count_rows(store, [jobs]) == [2]
    left = [position async for position, _, _ in store.results.retry_items("job-1", [FAILED])]
    assert left == [1]
