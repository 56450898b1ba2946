"""How the rows of one source become items: what the user said, and what the adapter says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import getattr_static
from typing import Any, Final

from attrs import field, frozen

from batchhub._tables.wording import Say
from batchhub.adapter import Adapter
from batchhub.errors import UsageError

from .cells import CellReader, keep_text, make_cell_reader
from .mapping import RowMaker, make_fields

_DECIMALS: Final = frozenset({".", ","})


@frozen(kw_only=True)
class TableSettings:
    """
    How the cells of a table become values, and rows become items.

    Attributes:
        map: What each row becomes, in the adapter's own words.
        set: Values of an item, as templates by name.
        id: The template of an item's id.
        decimal: What stands before the fraction of a number: a point or a comma.
        infer: Whether cells may become anything but text.
        text: Columns that are kept as text.
        adapter: Whose items they are; `None` while that is not known.
        operation: The kind of batch.
        say: Names an argument in a message.
        row_maker: What makes items of rows; `None` where rows are items.

    Raises:
        UsageError: A template is broken, or the adapter takes no mapping.
    """

    map: str | None = None
    set: Mapping[str, str] = field(factory=dict)
    id: str | None = None
    decimal: str = "."
    infer: bool = True
    text: tuple[str, ...] = ()
    adapter: type[Adapter[Any]] | None = None
    operation: str = ""
    say: Say
    row_maker: RowMaker | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        if self.decimal not in _DECIMALS:
            raise UsageError(f"{self.say('decimal')} is '.' or ',', not {self.decimal!r}")
        object.__setattr__(self, "row_maker", self._make_row_maker())

    @property
    def text_keys(self) -> frozenset[str]:
        """Keys of an item (dotted) whose values are text, with all that is in them."""
        return frozenset() if self.adapter is None else self.adapter.text_keys

    @property
    def wants_map(self) -> bool:
        """Whether rows are items, and the adapter could have made items of them."""
        return (
            self.row_maker is None
            and self.adapter is not None
            and getattr_static(self.adapter, "read_map") is not getattr_static(Adapter, "read_map")
        )

    @property
    def names_columns(self) -> bool:
        """Whether the user named a column."""
        fields = () if self.row_maker is None else self.row_maker.fields
        return bool(self.text) or any(each.template.columns for each in fields)

    def make_cell_reader(self) -> CellReader:
        """Make what reads the cells of columns that are not kept as text."""
        if not self.infer:
            return keep_text
        comma = self.decimal == ","
        return make_cell_reader(decimal_comma=comma, exact=self._is_exact, say=self.say)

    @property
    def _is_exact(self) -> bool:
        return self.adapter is None or self.adapter.takes_decimals

    def _make_row_maker(self) -> RowMaker | None:
        row_map = None
        if self.map is not None and self.adapter is not None:
            row_map = self.adapter.read_map(self.operation, self.map)
        if row_map is None and not self.set:
            if self.id is not None and self.map is None:
                say = self.say
                raise UsageError(
                    f"{say('id')} names the items that {say('map')} and {say('set')} make; "
                    "give one of them, too"
                )
            return None
        fields = make_fields(row_map, self.set, self.id, self.text_keys, say=self.say)
        return RowMaker(fields, self._read_constant)

    def _read_constant(self, text: str) -> Any:
        """Read a value that names no column: like a cell, with a decimal point."""
        if not self.infer:
            return text
        read = make_cell_reader(decimal_comma=False, exact=self._is_exact, say=self.say)
        try:
            return read(text)
        except ValueError:
            raise UsageError(
                f"{self.say('set')}: {text[:40]!r} is no number as it is written; write it with "
                f"a point, or keep all cells as text by {self.say('infer', 'False')}"
            ) from None


def parse_assignments(given: Mapping[str, str] | Iterable[str], say: Say) -> Mapping[str, str]:
    """
    Read values of an item: templates by name, or ``NAME=TEMPLATE`` texts.

    Raises:
        UsageError: A text has another form, or a name is there twice.
    """
    if isinstance(given, Mapping):
        return dict(given)
    found: dict[str, str] = {}
    for text in given:
        name, equals, template = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{say('set')}: {text!r} is not of the form NAME=TEMPLATE")
        if name.strip() in found:
            raise UsageError(f"{say('set')}: {name.strip()!r} is given twice")
        found[name.strip()] = template
    return found
