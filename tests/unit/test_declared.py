"""Adapters that are declared: each shape of a vendor, spoken over HTTP by what a file says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from batchhub import BatchHub, BatchState, BatchStatus, Contact, ItemResult, ItemState, Outcome
from batchhub.adapter import Account, Adapter, declared
from batchhub.errors import InputError, ReplyError
from batchhub.testing import FakeClock, ScriptedVendor

HEAD = """
name = "acme"

[account]
budget = { requests = 600, per_s = 60 }
fields.shop = { kind = "text", identity = true }
fields.token = { kind = "secret" }

[auth]
bearer = "{token}"

[states]
waiting = "queued"
RUNNING = "in_progress"
done = "completed"
broken = "failed"
"""

POLLED = """
[operations.price]
max_items = 10
key_field = "sku"
fields = { sku = "text", price = "number" }
may_repeat = true

[operations.price.submit]
request = "POST /shops/{shop}/batches"
items = "prices"
ref = "id"

[operations.price.poll]
request = "GET /shops/{shop}/batches/{ref}"
word = "state"

[operations.price.results]
list = "results"
key = "sku"
word = "outcome"
words = { ok = "succeeded", bad = "failed", skipped = "not_executed", waits = "pending" }
message = "why"
code = "status"
"""

BATCHES = "/shops/{shop}/batches"
BATCH = "/shops/{shop}/batches/{ref}"
ONE: list[dict[str, Any]] = [{"sku": "A-1", "price": "9.90"}]
TWO: list[dict[str, Any]] = [{"sku": "A-1", "price": "9.90"}, {"sku": "A-2", "price": 0}]


@frozen
class World:
    """A hub and the vendor its account is at."""

    hub: BatchHub
    vendor: ScriptedVendor


def describe(folder: Path, text: str) -> type[Adapter[Any]]:
    """Make an adapter of a description."""
    file = folder / "acme.toml"
    file.write_text(text, encoding="utf-8")
    return declared(file)


def sign_in(adapter: type[Adapter[Any]], url: str, **settings: Any) -> Account:
    """Make an account at a vendor."""
    made: Any = adapter.account_type
    account: Account = made(**{"shop": "s 17", "token": "token-123", "base_url": url, **settings})
    return account


@asynccontextmanager
async def opened(
    folder: Path, text: str, store: str = "jobs.db", clock: FakeClock | None = None
) -> AsyncIterator[World]:
    """Open a hub with an account of a description's, at a scripted vendor."""
    adapter = describe(folder, text)
    clock = clock or FakeClock()
    async with clock.running(), ScriptedVendor(clock=clock) as vendor:
        accounts = {"shop": sign_in(adapter, vendor.base_url)}
        async with BatchHub(folder / store, accounts, clock=clock, seed=1) as hub:
            yield World(hub, vendor)


async def run(world: World, items: list[dict[str, Any]]) -> tuple[BatchStatus, list[ItemResult]]:
    """Run a job to its end."""
    job = await world.hub.submit("shop", items)
    status = await job.wait(timeout_s=24 * 3600)
    return status, [result async for result in job.results()]


def states(results: list[ItemResult]) -> dict[str, ItemState]:
    """Return how items went."""
    return {result.id: result.state for result in results}


def codes(status: BatchStatus) -> set[str]:
    """Return the codes of a status's findings."""
    return {finding.code for finding in status.findings}


# Results in the poll.


async def test_a_batch_is_sent_asked_about_and_read_as_the_file_says(tmp_path: Path) -> None:
    """Paths, credentials, the body's form, kinds of fields, words, counts, join key."""
    text = HEAD + POLLED.replace('word = "state"', 'word = "state"\nmessage = "note"', 1)
    results = [
        {"sku": "A-2", "outcome": "BAD", "why": ["price is 0", 7], "status": 422},
        {"sku": "A-1", "outcome": "ok"},
    ]
    async with opened(tmp_path, text) as world:
        submit = world.vendor.on("POST", BATCHES).reply({"id": 17})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"state": "Waiting"}).reply({"state": "running", "size": 2})
        poll.reply({"state": "done", "results": results})
        status, found = await run(world, TWO)
    [sent] = submit.requests
    assert sent.path == "/shops/s%2017/batches"
    assert sent.headers["Authorization"] == "Bearer token-123"
    assert sent.body == b'{"prices":[{"sku":"A-1","price":9.90},{"sku":"A-2","price":0}]}'
    assert poll.requests[0].path_params["ref"] == "17"
    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.PARTIAL)
    assert states(found) == {"A-1": ItemState.SUCCEEDED, "A-2": ItemState.FAILED}
    assert (found[1].message, found[1].code) == ("price is 0; 7", 422)
    assert found[1].body == results[0]
    assert not status.findings


