"""An item as a sandbox runs it, and what came of it."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

_ERROR: Final = 400


@frozen(kw_only=True)
class Item:
    """
    One item.

    Attributes:
        id: What its sender calls it, if anything.
        method: What is to be done.
        path: To what.
        body: With what: JSON.
    """

    id: str | None = None
    method: str = "POST"
    path: str = ""
    body: Any = field(default=None, repr=False)


@frozen(kw_only=True)
class ItemOutcome:
    """
    What came of one item.

    Attributes:
        item: The item.
        ended_at: When it ended, in monotonic seconds.
        status: As an HTTP status: 200, or that of the `AnswerError` it failed with.
        body: What the vendor says about it: JSON.
    """

    item: Item
    ended_at: float
    status: int = 200
    body: Any = field(default=None, repr=False)

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.status >= _ERROR
