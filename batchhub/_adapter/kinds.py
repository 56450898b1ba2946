"""What kind of value a field of an item takes, and the form each is sent in."""

from __future__ import annotations

import enum
import math
import re
import reprlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from batchhub.errors import InputError

_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER: Final = 300
_MAX_EXPONENT: Final = 300


class Kind(enum.Enum):
    """
    What a field takes. Out of a table every value is text, so its kind decides what it becomes.

    Attributes:
        INTEGER: A whole number.
        NUMBER: A number; every digit is kept.
        NUMBER_AS_TEXT: A number that is sent as text; an empty text, which clears it, stays one.
        TEXT: Text, whatever it looks like, with all that is in it where it is an object or a list.
        FLAG: True or false.
    """

    INTEGER = "integer"
    NUMBER = "number"
    NUMBER_AS_TEXT = "number_as_text"
    TEXT = "text"
    FLAG = "flag"


def read_key(item: Any, name: str) -> str | None:
    """
    Return what a field that names an item holds, as text; `None` if nothing does.

    Args:
        item: The item.
        name: The field's name, dotted where it is nested.
    """
    value = item
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def write_fields(item: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """
    Return an item with each field in the form it is sent in; other fields stay as they are.

    Args:
        item: The item, of JSON's own types and `decimal.Decimal`.
        kinds: What each field takes; nested ones by dotted names, which also reach into lists.
            A field that is missing or `None` takes anything.

    Raises:
        InputError: A field does not have a value of its kind; the message names it.
    """
    written = dict(item)
    for name, kind in kinds.items():
        _write(written, name.split("."), name, _WRITERS[kind])
    return written


def _write(
    part: dict[str, Any], path: list[str], name: str, write: Callable[[Any, str], Any]
) -> None:
    key, *rest = path
    value = part.get(key)
    if value is None:
        return
    if not rest:
        part[key] = write(value, name)
    elif isinstance(value, list):
        part[key] = [_write_inner(each, rest, name, write) for each in value]
    else:
        part[key] = _write_inner(value, rest, name, write)


def _write_inner(value: Any, path: list[str], name: str, write: Callable[[Any, str], Any]) -> Any:
    if not isinstance(value, Mapping):
        return value
    inner = dict(value)
    _write(inner, path, name, write)
    return inner


def _write_number(value: Any, name: str) -> int | float | Decimal:
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER or not _JSON_NUMBER.fullmatch(value):
            raise _wrong(name, "a number", value)
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _wrong(name, "a number", value)
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or abs(value.adjusted()) > _MAX_EXPONENT:
            raise _wrong(name, "a number", value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _wrong(name, "a number", value)
    return value


def _write_integer(value: Any, name: str) -> int:
    number = _write_number(value, name)
    if number != int(number):
        raise _wrong(name, "a whole number", value)
    return int(number)


def _write_number_as_text(value: Any, name: str) -> str:
    if value == "":
        return ""
    number = _write_number(value, name)
    return format(number, "f") if isinstance(number, Decimal) else str(number)


def _write_text(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {key: _write_text(each, f"{name}.{key}") for key, each in value.items()}
    if isinstance(value, list):
        return [_write_text(each, name) for each in value]
    if value is None:
        return value
    raise _wrong(name, "text; write it in quotes", value)


def _write_flag(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise _wrong(name, "true or false", value)


def _wrong(name: str, what: str, value: Any) -> InputError:
    # A sheet's number is shown as it stands in the sheet.
    shown = str(value) if isinstance(value, Decimal) else reprlib.repr(value)
    return InputError(f"{name} must be {what}, not {shown}")


_WRITERS: Final[Mapping[Kind, Callable[[Any, str], Any]]] = {
    Kind.INTEGER: _write_integer,
    Kind.NUMBER: _write_number,
    Kind.NUMBER_AS_TEXT: _write_number_as_text,
    Kind.TEXT: _write_text,
    Kind.FLAG: _write_flag,
}
