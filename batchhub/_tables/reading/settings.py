"""How one source becomes items: what the user said, and what the adapter says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import getattr_static
from typing import Any, Final

from attrs import Attribute, field, frozen

from batchhub._tables.formats import Say, in_python
from batchhub.adapter import Adapter, Kind, RowMap
from batchhub.errors import AdapterError, BatchHubError, InputError, UsageError

from .cells import CellReader, keep_text, make_cell_reader
from .mapping import ID, Field, fill_template, make_paths, take_column

_DECIMALS: Final = frozenset({".", ","})


def _keep(given: Mapping[str, str] | Iterable[str]) -> Mapping[str, str] | tuple[str, ...]:
    return given if isinstance(given, Mapping) else tuple(given)


def _as_tuple(texts: Iterable[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


@frozen(kw_only=True)
class ReadSettings:
    """
    What `batchhub.tables.read_items` takes.

    Attributes:
        adapter: Whose items they are; `None` while that is not known.
        operation: The kind of batch.
        map: What each row becomes, in the adapter's own words.
        set: Values of an item: templates by name, or ``NAME=TEMPLATE`` texts.
        id: The template of an item's id.
        format: The name of the format.
        delimiter: What separates the cells of CSV.
        encoding: The encoding of CSV.
        decimal: What stands before the fraction of a number: a point or a comma.
        infer: Whether cells may become anything but text.
        text: Columns that are kept as text.
        say: Names an argument in a message.
        read_cell: What reads the cells of columns that are not kept as text.
        fields: The values of an item; `None` where rows are items.

    Raises:
        UsageError: A template is broken, or the adapter takes no mapping.
    """

    adapter: type[Adapter[Any]] | None = None
    operation: str | None = None
    map: str | None = None
    set: Mapping[str, str] | tuple[str, ...] = field(default=(), converter=_keep)
    id: str | None = None
    format: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str = field(default=".")
    infer: bool = True
    text: tuple[str, ...] = field(default=(), converter=_as_tuple)
    say: Say = in_python
    read_cell: CellReader = field(init=False)
    _texts: frozenset[str] = field(init=False)
    fields: tuple[Field, ...] | None = field(init=False)

    @decimal.validator
    def _check_decimal(self, _: Attribute[str], value: str) -> None:
        if value not in _DECIMALS:
            raise UsageError(f"{self.say('decimal')} is '.' or ',', not {value!r}")

    @read_cell.default
    def _make_cell_reader(self) -> CellReader:
        if not self.infer:
            return keep_text
        return make_cell_reader(decimal_comma=self.decimal == ",", say=self.say)

    @_texts.default
    def _find_texts(self) -> frozenset[str]:
        if self.adapter is None:
            return frozenset({ID})
        kinds = _ask(self.adapter, "fields", self._find_operation(self.adapter), {})
        return frozenset({ID, *(name for name, kind in kinds.items() if kind is Kind.TEXT)})

    @fields.default
    def _make_fields(self) -> tuple[Field, ...] | None:
        row_map = None
        if self.map is not None and self.adapter is not None:
            operation = self._find_operation(self.adapter)
            row_map = _ask(self.adapter, "read_map", operation, self.map)
        assigned = parse_assignments(self.set, self.say)
        if row_map is not None or assigned:
            return tuple(self._map(row_map, assigned))
        if self.id is not None and self.map is None:
            say = self.say
            raise UsageError(
                f"{say('id')} names the items that {say('map')} and {say('set')} make; "
                "give one of them, too"
            )
        return None

    @property
    def wants_map(self) -> bool:
        """Whether rows are items, and the adapter could have made items of them."""
        return (
            self.fields is None
            and self.adapter is not None
            and getattr_static(self.adapter, "read_map") is not getattr_static(Adapter, "read_map")
        )

    def read_column(self, column: str, cell: str) -> Any:
        """
        Return what a cell of a column means.

        Raises:
            InputError: It is a figure that JSON lacks.
        """
        if column == ID or column in self.text:
            return cell
        try:
            return self.read_cell(cell)
        except ValueError as error:
            advice = f"or keep the column as text by {self.say(text=[column])}"
            raise InputError(f"column {column!r}: {error}, {advice}") from None

    def is_text(self, path: tuple[str, ...]) -> bool:
        """Whether a value is text whatever it looks like: it, or what holds it, is named so."""
        return any(".".join(path[:n]) in self._texts for n in range(1, len(path) + 1))

    def _find_operation(self, adapter: type[Adapter[Any]]) -> str:
        return self.operation or next(iter(adapter.operations))

    def _map(self, row_map: RowMap | None, assigned: Mapping[str, str]) -> list[Field]:
        """
        Bring `map`, `set` and `id` together.

        Raises:
            UsageError: A template is broken, or two of them give the same value.
        """
        say, templates, under = self.say, dict[str, tuple[str, str]](), ""
        if row_map is not None:
            templates = {key: (text, say("map")) for key, text in row_map.templates.items()}
            under = f"{row_map.set_under}." if row_map.set_under else ""
        named = [(f"{under}{name}", text, say("set")) for name, text in assigned.items()]
        if self.id is not None:
            named.append((ID, self.id, say("id")))
        for key, text, asked_by in named:
            if key in templates:
                other = templates[key][1]
                raise UsageError(f"{key!r} is given by {other} and by {asked_by}; give it once")
            templates[key] = (text, asked_by)
        try:
            paths = make_paths(templates)
        except UsageError as error:
            raise UsageError(f"{say('set')}: {error}") from None
        fields = [] if ID in templates else [take_column((ID,), ID, is_text=True)]
        for path, (key, (text, asked_by)) in zip(paths, templates.items(), strict=True):
            made = fill_template(
                path,
                text,
                asked_by,
                is_text=self.is_text(path),
                is_quoted=row_map is not None and key in row_map.quoted,
                read_constant=self.read_cell,
            )
            fields.append(made)
        return fields


_ANSWERS: Final = {"fields": Mapping, "read_map": RowMap}
"""What a method of an adapter gives."""


def _ask(adapter: type[Adapter[Any]], method: str, *args: Any) -> Any:
    """
    Ask an adapter's class what it makes of a table.

    Raises:
        UsageError: It refuses.
        AdapterError: It has a fault of its own.
    """
    try:
        found = getattr(adapter, method)(*args)
    except BatchHubError:
        raise
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        raise AdapterError(f"adapter {adapter.name!r} failed in {method}: {what}") from None
    if not isinstance(found, _ANSWERS[method]):
        kind = _ANSWERS[method].__name__
        what = f"it must give {kind}, not {type(found).__name__}"
        raise AdapterError(f"adapter {adapter.name!r} failed in {method}: {what}")
    return found


def parse_assignments(given: Mapping[str, str] | Iterable[str], say: Say) -> Mapping[str, str]:
    """
    Read values of an item: templates by name, or ``NAME=TEMPLATE`` texts.

    Raises:
        UsageError: A text has another form, or a name is there twice.
    """
    if isinstance(given, Mapping):
        return given
    found: dict[str, str] = {}
    for text in given:
        name, equals, template = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"{say('set')}: {text!r} is not of the form NAME=TEMPLATE")
        if name in found:
            raise UsageError(f"{say('set')}: {name!r} is given twice")
        found[name] = template
    return found
