"""
Ecwid's JSON and Ecwid's words: what a status answer holds, and what it means.

Two generations of the API answer differently and both are read: the older one always
sends `responses`, with bodies as JSON (`httpBody`); the newer one sends them only when
asked, with bodies as text (`escapedHttpBody`). Of bodies only the vendor's words on a failure are
read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from batchhub.adapter import (
    NOT_JSON,
    Observation,
    decode_object,
    one_line,
    read_fields,
    repair_text,
)
from batchhub.models import BatchState, Finding

STATES: Final[Mapping[str, BatchState]] = {
    "QUEUED": BatchState.QUEUED,
    "IN_PROGRESS": BatchState.IN_PROGRESS,
    "COMPLETED": BatchState.COMPLETED,
}
"""The words for a batch; none means failed. Source: newer page "Get batch status", response."""

_RESULTS: Final = ("responses",)
_ABSENT: Final = msgspec.Raw()
_EMPTY: Final = (b"", b"null", b'""')
_ESCAPED: Final = (b'"{', b'"[')
_text: Final = msgspec.json.Decoder(str)


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """
    What an answer says of one item.

    Source: older page "Get batch request status", RequestDetails; `httpCode` is only in a
    template of that time. Assumed: any of it may be null or absent, a code may be text, and an id
    that is all digits a number.
    """

    id: str | int | None = None
    status: str | None = None
    http_body: msgspec.Raw = _ABSENT
    escaped_http_body: msgspec.Raw = _ABSENT
    http_status_code: int | str | None = None
    http_code: int | str | None = None
    http_status_line: str | None = None

    @property
    def code(self) -> int | None:
        """The item's HTTP status; `None` if it is absent or not a status."""
        given = self.http_code if self.http_status_code is None else self.http_status_code
        if isinstance(given, str):
            given = int(given) if re.fullmatch(r"[1-5][0-9]{2}", given.strip()) else None
        return given if given is not None and 100 <= given <= 599 else None  # noqa: PLR2004  # HTTP's range

    @property
    def body(self) -> bytes | None:
        """
        The item's answer as a copy, so that the memory of the whole answer can be freed.

        An escaped JSON object or array stays the text it came as: most are never looked at.

        Raises:
            ValueError: What should be text is not text.
        """
        if self.escaped_http_body is not _ABSENT:
            escaped = bytes(self.escaped_http_body)
            if escaped.startswith(_ESCAPED):
                return escaped
            if escaped not in _EMPTY:
                return _text.decode(escaped).encode()
        raw = bytes(self.http_body)
        return None if raw in _EMPTY else raw


class BrokenEntry(msgspec.Struct, frozen=True):
    """An element of `responses` that is no entry; its id where that much can be read."""

    id: str | int | None = None


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    """A status answer with what came of the items; `None` where it has no usable list of them."""

    status: str
    total_requests: Any = None
    responses: Sequence[Entry | BrokenEntry] | None = None


