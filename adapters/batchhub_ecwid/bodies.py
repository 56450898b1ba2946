"""
What the body of an item with status 200 says against its success.

Ecwid counts in it what it changed, and a gateway inside Ecwid may answer 200 in its place. Nearly
all bodies are fine, and many are large, so that most are only glanced at.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, Final

import msgspec
from attrs import frozen

from batchhub.adapter import NOT_JSON, describe_page, one_line, repair_text
from batchhub.models import ItemState

PAGE_BODY: Final = "page_body"
"""The finding of a page where an item's answer should be."""

_SMALL: Final = 1024
"""Bytes of a body that is read; an error of Ecwid's is smaller. Assumed."""

_HEAD: Final = 256
_ERROR: Final = b"errorMessage"
_COUNT: Final = b"teCount"  # of what was updated or deleted
_OBJECTS: Final = (b'"{', b"{")
_PAGE: Final = re.compile(
    rb'(?:["\s\xef\xbb\xbf]|\\[nrt]|\\ufeff){0,300}+(?:<|\\u003c)(?:!doctype|html|head|body|h1|title)\b',
    re.IGNORECASE,
)
_USUAL: Final = frozenset(
    form % (key, space)
    for form in (rb'"{\"%b\":%b1}"', b'{"%b":%b1}')
    for key in (b"updateCount", b"deleteCount")
    for space in (b"", b" ")
)
_SIGNS: Final = re.compile(rb"(?:update|delete)Count|rror|success")
_text: Final = msgspec.json.Decoder(str)


class _Facts(msgspec.Struct, frozen=True, rename="camel"):
    """
    The fields of a body that can speak against a success.

    Source: api-docs.ecwid.com, "Update product file description", UpdateStatus (`updateCount` is 1
    or 0 depending on whether the request was successful); the vendor's pages on errors
    (`errorMessage`, `errorCode`). Assumed: `error` and `success`, as other vendors have them.
    """

    update_count: Any = None
    delete_count: Any = None
    error_message: Any = None
    error_code: Any = None
    snake_message: Any = msgspec.field(name="error_message", default=None)
    error: Any = None
    success: Any = None


_facts: Final = msgspec.json.Decoder(_Facts)


@frozen
class Doubt:
    """
    What a body says against a success.

    Attributes:
        state: What the item is then.
        message: Why, with the vendor's own facts and words.
        finding: The code of the finding that it makes; `None` for none.
    """

    state: ItemState
    message: str
    finding: str | None = None


def find_doubt(body: bytes) -> Doubt | None:
    """
    Return what a body says against the success of its item; `None` for nothing, as nearly always.

    An error without a change is a failure, and so is a count of 0: for Ecwid that is how a request
    says that it had no success. A page of HTML says nothing of the item, and an error beside a
    change says two things: the item is UNKNOWN.

    Args:
        body: As `Entry.body` gives it: JSON, JSON inside a text, or a text.
    """
    if len(body) > _SMALL:  # as orders are, of which each microsecond counts
        head = body[:_HEAD]
        may_speak = _ERROR in head or _COUNT in head
        if not may_speak and body.startswith(_OBJECTS):  # nor is it a page
            return None
    elif body in _USUAL:
        return None
    else:
        may_speak = _SIGNS.search(body) is not None
    if _PAGE.match(body) and (page := describe_page(unescape(body))):
        message = f"Ecwid says COMPLETED with HTTP status 200, but the body is {page}"
        return Doubt(ItemState.UNKNOWN, message, PAGE_BODY)
    facts = _read_facts(body) if may_speak else None
    return None if facts is None else _judge(facts)


def read_text(body: bytes) -> str | None:
    """Return a short text that is all of a body, in one line; `None` for anything else."""
    plain = unescape(body)
    is_text = len(plain) <= _SMALL and plain.lstrip()[:1] not in (b"{", b"[", b"<")
    return one_line(plain.decode("utf-8", "replace")) if is_text else None


def unescape(body: bytes) -> bytes:
    """Return what stands in a text of JSON; anything else as it is."""
    if body[:1] != b'"':
        return body
    try:
        return _text.decode(body).encode()
    except NOT_JSON:
        pass
    try:
        return _text.decode(repair_text(body)).encode()
    except NOT_JSON:
        return body


def _judge(facts: _Facts) -> Doubt | None:
    count = facts.delete_count if facts.update_count is None else facts.update_count
    words = _find_words(facts)
    if count is None or _is(count, 0):
        if words is None and count is None:
            return None
        return Doubt(ItemState.FAILED, words or _describe(facts))
    if words is None and _is_positive(count):
        return None
    message = f"Ecwid says COMPLETED with HTTP status 200, and {_describe(facts)}"
    if words is not None:
        message = f"{message}, but also: {words}"
    return Doubt(ItemState.UNKNOWN, message, "contradictory_item")


def _describe(facts: _Facts) -> str:
    """Return the count as the vendor gave it, and what it means if it is 0."""
    name = "deleteCount" if facts.update_count is None else "updateCount"
    given = facts.delete_count if facts.update_count is None else facts.update_count
    means = {"deleteCount": "nothing was deleted", "updateCount": "nothing was changed"}
    shown = one_line(given) or one_line(repr(given))
    return f"{name} {shown}" + (f": {means[name]}" if _is(given, 0) else "")


def _find_words(facts: _Facts) -> str | None:
    """Return the vendor's words on a failure; `None` if it speaks of none."""
    error = facts.error
    if isinstance(error, dict):
        error = error.get("message") or error.get("errorMessage") or error.get("code") or error
    if error is True:
        error = "Ecwid answered error: true"
    said = (facts.error_message, facts.snake_message, error, facts.error_code)
    words = next(filter(None, map(_show, said)), None)
    if words is None and (facts.success is False or facts.success == "false"):
        return "Ecwid answered success: false"
    return words


def _show(value: Any) -> str | None:
    """Return a text or a number, or else what it is as JSON; `None` for what says nothing."""
    if isinstance(value, str):
        return one_line(value)
    return one_line(msgspec.json.encode(value).decode()) if value else None


def _is(count: object, number: int) -> bool:
    return not isinstance(count, bool) and (count == number or count == str(number))


def _is_positive(count: object) -> bool:
    if isinstance(count, str):
        return re.fullmatch(r"[0-9]{1,9}", count) is not None and int(count) > 0
    return isinstance(count, int) and not isinstance(count, bool) and count > 0


def _read_facts(body: bytes) -> _Facts | None:
    plain = unescape(body).removeprefix(codecs.BOM_UTF8)
    try:
        return _facts.decode(plain)
    except NOT_JSON:
        pass
    try:
        return _facts.decode(repair_text(plain))
    except NOT_JSON:  # a list, a text, or what only looks like JSON
        return None