async def test_a_word_nobody_described_ends_nothing(tmp_path: Path) -> None:
    """Neither a batch's nor an item's: it is said, and asked about again."""
    async with opened(tmp_path, HEAD + POLLED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"state": "archived", "results": []}).reply({"state": "archived"})
        entry = {"sku": "A-1", "outcome": "fine"}
        poll.reply({"state": "done", "results": [entry]})
        status, found = await run(world, ONE)
    assert len(poll.requests) == 3
    assert status.outcome is Outcome.INDETERMINATE
    assert states(found) == {"A-1": ItemState.UNKNOWN}
    assert "'fine'" in (found[0].message or "")
    [finding] = [each for each in status.findings if each.code == "unknown_word"]
    assert set(finding.examples) == {"archived", "fine"}


async def test_true_and_false_are_words_too(tmp_path: Path) -> None:
    """Also of a batch."""
    head = HEAD.replace("[states]", '[states]\nfalse = "in_progress"\ntrue = "completed"')
    async with opened(tmp_path, head + POLLED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH).reply({"state": False})
        poll.reply({"state": True, "results": [{"sku": "A-1", "outcome": "ok"}]})
        status, _ = await run(world, ONE)
    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.SUCCEEDED)


async def test_a_status_may_be_text(tmp_path: Path) -> None:
    """Some vendors have every figure as text; what is none is no status."""
    results = [
        {"sku": "A-1", "outcome": "bad", "status": " 422"},
        {"sku": "A-2", "outcome": "bad", "status": "E-7"},
    ]
    async with opened(tmp_path, HEAD + POLLED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        world.vendor.on("GET", BATCH).reply({"state": "done", "results": results})
        _, found = await run(world, TWO)
    assert [result.code for result in found] == [422, None]


async def test_an_answer_without_its_parts_is_no_answer(tmp_path: Path) -> None:
    """Nothing is made up: it is asked again, and results that are missing are unknown."""
    async with opened(tmp_path, HEAD + POLLED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({}).reply([1]).reply("<html>").reply({"state": {"now": "done"}})
        poll.reply({"state": "done"}).repeat()
        status, found = await run(world, ONE)
    assert states(found) == {"A-1": ItemState.UNKNOWN}
    assert status.outcome is Outcome.INDETERMINATE


@pytest.mark.parametrize("answer", [{}, {"id": None}, {"id": True}, {"id": ["b1"]}, "[]", "<html>"])
async def test_a_submit_without_an_id_is_in_doubt(tmp_path: Path, answer: Any) -> None:
    """Nobody can tell whether it ran: what may not be repeated is held."""
    text = HEAD + POLLED.replace("may_repeat = true\n", "")
    async with opened(tmp_path, text) as world:
        submit = world.vendor.on("POST", BATCHES).reply(answer)
        job = await world.hub.submit("shop", ONE)
        status = await job.wait(timeout_s=3600)
    assert status.state is BatchState.UNCONFIRMED
    assert len(submit.requests) == 1


async def test_a_batch_that_failed_has_no_items_that_succeeded(tmp_path: Path) -> None:
    """Nor does it need a list of results to have failed; its message is shown."""
    text = HEAD + POLLED.replace('word = "state"', 'word = "state"\nmessage = "error.text"', 1)
    async with opened(tmp_path, text) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"state": "broken", "error": {"text": "the disk is full"}})
        status, found = await run(world, ONE)
    assert status.state is BatchState.FAILED
    assert status.tickets[0].message == "the disk is full"
    assert states(found) == {"A-1": ItemState.UNKNOWN}
    assert len(poll.requests) == 1


async def test_an_item_that_still_waits_is_asked_for_again(tmp_path: Path) -> None:
    """A batch's word may be ahead of its items'."""
    async with opened(tmp_path, HEAD + POLLED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"state": "done", "results": [{"sku": "A-1", "outcome": "waits"}]})
        poll.reply({"state": "done", "results": [{"sku": "A-1", "outcome": "skipped"}]})
        _, found = await run(world, ONE)
    assert states(found) == {"A-1": ItemState.NOT_EXECUTED}


