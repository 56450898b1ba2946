"""Rows and records: how what the loop keeps is written in SQL, and read back."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any, Final

from attrs import asdict
from sqlalchemy import RowMapping

from batchhub.models import BatchState, Contact, Finding, ItemResult, ItemState

from .records import JobRecord, TicketRecord

_JOB_TIMES: Final = (
    "created_at",
    "updated_at",
    "observed_at",
    "cancelled_at",
    "ended_at",
    "claimed_at",
    "acknowledged_at",
)
_TICKET_TIMES: Final = ("attempted_at", "accepted_at", "finished_at", "settling_since")

_WORTH_PACKING: Final = 200
"""Bytes below which an answer is kept as it is."""

_LEVEL: Final = 1
"""The fastest of zlib's levels; more of them win little on JSON of a few kB."""


def to_text(value: datetime | None) -> str | None:
    """Write a time as ISO 8601 text in UTC; sorts as the times do."""
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(value: str | None) -> datetime | None:
    """Read a time back."""
    return None if value is None else datetime.fromisoformat(value)


def to_words(text: str | None) -> str | None:
    """Make what others say valid Unicode: a lone surrogate in it is no reason to lose it."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def job_row(job: JobRecord) -> dict[str, Any]:
    """Return the columns of a job."""
    row = asdict(job, recurse=False)
    row["contact"] = job.contact.value
    row["contact_note"] = to_words(job.contact_note)
    row["options"] = dict(job.options)
    row["findings"] = findings_row(job.findings)
    for name in _JOB_TIMES:
        row[name] = to_text(row[name])
    return row


def read_job(row: RowMapping) -> JobRecord:
    """Make a job of its columns."""
    values: dict[str, Any] = {str(name): value for name, value in row.items()}
    # Two columns have kept the names they had in earlier versions.
    values["claimed_at"] = values.pop("telling_at")
    values["acknowledged_at"] = values.pop("told_at")
    values["contact"] = Contact(values["contact"])
    values["findings"] = _read_findings(values["findings"])
    for name in _JOB_TIMES:
        values[name] = from_text(values[name])
    return JobRecord(**values)


def ticket_row(ticket: TicketRecord) -> dict[str, Any]:
    """Return the columns of a ticket."""
    row = asdict(ticket, recurse=False)
    row["state"] = ticket.state.value
    row["finished_as"] = None if ticket.finished_as is None else ticket.finished_as.value
    row["vendor_refs"] = list(ticket.vendor_refs)
    row["vendor_state"] = to_words(ticket.vendor_state)
    row["vendor"] = dict(ticket.vendor)
    row["message"] = to_words(ticket.message)
    row["findings"] = findings_row(ticket.findings)
    for name in _TICKET_TIMES:
        row[name] = to_text(row[name])
    return row


def read_ticket(row: RowMapping) -> TicketRecord:
    """Make a ticket of its columns."""
    values: dict[str, Any] = {str(name): value for name, value in row.items()}
    values["state"] = BatchState(values["state"])
    finished_as = values["finished_as"]
    values["finished_as"] = None if finished_as is None else BatchState(finished_as)
    values["vendor_refs"] = tuple(values["vendor_refs"])
    values["findings"] = _read_findings(values["findings"])
    for name in _TICKET_TIMES:
        values[name] = from_text(values[name])
    return TicketRecord(**values)


def result_row(job_no: int, position: int, result: ItemResult) -> dict[str, Any]:
    """Return the columns of a result."""
    raw, packed = pack(result.raw)
    return {
        "job_no": job_no,
        "position": position,
        "state": result.state.value,
        "code": result.code,
        "message": to_words(result.message),
        "vendor_ref": to_words(result.vendor_ref),
        "raw": raw,
        "packed": packed,
    }


def pack(raw: bytes | None) -> tuple[bytes | None, bool]:
    """Compress an answer where that saves something; return it, and whether it is compressed."""
    if raw is None or len(raw) < _WORTH_PACKING:
        return raw, False
    packed = zlib.compress(raw, _LEVEL)
    return (packed, True) if len(packed) < len(raw) else (raw, False)


def unpack(raw: bytes | None, packed: bool) -> bytes | None:
    """Return an answer as it came."""
    return zlib.decompress(raw) if packed and raw is not None else raw


def read_state(text: str) -> ItemState:
    """Read an item's state."""
    return ItemState(text)


def findings_row(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Return the column of findings."""
    return [{**asdict(f), "examples": list(f.examples)} for f in findings]


def _read_findings(rows: list[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**row) for row in rows)
