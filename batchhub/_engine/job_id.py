"""Ids of jobs: short enough to type, sortable by day, and not to be met twice."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # without what looks alike
_NOISE: Final = 8


def make_job_id(now: datetime) -> str:
    """Make an id such as ``261122-k3f9x2ab``: the day in UTC and 39 random bits."""
    return f"{now:%y%m%d}-" + "".join(secrets.choice(_ALPHABET) for _ in range(_NOISE))