@pytest.mark.parametrize(
    ("line", "answer", "progress"),
    [
        ('done = "seen"', {"seen": 1}, 0.5),
        ('done = "seen"', {"seen": "1"}, 0.5),
        ('succeeded = "good"\nfailed = "bad"', {"good": 1, "bad": 0}, 0.5),
        ('progress = "part"', {"part": 0.25}, 0.25),
        ('progress = "part"', {"part": "1/4"}, 0.25),
        ('percent = "part"', {"part": 25}, 0.25),
        ('percent = "part"', {"part": "25 %"}, 0.25),
        ('percent = "part"', {"part": 250}, None),
        ('progress = "part"', {"part": "half"}, None),
        ('done = "seen"', {"seen": -1}, None),
    ],
)
async def test_progress_in_the_vendors_form(
    tmp_path: Path, line: str, answer: dict[str, Any], progress: float | None
) -> None:
    """Counts, shares and percentages; what is none of them is a finding, and no progress."""
    text = HEAD + POLLED.replace('word = "state"', f'word = "state"\n{line}', 1)
    async with opened(tmp_path, text) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"state": "running", **answer}).repeat(3)
        poll.reply({"state": "broken"}).repeat()
        job = await world.hub.submit("shop", TWO)
        seen = [each.progress async for each in job.watch() if each.state is BatchState.IN_PROGRESS]
        status = job.status
    assert max((each for each in seen if each is not None), default=None) == progress
    assert bool(codes(status) & {"odd_count", "odd_progress"}) is (progress is None)


# Results by a request of their own.


async def test_results_may_be_asked_for_by_themselves(tmp_path: Path) -> None:
    """By a POST with a body too; items by their place, the first of which is 1."""
    results = """
[operations.price.results]
request = "POST /shops/{shop}/report"
body = { batch = "{ref}", pages = [1], all = true }
list = "report.lines[]"
position = "line"
first_position = 1
word = "ok"
words = { true = "succeeded", false = "failed" }
"""
    text = HEAD + POLLED[: POLLED.index("\n[operations.price.results]")] + results
    async with opened(tmp_path, text) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b/1"})
        world.vendor.on("GET", BATCH).reply({"state": "done"})
        report = world.vendor.on("POST", "/shops/{shop}/report")
        report.reply(status=503).reply({"report": {}})
        lines = [{"line": 2, "ok": False}, {"line": "1", "ok": True}]
        report.reply({"report": {"lines": lines}})
        _, found = await run(world, TWO)
    assert world.vendor.requests[1].path == "/shops/s%2017/batches/b%2F1"
    assert report.requests[0].json() == {"batch": "b/1", "pages": [1], "all": True}
    assert states(found) == {"A-1": ItemState.SUCCEEDED, "A-2": ItemState.FAILED}


# A vendor that answers at once.

AT_ONCE = """
[operations.price]
max_items = 10

[operations.price.submit]
request = "PUT /prices"
items = "data.items"
body = { data = { mode = "{shop}" }, version = 2 }

[operations.price.results]
list = "data"
in_order = true
word = "status || 'ok'"
words = { ok = "succeeded", bad = "failed" }
"""


async def test_a_vendor_may_answer_at_once(tmp_path: Path) -> None:
    """The results are in the answer to the submit, in the order of the request."""
    async with opened(tmp_path, HEAD + AT_ONCE) as world:
        submit = world.vendor.on("PUT", "/prices").reply({"data": [{}, {"status": "bad"}]})
        status, found = await run(world, TWO)
    assert submit.requests[0].json() == {
        "data": {"mode": "s 17", "items": [{"sku": "A-1", "price": "9.90"}, TWO[1]]},
        "version": 2,
    }
    assert states(found) == {"1": ItemState.SUCCEEDED, "2": ItemState.FAILED}
    assert not status.findings


async def test_one_entry_too_few_says_nothing_of_any_item(tmp_path: Path) -> None:
    """In the order of the request, each entry that follows would be about another item."""
    async with opened(tmp_path, HEAD + AT_ONCE) as world:
        world.vendor.on("PUT", "/prices").reply({"data": [{}]})
        status, found = await run(world, TWO)
    assert set(states(found).values()) == {ItemState.UNKNOWN}
    assert "anonymous_results" in codes(status)


async def test_an_answer_at_once_without_results_is_in_doubt(tmp_path: Path) -> None:
    """It is not taken for one in which nothing failed."""
    async with opened(tmp_path, HEAD + AT_ONCE) as world:
        world.vendor.on("PUT", "/prices").reply({"state": "ok"})
        job = await world.hub.submit("shop", TWO)
        status = await job.wait(timeout_s=3600)
    assert status.state is BatchState.UNCONFIRMED


