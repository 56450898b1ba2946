"""The laws on kept rows: each comes back once, in order, as it was, with its own result."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hubs import World, scripted_world
from support.kept_rows import read_rows, word
from support.loads import failing

from batchhub import BatchJob
from batchhub._store import row_blocks
from batchhub._store.row_blocks import BlockWriter, compress, decompress, read_data
from batchhub.errors import UsageError
from batchhub.models import OddCell
from batchhub.tables import ItemReader, read_items

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
decimals = st.decimals(allow_nan=False, allow_infinity=False)
odd_cells = st.builds(
    OddCell,
    any_text,
    any_text,
    number=st.none() | st.integers() | decimals,
    format=st.none() | st.text(max_size=5),
    error=st.none() | st.text(max_size=5),
    held=st.none() | st.integers() | decimals,
)
cells = any_text | st.integers() | decimals | st.booleans() | odd_cells
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | decimals | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
rows = (
    st.lists(st.text(max_size=10), max_size=5)
    | st.lists(cells, max_size=5)
    | st.dictionaries(any_text, values, max_size=4)
    | st.binary(max_size=20)
)


def shape(value: Any) -> Any:
    """Return a value with the kind of each part of it; of numbers also how they are written."""
    if isinstance(value, dict):
        return [(shape(key), shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value), repr(value)


@settings(max_examples=300)
@given(st.lists(st.tuples(rows, st.integers(1, 3), st.none() | any_text), min_size=1, max_size=12))
def test_a_block_holds_what_was_put_in(found: list[tuple[Any, int, str | None]]) -> None:
    """Whatever cells, lines and reasons there are: the same kinds, orders and digits."""
    writer, lines, line = BlockWriter(), [], 0
    for row, gap, reason in found:
        line += gap
        lines.append(line)
        writer.add(line, row)
        if reason is not None:
            writer.refuse(reason)

    block = read_data(decompress(compress(writer.take())))

    assert shape(list(block.cells)) == shape([row for row, _, _ in found])
    assert list(block.lines) == lines
    assert block.reasons == {
        n: reason for n, (_, _, reason) in enumerate(found) if reason is not None
    }


KINDS = ("sent", "bad", "short", "blank")
"""An item; one that the adapter refuses; a row that makes none; a row that nobody sees."""


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[str], list[set[int]]]:
    """Draw the kinds of rows, often many of one, and which items fail in each round."""
    runs = draw(
        st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 12)), min_size=1, max_size=8)
    )
    kinds = [kind for kind, count in runs for _ in range(count)]
    if "sent" not in kinds:
        kinds.insert(draw(st.integers(0, len(kinds))), "sent")
    some = st.sets(st.integers(0, len(kinds)), max_size=len(kinds))
    return kinds, draw(st.lists(some, min_size=1, max_size=4))


def write_csv(kinds: Sequence[str]) -> str:
    """Write a table; the id of a row is its line."""
    lines = {"sent": "{},1,", "bad": "{},1,x", "short": "{},1", "blank": ""}
    return "\n".join(["id,n,bad", *(lines[k].format(n) for n, k in enumerate(kinds, 2))]) + "\n"


def write_json(kinds: Sequence[str]) -> str:
    """Write an object a line; the id is the number of the line."""
    lines = {
        "sent": '{"id": "N", "n": [N]}',
        "bad": '{"id": "N", "bad": {"n": N}}',
        "short": '{"id": "N"',
        "blank": "",
    }
    return "".join(f"{lines[kind]}\n".replace("N", str(n)) for n, kind in enumerate(kinds, 1))


@settings(max_examples=60)
@given(
    plan=plans(),
    is_table=st.booleans(),
    sizes=st.tuples(
        st.integers(1, 9), st.integers(1, 12), st.sampled_from([40, 400, 10**6]), st.integers(1, 9)
    ),
)
def test_each_row_has_the_word_of_its_own_item(
    plan: tuple[list[str], list[set[int]]], is_table: bool, sizes: tuple[int, int, int, int]
) -> None:
    """However rows, items and batches are cut, in a job, in each of its retries, and in the end."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(row_blocks, "MOST_ROWS", sizes[0])
        patch.setattr("batchhub._engine.intake.CHUNK_ITEMS", sizes[1])
        patch.setattr("batchhub._engine.intake.CHUNK_BYTES", sizes[2])
        patch.setattr("batchhub._tables.reading.background._BATCH", sizes[3])
        asyncio.run(check(Path(folder), *plan, is_table=is_table))


async def check(folder: Path, kinds: list[str], fails: list[set[int]], *, is_table: bool) -> None:
    """Run a job and its retries, and compare their rows with what the plan says."""
    path = folder / ("items.csv" if is_table else "items.jsonl")
    path.write_text(write_csv(kinds) if is_table else write_json(kinds))
    lines = {n: kind for n, kind in enumerate(kinds, 1 + is_table) if kind != "blank"}
    async with scripted_world(store=folder / "jobs.db") as world:
        job = await submit(world, read_items(path, on_refused=lambda _: None), fails[0])
        told = {
            line: "refused" if kind != "sent" else "failed" if line in fails[0] else "succeeded"
            for line, kind in lines.items()
        }
        assert await tell(job) == list(told.items())
        assert [row.row for row in await read_rows(job)] == list(range(1, len(lines) + 1))
        newest, last = job, dict(told)
        for failed in fails[1:]:
            repeated = [line for line, what in last.items() if what == "failed"]
            world.vendor.default_report = failing(*map(str, failed))
            if not repeated:
                with pytest.raises(UsageError):
                    await newest.retry()
                break
            newest = await newest.retry()
            await newest.wait()
            now = {line: "failed" if line in failed else "succeeded" for line in repeated}
            assert await tell(newest) == list(now.items())
            last |= now
            assert await tell(job, with_retries=True) == list(last.items())
            assert await tell(job) == list(told.items())


async def submit(world: World, items: ItemReader, failed: set[int]) -> BatchJob:
    """Run a job in which some items fail."""
    world.vendor.default_report = failing(*map(str, failed))
    job = await world.hub.submit("shop", items, on_refused=lambda _: None)
    await job.wait()
    return job


async def tell(job: BatchJob, **options: Any) -> list[tuple[int, str | None]]:
    """Return the line of each row and what became of it; each is what that line holds."""
    found = await read_rows(job, **options)
    for row in found:
        if isinstance(row.cells, dict):
            assert row.cells["id"] == str(row.line)
        elif isinstance(row.cells, list):
            assert row.cells[:2] == [str(row.line), "1"]
        else:
            assert row.cells == f'{{"id": "{row.line}"'.encode()
        assert row.result is None or row.result.id == str(row.line)
    return [(row.line, word(row)) for row in found]
