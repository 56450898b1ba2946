"""Reading plain JSON values into types, strictly: cattrs' hooks behind the fast path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin

from attrs import has
from cattrs import (
    AttributeValidationNote,
    ClassValidationError,
    IterableValidationError,
    IterableValidationNote,
)

from .extra import Extra
from .shape import Layout, WireField, is_union, layout_of, shape_of

if TYPE_CHECKING:
    from .converter import WireConverter

_MOST_DIGITS = 4000
_WORDS = {dict: "object", list: "array", tuple: "array", Decimal: "number", NoneType: "null"}


def _wrong(expected: str, value: Any) -> TypeError:
    found = _WORDS.get(type(value), type(value).__name__)
    return TypeError(f"Expected `{expected}`, got `{found}`")


def read_int(value: Any, _: object = None) -> int:
    """Read a whole number; ``2.0`` is one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _wrong("int", value)
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() > _MOST_DIGITS:
        raise ValueError("Integer value out of range")
    try:
        whole = int(value)
    except (ValueError, OverflowError):
        whole = None
    if whole is None or whole != value:
        raise _wrong("int", value)
    return whole


def read_float(value: Any, _: object = None) -> float:
    """Read a number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _wrong("float", value)
    return float(value)


def read_bool(value: Any, _: object = None) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise _wrong("bool", value)
    return value


def read_str(value: Any, _: object = None) -> str:
    """Read a text."""
    if not isinstance(value, str):
        raise _wrong("str", value)
    return value


def read_decimal(value: Any, _: object = None) -> Decimal:
    """Read an exact number, also from its text; a float is what its shortest text says."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise _wrong("decimal", value)
    try:
        return value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise ValueError("Invalid decimal string") from None


PRIMITIVES: Mapping[Any, Callable[..., Any]] = {
    int: read_int,
    float: read_float,
    bool: read_bool,
    str: read_str,
    Decimal: read_decimal,
}
"""The readers of what JSON has."""


def make_record_reader(cls: Any, converter: WireConverter) -> Callable[[Any, Any], Any]:
    """Make the hook that reads a record: every field that is wrong is told, with its path."""
    layout = layout_of(cls)
    assert layout is not None  # noqa: S101  # the predicate of the factory says so
    readers = [(member, converter.get_structure_hook(member.type)) for member in layout.fields]

    def read(value: Any, _: object) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise _wrong("object", value)
        found, wrong = _read_members(cls, readers, value)
        if wrong:
            raise ClassValidationError(f"While structuring {cls.__name__}", wrong, cls)
        return cls(**found, **_extra(layout, value))

    return read


def _read_members(
    cls: type[Any], readers: list[tuple[WireField, Any]], value: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Exception]]:
    found: dict[str, Any] = {}
    wrong: list[Exception] = []
    for member, read in readers:
        if member.wire not in value and not member.is_required:
            continue
        try:
            found[member.name] = read(_as_list(member, value[member.wire]), member.type)
        except Exception as error:  # any hook's: told with its place
            text = f"Structuring class {cls.__name__} @ attribute {member.wire}"
            note = AttributeValidationNote(text, member.wire, member.type)
            error.__notes__ = [*getattr(error, "__notes__", []), note]
            wrong.append(error)
    return found, wrong


def _as_list(member: WireField, given: Any) -> Any:
    """One object where a list of records is expected is a list of one."""
    if isinstance(given, Mapping):
        shape = shape_of(member.type)
        if shape is not None and shape.elements is not None and not shape.is_record:
            return [given]
    return given


def _extra(layout: Layout, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"extra": Extra(dict(value), layout.known)} if layout.keeps_extra else {}


def is_list(kind: Any) -> bool:
    """Tell whether a type is a list, or a tuple of any length."""
    origin, parts = get_origin(kind), get_args(kind)
    return (origin is list and bool(parts)) or (origin is tuple and parts[1:] == (Ellipsis,))


def make_list_reader(kind: Any, converter: WireConverter) -> Callable[[Any, Any], Any]:
    """Make the hook of a list: only an array is one, not an object or a text."""
    made: Any = get_origin(kind)
    inner = get_args(kind)[0]
    hook = converter.get_structure_hook(inner)

    def read(value: Any, _: object) -> Any:
        if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
            raise _wrong("array", value)
        found: list[Any] = []
        wrong: list[Exception] = []
        for index, each in enumerate(value):
            try:
                found.append(hook(each, inner))
            except Exception as error:
                note = IterableValidationNote(f"Structuring {kind} @ index {index}", index, inner)
                error.__notes__ = [*getattr(error, "__notes__", []), note]
                wrong.append(error)
        if wrong:
            raise IterableValidationError(f"While structuring {kind}", wrong, kind)
        return made(found)

    return read


def tells_by_form(kind: Any) -> bool:
    """Tell whether the JSON form alone decides between the members of a union."""
    if not is_union(kind):
        return False
    members = [form for part in get_args(kind) if part is not NoneType for form in _forms(part)]
    is_optional = len([part for part in get_args(kind) if part is not NoneType]) == 1
    return not is_optional and "?" not in members and len(members) == len(set(members))


def make_form_reader(kind: Any, converter: WireConverter) -> Callable[[Any, Any], Any]:
    """Make the hook of a union whose members differ in their JSON form."""
    by_form = {form: part for part in get_args(kind) for form in _forms(part)}

    def read(value: Any, _: object) -> Any:
        form = _form_of(value)
        if form == "null" and NoneType in get_args(kind):
            return None
        if form not in by_form:
            raise _wrong(" | ".join(by_form), value)
        return converter.structure_plain(value, by_form[form])

    return read


def _forms(kind: Any) -> tuple[str, ...]:
    """Name the JSON forms of a type; ``?`` where that is not plain."""
    simple = {int: "number", float: "number", Decimal: "number", bool: "bool", str: "str"}
    if kind in simple:
        return (simple[kind],)
    origin = get_origin(kind) or kind
    if not isinstance(origin, type):
        return ("?",)
    if has(origin) or issubclass(origin, Mapping):
        return ("object",)
    if origin in {list, tuple}:
        return ("array",)
    return ("null",) if origin is NoneType else ("?",)


def _form_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float | Decimal):
        return "number"
    if isinstance(value, str):
        return "str"
    if isinstance(value, list | tuple):
        return "array"
    return "null" if value is None else "object"
