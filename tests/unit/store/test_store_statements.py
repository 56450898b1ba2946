"""Statements that are compiled once: what they convert, and that they are of no one database."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql.base import PGDialect

import batchhub._store
from batchhub._store.statements import Statement, _Plan

things = Table(
    "things",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("fields", JSON),
    Column("is_done", Boolean),
    Column("name", String(10)),
)
ADD = Statement(insert(things).returning(things.c.number))
GET = Statement(select(things).where(things.c.number == bindparam("this")))
NAME = Statement(update(things).where(things.c.number == bindparam("this")))


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Give a connection to a database that has the table."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        things.create(connection)
        yield connection
    engine.dispose()


def test_values_come_back_as_they_were_given(connection: Connection) -> None:
    """JSON and booleans are no text and no numbers, as with SQLAlchemy itself."""
    given = {"fields": {"a": [1, None]}, "is_done": True, "name": "one"}

    number = ADD.scalar(connection, given)

    assert GET.one(connection, {"this": number}) == {"number": number, **given}
    assert dict(connection.execute(select(things)).mappings().one()) == {"number": number, **given}


def test_the_columns_are_those_of_the_values(connection: Connection) -> None:
    """One statement writes whatever columns it is given, and tells how many rows it changed."""
    number = ADD.scalar(connection, {"name": "one"})

    assert NAME.run(connection, {"this": number, "name": "two"}) == 1
    assert NAME.run(connection, {"this": number, "is_done": False}) == 1
    assert NAME.run(connection, {"this": number + 1, "name": "three"}) == 0
    row = GET.one(connection, {"this": number})
    assert (row["name"], row["is_done"], row["fields"]) == ("two", False, None)


def test_what_is_not_there(connection: Connection) -> None:
    """No row is `None`, where one may be missing."""
    assert GET.first(connection, {"this": 1}) is None
    assert GET.scalar(connection, {"this": 1}) is None
    assert list(GET.rows(connection, {"this": 1})) == []
    with pytest.raises(LookupError):
        GET.one(connection, {"this": 1})


def _statements() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(batchhub._store.__path__):
        if not module.ispkg:
            names = vars(importlib.import_module(f"batchhub._store.{module.name}"))
            named = {f"{module.name}.{name}": value for name, value in names.items()}
            found |= {name: each for name, each in named.items() if isinstance(each, Statement)}
    return found


def test_other_databases_take_the_same_statements() -> None:
    """Every statement of the store compiles for PostgreSQL, with a place for each value."""
    found = _statements()
    assert len(found) > 50
    dialect = PGDialect()  # type: ignore[no-untyped-call]
    for name, statement in found.items():
        plan = _Plan.make(statement._statement, dialect, None)
        assert plan.text.count("%s") == len(plan.binds), name
