"""A vendor's JSON, read leniently: one bad name must not make a whole answer unreadable."""

from __future__ import annotations

import re
from typing import Final

import msgspec

NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for a body that is not the JSON it should be."""

_LONGEST_LINE: Final = 1000
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """
    Split a JSON object into its fields, each still JSON as it came; broken text is repaired.

    Raises:
        ValueError: The body is not a JSON object.
    """
    try:
        return _fields.decode(body)
    except NOT_JSON:
        pass
    try:
        return _fields.decode(repair_text(body))
    except NOT_JSON as error:
        raise ValueError(f"the answer is not a JSON object: {error}") from None


def repair_text(body: bytes) -> bytes:
    r"""
    Replace halves of characters in JSON by U+FFFD. Valid JSON keeps its meaning.

    Vendors that cut long texts by bytes or by UTF-16 units leave half of an emoji: a lone
    ``\ud83d``, which no decoder takes.
    """
    text = body.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)


def one_line(value: object) -> str | None:
    """Bring a vendor's text or number into one printable line; `None` for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    printable = "".join(c if c.isprintable() else " " for c in str(value)[:_LONGEST_LINE])
    return " ".join(printable.split()) or None
