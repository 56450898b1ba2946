"""The rows that items are made of are kept with the job, and come back with their results."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.hubs import World, numbered, results_of, scripted_world
from support.kept_rows import (
    count_kept,
    first_rows,
    outline,
    read_rows,
    submit_rows,
    word,
    write_rows,
)
from support.loads import clean, failing, pass_to
from support.raw_stores import open_raw
from support.stores import make_older
from support.tables import open_descriptor, open_pipe
from support.vendor import ScriptedAccount, Vendor, capable
from support.workbooks import cell, make_workbook, row, sheet, text

from batchhub import BatchHub, BatchJob
from batchhub._store import row_blocks
from batchhub._tables.reading import ReadSettings
from batchhub.adapter import Observation
from batchhub.errors import InputError, NotKnownError, StoreError, UsageError
from batchhub.models import InputHead, OddCell
from batchhub.models.rows import RowSink
from batchhub.tables import ItemReader, read_items


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have blocks of 4 rows, and chunks of 10 items."""
    monkeypatch.setattr(row_blocks, "MOST_ROWS", 4)
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_ITEMS", 10)
    monkeypatch.setattr("batchhub._store.deleting.CHUNK_ITEMS", 10)


# What is kept.


async def test_each_row_has_what_became_of_it(tmp_path: Path) -> None:
    """In the order of the file, those that were refused by whomever with the reason."""
    path = write_rows(tmp_path, ["bad0", "a1", "", "short1", "a2", "bad1", "a3", "short2"])
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        world.vendor.default_report = failing("a2")
        job = await submit_rows(world, path)
        await job.wait()
        rows = await job.rows()
        found = await read_rows(job)
        results = await results_of(job)

    assert rows.head == InputHead(name=str(path), format="csv", columns=("id", "n", "bad"))
    assert outline(found) == [
        (1, 2, "bad0", "refused"),
        (2, 3, "a1", "succeeded"),
        (3, 5, "short1", "refused"),
        (4, 6, "a2", "failed"),
        (5, 7, "bad1", "refused"),
        (6, 8, "a3", "succeeded"),
        (7, 9, "short2", "refused"),
    ]
    assert found[0].reason == "it says that it is bad"
    assert found[2].cells == ["short1", "1"]
    assert found[2].reason is not None
    assert found[2].reason.startswith("the row has 2 cells, the header 3 columns")
    assert [row.result for row in found if row.reason is None] == results


async def test_a_row_without_a_result_says_so(tmp_path: Path) -> None:
    """While its item is on its way it has none, and is not refused."""
    vendor = capable(Vendor(), max_items=1)
    vendor.answer_poll = lambda tickets: [Observation(words=("Running",)) for _ in tickets]
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await submit_rows(world, write_rows(tmp_path, ["a1", "bad", "a2"]))
        assert outline(await read_rows(job)) == [
            (1, 2, "a1", None),
            (2, 3, "bad", "refused"),
            (3, 4, "a2", None),
        ]


