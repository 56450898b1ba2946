"""
A status answer of Mircate's, and what its words mean.

All fields are optional, and the values of most are not documented: they are read
leniently, and what can't be read is a finding, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import evolve, field, frozen

from batchhub.adapter import Observation, decode_fields, decode_object, one_line, read_fields
from batchhub.errors import NotFoundError, RefusedError
from batchhub.models import BatchState, Finding

from .wire import (
    read_count,
    read_elements,
    read_entry,
    read_error,
    read_ratio,
    read_words,
)

STATES: Final[Mapping[str, BatchState]] = {
    "running": BatchState.IN_PROGRESS,
    "failed": BatchState.FAILED,
    "done": BatchState.COMPLETED,
    "queued": BatchState.QUEUED,
    "waiting": BatchState.QUEUED,
    "pending": BatchState.QUEUED,
    "in_progress": BatchState.IN_PROGRESS,
    "processing": BatchState.IN_PROGRESS,
    "completed": BatchState.COMPLETED,
    "finished": BatchState.COMPLETED,
    "success": BatchState.COMPLETED,
    "error": BatchState.FAILED,
}
"""
The words for a batch; compared without regard to case.

Assumed: all of them. RUNNING, FAILED and DONE stand in the platform's older code for product
imports; the others are the plain words of the field.
"""

ODD_COUNT: Final = "odd_count"
"""The finding of a count that can't be read: the counts are in doubt."""

STATUS_FIELDS: Final = (
    "batchStatus",
    "failCount",
    "successCount",
    "failedProducts",
    "ratio",
    "pushPriceFrequency",
    "bulkOperationType",
)
"""The fields of a status answer. Source: page "Check Batch Status", responses."""

ODD_FORM: Final = "odd_form"
"""The finding of what is read although it has an odd form: nothing is in doubt."""

_FAILURES: Final = "failedProducts"
_EMPTY_OBJECTS: Final = ([b"{}"], [b"{", b"}"])
"""What some writers of JSON make of an empty list, without its spaces."""

_SHOWN_KEYS: Final = 20
_MESSAGES: Final = {
    "odd_word": "batchStatus is not text",
    ODD_COUNT: "counts that are not whole numbers; their meaning is not known",
    ODD_FORM: "answers in an odd form; each can mean only one thing, and is read so",
    "odd_ratio": "ratio is not a share of a whole",
}


@frozen(kw_only=True)
class Status:
    """
    What an answer says about one batch.

    Attributes:
        ref: The batch's id.
        word: The vendor's word for its state, as it came.
        succeeded: How many items succeeded, if it says so.
        failed: How many items failed, if it says so.
        progress: The share that is done, 0..1.
        fields: The other fields as they came, the counts included, `failedProducts` not.
        failures: The elements of `failedProducts` as they came; `None` if it is no array.
        findings: What can't be read, or is read although it has an odd form.
        is_status: Whether it has any field of a status answer, which all are optional.
        age_s: Seconds the answer had waited in a cache.
    """

    ref: str
    word: str | None
    succeeded: int | None
    failed: int | None
    progress: float | None
    fields: Mapping[str, Any]
    failures: Sequence[msgspec.Raw] | None = field(repr=False)
    findings: tuple[Finding, ...]
    age_s: float | None
    is_status: bool = True

    @property
    def words(self) -> str | None:
        """What the answer says for people, if anything."""
        return read_words(self.fields)


def read_status(body: bytes, ref: str, age_s: float | None = None) -> Status:
    """
    Read a status answer.

    Source: page "Check Batch Status", responses (the fields, all optional).

    Raises:
        ValueError: It is not a JSON object.
    """
    raw = read_fields(body)
    is_status = not raw.keys().isdisjoint(STATUS_FIELDS)
    given = raw.pop(_FAILURES, None)
    status = _make_status(decode_fields(raw), _read_failures(given), ref, age_s)
    if given is not None and bytes(given).split() in _EMPTY_OBJECTS:
        odd = make_odd_form(f"{_FAILURES} {{}}, no list")
        status = evolve(status, findings=(*status.findings, odd))
    return status if is_status else evolve(status, is_status=False)


def read_progress(body: bytes, ref: str, age_s: float | None = None) -> Status:
    """
    Read a status answer as `read_status` does, but for `failedProducts`.

    Raises:
        ValueError: It is not a JSON object.
    """
    fields = decode_object(body, without=(_FAILURES,))
    is_status = not fields.keys().isdisjoint(STATUS_FIELDS) or _FAILURES.encode() in body
    status = _make_status(fields, (), ref, age_s)
    return status if is_status else evolve(status, is_status=False)


ReadStatus = Callable[[bytes, str, float | None], Status]


def observe(statuses: Sequence[Status], states: Mapping[str, BatchState] = STATES) -> Observation:
    """
    Sum up the answers on the batches of one ticket.

    Counts are sums of those that are given; the share that is done is the mean, and only
    known where every batch has one. Of a batch that failed, the vendor's words are kept.
    """
    message = "; ".join(filter(None, (_find_reason(status, states) for status in statuses)))
    if len(statuses) == 1:  # as mostly
        (only,) = statuses
        return Observation(
            words=(only.word,),
            succeeded=only.succeeded,
            failed=only.failed,
            progress=only.progress,
            message=message or None,
            vendor=only.fields,
            findings=only.findings,
            age_s=only.age_s,
        )
    return Observation(
        words=tuple(status.word for status in statuses),
        succeeded=_sum(status.succeeded for status in statuses),
        failed=_sum(status.failed for status in statuses),
        progress=_mean([status.progress for status in statuses]),
        message=message or None,
        vendor=_join_fields(statuses),
        findings=tuple(finding for status in statuses for finding in status.findings),
        age_s=max((s.age_s for s in statuses if s.age_s is not None), default=None),
    )


