"""What a copy asks of a store, whatever kind of database it is in."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Final

from sqlalchemy import JSON, Column, Table

from batchhub._base.store_place import StorePlace
from batchhub._store.marks import COPY_FACT, CopyFact
from batchhub._store.tables import facts, jobs, lanes, tickets
from batchhub.errors import StoreError

from .columns import COPIED, Limits, Row

COPIED_FACT: Final = "copied"
"""The fact of a store that says which copy it is, once that is complete."""

SILENT_S: Final = 30.0
"""Seconds without a sign of life after which a process counts as ended, if nothing else says so."""


class InUseError(StoreError):
    """Other processes use a store that only the copy may use."""


class End(ABC):
    """
    A store at one end of a copy, with connections of its own, for one thread.

    Every method raises `StoreError` when the database can't be read or written.

    Attributes:
        name: What to call it.
        address: What it is told from other stores by, which marks have.
    """

    mark: ClassVar[str]
    """What stands for a value in a statement."""

    def __init__(self, place: StorePlace) -> None:
        self.name = place.name
        self.address = place.address

    # What each kind of database does its own way.

    @abstractmethod
    def hold(self) -> None:
        """
        Connect, and let no other process write to the store until `close`.

        Raises:
            InUseError: Another process uses it.
        """

    @abstractmethod
    def close(self) -> None:
        """Let it go."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """What is done while it is entered is committed together, or not at all."""

    @abstractmethod
    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run a statement; return its rows, if it has any."""

    @abstractmethod
    def stream(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a query; its rows are read as they are asked for."""

    @abstractmethod
    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows with a value for each column, in a transaction."""

    @abstractmethod
    def find_version(self) -> str | None:
        """Return the store's version, or the mark in its place; `None` if it has no tables."""

    @abstractmethod
    def find_limits(self, table: Table) -> Mapping[str, Limits] | None:
        """Return what the columns of a table can hold, by name; `None` if they hold anything."""

    @abstractmethod
    def find_highest(self, table: Table, column: str) -> int:
        """Return the highest number that a row of a table was ever given."""

    @abstractmethod
    def set_highest(self, table: Table, column: str, highest: int) -> None:
        """Have the next row of a table get a higher number, in a transaction."""

    @abstractmethod
    def ordered(self, column: Column[Any]) -> str:
        """Return a column as rows are ordered and compared by it: texts by their code points."""

    @abstractmethod
    def refresh(self) -> None:
        """Let the database take note of how much there is now."""

    def named(self, table: Table) -> str:
        """Return a table as statements name it."""
        return f'"{table.name}"'

    def read_as(self, column: Column[Any]) -> str:
        """Return a column as it is read: JSON as its text."""
        return f'"{column.name}"'

    # What is the same for all.

    def rows(self, table: Table, after: Sequence[Any] = ()) -> Iterator[Row]:
        """Return the rows of a table by its primary key, those behind a key."""
        columns = ", ".join(self.read_as(column) for column in table.columns)
        key = ", ".join(self.ordered(column) for column in table.primary_key)
        where = ""
        if after:
            where = f" WHERE ({key}) > ({', '.join([self.mark] * len(after))})"
        query = f"SELECT {columns} FROM {self.named(table)}{where} ORDER BY {key}"  # noqa: S608
        return self.stream(query, after)

    def count(self, table: Table) -> int:
        """Return how many rows a table has."""
        return int(self.ask(f"SELECT count(*) FROM {self.named(table)}")[0][0])  # noqa: S608

    def find_rows(self) -> list[str]:
        """Return which of the tables that are copied have rows."""
        return [
            table.name
            for table in COPIED
            if self.ask(f"SELECT 1 FROM {self.named(table)} LIMIT 1")  # noqa: S608
        ]

    def clear(self, table: Table) -> None:
        """Delete all rows of a table, in a transaction."""
        self.ask(f"DELETE FROM {self.named(table)}")  # noqa: S608

    def find_loads(self) -> int:
        """Return how many jobs are there that were being stored or deleted."""
        unseen = "place IS NULL AND loaded_by IS NOT NULL"
        query = f"SELECT count(*) FROM {self.named(jobs)} WHERE {unseen}"  # noqa: S608
        return int(self.ask(query)[0][0])

    def stamp(self) -> str:
        """Return what the store is like: another text, in all likelihood, once it has changed."""
        said: list[Any] = [self.count(table) for table in COPIED]
        said += self.ask(f"SELECT max(updated_at) FROM {self.named(jobs)}")[0]  # noqa: S608
        query = f"SELECT sum(epoch), sum(last_place), max(latest_at) FROM {self.named(lanes)}"  # noqa: S608
        said += self.ask(query)[0]
        said += self.ask(f"SELECT sum(sends) FROM {self.named(tickets)}")[0]  # noqa: S608
        return hashlib.blake2b(json.dumps(said, default=str).encode(), digest_size=8).hexdigest()

    def set_version(self, version: str) -> None:
        """Write the store's version, or a mark in its place, in a transaction."""
        named = self.named(facts).replace(facts.name, "alembic_version")
        self.ask(f"UPDATE {named} SET version_num = {self.mark}", [version])  # noqa: S608

    def get_fact(self, name: str) -> str | None:
        """Return a fact of the store; `None` if it has none of this name."""
        query = f"SELECT value FROM {self.named(facts)} WHERE name = {self.mark}"  # noqa: S608
        found = self.ask(query, [name])
        return str(found[0][0]) if found else None

    def set_fact(self, name: str, value: str | None) -> None:
        """Write a fact of the store, or delete it, in a transaction."""
        self.ask(f"DELETE FROM {self.named(facts)} WHERE name = {self.mark}", [name])  # noqa: S608
        if value is not None:
            values = f"VALUES ({self.mark}, {self.mark})"
            self.ask(f"INSERT INTO {self.named(facts)} (name, value) {values}", [name, value])

    def find_copy(self) -> CopyFact | None:
        """Return which copy the store is a part of, if it is marked."""
        return CopyFact.from_text(self.get_fact(COPY_FACT))


def is_json(column: Column[Any]) -> bool:
    """Whether a column has JSON in it."""
    return isinstance(column.type, JSON)
