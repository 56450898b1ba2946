"""What is wrong with JSON that can't be read: what it is, and at which key."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

_TOO_DEEP: Final = "not valid JSON: nested too deeply"
_AT: Final = re.compile(r" \(byte (\d+)\)$")
_HALF: Final = re.compile("[\ud800-\udfff]")
_SHOWN_BYTES: Final = 20
_SURE_CHARS: Final = 16
"""So long a number, of 15 digits, is the same as a `float`."""
_BOM: Final = b"\xef\xbb\xbf"

_LATER: Final = (
    (b",", "a comma behind the object, which JSON Lines does not have"),
    (b"{", "more than one object; write one a line"),
)
"""What may follow an object in its line."""

_WORDS: Final = {
    b"None": "Python's None, which is null in JSON",
    b"True": "Python's True, which is true in JSON",
    b"False": "Python's False, which is false in JSON",
    b"'": "a text in single quotes; JSON has double ones",
}
"""What people write for JSON that is none, by how it begins."""


def read_float(digits: str) -> float | Decimal:
    """
    Return a number with a fraction or an exponent; as a `Decimal` if a `float` would change it.

    Raises:
        ValueError: No `float` is near it, so that hardly anybody could read it.
    """
    value = float(digits)
    if len(digits) <= _SURE_CHARS and "e" not in digits and "E" not in digits:
        return value
    exact = Decimal(digits)
    if not math.isfinite(value) or bool(value) != bool(exact):
        raise ValueError(digits)
    return value if Decimal(repr(value)) == exact else exact


def explain_fault(data: bytes, error: Exception) -> str:
    """
    Say what is wrong with JSON that can't be read.

    Args:
        data: The JSON.
        error: What its reader raised.
    """
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 (byte {error.start})"
    words = str(error).removeprefix("JSON is malformed: ")
    if isinstance(error, RecursionError) or words.startswith("maximum recursion depth"):
        return _TOO_DEEP
    odd = next(find_odd(data), None)
    if odd is not None:
        return odd
    if "truncated" in words:
        words = "it ends too early; is the file complete?"
    return f"not valid JSON: {words}{_show(data, words)}"


def find_odd(data: bytes) -> Iterator[str]:
    """
    Yield what JSON does not have and others write into it all the same, each with its key.

    That is ``NaN``, a number out of range, half of a character, and one key twice.
    """
    try:
        found: Any = _loose.decode(data.decode())
    except (ValueError, RecursionError):
        return
    waiting = [("", found)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Odd):
            yield f"{path or 'it'} {value.what}"
        elif isinstance(value, str) and (half := _HALF.search(value)):
            yield f"{path or 'it'} holds {_name_half(half[0])}"
        elif isinstance(value, _Object):
            yield from _look_at_keys(path, value.pairs)
            waiting += [(f"{path}.{k}" if path else k, part) for k, part in value.pairs[::-1]]
        elif isinstance(value, list):
            waiting += [(f"{path}[{n}]", part) for n, part in enumerate(value)][::-1]


def split_array(data: bytes) -> list[bytes] | None:
    """
    Return the elements of an array with something in it that JSON does not have.

    Returns:
        `None` where nobody knows where elements begin and end.
    """
    try:
        text = data.decode()
        begin = text.index("[") + 1
        elements = []
        while True:
            begin = _BLANK.match(text, begin).end()  # type: ignore[union-attr]  # may be empty
            _, end = _loose.raw_decode(text, begin)
            elements.append(text[begin:end].encode())
            end = _BLANK.match(text, end).end()  # type: ignore[union-attr]
            if text[end : end + 1] != ",":
                break
            begin = end + 1
    except (ValueError, RecursionError):
        return None
    return elements if text[end:].strip() == "]" else None


@frozen
class _Odd:
    """A value that JSON does not have."""

    what: str


@frozen
class _Object:
    """An object with all its keys, also those that are there twice."""

    pairs: list[tuple[str, Any]]


def _read_constant(name: str) -> _Odd:
    return _Odd(f"is {name}, which JSON does not have; write a number or null")


def _see_float(digits: str) -> _Odd | None:
    try:
        read_float(digits)
    except ValueError:
        return _Odd(f"is {digits[:40]}, which is out of the range of numbers")
    return None


def _look_at_keys(path: str, pairs: list[tuple[str, Any]]) -> Iterator[str]:
    inside = f" in {path}" if path else ""
    seen = set()
    for key, _ in pairs:
        if key in seen:
            yield f"the key {f'{path}.{key}' if path else key!r} is there twice"
        elif half := _HALF.search(key):
            yield f"a key{inside} holds {_name_half(half[0])}"
        seen.add(key)


def _name_half(char: str) -> str:
    number = f"U+{ord(char):04X}"
    return f"{number} (a lone surrogate: half of a character); write the whole character"


def _show(data: bytes, words: str) -> str:
    """Show what stands where reading ended; what is known of it is said."""
    found = _AT.search(words)
    if found is None:
        return ""
    at = int(found[1])
    if words.startswith("trailing characters"):
        at -= 1  # it points behind the first of them
        known = next((what for begin, what in _LATER if data[at:].startswith(begin)), None)
    elif data[at:].startswith(_BOM):
        known = "a byte order mark in mid-file; were files joined?"
    else:
        known = next((what for begin, what in _WORDS.items() if data[at:].startswith(begin)), None)
    shown = data[at : at + _SHOWN_BYTES].decode("utf-8", "ignore")
    if known is None and not shown:
        return ""
    return f": {known}" if known is not None else f", at {shown!r}"


_BLANK: Final = re.compile(r"[ \t\n\r]*")
_loose: Final = json.JSONDecoder(
    object_pairs_hook=_Object,
    parse_constant=_read_constant,
    parse_float=_see_float,
    parse_int=lambda _: None,
)
