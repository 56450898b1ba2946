"""What Ecwid's words for one item mean, and the report made of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from attrs import define, field

from batchhub.adapter import ItemReport, Report, WireItem, describe_page, one_line
from batchhub.models import Finding, ItemState

from .bodies import PAGE_BODY, Doubt, find_doubt, read_text, unescape
from .wire import (
    Answer,
    BrokenEntry,
    Entry,
    find_odd_forms,
    make_odd_form,
    read_count,
    read_error,
)

_OK: Final = 200
_FIRST_ERROR: Final = 400
_SUCCEEDED: Final = ItemState.SUCCEEDED
_WORDS: Final = frozenset({"COMPLETED", "FAILED", "NOT_EXECUTED"})
_MESSAGES: Final = {
    "broken_item": "results that are malformed: the outcome of the item is unknown",
    "unknown_item_word": "words for an item's state that Ecwid does not document",
    "contradictory_item": "items of which Ecwid says two things, or that lack the HTTP status",
    PAGE_BODY: "results that hold a page of HTML in place of an answer: the outcome is unknown",
}


class _Asked(msgspec.Struct):
    """What is read of an item that was sent, to know what its answer should be."""

    method: str = ""
    path: str = ""


_asked: Final = msgspec.json.Decoder(_Asked)


@define
class _Reading:
    """
    What is met while an answer is read.

    Attributes:
        items: The items that were sent.
        met: Ids and words by the code of their finding.
        odd: What has another form than documented.
    """

    items: Sequence[WireItem]
    met: defaultdict[str, list[str]] = field(factory=lambda: defaultdict(list))
    odd: list[str] = field(factory=list)
    _numbers: dict[int, str | None] | None = None

    def find_id(self, number: int) -> str:
        """
        Return the id that a number is: that of the one item whose digits have this value.

        A number has no leading zeros, so 7 may be any of "7" and "007".
        """
        if self._numbers is None:
            digits = [i.id for i in self.items if i.id.isascii() and i.id.isdigit()]
            times = Counter(map(int, digits))
            self._numbers = {int(each): each for each in digits if times[int(each)] == 1}
        found = self._numbers.get(number)
        if found is None:
            return f"{number}, a number"
        self.odd.append(f"id {number}, a number")
        return found

    def may_be_page(self, item_id: str | None) -> bool:
        """
        Return whether an item asked for a page.

        Source: Ecwid/ecwid-java-api-client, getOrderInvoice (an invoice is HTML).
        """
        sent = next((item for item in self.items if item.id == item_id), None)
        if sent is None:
            return False
        asked = _asked.decode(sent.wire)
        return asked.method == "GET" and asked.path.partition("?")[0].endswith("/invoice")


def make_report(answer: Answer, sent: int, items: Sequence[WireItem] = ()) -> Report:
    """
    Work out the outcome of each item in the answer.

    Args:
        answer: The answer; its `responses` is a list.
        sent: How many items the ticket had.
        items: The items, as they were sent.
    """
    reading = _Reading(items)
    reports = [_read_item(entry, reading) for entry in answer.responses or ()]
    findings = [_finding(code, examples) for code, examples in reading.met.items()]
    if reading.odd:
        findings.append(make_odd_form(reading.odd))
    findings += find_odd_forms(answer.status, {"totalRequests": answer.total_requests})
    total = read_count(answer.total_requests)
    if total is not None and total != sent:
        text = f"Ecwid counts {total} items in a ticket that was sent with {sent}"
        findings.append(Finding(code="total_differs", message=text))
    return Report(items=reports, findings=tuple(findings))


def item_state(word: str | None, code: int | None) -> tuple[ItemState, str | None]:
    """
    Decide the outcome of an item, and which finding it makes, if any.

    SUCCEEDED needs both the word COMPLETED and the status 200: an item of a batch that was
    stopped may read COMPLETED without having run. So COMPLETED without a status, or with one
    that is neither 200 nor an error, is UNKNOWN; with an error's status the item ran and
    FAILED. A 2xx under FAILED or NOT_EXECUTED contradicts the word: UNKNOWN, since sending
    the item again might do it twice. What the item's body says against a success is another
    question, see `find_doubt`.

    Source: newer page "Get batch status", responses (the words); the vendor's pages on batch
    requests, handling failed requests. Assumed: how the contradictions are read.
    """
    if word not in _WORDS:
        return ItemState.UNKNOWN, "unknown_item_word" if word else "broken_item"
    if word == "COMPLETED":
        if code == _OK:
            return ItemState.SUCCEEDED, None
        if code is not None and code >= _FIRST_ERROR:
            return ItemState.FAILED, None
        return ItemState.UNKNOWN, "contradictory_item"
    if code is not None and HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES:
        return ItemState.UNKNOWN, "contradictory_item"
    return (ItemState.FAILED if word == "FAILED" else ItemState.NOT_EXECUTED), None


def _read_item(entry: Entry | BrokenEntry, reading: _Reading) -> ItemReport:
    item_id = entry.id if entry.id is None or type(entry.id) is str else _name(entry.id, reading)
    if type(entry) is not Entry:  # Twice as fast here as `isinstance`, and met 500 times.
        return _broken(item_id, reading)
    try:
        body = entry.body
    except ValueError:
        return _broken(item_id, reading)
    doubt = None
    if entry.status == "COMPLETED" and entry.http_status_code == _OK:
        # What `item_state` says of nearly every item, without asking it.
        doubt = None if body is None else _find_doubt(item_id, body, reading)
        if doubt is None:
            return ItemReport(id=item_id, state=_SUCCEEDED, code=_OK, raw=body)
    word = _read_word(entry.status, reading)
    state, finding = item_state(word, entry.code)
    if state is _SUCCEEDED and body is not None:
        doubt = doubt or _find_doubt(item_id, body, reading)
    if doubt is not None:
        state, finding = doubt.state, doubt.finding
    if finding:
        is_word = finding == "unknown_item_word"
        reading.met[finding].append((entry.status if is_word else item_id) or "no id")
    message = None if state is _SUCCEEDED else _message(entry, state, body)
    return ItemReport(
        id=item_id,
        state=state,
        code=entry.code,
        message=message if doubt is None else doubt.message,
        raw=body,
    )


def _name(number: str | int, reading: _Reading) -> str:
    return reading.find_id(number) if isinstance(number, int) else number


def _read_word(word: str | None, reading: _Reading) -> str | None:
    """Read a word in whatever case."""
    if word is None or word in _WORDS or (documented := word.strip().upper()) not in _WORDS:
        return word
    reading.odd.append(f"status {one_line(word)!r} of an item")
    return documented


def _find_doubt(item_id: str | None, body: bytes, reading: _Reading) -> Doubt | None:
    doubt = find_doubt(body)
    if doubt is not None and doubt.finding == PAGE_BODY and reading.may_be_page(item_id):
        return None
    return doubt


def _broken(item_id: str | None, reading: _Reading) -> ItemReport:
    reading.met["broken_item"].append(item_id or "no id")
    return ItemReport(
        id=item_id, state=ItemState.UNKNOWN, message="Ecwid's result for the item is malformed"
    )


def _message(entry: Entry, state: ItemState, body: bytes | None) -> str | None:
    """Return the vendor's message on a failure, or why nothing is known."""
    error_code, text = read_error(body) if body else (None, None)
    words = text or error_code or (read_text(body) if body else None)
    line = one_line(entry.http_status_line) or _phrase(entry.code)
    page = describe_page(unescape(body)) if body else None
    if state is ItemState.UNKNOWN:
        code = "no HTTP status" if entry.code is None else f"HTTP status {entry.code}"
        says = f"Ecwid says {one_line(entry.status) or 'nothing'} with {code}"
        return f"{says}: {words or page}" if words or page else says
    return words or (f"{line or 'no status'} ({page})" if page else line)


def _phrase(code: int | None) -> str | None:
    try:
        return None if code is None else HTTPStatus(code).phrase
    except ValueError:
        return f"HTTP status {code}"


def _finding(code: str, examples: Sequence[str]) -> Finding:
    return Finding(
        code=code,
        message=_MESSAGES[code],
        count=len(examples),
        examples=tuple(dict.fromkeys(examples)),
    )
