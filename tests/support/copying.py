"""Stores full of odd values, and what is in a store, for tests that copy one."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, Table

from batchhub._base.store_place import find_store_place
from batchhub._copying.columns import COPIED
from batchhub._store import Store
from batchhub._store.opening import init_database
from batchhub._store.shards import shard_of

_WORDS: Final = (
    "",
    "a",
    "Ä",
    "\U0001f600 \\N \\.",
    "tab\tline\nback\\slash'\"",
    "ﬀ%s?",
    "\ufffd",
    "z" * 99,
)
_NUMBERS: Final = (0.0, -0.0, 0.1 + 0.2, 1e-300, -1.5e308, 5, 2.0**70)
_JSON: Final = (
    *("[]", "{}", '{"b":1.50,"a":[null,true,"\\u0000\\ud800"]}', '["Ä", "\U0001f600"]'),
    *("[1e400]", "7", '{ "x" : "" }'),
)
_BYTES: Final = (b"", b"\0", b"\\x00", bytes(range(256)), b"{}" * 300)
_LARGE: Final = 2**31 - 1

FREE: Final = frozenset({"account", "label", "message", "contact_note", "vendor_state", "item_id"})
"""Texts in which anything may be."""


async def make_store(path: Path) -> None:
    """Make an empty store."""
    await (await Store.open(path)).aclose()


async def make_target(kind: str, folder: Path, database_url: str) -> str:
    """Return an empty place for a copy, on SQLite or on PostgreSQL."""
    if kind == "sqlite":
        return str(folder / "copy.db")
    await init_database(find_store_place(database_url))
    return database_url


def fill(path: Path, seed: int, *, nul: bool = False) -> None:
    """Fill every table of a SQLite store with rows of all kinds of values."""
    chance = random.Random(seed)
    keys: dict[str, list[tuple[Any, ...]]] = {}
    with closing(sqlite3.connect(path)) as store:
        for table in COPIED:
            made = list(_make_rows(table, keys, chance, nul=nul))
            keys[table.name] = [
                tuple(row[column.name] for column in table.primary_key) for row in made
            ]
            names = [column.name for column in table.columns]
            marks, columns = ", ".join("?" * len(names)), '", "'.join(names)
            store.executemany(
                f'INSERT INTO "{table.name}" ("{columns}") VALUES ({marks})',
                [tuple(row[name] for name in names) for row in made],
            )
        # Jobs that were deleted: their numbers are given to none again.
        store.execute("UPDATE sqlite_sequence SET seq = seq + 7")
        store.commit()


def _make_rows(
    table: Table, keys: dict[str, list[tuple[Any, ...]]], chance: random.Random, *, nul: bool
) -> Iterator[dict[str, Any]]:
    taken = set()
    for number in range(1, chance.randint(2, 14)):
        row = {
            column.name: _make_value(column, number, chance, nul=nul) for column in table.columns
        }
        for key in table.foreign_key_constraints:
            found = keys[key.referred_table.name]
            if not found:
                return
            row |= zip(key.column_keys, chance.choice(found), strict=True)
        if table.name == "lanes":
            row["shard"] = shard_of(row["lane"])
        this = tuple(row[column.name] for column in table.primary_key)
        if this not in taken:
            taken.add(this)
            yield row


def _make_value(  # noqa: PLR0911  # a kind of column each
    column: Column[Any], number: int, chance: random.Random, *, nul: bool
) -> Any:
    is_key = column.primary_key or bool(column.unique)
    if column.name == "loaded_by" or (column.nullable and chance.random() < 0.3):
        return None
    kind = column.type
    if isinstance(kind, Boolean):
        return chance.randint(0, 1)
    if isinstance(kind, Integer):
        return number if is_key or column.name == "place" else chance.randint(0, _LARGE)
    if isinstance(kind, Float):
        return chance.choice(_NUMBERS)
    if isinstance(kind, JSON):
        return chance.choice(_JSON)
    if isinstance(kind, LargeBinary):
        return chance.choice(_BYTES)
    if column.name.endswith(("_at", "since")):
        return "2026-11-22T12:30:00.250000+00:00"
    word = chance.choice(_WORDS)[:9]
    if is_key or column.name in {"job_id", "key", "vendor_ref"}:
        return f"{number} {word}"
    if nul and column.name in FREE:
        word += "\0!"
    return word


def read_all(store: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return what is in the tables of a store that are copied, as Python has it."""
    place = find_store_place(store)
    found = {}
    for table in COPIED:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        if place.path is not None:
            with closing(sqlite3.connect(place.path)) as connection:
                rows = connection.execute(f'SELECT {names} FROM "{table.name}"').fetchall()
        else:
            with closing(psycopg.connect(place.url or "")) as server:
                rows = server.execute(
                    f'SELECT {names} FROM "{place.schema}"."{table.name}"'
                ).fetchall()
        found[table.name] = sorted((_plain(table, row) for row in rows), key=repr)
    return found


def _plain(table: Table, row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        repr(json.loads(value) if isinstance(value, str) else value)
        if isinstance(column.type, JSON) and value is not None
        else bool(value)
        if isinstance(column.type, Boolean)
        else value
        for column, value in zip(table.columns, row, strict=True)
    )


def expect_copy(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a copy of such a store has."""
    changed = {}
    for table in COPIED:
        names = [column.name for column in table.columns]
        rows = [dict(zip(names, row, strict=True)) for row in found[table.name]]
        for row in rows:
            if table.name == "lanes" and row["epoch"]:
                row["epoch"] += 1
            if table.name == "deliveries":
                row |= {"claimed_by": None, "claimed_at": None}
        changed[table.name] = sorted((tuple(row.values()) for row in rows), key=repr)
    return changed
