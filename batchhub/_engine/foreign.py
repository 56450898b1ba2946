"""
What an adapter hands over of a vendor's answer, made so that it can be kept.

The other fields of an answer are kept as they came, as long as they are JSON, are not nested
beyond all sense and have a decent size. What is not has a text in its place that says so.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from attrs import evolve, frozen

from batchhub._adapter.capabilities import JSONMapping
from batchhub._adapter.exchange import ItemReport, Observation, Report
from batchhub._http.transport import Transport
from batchhub.errors import AdapterError
from batchhub.models import BatchState, Finding, ItemState

MAX_BYTES: Final = 64 * 1024
"""About the most bytes that the fields of a ticket take as JSON."""

MAX_DEPTH: Final = 64
"""How deep objects and lists in a field may be nested."""

MAX_WORD: Final = 1000
"""The most characters of an id, or of a word for a state."""

_OVERHEAD: Final = 8
"""Bytes that a value takes besides its text: quotes, a comma, digits."""

MAX_TEXT: Final = 10_000
"""The most characters that are kept of a vendor's words on a batch or an item."""

_MAX_REFS: Final = 1000
_MAX_COUNT: Final = 2**53
_MAX_BITS: Final = 1024
_MAX_CODE: Final = 100
_MAX_CODE_NUMBER: Final = 2**31
_MAX_FIELDS: Final = 1000
_MAX_FINDINGS: Final = 50
_MORE_ENTRIES: Final = 10_000
_OPEN_OR_ENDED: Final = frozenset(BatchState) - {BatchState.PENDING, BatchState.UNCONFIRMED}


def differs_in_numbers(fields: object, known: JSONMapping) -> bool:
    """
    Whether an answer's fields are some that are kept already, but for numbers.

    Then they can be kept like those: this is what nearly all polls bring.
    """
    if type(fields) is not dict:
        return False
    for name, value in fields.items():
        if name not in known or not (
            _is_number(value) or (type(value) is str and value == known[name])
        ):
            return False
    return True


def _is_number(value: object) -> bool:
    """Whether a value is a number of a usual size, a flag or null."""
    if type(value) is int:
        return -_MAX_COUNT < value < _MAX_COUNT
    return (type(value) is float and math.isfinite(value)) or type(value) is bool or value is None


def keep_fields(fields: object) -> JSONMapping:
    """
    Return an answer's fields within bounds.

    Raises:
        AdapterError: They are no mapping from texts to values.
    """
    if not isinstance(fields, Mapping) or not all(isinstance(name, str) for name in fields):
        raise AdapterError("it gave fields of an answer that are no object")
    if _measure(fields) <= MAX_BYTES:
        return dict(fields)
    kept: dict[str, Any] = {}
    left: float = MAX_BYTES
    # The small ones first: what is left out is what is large. And not endless names.
    few = islice(fields.items(), _MAX_FIELDS)
    for size, name in sorted((_measure({name: value}), name) for name, value in few):
        if size < left:
            kept[name], left = fields[name], left - size
            continue
        note = f"about {size:,.0f} bytes" if size < math.inf else "it can't be written as JSON"
        kept[name[:MAX_WORD]] = f"left out: {note}"
    return kept


def check_refs(refs: object, redact: Callable[[bytes], bytes]) -> tuple[str, ...]:
    """
    Return the vendor's ids of a batch, if it can be asked about by them.

    Raises:
        AdapterError: There is none; one is no text of a decent length, holds a secret (which would
            be stored) or a character that nobody can write; or there are too many.
    """
    if not isinstance(refs, tuple | list) or not refs:
        raise AdapterError("it accepted a batch without an id")
    if len(refs) > _MAX_REFS:
        raise AdapterError(f"it accepted a batch with {len(refs):,} ids")
    if not all(isinstance(ref, str) and 0 < len(ref) <= MAX_WORD for ref in refs):
        raise AdapterError("it accepted a batch with an id that is none")
    found = [str.__str__(ref) for ref in refs]
    if not all(ref.isprintable() for ref in found):
        raise AdapterError("it accepted a batch with an id that can't be shown")
    joined = "\n".join(found).encode()
    if redact(joined) != joined:
        raise AdapterError("it accepted a batch with an id that holds a secret")
    return tuple(found)


