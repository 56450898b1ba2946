"""
A status answer of Mircate's, and what its words mean.

Every field of it is optional, and the values of most are published nowhere: they are read
leniently, and what can't be read is a finding, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import field, frozen

from batchhub.adapter import one_line, read_fields
from batchhub.models import BatchState, Finding

from .figures import read_count, read_ratio
from .wire import decode_fields, read_elements

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
"""The finding of a count that can't be read: what the counts seem to say is in doubt."""

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

_MESSAGES: Final = {
    "odd_word": "a batchStatus that is no text",
    ODD_COUNT: "counts that are no whole number of items; what they stand for is not known",
    "odd_ratio": "a ratio that is no share of a whole",
}


@frozen(kw_only=True)
class Status:
    """
    What an answer says of one batch.

    Attributes:
        ref: The batch's id.
        word: The vendor's word for its state, as it came.
        succeeded: How many items succeeded, if it says so.
        failed: How many items failed, if it says so.
        progress: The share that is done, 0..1.
        fields: The other fields as they came, the counts included, `failedProducts` not.
        failures: The elements of `failedProducts` as they came; `None` if it is no array.
        findings: What can't be read.
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


def read_status(body: bytes, ref: str, age_s: float | None = None) -> Status:
    """
    Read a status answer.

    Source: page "Check Batch Status", responses (the fields, all optional).

    Raises:
        ValueError: It is no JSON object.
    """
    raw = read_fields(body)
    failures = _read_failures(raw.pop("failedProducts", None))
    fields = decode_fields(raw)
    findings: list[Finding] = []
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
    """Read one value; where it can't be read, say so."""
    try:
        return read(value)
    except ValueError:
        example = one_line(repr(value)) or ""
        finding = Finding(code=code, message=_MESSAGES[code], examples=(example[:100],))
        findings.append(finding)
        return None


def _read_word(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("no word")  # noqa: TRY004  # of the vendor's answer, not of a call
    return str(value)


def _read_failures(raw: msgspec.Raw | None) -> Sequence[msgspec.Raw] | None:
    """Cut the array into its elements; absent and null are an empty one."""
    return () if raw is None or bytes(raw) == b"null" else read_elements(raw)