async def test_rows_can_be_read_again(tmp_path: Path) -> None:
    """By another loop over the same rows, also at the same time, and by another hub."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        job = await submit_rows(world, write_rows(tmp_path, ["a1", "a2"]))
        await job.wait()
    async with BatchHub(path) as hub:
        rows = await (await hub.job(job.id)).rows()
        first = aiter(rows)
        assert (await anext(first)).row == 1
        assert [row.row async for row in rows] == [1, 2]
        assert (await anext(first)).row == 2


@pytest.mark.parametrize("is_taken", [True, False])
async def test_what_a_caller_does_with_refused_rows_is_all_the_same(
    tmp_path: Path, is_taken: bool
) -> None:
    """Set aside in a file, or handed to a function: they are kept with the reason."""
    path, bad = write_rows(tmp_path, ["a1", "bad", "short"]), tmp_path / "bad.csv"
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        if is_taken:
            items = read_items(path, rejects=bad, max_rejects=2)
            job = await world.hub.submit("shop", items, on_refused=items.reject)
        else:
            job = await submit_rows(world, path)
        assert [word(row) for row in await read_rows(job)] == [None, "refused", "refused"]
    assert bad.exists() is is_taken


async def test_rejects_that_are_read_again_are_rows_like_others(tmp_path: Path) -> None:
    """With the two columns that were added to them."""
    path, bad = write_rows(tmp_path, ["a1", "bad"]), tmp_path / "bad.csv"
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        items = read_items(path, rejects=bad)
        await world.hub.submit("shop", items, on_refused=items.reject)
        bad.write_text(bad.read_text().replace("bad,1,x", "good,1,"))
        job = await submit_rows(world, bad)
        rows = await job.rows()
        (found,) = await read_rows(job)

    assert rows.head.columns == ("id", "n", "bad", "_batchhub_line", "_batchhub_reason")
    assert found.cells == ["good", "1", "", "3", "it says that it is bad"]


async def test_items_that_are_no_rows_are_kept_by_no_rows(tmp_path: Path) -> None:
    """Mappings of the caller's own, a generator of them, and rows that are not to be kept."""

    async def generate() -> AsyncIterator[dict[str, object]]:
        for item in numbered(2):
            yield item

    path = write_rows(tmp_path, ["a1"])
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        jobs = [
            await world.hub.submit("shop", numbered(2)),
            await world.hub.submit("shop", generate()),
            await submit_rows(world, path, keep_input=False),
            await world.hub.submit("shop", list(read_items(path))),
        ]
        for job in jobs:
            with pytest.raises(UsageError, match=f"no rows were kept of job {job.id}: its items"):
                await job.rows()
        assert await count_kept(world.hub) == [0, 0, 0]


async def test_a_job_that_is_joined_keeps_what_the_first_one_kept(
    tmp_path: Path, small: None
) -> None:
    """The same items from elsewhere add no rows, in one chunk and in several."""
    for number in (3, 25):
        ids = [f"a{n}" for n in range(number)]
        first = write_rows(tmp_path, ids, "first.csv")
        again = write_rows(tmp_path, ["bad", *ids], "again.csv")
        async with scripted_world(store=tmp_path / f"{number}.db") as world:
            job = await submit_rows(world, first, key="k")
            kept = await count_kept(world.hub)
            joined = await submit_rows(world, again, key="k")
            without = await submit_rows(world, again, key="k", keep_input=False)
            assert job.id == joined.id == without.id
            assert await count_kept(world.hub) == kept
            assert (await joined.rows()).head.name == str(first)
            assert len(await read_rows(joined)) == number


# From whatever file.


def pack_workbook(made: str) -> bytes:
    """Return the bytes of a workbook with one sheet."""
    file = make_workbook(made)
    file.seek(0)
    return file.read()


async def test_json_is_kept_as_its_objects(tmp_path: Path) -> None:
    """By lines, with every digit; a line that is none as its bytes."""
    path = tmp_path / "items.jsonl"
    path.write_bytes(
        b'{"id": "a1", "n": 0.12345678901234567890, "more": {"x": [1, null, 1e5]}}\n'
        b"\n"
        b'{"id": \n'
        b'{"id": "a2", "bad": 123456789012345678901234567890}\n'
    )
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        job = await submit_rows(world, path)
        rows = await job.rows()
        found = await read_rows(job)

    assert rows.head == InputHead(name=str(path), format="jsonl")
    assert [(row.line, row.cells, row.reason is None) for row in found] == [
        (
            1,
            {
                "id": "a1",
                "n": Decimal("0.12345678901234567890"),
                "more": {"x": [1, None, 100_000.0]},
            },
            True,
        ),
        (3, b'{"id":', False),
        (4, {"id": "a2", "bad": 123456789012345678901234567890}, False),
    ]


async def test_elements_of_an_array_are_counted_as_such(tmp_path: Path) -> None:
    """Their place is their number."""
    path = tmp_path / "items.json"
    path.write_text('[{"id": "a1"},\n\n 7,\n {"id": "a2"}]')
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        job = await submit_rows(world, path)
        assert (await job.rows()).head == InputHead(name=str(path), format="json", place="element")
        found = await read_rows(job)

    assert [(row.line, row.cells) for row in found] == [
        (1, {"id": "a1"}),
        (2, b"7"),
        (3, {"id": "a2"}),
    ]


