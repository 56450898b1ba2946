"""Jobs made of the rows of a file, and their rows as they are read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from batchhub import BatchHub
from batchhub._store.tables import exports, input_blocks, inputs
from batchhub.hub import BatchJob
from batchhub.models import InputRow
from batchhub.tables import read_items
from support.hubs import World
from support.stores import count_rows


def write_rows(folder: Path, rows: Sequence[str], name: str = "items.csv") -> Path:
    """
    Write a table of ids, each with a mark.

    An id alone is an item; one that begins with ``bad`` the adapter refuses, and of ``short`` the
    row has a cell too few. The empty text is a blank row.
    """
    path = folder / name
    lines = ["id,n,bad"]
    for row in rows:
        if row.startswith("short"):
            lines.append(f"{row},1")
        else:
            lines.append(f"{row},1,{'x' * row.startswith('bad')}" if row else "")
    path.write_text("\n".join(lines) + "\n")
    return path


async def submit_rows(world: World, path: Path, **options: Any) -> BatchJob:
    """Submit the rows of a file, but for those that can't be sent."""
    refused: list[Any] = []
    items = read_items(path, on_refused=refused.append)
    return await world.hub.submit("shop", items, on_refused=refused.append, **options)


async def read_rows(job: BatchJob, **options: Any) -> list[InputRow]:
    """Collect the rows of a job."""
    return [row async for row in await job.rows(**options)]


def outline(rows: Sequence[InputRow]) -> list[tuple[Any, ...]]:
    """Return of each row its number, line, first cell, and what became of it."""
    return [(row.row, row.line, next(iter(row.cells)), word(row)) for row in rows]


def word(row: InputRow) -> str | None:
    """Return what became of a row in a word."""
    if row.reason is not None:
        assert row.result is None
        return "refused"
    if row.result is None:
        return None
    if isinstance(row.cells, list):
        assert row.cells[0] == row.result.id
    return row.result.state.value


async def count_kept(hub: BatchHub) -> list[int]:
    """Count the inputs, blocks and files of results in the store."""
    assert hub._opened is not None
    return await count_rows(hub._opened.store, (inputs, input_blocks, exports))


async def first_rows(hub: BatchHub) -> list[tuple[int, int]]:
    """Return the first row and the first item of each block in the store."""
    assert hub._opened is not None

    def work(connection: Connection) -> list[tuple[int, int]]:
        query = select(input_blocks.c.first_row, input_blocks.c.first_item)
        return [
            (row[0], row[1]) for row in connection.execute(query.order_by(input_blocks.c.first_row))
        ]

    return await hub._opened.store._db.read(work)
