"""A vendor's JSON, read leniently: one bad name must not make a whole answer unreadable."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from batchhub._base.waits import note_oddity

NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for a body that is not the JSON it should be."""

MAX_FIELD_BYTES: Final = 64 * 1024
"""The most bytes of a field that `decode_fields` looks into."""

_LONGEST_LINE: Final = 1000
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_NUMBERLESS: Final = re.compile(rb"nan|inf", re.IGNORECASE)
_TOKENS: Final = re.compile(
    rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|(?<![\w.])([+-]?(?:nan|inf(?:inity)?))(?![\w.])',
    re.IGNORECASE | re.DOTALL,
)
"""A text in JSON, or a word for what is no number outside of texts."""

_object: Final = msgspec.json.Decoder(dict[str, Any])
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


def decode_fields(fields: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    """
    Decode the fields of an answer; broken text in them is repaired.

    A field of more than 64 KiB of JSON is not decoded, since nobody knows what would be made of
    it: a text with its size stands in its place.

    Raises:
        ValueError: One of them is not valid JSON.
    """
    try:
        return {name: _decode(value) for name, value in fields.items()}
    except NOT_JSON as error:
        raise ValueError(f"the answer is not valid JSON: {error}") from None


def decode_object(body: bytes, *, without: Collection[str] = ()) -> dict[str, Any]:
    """
    Decode a JSON object, as `read_fields` and `decode_fields` do, but for some of its fields.

    For the answers to polls, which are small: one that has no field of more than 64 KiB is decoded
    at one go.

    Args:
        body: The object.
        without: The names of fields that nobody looks at, however large they are.

    Raises:
        ValueError: It is not a JSON object, or one of the other fields is not valid JSON.
    """
    fields: dict[str, Any]
    try:
        fields = _object.decode(body) if len(body) <= MAX_FIELD_BYTES else {}
    except NOT_JSON:
        fields = {}
    if fields:
        for name in without:
            fields.pop(name, None)
        return fields
    raw = read_fields(body)
    for name in without:
        raw.pop(name, None)
    return decode_fields(raw)


def repair_text(body: bytes) -> bytes:
    r"""
    Replace halves of characters in JSON by U+FFFD, and NaN and Infinity by null.

    Valid JSON keeps its meaning. Vendors that cut long texts by bytes or by UTF-16 units leave half
    of an emoji: a lone ``\ud83d``, which no decoder takes. JSON has no word for what is no number,
    and some writers use those of their language; a job whose answer has one gets a finding.
    """
    text = body.decode("utf-8", "replace").encode()
    text = _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)
    return _TOKENS.sub(_drop_numberless, text) if _NUMBERLESS.search(text) else text


def _drop_numberless(match: re.Match[bytes]) -> bytes:
    word: bytes | None = match[1]
    if word is None:
        return match[0]
    note_oddity(f"{word.decode()}, which JSON does not have; read as null")
    return b"null"


def _decode(value: msgspec.Raw) -> Any:
    size = len(memoryview(value))
    if size > MAX_FIELD_BYTES:
        return f"left out: {size:,} bytes"
    try:
        return msgspec.json.decode(value)
    except NOT_JSON:
        return msgspec.json.decode(repair_text(bytes(value)))


def one_line(value: object) -> str | None:
    """Bring a vendor's text or number into one printable line; `None` for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    printable = "".join(c if c.isprintable() else " " for c in str(value)[:_LONGEST_LINE])
    return " ".join(printable.split()) or None
