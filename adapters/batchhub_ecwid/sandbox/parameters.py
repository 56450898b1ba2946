"""The query of a call: every parameter is known, and of its type, or it is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from .errors import unknown_parameter, wrong_number, wrong_value

Read = Callable[[str, str], Any]
"""Reads the value of a parameter, given its name and its text."""

_FLAGS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
"""Source: the vendor's document "Errors" of 2020, 400."""

_NAMES: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[(),]")
_DEEPEST: Final = 20
LONGEST: Final = 18
"""The most digits of a number that is an id or a count."""


def read_query(text: str, known: Mapping[str, Read], *, place: str, strict: bool) -> dict[str, Any]:
    """
    Read a query.

    Args:
        text: What follows the question mark; encoded as a form is.
        known: How each parameter is read. One that ends in an underscore stands for all that
            begin with it.
        place: What the error calls the call, such as ``GET /products``.
        strict: Whether a parameter that is not known is refused; otherwise it is ignored.

    Raises:
        AnswerError: 400, a parameter is not known or has a wrong value.
    """
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        read = known.get(name) or known.get(f"{name.partition('_')[0]}_")
        if read is not None:
            found[name] = read(name, value)
        elif strict and name != "token":
            raise unknown_parameter(name, place)
    return found


def text(name: str, value: str) -> str:
    """Read any text."""
    del name
    return value


def number(name: str, value: str) -> float:
    """Read a number."""
    try:
        found = float(value)
    except ValueError:
        raise wrong_number(name) from None
    if not math.isfinite(found) or "_" in value:
        raise wrong_number(name)
    return found


def count(name: str, value: str) -> int:
    """Read a whole number of 0 or more."""
    if not (value.isascii() and value.isdecimal()) or len(value) > LONGEST:
        raise wrong_number(name)
    return int(value)


def numbers(name: str, value: str) -> frozenset[int]:
    """Read whole numbers, separated by commas."""
    return frozenset(count(name, part.strip()) for part in value.split(","))


def texts(name: str, value: str) -> frozenset[str]:
    """Read texts, separated by commas."""
    del name
    return frozenset(part.strip() for part in value.split(","))


def flag(name: str, value: str) -> bool:
    """Read what is true or false."""
    found = _FLAGS.get(value.lower())
    if found is None:
        raise wrong_value(name, "one of 'true', 'false', 'yes', 'no', 'on', 'off', '1', '0'")
    return found


def moment(name: str, value: str) -> int:
    """
    Read a time, as seconds since 1970.

    Source: the vendor's document "Products" of 2020, search parameters (a UNIX timestamp).
    Assumed: a date, with a time or without, is taken besides.
    """
    if value.isascii() and value.isdecimal():
        return int(value)
    try:
        found = datetime.fromisoformat(value.replace(" +", "+"))
    except ValueError:
        raise wrong_value(name, "a UNIX timestamp or a date") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def one_of(*words: str) -> Read:
    """Read one of a few words."""

    def read(name: str, value: str) -> str:
        if value not in words:
            raise wrong_value(name, f"one of {', '.join(map(repr, words))}")
        return value

    return read


def some_of(*words: str) -> Read:
    """Read some of a few words, separated by commas."""

    def read(name: str, value: str) -> frozenset[str]:
        for word in (found := texts(name, value)):
            if word not in words:
                raise wrong_value(name, f"one of {', '.join(map(repr, words))}")
        return found

    return read


def response_fields(known: Collection[str], *, under: str = "") -> Read:
    """
    Read which fields an answer is to have: ``id,items(price,sku)``.

    Assumed: a name that the entity never has is refused.

    Args:
        known: The names there are.
        under: The name under which they are, in the answer to a search.
    """

    def read(name: str, value: str) -> dict[str, Any]:
        found = _read_names(name, value)
        if under:
            _check_names(name, found, {*PAGE_FIELDS, under})
        _check_names(name, found.get(under, {}) if under else found, known)
        return found

    return read


PAGE_FIELDS: Final = ("total", "count", "offset", "limit")
"""Source: the vendor's Order page, search result."""


def _check_names(name: str, found: Mapping[str, Any], known: Collection[str]) -> None:
    for each in found:
        if each not in known:
            raise wrong_value(name, f"fields that there are, and {each[:60]!r} is none")


def _read_names(name: str, value: str) -> dict[str, Any]:
    parts = _NAMES.findall(value)
    top: dict[str, Any] = {}
    stack, last = [top], None
    for part in parts:
        if part == "(" and last is not None and len(stack) < _DEEPEST:
            stack.append(stack[-1][last])
        elif part == ")" and len(stack) > 1:
            stack.pop()
        elif part not in "(),":
            stack[-1][part] = {}
        elif part != ",":
            raise wrong_value(name, "names, as in id,items(price,sku)")
        last = part if part not in "()," else None
    if len(stack) > 1 or "".join(parts) != "".join(value.split()) or not top:
        raise wrong_value(name, "names, as in id,items(price,sku)")
    return top