async def test_a_workbook_is_kept_by_its_cells(tmp_path: Path) -> None:
    """Numbers as numbers, true and false, and what can't be taken as it is."""
    made = sheet(
        row(1, text("A1", "id"), text("B1", "n"), text("C1", "bad")),
        row(3, text("A3", "a1"), cell("B3", 1.25)),
        row(4, text("A4", "a2"), cell("B4", "#DIV/0!", kind="e"), cell("C4", 1, kind="b")),
    )
    path = tmp_path / "items.xlsx"
    path.write_bytes(pack_workbook(made))
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        refused: list[InputError] = []
        items = read_items(path, on_refused=refused.append)
        job = await world.hub.submit("shop", items, on_refused=refused.append)
        head = (await job.rows()).head
        found = await read_rows(job)

    assert (head.format, head.place, head.columns) == ("xlsx", "row", ("id", "n", "bad"))
    assert [(row.line, list(row.cells)[:3]) for row in found] == [
        (3, ["a1", Decimal("1.25"), ""]),
        (4, ["a2", OddCell("B4", "holds #DIV/0!; correct the formula", error="#DIV/0!"), True]),
    ]


async def test_the_form_of_a_table_is_kept(tmp_path: Path) -> None:
    """What separates its cells, its encoding and the mark it begins with."""
    cases: list[tuple[bytes, dict[str, Any]]] = [
        (b"\xef\xbb\xbfid;n\na;\xc3\xa9\n", {"delimiter": ";", "has_bom": True}),
        ("id;n\na;é\n".encode("cp1252"), {"delimiter": ";", "encoding": "cp1252"}),
        (b"id\tn\na\t1\n", {"delimiter": "\t", "format": "tsv"}),
    ]
    for content, head in cases:
        path = tmp_path / f"items.{head.get('format', 'csv')}"
        path.write_bytes(content)
        encoding = head.get("encoding")
        async with scripted_world(store=tmp_path / "jobs.db") as world:
            job = await world.hub.submit("shop", read_items(path, encoding=encoding))
            facts = {"format": "csv", "columns": ("id", "n"), **head}
            assert (await job.rows()).head == InputHead(name=str(path), **facts)


async def test_standard_input_is_kept(tmp_path: Path) -> None:
    """What can't be read twice is kept as well."""
    with open_pipe(b"id,n\na1,1\na2,2\n") as pipe:
        async with scripted_world(store=tmp_path / "jobs.db") as world:
            job = await world.hub.submit("shop", read_items(pipe))
            assert [row.cells for row in await read_rows(job)] == [["a1", "1"], ["a2", "2"]]


# In blocks.


@pytest.mark.parametrize(
    "ids",
    [
        ["a1"],
        ["bad"] * 3 + ["a1"] + ["bad"] * 3,
        ["bad"] * 9 + ["a1"],
        ["a1"] + ["short"] * 9,
        ["short"] * 12 + ["a1"] + ["bad"] * 12 + ["a2"] + ["short"] * 12,
        [f"a{n}" for n in range(4)],
        [f"a{n}" for n in range(5)],
        [f"a{n}" for n in range(10)],
        [f"a{n}" for n in range(11)],
        ["a0", "bad", "a1", "short"] * 1 + [f"b{n}" for n in range(28)] + ["bad"] * 4,
        [f"a{n}" if n % 3 else "bad" for n in range(61)],
    ],
    ids=range(11),
)
async def test_every_row_comes_back_once(tmp_path: Path, small: None, ids: list[str]) -> None:
    """Wherever blocks and chunks begin, and however many rows of one make no items."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        job = await submit_rows(world, write_rows(tmp_path, ids))
        await job.wait()
        found = await read_rows(job)

    kinds = ["refused" if each in {"bad", "short"} else "succeeded" for each in ids]
    assert outline(found) == [
        (n, n + 1, each, kind) for n, (each, kind) in enumerate(zip(ids, kinds, strict=True), 1)
    ]


async def test_no_rows_stay_in_memory_for_want_of_items(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks go to the store also while one row after another is refused."""
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_BYTES", 200)
    monkeypatch.setattr("batchhub._tables.reading.background._BATCH", 8)
    seen: list[int] = []

    async with scripted_world(store=tmp_path / "jobs.db") as world:
        loads = world.hub._opened.store.loads  # type: ignore[union-attr]
        put = type(loads).extend

        async def extend(self: Any, job: Any, process: str, chunk: Any, at: Any) -> None:
            seen.append(len(chunk.rows))
            await put(self, job, process, chunk, at)

        monkeypatch.setattr(type(loads), "extend", extend)
        job = await submit_rows(world, write_rows(tmp_path, ["short"] * 400 + ["a1"]))
        assert [word(row) for row in await read_rows(job)] == ["refused"] * 400 + [None]
        assert (await job.wait()).counts.succeeded == 1
        assert (await first_rows(world.hub))[-1] == (401, 1)

    assert len(seen) > 30
    assert max(seen) <= 6


