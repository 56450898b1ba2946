"""Times in the command's own words; those shared with notebooks and the page are in `models`."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from batchhub._base.show import duration

_CLOCK_ENDS_S: Final = 2 * 86400


def elapsed(seconds: float) -> str:
    """Write a duration as 0:00:26; from two days on as 2 d."""
    whole = max(0, int(seconds))
    if whole >= _CLOCK_ENDS_S:
        return duration(whole)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def cooling_text(until: datetime, now: datetime) -> str:
    """Write the end of a cool-down: cooling down until 14:02:11, 48 s more."""
    left_s = math.ceil((until - now).total_seconds())
    local, today = until.astimezone(), now.astimezone().date()
    day = "" if local.date() == today else f"{local:%Y-%m-%d} "
    return f"cooling down until {day}{local:%H:%M:%S}, {duration(left_s)} more"