# Only failures are named.

REST = POLLED.replace('word = "outcome"\n', 'named = "failed"\nrest = "succeeded"\n')
REST = "\n".join(line for line in REST.splitlines() if not line.startswith("words ="))


async def test_who_names_failures_only_says_what_the_rest_is(tmp_path: Path) -> None:
    """Success by absence is the file's word, and holds of a batch that was completed."""
    async with opened(tmp_path, HEAD + REST) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"}).reply({"id": "b2"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"state": "done", "results": [{"sku": "A-2", "why": "no"}]})
        poll.reply({"state": "broken", "results": []})
        _, found = await run(world, TWO)
        _, broken = await run(world, TWO)
    assert states(found) == {"A-1": ItemState.SUCCEEDED, "A-2": ItemState.FAILED}
    assert set(states(broken).values()) == {ItemState.UNKNOWN}


async def test_no_list_is_not_an_empty_list(tmp_path: Path) -> None:
    """An answer that forgot its failures makes no successes; the file may say otherwise."""
    async with opened(tmp_path, HEAD + REST) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        world.vendor.on("GET", BATCH).reply({"state": "done"}).repeat()
        _, found = await run(world, TWO)
    assert set(states(found).values()) == {ItemState.UNKNOWN}
    text = HEAD + REST.replace('list = "results"', 'list = "results || `[]`"')
    async with opened(tmp_path, text, "other.db") as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        world.vendor.on("GET", BATCH).reply({"state": "done"})
        _, found = await run(world, TWO)
    assert set(states(found).values()) == {ItemState.SUCCEEDED}


@pytest.mark.parametrize(
    ("counts", "rest"),
    [
        ({"failed": 1}, ItemState.SUCCEEDED),
        ({"failed": 2}, ItemState.UNKNOWN),
        ({"failed": 0}, ItemState.UNKNOWN),
        ({"ok": 1, "failed": 1}, ItemState.SUCCEEDED),
        ({"ok": 0}, ItemState.UNKNOWN),
    ],
)
async def test_the_rest_has_to_agree_with_what_the_vendor_counts(
    tmp_path: Path, counts: dict[str, int], rest: ItemState
) -> None:
    """A failure that is counted and not named is some item of the rest."""
    text = REST.replace('word = "state"', 'word = "state"\nfailed = "failed"\nsucceeded = "ok"')
    async with opened(tmp_path, HEAD + text) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        answer = {"state": "done", "results": [{"sku": "A-2"}], **counts}
        world.vendor.on("GET", BATCH).reply(answer).repeat()
        status, found = await run(world, TWO)
    assert states(found) == {"A-1": rest, "A-2": ItemState.FAILED}
    assert ("rest_differs" in codes(status)) is (rest is ItemState.UNKNOWN)


@pytest.mark.parametrize("request_of_its_own", ["", 'request = "GET /shops/{shop}/report/{ref}"\n'])
@pytest.mark.parametrize("word", ["aborted", None, "running"])
async def test_the_rest_needs_a_word_for_success_whatever_is_counted(
    tmp_path: Path, word: str | None, request_of_its_own: str
) -> None:
    """Counts can end a batch; that the items nobody names went well, only a known word says."""
    text = REST.replace("max_items = 10", "max_items = 10\ncounts_items = true")
    text = text.replace('word = "state"', 'word = "state"\ndone = "n"')
    text = text.replace(
        "[operations.price.results]\n", f"[operations.price.results]\n{request_of_its_own}"
    )
    async with opened(tmp_path, HEAD + text) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        answer: dict[str, Any] = {"state": word, "n": 2, "results": []}
        world.vendor.on("GET", BATCH).reply(answer).repeat()
        if request_of_its_own:
            world.vendor.on("GET", "/shops/{shop}/report/{ref}").reply({"results": []}).repeat()
        status, found = await run(world, TWO)
    assert status.state is BatchState.COMPLETED
    assert "completed_by_counts" in codes(status)
    assert set(states(found).values()) == {ItemState.UNKNOWN}


# No word for the batch.

FOLDED = POLLED.replace('word = "state"', "fold = true", 1)


