"""
Mircate's JSON: how a batch is written, how its answer and an error are read.

Answers are read leniently: little of their form is published.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from batchhub.adapter import NOT_JSON, decode_fields, one_line, read_fields, repair_text

_elements = msgspec.json.Decoder(list[msgspec.Raw])


_COUNT: Final = re.compile(r"[0-9]{1,9}(?:\.0+)?", re.ASCII)
_NUMBER: Final = r"([0-9]{1,15}(?:[.,][0-9]{1,15})?)"
_PERCENT: Final = re.compile(rf"{_NUMBER}\s*%|%\s*{_NUMBER}", re.ASCII)
_FRACTION: Final = re.compile(rf"{_NUMBER}\s*/\s*{_NUMBER}", re.ASCII)
_PLAIN: Final = re.compile(_NUMBER, re.ASCII)
MESSAGE_KEYS: Final = (
    "message",
    "errorMessage",
    "error",
    "errors",
    "reason",
    "description",
    "errorCode",
)
"""Where words for people stand, the best first. Assumed."""

MAX_EXACT: Final = 2**53
"""Whole numbers from here on are not exact as float."""


def read_accepted(body: bytes, keys: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """
    Read the answer to a batch.

    The ids stand under the first of the keys that has any: a text, a number, an object with
    one of the keys, or a list of these. The answer itself may be a list of such objects.

    Source: page "Receive Price" (a batchId for every five hundred items, so there may be
    several). Assumed: where they stand.

    Returns:
        The ids of the batches the request became, none where there are none; and the other
        fields as they came.
    """
    answer = read_object(body)
    if answer is None:
        entries = read_list(body)
        return _read_ids([entry for entry in entries if isinstance(entry, dict)], keys), {}
    for key in keys:
        value = answer.get(key)
        if found := _read_ids(value if isinstance(value, list) else [value], keys):
            return found, {name: value for name, value in answer.items() if name != key}
    return (), answer


def read_object(body: bytes) -> dict[str, Any] | None:
    """Read a JSON object; `None` if it is anything else."""
    try:
        return decode_fields(read_fields(body))
    except ValueError:
        return None


def read_list(body: bytes) -> list[Any]:
    """Read a JSON array; an empty one if it is anything else."""
    try:
        return msgspec.json.decode(body, type=list[Any])
    except NOT_JSON:
        return []


def read_elements(raw: bytes | msgspec.Raw) -> Sequence[msgspec.Raw] | None:
    """Split a JSON array into its elements, each still JSON; `None` if it is not an array."""
    try:
        return _elements.decode(raw)
    except NOT_JSON:
        return None


def read_entry(body: bytes) -> Any:
    """Read one element of `failedProducts`; `None` if it can't be read."""
    try:
        return _decode(body)
    except NOT_JSON:
        return None


def read_error(body: bytes) -> tuple[str | None, str | None]:
    """
    Read code and words from an error's body; a validation error's issues are part of the words.

    Source: the platform's documents, errors (``{"code", "message", "issues"}``). Assumed: an
    issue is an object with a message and an optional path, or text.
    """
    error = read_object(body) or {}
    code, words = one_line(error.get("code")), one_line(error.get("message"))
    issues = error.get("issues")
    found = [_read_issue(issue) for issue in issues[:3]] if isinstance(issues, list) else []
    parts = [part for part in (words, "; ".join(filter(None, found))) if part]
    return code, ": ".join(parts) or None


def read_words(fields: Mapping[str, Any]) -> str | None:
    """
    Return what an answer says for people; `None` if it says nothing.

    Source: the platform's documents, errors (`message`, `code`). Assumed: the other names.
    """
    texts = (one_line(_read_reason(fields.get(name))) for name in MESSAGE_KEYS)
    return next(filter(None, texts), None)


def read_count(value: Any) -> int | None:
    """
    Read a number of items: a whole number of 0 or more, also as text or as ``12.0``.

    Raises:
        ValueError: The value is something else.
    """
    if value is None:
        return None
    if isinstance(value, str) and _COUNT.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_EXACT:
        raise ValueError("no count")
    return value


def read_ratio(value: Any) -> float | None:
    """
    Read the share that is done, 0..1; `None` for no value.

    ``50%``, ``%50`` as Turkish has it, ``12/24``, ``0.5`` and ``50`` are understood, with a comma
    for the point as well.
    Without ``%`` and ``/`` a number above 1 is a percentage, else a share.

    Source: page "Check Batch Status", responses (`ratio` is text). Assumed: all of its forms.

    Raises:
        ValueError: The value is not a share, or more than the whole.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    share = _read_share(value)
    if not 0.0 <= share <= 1.0:  # also NaN
        raise ValueError("no share")
    return share


def make_frame(name: str, others: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return what comes before and after the items of a batch: the array's name, other fields."""
    encode = msgspec.json.encode
    tail = b"".join(b",%b:%b" % (encode(key), encode(value)) for key, value in others.items())
    return b"{%b:[" % encode(name), b"]%b}" % tail


def _read_ids(values: Sequence[Any], keys: Sequence[str]) -> tuple[str, ...]:
    found = (_read_id(value, keys) for value in values)
    return tuple(dict.fromkeys(ref for ref in found if ref is not None))


def _read_id(value: Any, keys: Sequence[str]) -> str | None:
    if isinstance(value, Mapping):
        parts = (value.get(key) for key in keys)
        return next((ref for part in parts if (ref := _plain_id(part)) is not None), None)
    return _plain_id(value)


def _plain_id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) if str(value).strip() else None


def _read_reason(value: Any) -> Any:
    """Return words that may be wrapped in an object or a list."""
    for _ in range(3):
        if isinstance(value, list):
            value = next(iter(value), None)
        elif isinstance(value, Mapping):
            value = next((value[name] for name in (*MESSAGE_KEYS, "code") if name in value), None)
    return value


def _read_issue(issue: Any) -> str | None:
    if not isinstance(issue, Mapping):
        return one_line(issue)
    path = issue.get("path")
    steps = path if isinstance(path, list) else [path]
    place = ".".join(filter(None, map(one_line, steps)))
    words = one_line(issue.get("message"))
    return f"{place}: {words}" if place and words else words


def _decode(raw: bytes | msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except NOT_JSON:
        return msgspec.json.decode(repair_text(bytes(raw)))


def _read_share(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _plain_share(value)
    text = value.strip() if isinstance(value, str) else ""
    if match := _PERCENT.fullmatch(text):
        return _number(match[1] or match[2]) / 100
    if match := _FRACTION.fullmatch(text):
        whole = _number(match[2])
        return _number(match[1]) / whole if whole else math.nan
    if match := _PLAIN.fullmatch(text):
        return _plain_share(_number(match[1]))
    return math.nan


def _plain_share(number: float) -> float:
    if number > 100:  # noqa: PLR2004  # percent; also keeps huge integers from the division
        return math.nan
    return number / 100 if number > 1 else float(number)


def _number(text: str) -> float:
    return float(text.replace(",", "."))
