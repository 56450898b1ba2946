"""How one source becomes items: what the user said, and what the adapter says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import getattr_static
from typing import Any, Final

from attrs import Attribute, converters, field, frozen

from batchhub._tables.formats import Notation, Say, in_python
from batchhub.adapter import Adapter, Kind, RowMap
from batchhub.errors import AdapterError, BatchHubError, InputError, UnsupportedError, UsageError

from .empty import EmptyRules, parse_empty
from .mapping import ID, Part, make_part, make_paths, take_column


def _keep(given: Mapping[str, str] | Iterable[str]) -> Mapping[str, str] | tuple[str, ...]:
    if isinstance(given, str):  # one text is not as many as it has characters
        return (given,)
    return given if isinstance(given, Mapping) else tuple(given)


def _keep_empty(
    given: str | Mapping[str, str] | Iterable[str],
) -> str | Mapping[str, str] | tuple[str, ...]:
    return given if isinstance(given, str | Mapping) else tuple(given)


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
        sheet: The sheet of a workbook.
        decimal: The notation of figures that the user names: ``point`` or ``comma``.
        account_decimal: The notation of figures that the account has, if the user names none.
        number: Columns that are numbers.
        text: Columns that are text.
        empty: What empty cells mean, as the user says it.
        say: Names an argument in a message.
        notation: The notation of figures, if one was named.
        empty_rules: What empty cells mean.
        parts: The values of an item; `None` where rows are items.
        kinds: What the fields of every item take; `None` if items differ.

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
    sheet: str | None = None
    decimal: str | None = field(default=None, converter=converters.optional(str))
    account_decimal: str | None = None
    number: tuple[str, ...] = field(default=(), converter=_as_tuple)
    text: tuple[str, ...] = field(default=(), converter=_as_tuple)
    empty: str | Mapping[str, str] | tuple[str, ...] = field(default=(), converter=_keep_empty)
    say: Say = in_python
    notation: Notation | None = field(init=False)
    empty_rules: EmptyRules = field(init=False)
    _row_map: RowMap | None = field(init=False)
    parts: tuple[Part, ...] | None = field(init=False)
    kinds: Mapping[str, Kind] | None = field(init=False)

    @text.validator
    def _check_text(self, _: Attribute[Any], value: tuple[str, ...]) -> None:
        both = [name for name in value if name in self.number]
        if both:
            named = f"{self.say(number=both[:1])} and {self.say(text=both[:1])}"
            raise UsageError(f"{named} contradict each other; give one of them")

    @notation.default
    def _find_notation(self) -> Notation | None:
        said = self.decimal or self.account_decimal
        if said is None:
            return None
        if said not in set(Notation):
            raise UsageError(f"{self.say('decimal')} is point or comma, not {said!r}")
        return Notation(said)

    @empty_rules.default
    def _read_empty(self) -> EmptyRules:
        return parse_empty(self.empty, self.say)

    @_row_map.default
    def _read_map(self) -> RowMap | None:
        if self.map is None or self.adapter is None:
            return None
        try:
            found: RowMap = _ask(self.adapter, "read_map", self._get_operation(), self.map)
        except UnsupportedError:
            what = f"{self.adapter.name} takes no {self.say('map')}"
            raise UnsupportedError(f"{what}; name an item's keys by {self.say('set')}") from None
        except InputError as error:
            raise InputError(f"{self.say('map')}: {error.reason}") from None
        return found

    @parts.default
    def _make_parts(self) -> tuple[Part, ...] | None:
        assigned = parse_assignments(self.set, self.say)
        if self._row_map is not None or assigned:
            return tuple(self._map(self._row_map, assigned))
        if self.id is not None and self.map is None:
            say = self.say
            raise UsageError(
                f"{say('id')} names the items that {say('map')} and {say('set')} make; "
                "give one of them, too"
            )
        return None

    @kinds.default
    def _find_kinds(self) -> Mapping[str, Kind] | None:
        if self.adapter is None:
            return {}
        if self._row_map is not None and self._row_map.kinds is not None:
            return self._row_map.kinds
        if getattr_static(self.adapter, "fields") is getattr_static(Adapter, "fields"):
            return self.find_kinds({})
        return None

    @property
    def wants_map(self) -> bool:
        """Whether rows are items, and the adapter could have made items of them."""
        return (
            self.parts is None
            and self.adapter is not None
            and getattr_static(self.adapter, "read_map") is not getattr_static(Adapter, "read_map")
        )

    @property
    def key_path(self) -> tuple[str, ...] | None:
        """Where an item has what names it at the vendor; `None` if no field does."""
        key = None if self.adapter is None else self.adapter.key_field
        return None if key is None else tuple(key.split("."))

    def find_kinds(self, item: Mapping[str, Any]) -> Mapping[str, Kind]:
        """Return what the fields of an item take, whose values are text still."""
        assert self.adapter is not None  # noqa: S101  # else they are known
        found: Mapping[str, Kind] = _ask(self.adapter, "fields", self._get_operation(), item)
        return found

    def _get_operation(self) -> str:
        assert self.adapter is not None  # noqa: S101  # asked only then
        return self.operation or next(iter(self.adapter.operations))

    def _map(self, row_map: RowMap | None, assigned: Mapping[str, str]) -> list[Part]:
        """
        Bring `map`, `set` and `id` together.

        Raises:
            UsageError: A template is broken, or two of them give the same value.
        """
        say, templates, under = self.say, dict[str, tuple[str, str, str]](), ""
        if row_map is not None:
            templates = {key: (text, say("map"), key) for key, text in row_map.templates.items()}
            under = f"{row_map.set_under}." if row_map.set_under else ""
        named = [(f"{under}{name}", text, say("set"), name) for name, text in assigned.items()]
        if self.id is not None:
            named.append((ID, self.id, say("id"), ID))
        for key, text, asked_by, name in named:
            if key in templates:
                other = templates[key][1]
                raise UsageError(f"{key!r} is given by {other} and by {asked_by}; give it once")
            templates[key] = (text, asked_by, name)
        try:
            paths = make_paths(templates)
        except UsageError as error:
            raise UsageError(f"{say('set')}: {error}") from None
        parts = [] if ID in templates else [take_column((ID,), ID)]
        for path, (key, (text, asked_by, name)) in zip(paths, templates.items(), strict=True):
            is_quoted = row_map is not None and key in row_map.quoted
            names = tuple(dict.fromkeys((name, key)))
            parts.append(make_part(path, text, asked_by, is_quoted=is_quoted, names=names))
        return parts


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
        for name, template in given.items():
            if not isinstance(template, str):
                raise UsageError(
                    f"{say('set')}: {name} takes a template, which is text such as '{{{name}}}', "
                    f"not {template!r}"
                )
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
