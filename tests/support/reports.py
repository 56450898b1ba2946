"""Reports of adapters, read to their end."""

from __future__ import annotations

from collections.abc import Iterable

from batchhub._engine.join import ReadReport
from batchhub.adapter import ItemReport, Report


def entries_of(report: Report) -> list[ItemReport]:
    """Return the entries of a report that is no stream."""
    assert isinstance(report.items, Iterable)
    return list(report.items)


def read(report: Report) -> ReadReport:
    """Return a report as the engine joins it."""
    return ReadReport(
        entries=entries_of(report),
        rest=report.rest,
        rest_message=report.rest_message,
        is_settled=report.is_settled,
        findings=report.findings,
    )
