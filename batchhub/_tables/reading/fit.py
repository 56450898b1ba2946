"""How rows are read for one adapter: what the user said, and what the adapter says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import getattr_static
from typing import Any, Final

from attrs import field, frozen

from batchhub.adapter import Adapter
from batchhub.cli.shell.options import Reading
from batchhub.errors import UsageError

from .cells import CellReader, keep_text, make_cell_reader
from .mapping import RowMaker, make_fields

_DELIMITERS: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}


@frozen(kw_only=True)
class Fit:
    """
    How the cells of a table become values, and rows become items.

    Attributes:
        text_columns: Columns that are kept as text.
        text_keys: Keys of an item (dotted) whose values are text, with all that is in them.
        infers: Whether cells may become anything but text.
        decimal_comma: Whether ``9,90`` is a number.
        exact: Whether numbers that are no whole ones are `Decimal`.
        row_maker: What makes items of rows; `None` where rows are items.
        wants_map: Whether rows are items, and the adapter could have made items of them.
    """

    text_columns: Sequence[str] = ()
    text_keys: frozenset[str] = field(default=frozenset())
    infers: bool = True
    decimal_comma: bool = False
    exact: bool = True
    row_maker: RowMaker | None = None
    wants_map: bool = False

    @property
    def names_columns(self) -> bool:
        """Whether the user named a column."""
        fields = () if self.row_maker is None else self.row_maker.fields
        return bool(self.text_columns) or any(field.template.columns for field in fields)


def make_fit(reading: Reading, adapter: type[Adapter[Any]] | None, operation: str) -> Fit:
    """
    Bring the options and the adapter together.

    Args:
        reading: The options.
        adapter: Whose items they are; `None` if nobody's.
        operation: The kind of batch.

    Raises:
        UsageError: A template is broken, or the adapter takes no mapping.
    """
    text_keys = frozenset() if adapter is None else adapter.text_keys
    exact = adapter is None or adapter.takes_decimals
    row_map = None
    if reading.map is not None and adapter is not None:
        row_map = adapter.read_map(operation, reading.map)
    maker = None
    if row_map is not None or reading.set:
        fields = make_fields(row_map, parse_assignments(reading.set), reading.id, text_keys)
        maker = RowMaker(fields, keep_text if reading.no_infer else _constant_reader(exact=exact))
    elif reading.id is not None and reading.map is None:
        raise UsageError("--id names the items that --map and --set make; give one of them, too")
    return Fit(
        text_columns=tuple(reading.text or ()),
        text_keys=text_keys,
        infers=not reading.no_infer,
        decimal_comma=reading.decimal_comma,
        exact=exact,
        row_maker=maker,
        wants_map=maker is None and adapter is not None and _has_map(adapter),
    )


def _has_map(adapter: type[Adapter[Any]]) -> bool:
    """Whether an adapter has words of its own for what a row becomes."""
    return getattr_static(adapter, "read_map") is not getattr_static(Adapter, "read_map")


def _constant_reader(*, exact: bool) -> CellReader:
    """Make what reads the values that name no column: like cells, with a decimal point."""
    read_cell = make_cell_reader(decimal_comma=False, exact=exact)

    def read(text: str) -> Any:
        try:
            return read_cell(text)
        except ValueError:
            raise UsageError(
                f"--set: {text[:40]!r} is no number as it is written; write it with a point, "
                "or keep all cells as text by --no-infer"
            ) from None

    return read


def parse_assignments(texts: Sequence[str] | None) -> Mapping[str, str]:
    """
    Read ``NAME=TEMPLATE`` texts.

    Raises:
        UsageError: One has another form, or a name is there twice.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, template = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set: {text!r} is not of the form NAME=TEMPLATE")
        if name.strip() in found:
            raise UsageError(f"--set: {name.strip()!r} is given twice")
        found[name.strip()] = template
    return found


def find_delimiter(name: str | None) -> str | None:
    """
    Return the character a ``--delimiter`` means.

    Raises:
        UsageError: It is none that can separate cells.
    """
    if name is None:
        return None
    found = _DELIMITERS.get(name.lower(), name)
    if len(found) != 1 or found in '"\r\n\0 ':
        raise UsageError(f"--delimiter is one character or the word tab, not {name!r}")
    return found