class _FastAnswer(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    total_requests: Any = None
    responses: list[Entry] | None = None


class _Word(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    total_requests: msgspec.Raw = _ABSENT


_word = msgspec.json.Decoder(_Word)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_fast_answer = msgspec.json.Decoder(_FastAnswer)
_entry = msgspec.json.Decoder(Entry)


def read_observation(body: bytes) -> Observation:
    """
    Read a status answer without looking into its `responses`.

    Raises:
        ValueError: It is not a JSON object, or has no status.
    """
    fields = decode_object(body, without=_RESULTS)
    word, done = _check_word(fields.pop("status", None)), fields.get("completedRequests")
    is_usual = type(done) is int and type(fields.get("totalRequests")) is int and word in STATES
    return Observation(
        words=(word,),
        total=read_count(fields.get("totalRequests")),
        done=_read_done(done),
        vendor=fields,
        findings=() if is_usual else find_odd_forms(word, fields),
    )


def is_status(body: bytes) -> bool:
    """Return whether an answer is a batch's status, whatever else is in it."""
    try:
        read = _word.decode(body)
    except NOT_JSON:
        return False
    return read.status.upper() in STATES or read.total_requests is not _ABSENT


def find_odd_forms(word: str, fields: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what an answer has in another form than documented, and is read all the same."""
    odd = [f"status {one_line(word)!r}"] if word not in STATES and word.upper() in STATES else []
    for name in ("totalRequests", "completedRequests"):
        value = fields.get(name)
        if isinstance(value, str) and read_count(value) is not None:
            odd.append(f"{name}, a text")  # without the figure, which is another at each poll
    return (make_odd_form(odd),) if odd else ()


def make_odd_form(examples: Sequence[str]) -> Finding:
    """Make the finding of what has another form than documented, and can mean only one thing."""
    return Finding(
        code="odd_form",
        message="answers in another form than documented; each can mean only one thing",
        count=len(examples),
        examples=tuple(dict.fromkeys(examples)),
    )


def read_ticket(answer: Mapping[str, Any]) -> tuple[str | None, Finding | None]:
    """
    Read the id of a new batch, also if it is a number, of any length.

    Source: newer example of a request and its answer (`ticket`, a text). Assumed: a number in its
    place is the id, digit by digit.
    """
    ticket = answer.get("ticket")
    if isinstance(ticket, int) and not isinstance(ticket, bool) and ticket >= 0:
        return str(ticket), make_odd_form([f"ticket {ticket}, a number"])
    return (ticket if isinstance(ticket, str) and ticket.strip() else None), None


def read_answer(body: bytes) -> Answer:
    """
    Read a status answer with what came of its items.

    A malformed element of `responses` becomes a `BrokenEntry` and affects no other.

    Raises:
        ValueError: It is not a JSON object, or has no status.
    """
    try:
        fast = _fast_answer.decode(body)
    except NOT_JSON:
        return _read_leniently(body)
    return Answer(_check_word(fast.status), fast.total_requests, fast.responses)


def read_object(body: bytes) -> dict[str, Any] | None:
    """
    Read a small JSON object, also one inside a text; `None` if it is anything else.

    Broken text in it is repaired.
    """
    try:
        value = _read_value(body)
    except NOT_JSON:
        try:
            value = _read_value(repair_text(body))
        except NOT_JSON:
            return None
    return value if isinstance(value, dict) else None


def _read_value(body: bytes) -> Any:
    value = msgspec.json.decode(body)
    return msgspec.json.decode(value) if isinstance(value, str) else value


def read_error(body: bytes) -> tuple[str | None, str | None]:
    """
    Read the vendor's code and words from an error's body, both optional and at times blank.

    Source: older page "Get batch request status", errors (`errorMessage`); the vendor's own
    sample of a refused create (`error_message`); the vendor's pages on errors (`errorCode`).
    Assumed: `message` and `error`, as gateways have them.
    """
    error = read_object(body) or {}
    code = one_line(error.get("errorCode"))
    names = ("errorMessage", "error_message", "message", "error")
    return code, next(filter(None, (one_line(error.get(name)) for name in names)), None)


def read_count(value: object) -> int | None:
    """Read a number of items, also from text; `None` for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def _read_done(value: object) -> int | None:
    """Read how many items are done; below 0, which is nonsense that the core reports."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return read_count(value)


def _read_leniently(body: bytes) -> Answer:
    raw = read_fields(body)
    try:
        word = _check_word(msgspec.json.decode(raw.get("status", b"null")))
        total = msgspec.json.decode(raw.get("totalRequests", b"null"))
    except NOT_JSON as error:
        raise ValueError(f"the answer is not valid JSON: {error}") from None
    try:
        elements = _elements.decode(raw.get("responses", b"null"))
    except NOT_JSON:
        return Answer(word, total)
    return Answer(word, total, [_read_entry(element) for element in elements])


def _read_entry(element: msgspec.Raw) -> Entry | BrokenEntry:
    try:
        return _entry.decode(element)
    except NOT_JSON:
        pass
    try:
        return BrokenEntry(msgspec.json.decode(_fields.decode(element)["id"], type=str | int))
    except (*NOT_JSON, KeyError):
        return BrokenEntry()


def _check_word(word: object) -> str:
    if not isinstance(word, str) or not word.strip():
        raise ValueError("the answer has no status")
    return word