async def test_many_rows(tmp_path: Path) -> None:
    """20,000 rows come back with their results, every third of them refused."""
    ids = [f"a{n}" if n % 3 else "short" for n in range(20_000)]
    vendor = capable(Vendor(), max_items=5000)
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await submit_rows(world, write_rows(tmp_path, ids))
        await job.wait()
        found = await read_rows(job)

    assert [row.row for row in found] == list(range(1, 20_001))
    assert [next(iter(row.cells)) for row in found] == ids
    assert [word(row) for row in found] == [
        "refused" if each == "short" else "succeeded" for each in ids
    ]


# And gone.


async def test_rows_go_with_their_job(tmp_path: Path, small: None) -> None:
    """Pruned with the items, step by step; those of other jobs stay."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        old = await submit_rows(world, write_rows(tmp_path, [f"a{n}" for n in range(61)]))
        await old.wait()
        await world.clock.sleep(1000.0)
        new = await submit_rows(world, write_rows(tmp_path, ["a1"]))
        await new.wait()
        assert await count_kept(world.hub) == [2, 17, 0]

        assert (await world.hub.prune(500.0)).jobs == 1

        assert await count_kept(world.hub) == [1, 1, 0]
        assert len(await read_rows(new)) == 1
        with pytest.raises(NotKnownError):
            await old.rows()


@pytest.mark.parametrize("why", ["an error", "a secret", "all refused"])
async def test_a_submit_that_fails_leaves_no_rows(tmp_path: Path, small: None, why: str) -> None:
    """Whatever ends it, after many rows were written."""
    ids = [f"a{n}" if why != "all refused" else "bad" for n in range(60)]
    last = {"an error": ["bad"], "a secret": ["secret12345"], "all refused": []}[why]
    account = make_account("secret12345")
    async with scripted_world(store=tmp_path / "jobs.db", account=account) as world:
        items = read_items(write_rows(tmp_path, [*ids, *last]))
        refused = (lambda _: None) if why == "all refused" else None
        with pytest.raises(InputError):
            await world.hub.submit("shop", items, on_refused=refused)
        assert await world.hub.jobs() == []
        assert await count_kept(world.hub) == [0, 0, 0]


async def test_rows_of_a_process_that_died_are_deleted(tmp_path: Path, small: None) -> None:
    """Together with the items it had brought so far, by whoever opens the store."""
    reading, writing = os.pipe()
    with open_descriptor(reading) as pipe, os.fdopen(writing, "wb", buffering=0) as end:
        end.write(b"".join(b'{"id": "a%d"}\n' % n for n in range(61)))  # and more may come
        async with scripted_world(store=tmp_path / "jobs.db") as world:
            loading = asyncio.create_task(world.hub.submit("shop", read_items(pipe)))
            while (await count_kept(world.hub))[1] < 12:
                await world.clock.sleep(0.01)
            await pass_to(world.hub, "gone", 60.0)
            loading.cancel()
            with suppress(asyncio.CancelledError):
                await loading
            assert (await count_kept(world.hub))[1] >= 12
            await clean(world.hub)
            assert await count_kept(world.hub) == [0, 0, 0]


async def test_a_job_of_an_earlier_version_has_no_rows(tmp_path: Path) -> None:
    """It is said; a job that is submitted to its store from now on has some."""
    path, items = tmp_path / "jobs.db", write_rows(tmp_path, ["a1"])
    async with scripted_world(store=path) as world:
        old = await submit_rows(world, items)
        await old.wait()
    make_older(path, "0004")
    async with scripted_world(store=path) as world:
        with pytest.raises(UsageError, match=r"or an earlier version of batchhub took it in$"):
            await (await world.hub.job(old.id)).rows()
        assert len(await read_rows(await submit_rows(world, items))) == 1


async def test_a_job_that_is_deleted_meanwhile_is_missed(tmp_path: Path, small: None) -> None:
    """Rows end with an error then, not as if there were no more."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        job = await submit_rows(world, write_rows(tmp_path, [f"a{n}" for n in range(20)]))
        await job.wait()
        rows = aiter(await job.rows())
        assert (await anext(rows)).row == 1
        await world.clock.sleep(10.0)
        await world.hub.prune(0)
        with pytest.raises(NotKnownError, match=f"{job.id}"):
            async for _ in rows:
                pass


