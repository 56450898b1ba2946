"""Rows and records: how what the loop keeps is written in SQL, and read back."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from attrs import asdict, fields

from batchhub._adapter.capabilities import NO_OPTIONS
from batchhub._adapter.exchange import WireItem
from batchhub.models import BatchState, Contact, Finding, ItemResult, ItemState
from batchhub.models.fold import Tally

from .damage import damaged, read_row, reading
from .records import NO_FIELDS, JobRecord, Summary, TicketRecord
from .statements import Row
from .tables import ITEM_COUNTS, LARGEST, TICKET_COUNTS, items, jobs, results, tickets

_JOB_TIMES: Final = ("created_at", "updated_at", "observed_at", "cancelled_at", "ended_at")
_TICKET_TIMES: Final = ("attempted_at", "accepted_at", "finished_at", "settling_since")

# Not all columns are a part of the record: the others are the store's own.
_JOB_FIELDS: Final = tuple(field.name for field in fields(JobRecord))
_TICKET_FIELDS: Final = tuple(field.name for field in fields(TicketRecord))

_SUMMARY_FIELDS: Final = (*ITEM_COUNTS, *TICKET_COUNTS, "progress", "ticket_findings", "findings")
_RESULT_FIELDS: Final = ("position", "state", "code", "message", "vendor_ref", "raw", "packed")

_SHARED: Final = ("account", "lane", "adapter", "operation")
_WORTH_PACKING: Final = 200
"""Bytes below which an answer is kept as it is."""

_LEVEL: Final = 1
"""The fastest of zlib's levels; more of them win little on JSON of a few kB."""


def to_text(value: datetime | None) -> str | None:
    """Write a time as ISO 8601 text in UTC; sorts as the times do."""
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(value: str | None) -> datetime | None:
    """Read a time back; `ValueError` for what is none, or has no time zone."""
    if value is None:
        return None
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return at


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


def driver_row(job: JobRecord) -> dict[str, Any]:
    """Return the columns of a job that its driver writes; the others stay as they were made."""
    return {
        "contact": job.contact.value,
        "contact_note": to_words(job.contact_note),
        "findings": findings_row(job.findings),
        "updated_at": to_text(job.updated_at),
        "observed_at": to_text(job.observed_at),
    }


def read_job(row: Row) -> JobRecord:
    """
    Make a job of its columns.

    Raises:
        DamagedError: They make no sense.
    """
    return reading(jobs, row, _read_job)


def _read_job(row: Row) -> JobRecord:
    values = read_row(jobs, row, _JOB_FIELDS)
    values["contact"] = Contact(values["contact"])
    options = values["options"]
    # Adapters get it: what one changes would be changed for all jobs.
    values["options"] = MappingProxyType(options) if options else NO_OPTIONS
    values["findings"] = _read_findings(values["findings"])
    for name in _SHARED:  # thousands of jobs have the same ones
        values[name] = sys.intern(values[name])
    for name in _JOB_TIMES:
        values[name] = from_text(values[name])
    return JobRecord(**values)


def summary_row(summary: Summary) -> dict[str, Any]:
    """Return the columns of what follows from a job's tickets."""
    tally = summary.tally
    state, outcome = tally.state, tally.outcome
    return {
        **tally.columns(),
        "state": state.value,
        "outcome": None if outcome is None else outcome.value,
        "progress": tally.progress,
        "ticket_findings": findings_row(summary.findings),
    }


def read_summary(row: Row) -> Summary:
    """
    Make what follows from a job's tickets of the job's columns.

    Raises:
        DamagedError: They make no sense.
    """
    return reading(jobs, row, _read_summary)


def _read_summary(row: Row) -> Summary:
    stops = bool(row["stop_on_first_failure"])
    numbers: Mapping[str, int] = read_row(jobs, row, _SUMMARY_FIELDS)
    tally = Tally.of_columns(numbers, row["progress"], stops=stops)
    return Summary(
        tally=tally.of_job(_read_findings(row["findings"])),
        findings=_read_findings(row["ticket_findings"]),
    )


def ticket_row(ticket: TicketRecord) -> dict[str, Any]:
    """Return the columns of a ticket."""
    row = asdict(ticket, recurse=False)
    row["state"] = ticket.state.value
    row["finished_as"] = None if ticket.finished_as is None else ticket.finished_as.value
    row["vendor_refs"] = list(ticket.vendor_refs)
    row["vendor_state"] = to_words(ticket.vendor_state)
    row["vendor"] = dict(ticket.vendor)
    row["kept"] = dict(ticket.kept)
    row["message"] = to_words(ticket.message)
    row["findings"] = findings_row(ticket.findings)
    for name in _TICKET_TIMES:
        row[name] = to_text(row[name])
    return row


def read_ticket(row: Row) -> TicketRecord:
    """
    Make a ticket of its columns.

    Raises:
        DamagedError: They make no sense.
    """
    return reading(tickets, row, _read_ticket)


def _read_ticket(row: Row) -> TicketRecord:
    values = read_row(tickets, row, _TICKET_FIELDS)
    values["state"] = BatchState(values["state"])
    finished_as = values["finished_as"]
    values["finished_as"] = None if finished_as is None else BatchState(finished_as)
    values["vendor_refs"] = tuple(values["vendor_refs"])
    values["vendor"] = values["vendor"] or NO_FIELDS
    values["kept"] = values["kept"] or NO_FIELDS
    values["findings"] = _read_findings(values["findings"])
    for name in _TICKET_TIMES:
        values[name] = from_text(values[name])
    return TicketRecord(**values)


def to_code(code: int | None) -> int | None:
    """Return an item's status; what no database has room for is as good as none."""
    return code if code is not None and abs(code) <= LARGEST else None


def read_result(row: Row) -> tuple[int, ItemResult]:
    """
    Make a result, and its position, of its columns and those of its item.

    Raises:
        DamagedError: They make no sense.
    """
    return reading(results, row, _read_result)


def _read_result(row: Row) -> tuple[int, ItemResult]:
    values = read_row(results, row, _RESULT_FIELDS)
    if not isinstance(row["item_id"], str):
        raise damaged(items, row, "column item_id is no text")
    result = ItemResult(
        id=row["item_id"],
        state=ItemState(values["state"]),
        code=values["code"],
        message=values["message"],
        vendor_ref=values["vendor_ref"],
        raw=unpack(values["raw"], values["packed"]),
    )
    return values["position"], result


def read_item(row: Row) -> WireItem:
    """
    Make an item of its columns.

    Raises:
        DamagedError: They make no sense.
    """
    values = read_row(items, row, ("item_id", "wire"))
    return WireItem(id=values["item_id"], wire=values["wire"])


def pack(raw: bytes | None) -> tuple[bytes | None, bool]:
    """Compress an answer where that saves something; return it, and whether it is compressed."""
    if raw is None or len(raw) < _WORTH_PACKING:
        return raw, False
    packed = zlib.compress(raw, _LEVEL)
    return (packed, True) if len(packed) < len(raw) else (raw, False)


def unpack(raw: bytes | None, packed: bool) -> bytes | None:
    """Return an answer as it came."""
    return zlib.decompress(raw) if packed and raw is not None else raw


def findings_row(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Return the column of findings."""
    return [{**asdict(f), "examples": list(f.examples)} for f in findings]


def _read_findings(rows: list[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**row) for row in rows)
