"""What whoever runs a hub tells of itself, for its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

Tell = Callable[[], Mapping[str, Any]]
"""Returns what is known of whoever runs the hub; see `Facts` for the names that are read."""


@frozen(kw_only=True)
class Facts:
    """
    What is known of whoever runs a hub.

    Attributes:
        driving_since: Since when it drives; `None` before.
        is_stopping: Whether it is about to end.
        settings_read_at: When its settings were last read with success; `None` if it has none.
        settings_error: Why the settings that were read last were not taken; `None` if they were.
    """

    driving_since: datetime | None = None
    is_stopping: bool = False
    settings_read_at: datetime | None = None
    settings_error: str | None = None

    @classmethod
    def of(cls, tell: Tell) -> Facts:
        """Ask for them; what is not told is not known."""
        told = tell()
        return cls(
            driving_since=told.get("driving_since"),
            is_stopping=bool(told.get("is_stopping")),
            settings_read_at=told.get("settings_read_at"),
            settings_error=told.get("settings_error"),
        )