def keep_findings(findings: object) -> tuple[Finding, ...]:
    """
    Return what an adapter noticed, its texts within bounds.

    Raises:
        AdapterError: It is no sequence of findings.
    """
    if not isinstance(findings, tuple | list):
        raise AdapterError("it gave findings that are no tuple")
    for found in findings:
        if not isinstance(found, Finding) or not (
            type(found.count) is int
            and 0 <= found.count < _MAX_COUNT
            and all(isinstance(t, str) for t in (found.code, found.message, *found.examples))
        ):
            raise AdapterError("it gave a finding that is none")
    return tuple(
        evolve(
            found,
            code=found.code[:_MAX_CODE],
            message=found.message[:MAX_WORD],
            examples=tuple(example[:MAX_WORD] for example in found.examples),
        )
        for found in findings[:_MAX_FINDINGS]
    )


@frozen
class OddAnswer:
    """What stands for an answer about one ticket that breaks a rule."""

    error: AdapterError


def check_answers(answers: object, refs: Sequence[int]) -> Sequence[Observation | OddAnswer | None]:
    """
    Return what a poll says of tickets, one answer each; `None` says nothing of a ticket.

    Args:
        answers: The answers.
        refs: How many ids the vendor has for each ticket; there are no more words than that.

    Raises:
        AdapterError: There are more or fewer answers, or all of them are odd.
    """
    if not isinstance(answers, tuple | list) or len(answers) != len(refs):
        gave = f"{len(answers)} answers" if isinstance(answers, tuple | list) else "no list"
        raise AdapterError(f"it was asked about {len(refs)} batches and gave {gave}")
    checked = [_check_answer(answer, count) for answer, count in zip(answers, refs, strict=True)]
    odd = [each for each in checked if type(each) is OddAnswer]
    if odd and len(odd) == len(checked):
        raise odd[-1].error
    return checked


def _check_answer(answer: object, refs: int) -> Observation | OddAnswer | None:
    if answer is None:
        return None
    if not isinstance(answer, Observation):
        return OddAnswer(AdapterError(f"it gave no Observation but {type(answer).__name__}"))
    state: object = answer.state  # a text may be equal to one
    if state is not None and not (isinstance(state, BatchState) and state in _OPEN_OR_ENDED):
        what = f"it says that a ticket the vendor has is {answer.state!s:.100}"
        return OddAnswer(AdapterError(what))
    if (wrong := _find_wrong(answer, refs)) is not None:
        return OddAnswer(AdapterError(f"the field {wrong} of its Observation is wrong"))
    return answer


def _find_wrong(answer: Observation, refs: int) -> str | None:
    """Return the field that is wrong; `vendor` and `findings` are read by themselves."""
    if not _is_words(answer.words) or len(answer.words) > refs:
        return "words"
    for name in ("total", "done", "succeeded", "failed"):
        count = getattr(answer, name)
        if count is not None and type(count) is not int:
            return name
    if type(answer.is_gone) is not bool:
        return "is_gone"
    for name, is_right in _OTHERS:
        value = getattr(answer, name)
        if value is not None and not is_right(value):
            return name
    return None


def _is_words(words: object) -> bool:
    return isinstance(words, tuple) and all(word is None or isinstance(word, str) for word in words)


_OTHERS: Final[Sequence[tuple[str, Callable[[Any], bool]]]] = (
    ("progress", lambda value: type(value) in (int, float)),
    ("message", lambda value: isinstance(value, str)),
    ("report", lambda value: isinstance(value, Report) or callable(value)),
    ("age_s", lambda value: type(value) in (int, float) and 0 <= value < math.inf),
)
"""What the other fields of an `Observation` may be, besides `None`."""


def check_report(report: object) -> Report:
    """
    Return a report, its entries not looked at yet.

    Raises:
        AdapterError: It is none.
    """
    if (
        not isinstance(report, Report)
        or not isinstance(report.rest, ItemState)
        or not isinstance(report.rest_message, str | None)
        or not isinstance(report.items, Iterable | AsyncIterable)
    ):
        raise AdapterError(f"it gave no sound Report but {type(report).__name__}")
    return evolve(report, findings=keep_findings(report.findings))


