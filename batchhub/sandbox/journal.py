"""What a sandbox was asked and what it executed, so that a test can compare the two."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import field, frozen

KNOCK: Final = "knocked during a block"
"""The note of a request that came during a block whose length its sender had been given."""


@frozen(kw_only=True)
class JournalEntry:
    """
    One request.

    Attributes:
        at: When it came.
        method: Its HTTP method.
        path: Its path, decoded, without the query.
        query: Its query parameters, decoded; of a repeated one the last.
        status: The status it was answered with; 0 while it is unanswered and when its
            connection was cut.
        body: Its body; `None` if it had none, if it was not read, or if it holds secrets.
        note: What the sandbox did out of the ordinary, if it did; in one line.
        host: Which of the sandbox's hosts it came to; empty for the vendor's own.
    """

    at: datetime
    method: str
    path: str
    query: Mapping[str, str]
    status: int = 0
    body: bytes | None = field(default=None, repr=False)
    note: str | None = None
    host: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a JSON object: the time in ISO 8601, the body as text."""
        return {
            "at": self.at.isoformat(),
            "method": self.method,
            "path": self.path,
            "query": dict(self.query),
            "status": self.status,
            "body": None if self.body is None else self.body.decode("utf-8", "replace"),
            "note": self.note,
            "host": self.host,
        }


@frozen(kw_only=True)
class Execution:
    """
    One item that ran; an item that ran twice has two.

    Attributes:
        at: When it ended.
        ticket: The batch it belongs to; `None` for a call that came outside a batch.
        item_id: The id its sender gave it, if any.
        method: What was done.
        path: To what.
        body: With what: JSON.
        status: How it ended, as an HTTP status.
    """

    at: datetime
    ticket: str | None
    item_id: str | None
    method: str
    path: str
    body: Any = field(default=None, repr=False)
    status: int

    def to_json(self) -> dict[str, Any]:
        """Return the execution as a JSON object: the time in ISO 8601."""
        return {
            "at": self.at.isoformat(),
            "ticket": self.ticket,
            "item_id": self.item_id,
            "method": self.method,
            "path": self.path,
            "body": self.body,
            "status": self.status,
        }
