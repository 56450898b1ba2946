"""The form that a value of each kind is sent in, and what is said of one that has none."""

from __future__ import annotations

import math
import re
import reprlib
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from batchhub.errors import InputError

_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER: Final = 300
_MAX_EXPONENT: Final = 300
_LOOKALIKES: Final = frozenset({"Nd", "Pd", "Sm"})
"""Categories of what looks like a digit or a sign, and is another character."""


def write_number(value: Any, name: str) -> int | float | Decimal:
    """Return a number; of a text every digit is kept."""
    if type(value) is Decimal:  # a table's, so that it comes first
        if value.is_finite() and abs(value.adjusted()) <= _MAX_EXPONENT:
            return value
        raise _wrong(name, "a number", value)
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER or not _JSON_NUMBER.fullmatch(value):
            raise _wrong(name, "a number", value)
        value = Decimal(value)
    if isinstance(value, Decimal):
        fits = value.is_finite() and abs(value.adjusted()) <= _MAX_EXPONENT
    elif isinstance(value, float):
        fits = math.isfinite(value)
    else:
        fits = isinstance(value, int) and not isinstance(value, bool)
    if not fits:
        raise _wrong(name, "a number", value)
    return value  # type: ignore[no-any-return]


def write_integer(value: Any, name: str) -> int:
    """Return a whole number, however it is spelled."""
    number = write_number(value, name)
    if number != int(number):
        raise _wrong(name, "a whole number", value)
    return int(number)


def write_number_as_text(value: Any, name: str) -> str:
    """Return the digits of a number as text; an empty text stays one."""
    if value == "":
        return ""
    number = write_number(value, name)
    return format(number, "f") if isinstance(number, Decimal) else str(number)


def write_text(value: Any, name: str) -> Any:
    """Return a text, or what holds only texts."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, Mapping):
        return {key: write_text(each, f"{name}.{key}") for key, each in value.items()}
    if isinstance(value, list):
        return [write_text(each, name) for each in value]
    raise _wrong(name, "text; write it in quotes", value)


def write_flag(value: Any, name: str) -> bool:
    """Return true or false, also from their words."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise _wrong(name, "true or false", value)


def find_odd_character(text: str) -> str | None:
    """
    Name the first character of a text that can't be seen, or that looks like another one.

    Returns:
        Such as ``U+00A0 NO-BREAK SPACE``; `None` if there is none.
    """
    for character in text:
        if character.isprintable() and (
            character.isascii() or unicodedata.category(character) not in _LOOKALIKES
        ):
            continue
        return name_character(character)
    return None


def name_character(character: str) -> str:
    """Return a character's number and name."""
    if "\ud800" <= character <= "\udfff":
        name = "half of a character (a lone surrogate)"
    else:
        name = unicodedata.name(character, "a control character")
    return f"U+{ord(character):04X} {name}"


def _wrong(name: str, what: str, value: Any) -> InputError:
    return InputError(f"{name} must be {what}, not {_show(value)}")


def _show(value: Any) -> str:
    """Return a wrong value as it was written, with what can't be seen of it."""
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        word = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return f"{word}, which JSON does not have"
    if isinstance(value, str) and (odd := find_odd_character(value)):
        return f"{reprlib.repr(value)}, which has {odd} in it"
    # A sheet's number is shown as it stands in the sheet.
    return str(value) if isinstance(value, Decimal) else reprlib.repr(value)
