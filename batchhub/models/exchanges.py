"""What was exchanged with a vendor about a job: a request, and the answer that it got, if any."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from batchhub._wire.times import write_time

from .plain import Plain


@frozen(kw_only=True)
class Exchange(Plain):
    """
    A request and its answer, as they were recorded: without headers, queries and secrets.

    Attributes:
        number: Its number in the record; later ones have higher numbers.
        at: When it was sent.
        account: The account's name.
        adapter: The adapter's name.
        job_id: The job it was about; `None` for none, or for several.
        ticket: The ticket's position in the job, from 1; `None` for none, or for several.
        tickets: How many tickets of the job it was about.
        verb: What it was sent for: ``submit``, ``find_attempt``, ``poll``, ``fetch_results``,
            ``cancel``, ``authorize`` or ``probe``; empty if nobody said.
        method: The HTTP method.
        host: The host it went to; empty for the account's own.
        path: The path, percent-encoded, without the query.
        status: The answer's HTTP status; `None` if no answer came.
        sent_bytes: Size of the request's body; 0 if there was no connection to send it by.
        received_bytes: Size of the answer's body, decompressed, as far as it was read.
        duration_s: Seconds from the request until its answer was read, or was given up.
        message: Why it was refused, or why there is no answer; empty if all went well.
        has_bodies: Whether bodies of it are kept.
    """

    number: int
    at: datetime
    account: str
    adapter: str
    job_id: str | None = None
    ticket: int | None = None
    tickets: int = 0
    verb: str
    method: str
    host: str = ""
    path: str
    status: int | None = None
    sent_bytes: int = 0
    received_bytes: int = 0
    duration_s: float = 0.0
    message: str = ""
    has_bodies: bool = False
    sent_body: bytes | None = field(default=None, repr=False)
    """The request's body, of which the first 256 KiB are kept; `None` if bodies are not."""
    body: bytes | None = field(default=None, repr=False)
    """The answer's body, likewise."""

    def to_dict(self) -> dict[str, Any]:
        """Return its facts by their names, for `json.dumps`; bodies are text."""
        plain = {name: getattr(self, name) for name in self._plain_types()}
        plain["at"] = write_time(self.at)
        for name in ("sent_body", "body"):
            if plain[name] is not None:
                plain[name] = plain[name].decode("utf-8", "replace")
        return plain

    @classmethod
    def _plain_types(cls) -> Mapping[str, Any]:
        """Return what `to_dict` gives under each name, as types."""
        return {**super()._plain_types(), "sent_body": str | None, "body": str | None}
