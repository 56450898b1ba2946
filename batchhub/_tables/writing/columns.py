"""The columns of an export, and what a result has in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from attrs import define, field

from batchhub._base.show import clean, count
from batchhub._tables.formats import Say
from batchhub.errors import UsageError
from batchhub.models import ItemResult, ItemState

from .types import ANY, MISSING, Kind, Member, dig, find_kind, members_in_order
from .values import body_json, body_value

OWN: Final = ("id", "state", "code", "message", "vendor_ref", "body")
"""The keys of every result, as they are columns; a plain name that is one of them means it."""

BODY: Final = "body"
IN_BODY: Final = "body."
"""What may stand before a path in the body, so that it is not taken for one of the keys."""

_TEXT: Final = msgspec.inspect.StrType()
_NUMBER: Final = msgspec.inspect.IntType()
_MOST_WORDS: Final = 300


@define
class Row:
    """
    A result, its body decoded once, and only if a column asks for it.

    Attributes:
        result: The result.
        typed: The body as an object of the type; `MISSING` if it is none.
    """

    result: ItemResult
    typed: Any = MISSING
    _body: Any = field(default=MISSING, init=False)

    @property
    def body(self) -> Any:
        """The body as plain values."""
        if self._body is MISSING:
            self._body = body_value(self.result.raw)
        return self._body


@define
class Column:
    """
    A column.

    Attributes:
        name: What it is called, which is also the name it is chosen by.
        kind: What it holds.
        get: Finds the value in a row; `MISSING` if there is no such thing.
        wire_name: Its name in the JSON of a row, if that is of the type bodies are read as: in
            the body, or in an object of the chosen columns.
        is_met: Whether any row had it so far, or it is always there.
    """

    name: str
    kind: Kind
    get: Callable[[Row], Any]
    wire_name: str | None = None
    is_met: bool = False


@define
class _Tally:
    """How often something was met, and where first."""

    times: int = 0
    first: str = ""

    def add(self, where: str) -> None:
        self.times += 1
        self.first = self.first or where


@define
class Table:
    """
    The columns, and what became of them.

    Attributes:
        columns: The columns, in order.
        type: What bodies are read as; `None` if they are left plain.
        type_name: What that is called in messages.
        is_whole: Whether they are all there are: the keys of a result, the fields of the type.
        rows: How many results there were.
    """

    columns: list[Column]
    type: type[Any] | None = None
    type_name: str = ""
    is_whole: bool = False
    rows: int = 0
    _unread: _Tally = field(factory=_Tally, init=False)
    _unfit: _Tally = field(factory=_Tally, init=False)

    @property
    def names(self) -> list[str]:
        """What the columns are called."""
        return [column.name for column in self.columns]

    def read(self, result: ItemResult) -> Row:
        """Read the body of a result, if it is to be of a type."""
        self.rows += 1
        # The body of an item that failed is the vendor's error, whatever it may look like.
        if self.type is None or result.state is not ItemState.SUCCEEDED:
            return Row(result)
        try:
            return Row(result, result.as_(self.type))
        except ValueError as error:
            problems: Sequence[str] = getattr(error, "problems", ())
            self.note_unread(result.id, problems[0] if problems else "there is none")
            return Row(result)

    def values(self, row: Row) -> list[Any]:
        """Return what a row has in each column; `None` for nothing."""
        values = [column.get(row) for column in self.columns]
        if self.is_whole:  # the names are nobody's: nothing is missing
            return values
        for n, value in enumerate(values):
            if value is MISSING:
                values[n] = None
            else:
                self.columns[n].is_met = True
        return values

    def note_unread(self, item_id: str, problem: str) -> None:
        """Note a body that should be of the type and is not."""
        self._unread.add(f"item {clean(item_id, 60)!r}: {clean(problem, _MOST_WORDS)}")

    def note_unfit(self, item_id: str, column: str) -> None:
        """Note a value that its column can't hold, which is left out."""
        self._unfit.add(f"{column} of item {clean(item_id, 60)!r}")

    def warnings(self) -> Iterator[str]:
        """Yield what could not be written as it was to be, a sentence each."""
        if self._unread.times:
            yield (
                f"{count(self._unread.times, 'result')} succeeded with a body that can't be read "
                f"as {self.type_name}; first {self._unread.first}"
            )
        if self._unfit.times:
            yield (
                f"{count(self._unfit.times, 'value')} did not fit the column and are empty; first "
                f"{self._unfit.first}"
            )
        never_met = [column.name for column in self.columns if not column.is_met]
        if self.rows and never_met:
            fields = ", ".join(repr(clean(name, 60)) for name in never_met)
            yield f"no result has {fields}; is the name right?"


def make_table(fields: Sequence[str], *, say: Say, type_: Any = None, type_name: str = "") -> Table:
    """
    Make the columns.

    Args:
        fields: What was asked for; all there is if empty.
        say: Names an argument in a message.
        type_: What bodies are read as.
        type_name: What that is called in messages.

    Raises:
        UsageError: A field can't be one.
    """
    if fields:
        columns = [_make_column(name, type_, say) for name in fields]
        return Table(columns=columns, type=type_, type_name=type_name)
    columns = [_own(name) for name in OWN]
    if type_ is not None:
        columns[-1].get = left_body
        columns += map(_from_member, members_in_order(type_))
    return Table(columns=columns, type=type_, type_name=type_name, is_whole=True)


def parse_fields(texts: Iterable[str], say: Say) -> list[str]:
    """
    Read the names of fields, one or several with commas in each text.

    Raises:
        UsageError: One is empty, or there twice.
    """
    given = [texts] if isinstance(texts, str) else texts
    names = [name.strip() for text in given for name in text.split(",")]
    for n, name in enumerate(names):
        if not all(name.split(".")):
            raise UsageError(
                f"{say('fields')} takes names such as id,total,items.sku, not {name!r}"
            )
        if name in names[:n]:
            raise UsageError(f"{say('fields')}: {name!r} is given twice")
    return names


def _make_column(name: str, type_: type[Any] | None, say: Say) -> Column:
    if name in OWN:
        return _own(name)
    steps = tuple(name.removeprefix(IN_BODY).split("."))
    if type_ is not None:
        try:
            kind = find_kind(type_, steps, name, say)
        except UsageError:
            # Said in full, it may be what the type does not name.
            if not name.startswith(IN_BODY):
                raise
        else:
            return Column(name, kind, lambda row: dig(row.typed, steps), name)
    # Of no body nothing is known, so that it does not show that there is such a field.
    return Column(name, ANY, lambda row: MISSING if row.body is None else dig(row.body, steps))


def _own(name: str) -> Column:
    if name == BODY:
        return Column(BODY, ANY, _body, is_met=True)
    if name == "state":
        return Column(name, _TEXT, lambda row: row.result.state.value, is_met=True)
    kind = _NUMBER if name == "code" else _TEXT
    return Column(name, kind, lambda row: getattr(row.result, name), is_met=True)


def _from_member(member: Member) -> Column:
    def get(row: Row) -> Any:
        return None if row.typed is MISSING else member.get(row.typed)

    name = IN_BODY + member.name if member.name in OWN else member.name
    return Column(name, member.kind, get, member.wire_name, is_met=True)


def _body(row: Row) -> Any:
    data = body_json(row.result.raw)
    return None if data == b"null" else msgspec.Raw(data)


def left_body(row: Row) -> Any:
    """Return the body where the columns of its type don't hold it."""
    return _body(row) if row.typed is MISSING else None
