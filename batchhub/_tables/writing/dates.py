"""Dates and times of a workbook's cells, for files that have no formats to show them by."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from batchhub._tables.reading.excel.codes import parse_format
from batchhub._tables.reading.excel.formats import NumberFormat

_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001  # a sheet knows no zone
_LEAP_DAY: Final = 60
"""Excel's 29 February 1900, which never was."""

_ELAPSED: Final = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_END: Final = 2_958_466
"""The day after the last one that Excel has, 9999-12-31."""

_parse: Final = lru_cache(maxsize=256)(parse_format)


def show_date(serial: Decimal | int, code: str) -> str | None:
    """
    Return the date or the time that a cell shows, as ISO 8601 has it, without a zone.

    Args:
        serial: What the cell holds: days, of which the first is 1900-01-01.
        code: Its format.

    Returns:
        ``2026-11-30``, ``2026-11-30T08:15:00`` or ``08:15:00``; `None` if the format shows no
        date, or a span of time.
    """
    if not 0 <= serial < _END or not _is_date(_parse(code), float(serial)):
        return None
    if _ELAPSED.search(code):
        return None
    if int(serial) == _LEAP_DAY:
        return None
    days = Decimal(serial) + (1 if serial < _LEAP_DAY else 0)
    # Of 15 digits the seconds are certain, and some thousandths of them.
    moment = _EPOCH + timedelta(seconds=float(round(days * 86_400, 3)))
    timespec = "milliseconds" if moment.microsecond else "seconds"
    if serial < 1:
        return moment.time().isoformat(timespec)
    return moment.isoformat(timespec=timespec) if serial % 1 else moment.date().isoformat()


def _is_date(format: NumberFormat, number: float) -> bool:
    section = format.find_section(number)
    return section is not None and section.is_date