# With their retries.


async def run_retries(world: World, path: Path) -> tuple[BatchJob, BatchJob, BatchJob]:
    """Run a job of 20 items and two more of what failed, the second of what failed again."""
    world.vendor.default_report = failing("a3", "a4", "a9", "a15", "a19")
    job = await submit_rows(world, path)
    await job.wait()
    world.vendor.default_report = failing("a4", "a15")
    first = await job.retry()
    await first.wait()
    world.vendor.default_report = failing("a15")
    second = await first.retry()
    await second.wait()
    return job, first, second


async def test_a_retry_has_the_rows_of_the_items_it_repeats(tmp_path: Path, small: None) -> None:
    """With their places in the first file, also through a retry of a retry."""
    ids = ["bad", *(f"a{n}" for n in range(20)), "short"]
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        job, first, second = await run_retries(world, write_rows(tmp_path, ids))
        assert (await second.rows()).head == (await job.rows()).head
        assert outline(await read_rows(first)) == [
            (5, 6, "a3", "succeeded"),
            (6, 7, "a4", "failed"),
            (11, 12, "a9", "succeeded"),
            (17, 18, "a15", "failed"),
            (21, 22, "a19", "succeeded"),
        ]
        assert outline(await read_rows(second)) == [
            (6, 7, "a4", "succeeded"),
            (17, 18, "a15", "failed"),
        ]
        assert outline(await read_rows(first, with_retries=True))[1] == (6, 7, "a4", "succeeded")


async def test_rows_may_have_the_last_word(tmp_path: Path, small: None) -> None:
    """Of the newest retry of each item; else each has what its own job heard."""
    ids = ["bad", *(f"a{n}" for n in range(20)), "short"]
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        job, _, second = await run_retries(world, write_rows(tmp_path, ids))
        own = {next(iter(row.cells)): word(row) for row in await read_rows(job)}
        last = {next(iter(row.cells)): word(row) for row in await read_rows(job, with_retries=True)}
        assert [name for name, what in own.items() if what == "failed"] == [
            *("a3", "a4", "a9", "a15", "a19")
        ]
        assert [name for name, what in last.items() if what == "failed"] == ["a15"]
        assert list(last) == ids
        results = {result.id: result for result in await results_of(second)}
        found = {row.row: row.result for row in await read_rows(job, with_retries=True)}
        assert found[6] == results["a4"]


async def test_a_retry_that_has_not_ended_leaves_the_last_word(tmp_path: Path) -> None:
    """What is known so far stands until the retry says more."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        world.vendor.default_report = failing("a1")
        job = await submit_rows(world, write_rows(tmp_path, ["a0", "a1"]))
        await job.wait()
        world.vendor.answer_poll = lambda tickets: [
            Observation(words=("Running",)) for _ in tickets
        ]
        retry = await job.retry()
        assert [word(row) for row in await read_rows(retry)] == [None]
        found = await read_rows(job, with_retries=True)
        assert [word(row) for row in found] == ["succeeded", "failed"]


async def test_a_retry_that_is_made_meanwhile_gives_no_item_the_word_of_another(
    tmp_path: Path, small: None
) -> None:
    """What was read before it stands, and what is read after it is each item's own."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        world.vendor.default_report = failing("a1", "a2", "a9", "a15")
        job = await submit_rows(world, write_rows(tmp_path, [f"a{n}" for n in range(20)]))
        await job.wait()
        rows = aiter(await job.rows(with_retries=True))
        found = [await anext(rows)]
        world.vendor.default_report = failing("a1", "a15")
        await (await job.retry()).wait()
        found += [row async for row in rows]

    assert [row.row for row in found if word(row) == "failed"] == [2, 3, 16]
    assert [word(row) for row in found[4:15]] == ["succeeded"] * 11