async def keep_entries(report: Report, total: int) -> list[ItemReport]:
    """
    Read the entries of a report; a status out of all bounds is as good as none.

    Args:
        report: The report.
        total: How many items were sent; there may be more entries, but not endlessly many.

    Raises:
        AdapterError: One of them is no entry, or there are too many.
    """
    most, entries = 10 * total + _MORE_ENTRIES, list[ItemReport]()

    def keep(entry: object) -> None:
        place = len(entries) + 1
        if not isinstance(entry, ItemReport) or not _is_sound(entry):
            raise AdapterError(f"entry {place} of its report breaks a rule")
        if place > most:
            raise AdapterError(f"it reports more than {most:,} entries")
        if entry.code is not None and abs(entry.code) >= _MAX_CODE_NUMBER:
            entry = evolve(entry, code=None)
        entries.append(entry)

    if isinstance(report.items, AsyncIterable):
        async for entry in report.items:
            keep(entry)
    else:
        for entry in report.items:
            keep(entry)
    return entries


def redact_findings(
    findings: Sequence[Finding], redact: Callable[[Any], Any]
) -> tuple[Finding, ...]:
    """Return findings without secrets; `redact` does it for JSON-like values."""
    return tuple(
        evolve(
            found,
            code=redact(found.code),
            message=redact(found.message),
            examples=tuple(redact(list(found.examples))),
        )
        for found in findings
    )


def cut(text: str | None) -> str | None:
    """Return a vendor's words at a decent length."""
    return None if text is None else text[:MAX_TEXT]


def redact_entries(entries: Sequence[ItemReport], transport: Transport) -> list[ItemReport]:
    """Return entries without secrets, in whatever the adapter has put them."""
    redact, redact_body = transport.redact, transport.redact_body

    def clean(entry: ItemReport) -> ItemReport:
        message = redact(cut(entry.message))
        ref = None if entry.vendor_ref is None else redact(entry.vendor_ref[:MAX_WORD])
        raw = None if entry.raw is None else redact_body(entry.raw)
        if message == entry.message and ref == entry.vendor_ref and raw == entry.raw:
            return entry
        return evolve(entry, message=message, vendor_ref=ref, raw=raw)

    return [clean(entry) for entry in entries]


def _is_sound(entry: ItemReport) -> bool:
    code = entry.code
    return (
        isinstance(entry.state, ItemState)
        and isinstance(entry.id, str | None)
        and isinstance(entry.key_value, str | None)
        and (entry.at is None or type(entry.at) is int)
        and (code is None or type(code) is int)
        and isinstance(entry.message, str | None)
        and isinstance(entry.raw, bytes | None)
        and isinstance(entry.vendor_ref, str | None)
    )


def _measure(value: object) -> float:
    """Return about how many bytes a value takes as JSON; infinity if it can't be written so."""
    size: float = 0
    found: list[tuple[Any, int]] = [(value, 0)]
    while found and size <= MAX_BYTES:
        each, depth = found.pop()
        size += _OVERHEAD
        if isinstance(each, str):
            size += len(each) if each.isascii() else _utf8_size(each)
        elif isinstance(each, int):
            size += 0 if each.bit_length() <= _MAX_BITS else math.inf
        elif isinstance(each, float):
            size += _OVERHEAD if math.isfinite(each) else math.inf
        elif isinstance(each, Mapping):
            found += ((name, depth) for name in each if isinstance(name, str))
            found += ((inner, depth + 1) for inner in each.values())
            size += math.inf if depth > MAX_DEPTH or not all(map(_is_text, each)) else 0
        elif isinstance(each, list | tuple):
            found += ((inner, depth + 1) for inner in each)
            size += math.inf if depth > MAX_DEPTH else 0
        elif each is not None:
            return math.inf
    return size


def _is_text(name: object) -> bool:
    return isinstance(name, str)


def _utf8_size(text: str) -> float:
    try:
        return len(text.encode())
    except UnicodeEncodeError:  # half of a character
        return math.inf
