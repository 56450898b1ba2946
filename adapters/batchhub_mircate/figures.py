"""Mircate's numbers as they may come: counts, shares, names of products."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

_COUNT: Final = re.compile(r"[0-9]{1,9}(?:\.0+)?", re.ASCII)
_NUMBER: Final = r"([0-9]{1,15}(?:[.,][0-9]{1,15})?)"
_PERCENT: Final = re.compile(rf"{_NUMBER}\s*%", re.ASCII)
_FRACTION: Final = re.compile(rf"{_NUMBER}\s*/\s*{_NUMBER}", re.ASCII)
_PLAIN: Final = re.compile(_NUMBER, re.ASCII)
_EXACT: Final = 2**53


def read_count(value: Any) -> int | None:
    """
    Read a number of items: a whole number of 0 or more, also as text or as ``12.0``.

    Raises:
        ValueError: It is something else.
    """
    if value is None:
        return None
    if isinstance(value, str) and _COUNT.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _EXACT:
        raise ValueError("no count")
    return value


def read_ratio(value: Any) -> float | None:
    """
    Read the share that is done, 0..1; `None` where there is none.

    ``50%``, ``12/24``, ``0.5`` and ``50`` are understood, with a comma for the point as well.
    Without ``%`` and ``/`` a number above 1 is a percentage, else a share.

    Source: page "Check Batch Status", responses (`ratio` is text). Assumed: all of its forms.

    Raises:
        ValueError: It is no share, or more than the whole.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    share = _read_share(value)
    if not 0.0 <= share <= 1.0:  # NaN, too
        raise ValueError("no share")
    return share


def _read_share(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _plain_share(value)
    text = value.strip() if isinstance(value, str) else ""
    if match := _PERCENT.fullmatch(text):
        return _number(match[1]) / 100
    if match := _FRACTION.fullmatch(text):
        whole = _number(match[2])
        return _number(match[1]) / whole if whole else math.nan
    if match := _PLAIN.fullmatch(text):
        return _plain_share(_number(match[1]))
    return math.nan


def _plain_share(number: float) -> float:
    if number > 100:  # noqa: PLR2004  # percent; also keeps huge integers from the division
        return math.nan
    return number / 100 if number > 1 else float(number)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def key_text(value: Any) -> str | None:
    """
    Bring what names a product into one form: text without outer spaces, ``5`` and ``5.0`` alike.

    Returns:
        `None` for what names nothing: no text, no whole number.
    """
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 2**64 else None
    is_finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
    # Digits past these would be lost on the way to the vendor and back.
    if not is_finite or not -_EXACT < value < _EXACT or value != int(value):
        return None
    return str(int(value))