async def test_a_batch_without_a_word_has_ended_when_all_its_items_have(tmp_path: Path) -> None:
    """Each that was sent, by a word that is known to end it."""
    ok = {"sku": "A-1", "outcome": "ok"}
    async with opened(tmp_path, HEAD + FOLDED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"results": []}).reply({}).reply({"results": [ok]}).reply({"results": [ok, ok]})
        poll.reply({"results": [ok, {"sku": "A-2", "outcome": "waits"}]})
        poll.reply({"results": [ok, {"sku": "A-2"}]})
        poll.reply({"results": [ok, {"sku": "A-2", "outcome": "odd"}]})
        poll.reply({"results": [ok, {"sku": "A-2", "outcome": "bad"}]})
        status, found = await run(world, TWO)
    assert len(poll.requests) == 8
    assert status.progress == 1.0
    assert states(found) == {"A-1": ItemState.SUCCEEDED, "A-2": ItemState.FAILED}
    assert codes(status) == {"unknown_word"}


async def test_an_item_nobody_sent_does_not_end_a_batch_for_one_that_runs(tmp_path: Path) -> None:
    """As many entries as items were sent are not yet an entry for each of them."""
    ok, foreign = {"sku": "A-1", "outcome": "ok"}, {"sku": "Z", "outcome": "ok"}
    async with opened(tmp_path, HEAD + FOLDED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"results": [ok, foreign]})
        poll.reply({"results": [ok, foreign, {"sku": "A-2", "outcome": "waits"}]})
        poll.reply({"results": [ok, foreign]})
        poll.reply({"results": [ok, foreign, {"sku": "A-2", "outcome": "bad"}]})
        status, found = await run(world, TWO)
    assert len(poll.requests) == 4
    assert states(found) == {"A-1": ItemState.SUCCEEDED, "A-2": ItemState.FAILED}
    assert codes(status) == {"foreign_id"}


async def test_results_of_a_poll_are_asked_for_again_whatever_other_operations_do(
    tmp_path: Path,
) -> None:
    """Another one has a request of its own for them; what came with a poll changes in a poll."""
    by_itself = POLLED.replace("operations.price", "operations.stock")
    by_itself = by_itself.replace("list =", 'request = "GET /results/{ref}"\nlist =')
    async with opened(tmp_path, HEAD + POLLED + by_itself) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"state": "done", "results": [{"sku": "A-1", "outcome": "waits"}]})
        poll.reply({"state": "done", "results": [{"sku": "A-1", "outcome": "ok"}]})
        job = await world.hub.submit("shop", ONE, operation="price")
        await job.wait(timeout_s=3600)
        found = [result async for result in job.results()]
    assert states(found) == {"A-1": ItemState.SUCCEEDED}


async def test_an_item_that_is_never_named_is_waited_for_for_a_while(tmp_path: Path) -> None:
    """Then nobody can tell how it went."""
    ok, foreign = {"sku": "A-1", "outcome": "ok"}, {"sku": "Z", "outcome": "ok"}
    async with opened(tmp_path, HEAD + FOLDED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH).reply({"results": [ok, foreign]}).repeat()
        _, found = await run(world, TWO)
    assert len(poll.requests) > 1
    assert states(found) == {"A-1": ItemState.SUCCEEDED, "A-2": ItemState.UNKNOWN}


@pytest.mark.parametrize(
    ("join", "names"),
    [('id = "id"', [{"id": "A-2"}, {"id": "A-1"}]), ('position = "n"', [{"n": 1}, {"n": 0}])],
)
async def test_a_folded_batch_ends_at_once_however_its_items_are_named(
    tmp_path: Path, join: str, names: list[dict[str, Any]]
) -> None:
    """Each that was sent has an ended word: nothing is waited for."""
    text = FOLDED.replace('key = "sku"', join, 1)
    async with opened(tmp_path, HEAD + text) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"results": [{**name, "outcome": "ok"} for name in names]})
        _, found = await run(world, TWO)
    assert len(poll.requests) == 1
    assert set(states(found).values()) == {ItemState.SUCCEEDED}


# Keys, refusals, repeats.