def read_probe(
    status: Status, states: Mapping[str, BatchState], item_keys: Sequence[str]
) -> dict[str, Any]:
    """
    Return how one answer was read, so that the settings can be corrected.

    Returns:
        The word and what it means, the figures as they were read, the names of undocumented
        fields, how many failed products are named, and by which keys.
    """
    state = find_state(status, states)
    entries = [read_entry(bytes(raw)) for raw in status.failures or ()]
    levels = [level for entry in entries for level in _levels(entry)]
    return {
        "word": status.word,
        "means": None if state is None else state.value,
        "succeeded": status.succeeded,
        "failed": status.failed,
        "ratio": status.fields.get("ratio"),
        "progress": status.progress,
        "failed_products": len(entries),
        "failed_product_keys": list(dict.fromkeys(k for level in levels for k in level))[
            :_SHOWN_KEYS
        ],
        "item_keys_found": [key for key in item_keys if any(key in level for level in levels)],
        "undocumented_fields": [name for name in status.fields if name not in STATUS_FIELDS],
        "findings": [f"{finding.code}: {finding.message}" for finding in status.findings],
        "age_s": status.age_s,
    }


def is_refusal(body: bytes) -> bool:
    """
    Return whether a body is an error of the platform's form.

    Source: the platform's documents, errors (``{"code", "message", "issues"}``).
    """
    return any(read_error(body))


def explain_refusal(error: RefusedError, *, is_made_up: bool) -> dict[str, Any]:
    """Explain what a refused probe means; refused credentials never come here."""
    if not isinstance(error, NotFoundError):
        meaning = "the vendor was reached and did not refuse the key, but it refused the question"
    elif is_made_up:
        meaning = "vendor and key work: the batch was made up, and the vendor says so"
    else:
        meaning = "the vendor does not know this batch, or status_paths is not right"
    return {"credentials": "not refused", "meaning": meaning, "code": error.code}


def make_odd_form(example: str) -> Finding:
    """Make the finding of what has an odd form, and can mean only one thing."""
    return Finding(code=ODD_FORM, message=_MESSAGES[ODD_FORM], examples=(example,))


def find_state(status: Status, states: Mapping[str, BatchState]) -> BatchState | None:
    """Return what a batch's word means; `None` if nobody knows."""
    return states.get((status.word or "").strip().casefold())


def _find_reason(status: Status, states: Mapping[str, BatchState]) -> str | None:
    """Return the vendor's words, where they are on a failure."""
    has_failed = find_state(status, states) in {BatchState.FAILED, BatchState.CANCELLED}
    return status.words if has_failed or status.fields.get("success") is False else None


def _make_status(
    fields: dict[str, Any],
    failures: Sequence[msgspec.Raw] | None,
    ref: str,
    age_s: float | None,
) -> Status:
    findings = [
        make_odd_form(f"{name}, a text")  # without the figure, which is another at each poll
        for name in ("successCount", "failCount")
        if isinstance(fields.get(name), str) and _is_count(fields[name])
    ]
    return Status(
        ref=ref,
        word=_read(_read_word, fields.pop("batchStatus", None), "odd_word", findings),
        succeeded=_read(read_count, fields.get("successCount"), ODD_COUNT, findings),
        failed=_read(read_count, fields.get("failCount"), ODD_COUNT, findings),
        progress=_read(read_ratio, fields.get("ratio"), "odd_ratio", findings),
        fields=fields,
        failures=failures,
        findings=tuple(findings),
        age_s=age_s,
    )


def _read(read: Any, value: Any, code: str, findings: list[Finding]) -> Any:
    """Read one value; add a finding if it can't be read."""
    try:
        return read(value)
    except ValueError:
        example = one_line(repr(value)) or ""
        finding = Finding(code=code, message=_MESSAGES[code], examples=(example[:100],))
        findings.append(finding)
        return None


def _is_count(value: str) -> bool:
    try:
        return read_count(value) is not None
    except ValueError:
        return False


def _read_word(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("no word")  # noqa: TRY004  # of the vendor's answer, not of a call
    return str(value)


def _read_failures(raw: msgspec.Raw | None) -> Sequence[msgspec.Raw] | None:
    """Cut the array into its elements; absent, null and an empty object are an empty one."""
    is_empty = raw is None or bytes(raw) == b"null" or bytes(raw).split() in _EMPTY_OBJECTS
    return () if raw is None or is_empty else read_elements(raw)


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known and len(known) == len(shares) else None


def _join_fields(statuses: Sequence[Status]) -> Mapping[str, Any]:
    """Return the fields of several batches: a list, in the order of the ids."""
    return {"batches": [dict(status.fields) for status in statuses]}


def _levels(entry: Any) -> list[Mapping[str, Any]]:
    if not isinstance(entry, Mapping):
        return []
    return [entry, *(value for value in entry.values() if isinstance(value, Mapping))]
