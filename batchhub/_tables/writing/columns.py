"""The columns of an export, and what a result has in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from batchhub.errors import UsageError
from batchhub.models import ItemResult, ItemState

from .kinds import Json, fields_of, find_kind
from .notes import Notes
from .paths import MISSING, dig

OWN: Final[dict[str, Any]] = {
    "id": str,
    "state": str,
    "code": int,
    "message": str,
    "vendor_ref": str,
    "body": Json,
}
"""The keys of every result, as they are columns; a plain name that is one of them means it."""

BODY: Final = "body"
_IN_BODY: Final = "body."


class Row:
    """A result, its body decoded once, and only if a column asks for it."""

    __slots__ = ("_body", "is_read", "result", "typed")

    def __init__(self, result: ItemResult, typed: Any) -> None:
        self.result = result
        self.typed = typed
        self.is_read = typed is not None
        self._body: Any = MISSING

    @property
    def body(self) -> Any:
        """The body as plain JSON."""
        if self._body is MISSING:
            self._body = self.result.body
        return self._body


@define
class Column:
    """
    A column.

    Attributes:
        name: What it is called, which is also what ``--fields`` calls it.
        kind: What it holds, as a type; `None` if only the values tell.
        get: Finds the value in a row; `MISSING` if there is no such thing.
        is_met: Whether any row had it so far, or it is always there.
    """

    name: str
    kind: Any
    get: Callable[[Row], Any]
    is_met: bool = False


@define
class Table:
    """
    The columns, and what became of them.

    Attributes:
        columns: The columns, in order.
        type: What bodies are read as; `None` if they are left plain.
        notes: What there is to tell at the end.
    """

    columns: list[Column]
    type: type[Any] | None
    notes: Notes = field(factory=Notes)

    @property
    def names(self) -> list[str]:
        """What the columns are called."""
        return [column.name for column in self.columns]

    @property
    def is_open(self) -> bool:
        """Whether there are columns whose kind is still to be told by their values."""
        return any(column.kind is None for column in self.columns)

    def read(self, result: ItemResult) -> list[Any]:
        """Return what a result has in each column; `None` for nothing."""
        row = Row(result, self._read_typed(result))
        self.notes.rows += 1
        values: list[Any] = []
        for column in self.columns:
            value = column.get(row)
            if value is MISSING:
                value = None
            else:
                column.is_met = True
            values.append(value)
        return values

    def start_again(self) -> None:
        """Forget what there was to tell, as all is read once more."""
        self.notes = Notes(kind=self.notes.kind)

    def tell(self) -> Iterator[str]:
        """Yield what an honest reader must know, a sentence each."""
        return self.notes.lines([column.name for column in self.columns if not column.is_met])

    def _read_typed(self, result: ItemResult) -> Any:
        # The body of an item that failed is the vendor's error, whatever it may look like.
        if self.type is None or result.state is not ItemState.SUCCEEDED:
            return None
        try:
            return result.as_(self.type)
        except ValueError as error:
            problems: Sequence[str] = getattr(error, "problems", ())
            self.notes.unread(result.id, problems[0] if problems else "there is none")
            return None


def make_table(fields: Sequence[str], kind: type[Any] | None = None, kind_name: str = "") -> Table:
    """
    Make the columns.

    Args:
        fields: What was asked for; all there is if empty.
        kind: What bodies are read as.
        kind_name: What that is called.

    Raises:
        UsageError: A field can't be one.
    """
    if fields:
        columns = [_make_column(name, kind) for name in fields]
    else:
        columns = [_own(name) for name in OWN]
        if kind is not None:
            columns[-1].get = _left_body
            columns += [
                _in_type(_IN_BODY + name if name in OWN else name, (name,), inner)
                for name, inner in fields_of(kind).items()
            ]
    for column in columns:
        column.is_met = column.is_met or not fields
    return Table(columns=columns, type=kind, notes=Notes(kind=kind_name))


def parse_fields(texts: Sequence[str]) -> list[str]:
    """
    Read the names of fields, one or several with commas in each text.

    Raises:
        UsageError: One is empty, or there twice.
    """
    names = [name.strip() for text in texts for name in text.split(",")]
    for n, name in enumerate(names):
        if not all(name.split(".")):
            raise UsageError(f"--fields takes names such as id,total,items.sku, not {name!r}")
        if name in names[:n]:
            raise UsageError(f"--fields: {name!r} is given twice")
    return names


def _make_column(name: str, kind: type[Any] | None) -> Column:
    if name in OWN:
        return _own(name)
    steps = tuple(name.removeprefix(_IN_BODY).split("."))
    if kind is not None:
        return _in_type(name, steps, find_kind(kind, steps, name))
    return Column(name=name, kind=None, get=lambda row: dig(row.body, steps))


def _own(name: str) -> Column:
    if name == BODY:
        return Column(name=name, kind=Json, get=lambda row: row.body, is_met=True)
    if name == "state":
        return Column(name=name, kind=str, get=lambda row: row.result.state.value, is_met=True)
    return Column(name=name, kind=OWN[name], get=lambda row: getattr(row.result, name), is_met=True)


def _in_type(name: str, steps: tuple[str, ...], kind: Any) -> Column:
    def get(row: Row) -> Any:
        value = dig(row.typed, steps) if row.is_read else MISSING
        return dict(value) if isinstance(value, Mapping) else value

    return Column(name=name, kind=kind, get=get)


def _left_body(row: Row) -> Any:
    """Return the body where the columns of its type don't hold it."""
    return None if row.is_read else row.body