@pytest.mark.parametrize(
    ("why", "message"),
    [
        ({"text": "too\nlow", "min": 5}, '{"text":"too\\nlow","min":5}'),
        ([{"code": "E1"}, "second", {}], '{"code":"E1"}; second'),
        ({}, None),
        ([], None),
    ],
)
async def test_a_message_may_be_an_object(tmp_path: Path, why: Any, message: str | None) -> None:
    """It is given as it came, in a line."""
    entry = {"sku": "A-1", "outcome": "bad", "why": why}
    async with opened(tmp_path, HEAD + POLLED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        world.vendor.on("GET", BATCH).reply({"state": "done", "results": [entry]})
        _, [found] = await run(world, ONE)
    assert found.message == message


async def test_a_message_of_many_parts_is_cut(tmp_path: Path) -> None:
    """A vendor that repeats itself ten thousand times is heard once."""
    entry = {"sku": "A-1", "outcome": "bad", "why": [{"code": "E1"}] * 10_000}
    async with opened(tmp_path, HEAD + POLLED) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        world.vendor.on("GET", BATCH).reply({"state": "done", "results": [entry]})
        _, [found] = await run(world, ONE)
    assert found.message is not None
    assert found.message.startswith('{"code":"E1"}; {"code":"E1"}')
    assert len(found.message) <= 1000


async def test_a_nested_key_names_the_item_and_what_it_changes(tmp_path: Path) -> None:
    """Dotted in key_field, JMESPath in the results; a number is as good as text."""
    text = POLLED.replace('key_field = "sku"', 'key_field = "product.no"')
    text = text.replace('{ sku = "text", price = "number" }', '{ "product.no" = "integer" }')
    text = text.replace('key = "sku"', 'key = "item.product.no"')
    items: list[dict[str, Any]] = [{"product": {"no": "7"}}, {"product": {"no": 8}}]
    async with opened(tmp_path, HEAD + text) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        entries = [{"item": {"product": {"no": no}}, "outcome": "ok"} for no in ("8", 7)]
        world.vendor.on("GET", BATCH).reply({"state": "done", "results": entries})
        _, found = await run(world, items)
        with pytest.raises(InputError, match=r"product\.no is missing"):
            await world.hub.submit("shop", [{"product": {}}])
        with pytest.raises(InputError, match="could not tell them apart"):
            await world.hub.submit("shop", [{"id": "a", **items[0]}, {"id": "b", **items[0]}])
    assert states(found) == {"7": ItemState.SUCCEEDED, "8": ItemState.SUCCEEDED}


async def test_the_key_may_be_an_id_of_the_vendors(tmp_path: Path) -> None:
    """It is sent then; by an operation that has another key, an item's id stays at home."""
    by_id = POLLED.replace("sku", "id").replace('id = "text"', 'id = "integer"')
    other = POLLED.replace("operations.price", "operations.stock")
    async with opened(tmp_path, HEAD + by_id + other) as world:
        submit = world.vendor.on("POST", BATCHES).reply({"id": "b1"}).reply({"id": "b2"})
        poll = world.vendor.on("GET", BATCH)
        poll.reply({"state": "done", "results": [{"id": 7, "outcome": "ok"}]})
        _, found = await run(world, [{"id": "7", "price": "1"}])
        poll.reply({"state": "done", "results": [{"sku": "A-1", "outcome": "ok"}]})
        job = await world.hub.submit("shop", [{"id": "x", **ONE[0]}], operation="stock")
        await job.wait(timeout_s=3600)
        other_found = [result async for result in job.results()]
    assert [request.body for request in submit.requests] == [
        b'{"prices":[{"id":7,"price":1}]}',
        b'{"prices":[{"sku":"A-1","price":9.90}]}',
    ]
    assert states([*found, *other_found]) == {
        "7": ItemState.SUCCEEDED,
        "x": ItemState.SUCCEEDED,
    }


async def test_errors_are_explained_by_the_files_places(tmp_path: Path) -> None:
    """Code and message of a refusal."""
    text = HEAD + '[errors]\ncode = "errors[0].key"\nmessage = "errors[].text"\n' + POLLED
    body = {"errors": [{"key": "no.price", "text": "give a price"}, {"text": "and a tax"}]}
    async with opened(tmp_path, text) as world:
        world.vendor.on("POST", BATCHES).reply(body, status=400)
        status, found = await run(world, ONE)
    assert status.state is BatchState.FAILED
    assert "give a price; and a tax" in (status.tickets[0].message or "")
    assert states(found) == {"A-1": ItemState.FAILED}


REPEATED = """
[operations.price.submit.repeated]
status = [400, 409]
code = "twice"
message = "a while ago"
"""


@pytest.mark.parametrize(
    ("status", "code", "message", "is_repeated"),
    [
        (409, "twice", "You sent this A WHILE AGO.", True),
        (422, "twice", "You sent this a while ago.", False),
        (409, "once", "You sent this a while ago.", False),
        (409, "twice", "No.", False),
    ],
)
async def test_a_repeated_body_is_sent_again_after_the_window(
    tmp_path: Path, status: int, code: str, message: str, *, is_repeated: bool
) -> None:
    """If all that the file says of such an answer fits; else it is a refusal."""
    text = POLLED.replace("may_repeat = true", "may_repeat = true\nrefuses_repeat_s = 900")
    done = {"state": "done", "results": [{"sku": "A-1", "outcome": "ok"}]}
    async with opened(tmp_path, HEAD + text + REPEATED) as world:
        submit = world.vendor.on("POST", BATCHES)
        submit.reply({"code": code, "message": message}, status=status)
        submit.reply({"id": "b1"}).optional()
        world.vendor.on("GET", BATCH).reply(done).optional()
        _, found = await run(world, ONE)
    assert len(submit.requests) == (2 if is_repeated else 1)
    assert states(found)["A-1"] is (ItemState.SUCCEEDED if is_repeated else ItemState.FAILED)
    if is_repeated:
        first, second = submit.requests
        assert (second.at - first.at).total_seconds() >= 900


async def test_too_many_requests_may_mean_a_repeated_body(tmp_path: Path) -> None:
    """A vendor may call it that; the description says so by the code."""
    text = POLLED.replace("may_repeat = true", "refuses_repeat_s = 900")
    async with opened(tmp_path, HEAD + text + REPEATED.replace("409", "429")) as world:
        submit = world.vendor.on("POST", BATCHES)
        submit.reply({"code": "twice", "message": "A while ago."}, status=429)
        job = await world.hub.submit("shop", ONE)
        status = await job.wait(timeout_s=7200)
    assert len(submit.requests) == 1
    assert status.state is BatchState.UNCONFIRMED
    assert "accepted_without_id" in codes(status)


async def test_a_lost_answer_is_sent_again_if_the_file_says_that_it_may(tmp_path: Path) -> None:
    """With the same key where the vendor tells repeats by it."""
    text = POLLED.replace("may_repeat = true", "dedup_window_s = 3600").replace(
        'ref = "id"', 'ref = "id"\nheaders = { Idempotency-Key = "{idempotency_key}" }'
    )
    done = {"state": "done", "results": [{"sku": "A-1", "outcome": "ok"}]}
    async with opened(tmp_path, HEAD + text) as world:
        submit = world.vendor.on("POST", BATCHES).lose_answer().reply({"id": "b1"})
        world.vendor.on("GET", BATCH).reply(done)
        _, found = await run(world, ONE)
    first, second = submit.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert states(found) == {"A-1": ItemState.SUCCEEDED}


# A description that changes.


PROBE = """
[probe]
request = "GET /shops/{shop}"
expects = "shop"

"""


async def test_open_batches_follow_the_file_as_it_is_now(tmp_path: Path) -> None:
    """And say so; a comment, the order of keys and what others say are no change."""
    other = POLLED.replace("operations.price", "operations.stock")
    text = HEAD + POLLED + other
    clock = FakeClock()
    running, done = {"state": "running"}, {"results": [{"sku": "A-1", "outcome": "ok"}]}
    async with clock.running(), ScriptedVendor(clock=clock) as vendor:
        vendor.on("POST", BATCHES).reply({"id": "b1"})
        old = vendor.on("GET", BATCH).reply(running).repeat()

        async def follow(text: str, *, until: BatchState) -> BatchStatus:
            accounts = {"shop": sign_in(describe(tmp_path, text), vendor.base_url)}
            async with BatchHub(tmp_path / "jobs.db", accounts, clock=clock, seed=1) as hub:
                job = await hub.submit("shop", ONE, operation="price", key="k")
                asked = len(old.requests)
                async for status in job.watch():
                    if status.state is until and len(old.requests) > asked:
                        return status
                return job.status

        first = await follow(text, until=BatchState.IN_PROGRESS)
        same = "# Seen again.\n" + HEAD + other.replace("= 10", "= 20")
        same += POLLED.replace('word = "outcome"\n', "", 1) + 'word = "outcome"\n'
        same = same.replace('"secret" }', '"secret", about = "From the console." }')
        same = same.replace("requests = 600", "requests = 300").replace("[auth]", f"{PROBE}[auth]")
        second = await follow(same, until=BatchState.IN_PROGRESS)
        changed = text.replace("/batches/{ref}", "/v2/{ref}").replace("state", "status")
        vendor.on("GET", "/shops/{shop}/v2/{ref}").reply({"status": "done", **done})
        third = await follow(changed.replace("[statuss]", "[states]"), until=BatchState.COMPLETED)
    assert not first.findings
    assert not second.findings
    assert third.outcome is Outcome.SUCCEEDED
    [finding] = third.findings
    assert (finding.code, finding.count, finding.examples) == (
        "description_changed",
        1,
        ("acme.toml",),
    )


# Credentials, headers, probe, cancel.


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ('bearer = "{token}"', {"Authorization": "Bearer token-123"}),
        ('basic = ["{shop}", "{token}"]', {"Authorization": "Basic cyAxNzp0b2tlbi0xMjM="}),
        ('headers = { X-Key = "k={token}" }', {"X-Key": "k=token-123"}),
    ],
)
async def test_credentials_go_as_the_scheme_says(
    tmp_path: Path, auth: str, headers: Mapping[str, str]
) -> None:
    """Bearer, HTTP Basic of two fields, or headers of any name; with the fixed ones."""
    text = HEAD.replace('bearer = "{token}"', f'{auth}\n\n[headers]\nUser-Agent = "{{shop}} - x"')
    text += '\n[probe]\nrequest = "GET /me?page=1"\nexpects = "name"\n'
    async with opened(tmp_path, text + POLLED) as world:
        asked = world.vendor.on("GET", "/me", query={"page": "1"}).reply({"name": "Acme"})
        probe = await world.hub.probe("shop")
    [sent] = asked.requests
    assert {name: sent.headers[name] for name in headers} == headers
    assert sent.headers["User-Agent"] == "s 17 - x"
    assert (probe.request, probe.status) == ("GET /me?page=1", 200)
    assert b"Acme" in probe.raw