async def test_items_that_were_left_out_are_not_a_retrys(tmp_path: Path, small: None) -> None:
    """Two retries of one job, of other items each, have the rows of their own."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        world.vendor.default_report = failing("a2", "a7", "a11")
        job = await submit_rows(world, write_rows(tmp_path, [f"a{n}" for n in range(12)]))
        await job.wait()
        assert world.hub._opened is not None
        with closing(open_raw(tmp_path / "jobs.db")) as other:
            other.execute("UPDATE results SET state = 'unknown' WHERE position IN (3, 12)")
            other.commit()
        world.vendor.default_report = failing("a7")
        first = await job.retry()
        await first.wait()
        with closing(open_raw(tmp_path / "jobs.db")) as other:
            other.execute("UPDATE results SET state = 'failed' WHERE position IN (3, 12)")
            other.commit()
        second = await job.retry()
        await second.wait()
        assert [row.row for row in await read_rows(first)] == [8]
        assert [row.row for row in await read_rows(second)] == [3, 12]
        last = await read_rows(job, with_retries=True)
        assert [row.row for row in last if word(row) == "failed"] == [8]


async def test_a_retry_of_a_job_without_rows_names_it(tmp_path: Path) -> None:
    """Also where that job is gone."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        world.vendor.default_report = failing("i1")
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        await world.clock.sleep(1000.0)
        retry = await job.retry()
        await retry.wait()
        with pytest.raises(
            UsageError,
            match=f"no rows were kept of job {job.id}, whose items job {retry.id} repeats: its",
        ):
            await retry.rows()
        await world.hub.prune(500.0)
        with pytest.raises(
            UsageError, match=f"job {retry.id} repeats items of job {job.id}, which was deleted"
        ):
            await retry.rows()


# Secrets.


def make_account(secret: str) -> type[ScriptedAccount]:
    """Make a kind of account that has a secret."""

    class _Secretive(ScriptedAccount):
        @property
        def secrets(self) -> tuple[str, ...]:
            return (secret,)

    return _Secretive


NUMBERS = sheet(
    row(1, text("A1", "id"), text("B1", "n"), text("C1", "x")),
    row(2, text("A2", "a1"), cell("B2", 1), cell("C2", 12345678.5)),
)


@pytest.mark.parametrize(
    ("secret", "table", "said"),
    [
        ("s3cretword", "id,n\na1,1\na2,s3cretword,2\n", "line 3"),
        ("s3cretword", "id,n,x\na1,1,\na2,2,as3cretwordb\n", "line 3"),
        ("s3cretword", "id,n,s3cretword\na1,1,\na2,2,\n", "the name of a column"),
        ("12345678.5", NUMBERS, "row 2"),
    ],
    ids=["refused", "not sent", "header", "number"],
)
async def test_a_row_with_a_secret_is_refused(
    tmp_path: Path, secret: str, table: str, said: str
) -> None:
    """It is named, nothing is sent; not to keep the input is the other way."""
    path, refused = tmp_path / "items.csv", list[InputError]()
    if table is NUMBERS:
        path.write_bytes(pack_workbook(table))
    else:
        path.write_text(table)

    def take() -> ItemReader:
        return read_items(path, set={"n": "{n}"}, id="{id}", on_refused=refused.append)

    async with scripted_world(store=tmp_path / "jobs.db", account=make_account(secret)) as world:
        with pytest.raises(InputError) as caught:
            await world.hub.submit("shop", take(), on_refused=refused.append)
        assert str(caught.value) == (
            f"{said} holds a secret of the account, which would be stored; take it out, or submit "
            "with keep_input=False"
        )
        with pytest.raises(InputError, match="holds a secret"):
            await world.hub.plan("shop", take(), on_refused=refused.append)
        assert await count_kept(world.hub) == [0, 0, 0]
        assert await world.hub.jobs() == []
        job = await world.hub.submit("shop", take(), on_refused=refused.append, keep_input=False)
        assert (await job.wait()).counts.succeeded
        plan = await world.hub.plan("shop", take(), on_refused=refused.append, keep_input=False)
        assert plan.items == job.status.counts.total
    assert secret.encode() not in (tmp_path / "jobs.db").read_bytes()


