"""
Values of numpy, pandas and Arrow as Python's own; none of these packages is imported here.

They are known by what they can do, and looked at only where a value is none that JSON has.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

_MISSING: Final = frozenset({"NAType", "NaTType"})
_KNOWN: Final = frozenset({str, int, float, bool, type(None), Decimal})
_KINDS: Final = {"b": bool, "i": int, "u": int, "U": str}
_SHORTEST: Final = range(6, 10)
"""How many digits it takes to tell a single-precision number from its neighbours."""


def to_python(value: Any) -> Any:
    """
    Return what a scalar of numpy or Arrow is in Python; any other value is returned as it is.

    A ``float32`` becomes the shortest number that is the same ``float32``: 9.9, not
    9.899999618530273. An array becomes a list.
    """
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is not None and hasattr(value, "tolist"):  # numpy's
        if getattr(value, "shape", ()) != ():
            return [to_python(each) for each in value]
        if kind in _KINDS:
            return _KINDS[kind](value)
        return _to_number(value) if kind == "f" else value
    if hasattr(value, "as_py"):  # Arrow's
        found = value.as_py()
        return shorten(found) if str(getattr(value, "type", "")) == "float" else found
    return value


def is_missing(value: Any) -> bool:
    """Return whether a value stands for none: NaN, pandas' NA and NaT; not `None`."""
    if type(value).__name__ in _MISSING:
        return True
    if isinstance(value, float | Decimal):
        return math.isnan(value)
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return kind in {"f", "M", "m"} and str(value).lower() in {"nan", "nat"}


def shorten(value: float | None) -> float | None:
    """Return a number of single precision in the fewest digits that are the same number."""
    if value is None or not math.isfinite(value) or value.is_integer():
        return value
    packed = struct.pack("f", value)
    found = (float(f"{value:.{digits}g}") for digits in _SHORTEST)
    return next((each for each in found if struct.pack("f", each) == packed), value)


def describe_odd(value: Any) -> str:
    """Say what a value is that JSON does not have, and what to do; the end of a message."""
    if is_missing(value):
        name = "NaN" if isinstance(value, float | Decimal) else str(value).strip("<>")
        return f"{name}, a missing value; leave it out, or give None"
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"the date {value}; give the text that the vendor takes"
    if isinstance(value, datetime | time) or kind == "M":
        return f"the time {value}; give the text that the vendor takes"
    if isinstance(value, timedelta) or kind == "m":
        return f"the duration {value}; give the number or text that the vendor takes"
    return f"of type {type(value).__name__}, which JSON does not have"


def convert_all(value: Any) -> Any:
    """
    Return a value with Python's own in place of numpy's and Arrow's, at any depth.

    What has none of these is returned itself; what is no JSON at all stays as it is.
    """
    try:
        return value if _is_known(value) else _convert(value)
    except RecursionError:  # whoever writes it as JSON says what is wrong with it
        return value


def _is_known(value: Any) -> bool:
    """Whether there is nothing to convert: nearly always, and this is fast."""
    kind = type(value)
    if kind is dict:
        for part in value.values():
            if type(part) not in _KNOWN and not _is_known(part):
                return False
        return True
    return kind in _KNOWN or (kind is list and all(map(_is_known, value)))


def _convert(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _convert(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_convert(part) for part in value]
    return to_python(value)


def _to_number(value: Any) -> float | Decimal:
    size = value.dtype.itemsize
    if size == 8:  # noqa: PLR2004  # a double
        return float(value)
    number = float(str(value))  # numpy writes the fewest digits of each size
    return number if size < 8 or not math.isfinite(number) else Decimal(str(value))  # noqa: PLR2004