async def test_a_probe_believes_only_the_vendor(tmp_path: Path) -> None:
    """An answer without what the file expects is somebody else's."""
    text = HEAD + '\n[probe]\nrequest = "GET /me"\nexpects = "name"\n' + POLLED
    async with opened(tmp_path, text) as world:
        world.vendor.on("GET", "/me").reply({"parked": True})
        with pytest.raises(ReplyError, match="nothing at name"):
            await world.hub.probe("shop")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"success": False, "message": "Seller is closed"}, "it says: Seller is closed"),
        ({"error": {"code": "E7", "message": "no\nquota"}}, "it says: no quota"),
        ({"errors": [{"code": "E7"}]}, "it says: E7"),
        ({"data": 1}, "an id of the batch"),
    ],
)
async def test_an_answer_with_nothing_where_it_should_be_is_said_in_its_own_words(
    tmp_path: Path, answer: dict[str, Any], words: str
) -> None:
    """The vendor's words say more than what is missing."""
    async with opened(tmp_path, HEAD + POLLED) as world:
        world.vendor.on("POST", BATCHES).reply(answer).repeat()
        status = await (await world.hub.submit("shop", ONE)).wait(timeout_s=24 * 3600)
    assert words in (status.tickets[0].message or "")


async def test_refused_credentials_pause_the_account(tmp_path: Path) -> None:
    """There are no others to try."""
    async with opened(tmp_path, HEAD + POLLED) as world:
        world.vendor.on("POST", BATCHES).reply({"message": "who?"}, status=401).repeat()
        job = await world.hub.submit("shop", ONE)
        async for status in job.watch():
            if status.contact is Contact.PAUSED:
                break
    assert status.state is BatchState.PENDING