async def test_a_reason_or_a_name_with_a_secret_is_blanked(tmp_path: Path) -> None:
    """What is not the user's data is kept without it."""
    path = tmp_path / "s3cretword.csv"
    path.write_text("id,n\na1,1\na2\n")
    async with scripted_world(
        store=tmp_path / "jobs.db", account=make_account("s3cretword")
    ) as world:

        class Source(ItemReader):
            """A reader that says too much."""

            def keep_rows(self, sink: RowSink) -> None:
                super().keep_rows(sink)
                sink.add(1, ["a0"], "a s3cretword")

        refused: list[InputError] = []
        items = Source(path, ReadSettings(), refused.append)
        job = await world.hub.submit("shop", items, on_refused=refused.append)
        assert (await job.rows()).head.name.endswith("/***.csv")
        assert (await read_rows(job))[0].reason == "a ***"
    assert b"s3cretword" not in (tmp_path / "jobs.db").read_bytes()


# Damage.

COPY = (
    "UPDATE input_blocks SET data = (SELECT data FROM input_blocks WHERE first_row = 9)"
    " WHERE first_row = 5"
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM input_blocks WHERE first_row = 1", "row 5: rows are missing, from 1 on"),
        ("DELETE FROM input_blocks WHERE first_row = 5", "row 9: rows are missing, from 5 on"),
        ("DELETE FROM input_blocks WHERE first_row = 9", "row 10: rows are missing, from 9 on"),
        ("UPDATE input_blocks SET first_item = 3 WHERE first_row = 5", "row 5: rows are missing"),
        ("UPDATE input_blocks SET data = x'00' WHERE first_row = 5", "row 5: "),
        pytest.param(
            *("UPDATE input_blocks SET data = 'text' WHERE first_row = 5", "row 5: column data is"),
            marks=pytest.mark.sqlite_only("elsewhere a text makes bytes"),
        ),
        ("UPDATE input_blocks SET first_item = 'x' WHERE first_row = 5", "row 5: column first_it"),
        (
            COPY,
            "row 9: rows are missing, from 7 on",
        ),
        ("UPDATE inputs SET head = x'c0'", "table inputs"),
        ("UPDATE inputs SET head = 7", "column head is 7"),
    ],
    ids=range(10),
)
async def test_damaged_rows_are_named(tmp_path: Path, small: None, change: str, said: str) -> None:
    """An error of the store with job and row, never a part that is taken for all."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        job = await submit_rows(world, write_rows(tmp_path, [f"a{n}" for n in range(10)]))
        await job.wait()
    with closing(open_raw(path)) as other:
        other.execute(change)
        other.commit()

    async with BatchHub(path) as hub:
        again = await hub.job(job.id)
        with pytest.raises(StoreError, match=f"{job.id}.*restore the store") as caught:
            await read_rows(again)
        assert said in str(caught.value)
        assert len(await results_of(again)) == 10


async def test_a_retry_of_damaged_rows_is_named(tmp_path: Path, small: None) -> None:
    """A block of which rows are missing is not taken for the one there was."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        world.vendor.default_report = failing("a7")
        job = await submit_rows(world, write_rows(tmp_path, [f"a{n}" for n in range(10)]))
        await job.wait()
        retry = await job.retry()
    with closing(open_raw(path)) as other:
        other.execute(COPY)
        other.commit()
    async with BatchHub(path) as hub:
        with pytest.raises(StoreError, match="row 5: rows that were made items are missing"):
            await read_rows(await hub.job(retry.id))


async def test_a_retry_that_repeats_another_item_is_no_last_word(tmp_path: Path) -> None:
    """Marks that were moved are damage, and no item gets the result of another one."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        world.vendor.default_report = failing("a1")
        job = await submit_rows(world, write_rows(tmp_path, ["a0", "a1"]))
        await job.wait()
        await (await job.retry()).wait()
    with closing(open_raw(path)) as other:
        other.execute("UPDATE results SET retried_in = NULL WHERE job_no = 1 AND position = 2")
        other.execute(
            "UPDATE results SET retried_in = (SELECT job_id FROM jobs WHERE job_no = 2)"
            " WHERE job_no = 1 AND position = 1"
        )
        other.commit()
    async with BatchHub(path) as hub:
        with pytest.raises(StoreError, match="repeats another item"):
            await read_rows(await hub.job(job.id), with_retries=True)
