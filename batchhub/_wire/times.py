"""Times on the wire: ISO 8601, and the form with blanks that many vendors write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_BLANK_BEFORE_ZONE: Final = 19


def read_time(value: str | datetime | None, _: object = None) -> datetime | None:
    """
    Read an aware time from its text: ISO 8601, or such as ``2024-09-04 07:22:09 +0000``.

    Returns:
        The time with the offset it came with; `None` for `None` and for an empty text.

    Raises:
        ValueError: If it is no time, or one without an offset.
        TypeError: If it is no text.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        made = value
    elif isinstance(value, str):
        try:
            if value[_BLANK_BEFORE_ZONE : _BLANK_BEFORE_ZONE + 1] == " ":
                made = datetime.fromisoformat(value[:19] + value[20:])
            else:
                made = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"Expected a time, got {value[:40]!r}") from None
    else:
        raise TypeError(f"Expected a time, got {type(value).__name__}")
    if made.tzinfo is None:
        raise ValueError(f"Expected a time with its offset, got {str(value)[:40]!r}")
    return made


def write_time(value: datetime) -> str:
    """
    Write a time as ISO 8601 in UTC with milliseconds and a ``Z``.

    Raises:
        ValueError: If it has no offset.
    """
    if value.tzinfo is None:
        raise ValueError(f"times are aware datetimes, not {value!r}")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
