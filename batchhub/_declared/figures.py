"""Figures in an answer, in the forms vendors have for them."""

from __future__ import annotations

import re
from typing import Any, Final

from batchhub._adapter.answers import one_line
from batchhub._adapter.plain import encode_json
from batchhub.models import Finding

_MAX_COUNT: Final = 2**53
_DIGITS: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_NUMBER: Final = r"([0-9]{1,15}(?:\.[0-9]{1,15})?)"
_PERCENT: Final = re.compile(rf"{_NUMBER}\s*%", re.ASCII)
_FRACTION: Final = re.compile(rf"{_NUMBER}\s*/\s*{_NUMBER}", re.ASCII)
_PLAIN: Final = re.compile(_NUMBER, re.ASCII)


def read_text(value: Any) -> str | None:
    """Return a text or a whole number as text; `None` for anything else, and for empty text."""
    if isinstance(value, str):
        return value if value.strip() else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def read_word(value: Any) -> str | None:
    """Return a vendor's word for a batch or an item: text, a number, true or false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = read_text(value)
    return None if text is None else text.strip()


def read_status(value: Any) -> int | None:
    """Return an HTTP status, also out of text; `None` for anything else."""
    text = read_word(value) or ""
    return int(text) if _DIGITS.fullmatch(text) else None


def read_message(value: Any) -> str | None:
    """Return a message: text, a number, an object as JSON, or what a list of them says."""
    if isinstance(value, list):
        return one_line("; ".join(filter(None, map(read_message, value))))
    if isinstance(value, dict) and value:
        return one_line(encode_json(value).decode())
    return one_line(value)


def read_count(value: Any, findings: list[Finding]) -> int | None:
    """Return a number of items, also out of text; what is none is a finding."""
    if value is None:
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_COUNT:
        return value
    findings.append(_odd("odd_count", "a count that is no number of items", value))
    return None


def read_share(value: Any, whole: float, findings: list[Finding]) -> float | None:
    """
    Return the share that is done, 0..1; what is none is a finding.

    Args:
        value: A number; or text such as ``50%``, ``12/24`` or a number.
        whole: What a number is a share of: 1 or 100.
        findings: Where to add one.
    """
    if value is None:
        return None
    share = _find_share(value, whole)
    if share is not None and 0.0 <= share <= 1.0:
        return share
    findings.append(_odd("odd_progress", "progress that is no share of a whole", value))
    return None


def _find_share(value: Any, whole: float) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / whole if abs(value) <= whole else None
    text = value.strip() if isinstance(value, str) else ""
    if match := _PERCENT.fullmatch(text):
        return float(match[1]) / 100
    if match := _FRACTION.fullmatch(text):
        return float(match[1]) / float(match[2]) if float(match[2]) else None
    match = _PLAIN.fullmatch(text)
    return None if match is None else float(match[1]) / whole


def _odd(code: str, message: str, value: Any) -> Finding:
    return Finding(code=code, message=message, examples=((one_line(repr(value)) or "")[:100],))