async def test_a_batch_is_cancelled_by_its_request(tmp_path: Path) -> None:
    """As the file says; a poll shows what came of it."""
    text = HEAD + 'stopped = "cancelled"\n' + POLLED
    text += '\n[operations.price.cancel]\nrequest = "DELETE /shops/{shop}/batches/{ref}"\n'
    async with opened(tmp_path, text) as world:
        world.vendor.on("POST", BATCHES).reply({"id": "b1"})
        poll = world.vendor.on("GET", BATCH).reply({"state": "running"})
        cancel = world.vendor.on("DELETE", BATCH).reply({})
        poll.reply({"state": "stopped"}).repeat()
        job = await world.hub.submit("shop", ONE)
        async for status in job.watch():
            if status.state is BatchState.IN_PROGRESS:
                break
        await job.cancel()
        status = await job.wait()
    assert len(cancel.requests) == 1
    assert status.state is BatchState.CANCELLED


def test_no_secret_shows(tmp_path: Path) -> None:
    """Neither in an account's `repr`, nor in what refuses a wrong value."""
    adapter = describe(tmp_path, HEAD + POLLED)
    account = sign_in(adapter, "https://api.acme.example")
    assert "token-123" not in repr(account)
    assert account.secrets == ("token-123",)
    with pytest.raises(ValueError, match="token") as caught:
        sign_in(adapter, "https://api.acme.example", token="a secret with spaces")
    assert "a secret" not in str(caught.value)
