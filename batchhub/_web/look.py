"""What a screen is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from batchhub.hub import BatchHub


class Role(StrEnum):
    """What a visitor may do."""

    VIEWER = "viewer"
    """Look."""

    OPERATOR = "operator"
    """Look, retry, cancel and adopt."""

    @property
    def may_act(self) -> bool:
        """Whether it may change anything."""
        return self is Role.OPERATOR


@frozen(kw_only=True)
class Look:
    """
    One look at a screen.

    Attributes:
        hub: The jobs. It drives nothing and has no accounts.
        path: The page's path, without the prefix it may have behind a proxy.
        parts: The parts of the path that its pattern names.
        query: What is after the question mark, each name's first value.
        role: Who looks.
        now: The time.
    """

    hub: BatchHub
    path: str
    parts: Mapping[str, str] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict)
    role: Role = Role.VIEWER
    now: datetime


@frozen
class Shown:
    """
    What is shown.

    Attributes:
        template: The file in `templates`.
        facts: What its names stand for.
        status: The HTTP status.
        is_still: Whether it stays as it is until somebody loads it again, as what takes a second to
            find does: it would be found anew at each change of the store.
    """

    template: str
    facts: Mapping[str, Any] = field(factory=dict)
    status: int = 200
    is_still: bool = False


Show = Callable[[Look], Awaitable[Shown]]
"""
A screen. It may raise what the hub raises: a `NotKnownError` becomes a page with the status 404, a
`UsageError` one with 400, a `StoreError` one with 503, each with its own words.
"""
