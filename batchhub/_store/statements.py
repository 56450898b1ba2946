"""
Statements that are compiled once, and run past what SQLAlchemy does anew at each run of one.

What is run for every job or ticket is one of these: SQLAlchemy takes longer to run a statement
than SQLite. The text and the form of the values are SQLAlchemy's all the same, for whichever
database it is. Not for a list of values (``IN``), whose text depends on its length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from attrs import frozen
from sqlalchemy import (
    JSON,
    Boolean,
    CompoundSelect,
    Connection,
    Delete,
    Dialect,
    Insert,
    Select,
    Table,
    Update,
    insert,
)
from sqlalchemy.sql.compiler import SQLCompiler

Row = Mapping[Any, Any]
"""A row, by the names of its columns."""

_AnyStatement = Select[Any] | CompoundSelect[Any] | Insert | Update | Delete

_NO_VALUES: Final[Mapping[str, Any]] = {}

_BLOCK: Final = 50
"""How many rows an insert of many has: few enough for a database that allows 999 values."""


class Statement:
    """
    A statement with bound parameters.

    An insert or an update without columns of its own takes those of the values it is given.

    Args:
        statement: As SQLAlchemy builds it.
    """

    def __init__(self, statement: _AnyStatement) -> None:
        self._statement = statement
        self._takes_columns = isinstance(statement, Insert | Update)
        self._plans: dict[Any, _Plan] = {}

    def run(self, connection: Connection, values: Mapping[str, Any] = _NO_VALUES) -> int:
        """Run it; return how many rows of the table it changed."""
        return int(self._execute(connection, values)[0].rowcount)

    def first(self, connection: Connection, values: Mapping[str, Any] = _NO_VALUES) -> Row | None:
        """Return the first row it finds; `None` if there is none."""
        cursor, plan = self._execute(connection, values)
        found = cursor.fetchone()
        cursor.close()  # else it would go on reading at this moment of the store
        return None if found is None else plan.read(found)

    def one(self, connection: Connection, values: Mapping[str, Any] = _NO_VALUES) -> Row:
        """
        Return the row it finds.

        Raises:
            LookupError: There is none.
        """
        found = self.first(connection, values)
        if found is None:
            raise LookupError("a row that must be there is not")
        return found

    def rows(self, connection: Connection, values: Mapping[str, Any] = _NO_VALUES) -> Iterator[Row]:
        """Return the rows it finds, each read when it is asked for."""
        cursor, plan = self._execute(connection, values)
        return map(plan.read, cursor)

    def scalar(self, connection: Connection, values: Mapping[str, Any] = _NO_VALUES) -> Any:
        """Return the first value of the first row; `None` if there is no row."""
        found = self.first(connection, values)
        return None if found is None else next(iter(found.values()))

    def _execute(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, _Plan]:
        dialect = connection.dialect
        key = (dialect.name, *values) if self._takes_columns else dialect.name
        plan = self._plans.get(key)
        if plan is None:
            columns = list(values) if self._takes_columns else None
            plan = self._plans[key] = _Plan.make(self._statement, dialect, columns)
        return _run(connection, plan.text, plan.bind(values)), plan


@frozen
class _Plan:
    """
    A statement as one database takes it.

    Attributes:
        text: Its text, with a place for each value.
        binds: Of each place, the name of its value, how to convert it, and what it is by default.
        names: The names of the columns it returns.
        reads: How to convert those columns that are converted, by their places.
    """

    text: str
    binds: Sequence[tuple[str, Callable[[Any], Any] | None, Any]]
    names: Sequence[str]
    reads: Sequence[tuple[int, Callable[[Any], Any]]]

    @classmethod
    def make(
        cls, statement: _AnyStatement, dialect: Dialect, columns: Sequence[str] | None
    ) -> _Plan:
        compiled = _compile(statement, dialect, columns)
        types = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        found = statement.exported_columns
        # Numbers, text and bytes come from every driver as they are.
        readers = [
            one.type.dialect_impl(dialect).result_processor(dialect, None)
            if isinstance(one.type, JSON | Boolean)
            else None
            for one in found
        ]
        return cls(
            text=str(compiled),
            binds=[
                (name, types[name].bind_processor(dialect), compiled.params[name])
                for name in compiled.positiontup or ()
            ],
            names=[str(name) for name in found.keys()],  # noqa: SIM118  # not a mapping
            reads=[(n, read) for n, read in enumerate(readers) if read is not None],
        )

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        bound = []
        for name, convert, default in self.binds:
            value = values.get(name, default)
            bound.append(value if convert is None else convert(value))
        return bound

    def read(self, found: Sequence[Any]) -> Row:
        values = list(found)
        for place, convert in self.reads:
            values[place] = convert(values[place])
        return dict(zip(self.names, values, strict=True))


class ManyRows:
    """
    A statement for many rows, each a tuple: several times as fast as a mapping each.

    Values go to the driver as they are: JSON as its text, a state as its word.

    Args:
        statement: An insert or an update.
        columns: The names of its parameters, in the order of a row's values.
    """

    def __init__(self, statement: Insert | Update, columns: Sequence[str]) -> None:
        self._statement = statement
        self._columns = list(columns)
        self._texts: dict[str, tuple[str, list[int] | None]] = {}

    @classmethod
    def insert(cls, table: Table, *columns: str) -> ManyRows:
        """Insert into some columns of a table; the others get their defaults."""
        return cls(insert(table), columns)

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run it for each row; return how many rows of the table it changed."""
        if not rows:
            return 0
        dialect = connection.dialect
        if dialect.name not in self._texts:
            self._texts[dialect.name] = self._make_text(dialect)
        text, order = self._texts[dialect.name]
        if order is not None:
            rows = [tuple(row[n] for n in order) for row in rows]
        changed = 0
        if isinstance(self._statement, Insert) and len(rows) >= _BLOCK:
            whole = len(rows) - len(rows) % _BLOCK
            changed = _insert_blocks(connection, text, rows[:whole])
            rows = rows[whole:]
        return changed + _run_many(connection, text, rows)

    def _make_text(self, dialect: Dialect) -> tuple[str, list[int] | None]:
        """Return the statement's text, and which value goes where if not each in its place."""
        columns = self._columns if isinstance(self._statement, Insert) else None
        compiled = _compile(self._statement, dialect, columns)
        order = [self._columns.index(name) for name in compiled.positiontup or ()]
        return str(compiled), None if order == list(range(len(self._columns))) else order


def _insert_blocks(connection: Connection, text: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Insert rows, as many in each run of the statement: of a short row that run costs the most."""
    head, values = text.rsplit(" VALUES ", 1)
    block = f"{head} VALUES {', '.join([values] * _BLOCK)}"
    blocks = [tuple(chain.from_iterable(rows[n : n + _BLOCK])) for n in range(0, len(rows), _BLOCK)]
    return _run_many(connection, block, blocks)


def _run(connection: Connection, text: str, values: Sequence[Any]) -> Any:
    cursor = connection.connection.cursor()
    cursor.execute(text, values)
    return cursor


def _run_many(connection: Connection, text: str, rows: Sequence[tuple[Any, ...]]) -> int:
    if not rows:
        return 0
    cursor = connection.connection.cursor()
    cursor.executemany(text, rows)
    return int(cursor.rowcount)


def _compile(
    statement: _AnyStatement, dialect: Dialect, columns: Sequence[str] | None
) -> SQLCompiler:
    style = "qmark" if dialect.name == "sqlite" else "format"  # places, not names
    positional: Dialect = type(dialect)(paramstyle=style)  # type: ignore[call-arg]
    compiled = statement.compile(dialect=positional, column_keys=columns)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101  # as of every such statement
    return compiled
