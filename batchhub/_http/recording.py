"""Records requests and their answers, without a secret in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from attrs import evolve, field, frozen
from yarl import URL

from batchhub._adapter.account import Account
from batchhub._base.json import dumps, loads

from .reply import Reply
from .request import Call, show_body
from .scrubber import Scrubber


@frozen(kw_only=True)
class RecordedExchange:
    """
    A request and its answer, every secret in them as ``***``.

    Attributes:
        method: The HTTP method.
        host: The host it went to, with its port unless that is usual; empty for the account's own.
        path: The path, percent-encoded.
        query: The query, percent-encoded. Of an address that carried no credentials, and so may
            give access by itself, it is blanked.
        sent_headers: The request's headers. The value of one that may be secret is blanked.
        sent: The request's body.
        status: The answer's HTTP status; `None` if no answer came.
        headers: The answer's headers, likewise.
        body: The answer's body, decompressed.
    """

    method: str
    host: str = ""
    path: str
    query: str = ""
    sent_headers: Mapping[str, str] = field(factory=dict, repr=False)
    sent: bytes = field(default=b"", repr=False)
    status: int | None = None
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class Recording:
    """What `record_exchanges` records, in the order in which the answers came."""

    def __init__(self) -> None:
        self._raw: list[tuple[Call, Reply | None]] = []
        self._secrets: set[str] = set()
        self._origin = ""

    @property
    def base_url(self) -> str:
        """Scheme, host and port of the account's own host; empty if nothing is recorded."""
        return self._origin

    @property
    def exchanges(self) -> Sequence[RecordedExchange]:
        """The requests and answers until now, without any secret known or found until now."""
        scrubber = self._make_scrubber()
        return [_scrub(call, reply, scrubber) for call, reply in self._raw]

    def redact(self, value: Any) -> Any:
        """Return a JSON value, such as what was made of an answer, in the same way."""
        return loads(self._make_scrubber().body(dumps(value), "application/json"))

    def add(self, call: Call, reply: Reply | None, account: Account) -> None:
        """Record a request of an account and its answer, if it got one."""
        self._raw.append((call, reply))
        self._secrets.update(account.secrets)
        self._origin = str(URL(account.base_url).origin())  # as addresses are shown, without :443

    def _make_scrubber(self) -> Scrubber:
        scrubber = Scrubber(self._secrets, self._origin)
        for call, reply in self._raw:
            _scrub(call, reply, scrubber)  # what is secret in a later one is so in earlier ones
        return scrubber


# Of the task and those it makes: others' requests are none of the recording's.
_recording: ContextVar[Recording | None] = ContextVar("batchhub_recording", default=None)


@contextmanager
def record_exchanges() -> Iterator[Recording]:
    """
    Record what this task, and those it starts, send and receive inside a ``with``.

    All of it is kept in memory. A hub that was opened before may send in tasks of its own: open
    it inside.
    """
    recording = Recording()
    token = _recording.set(recording)
    try:
        yield recording
    finally:
        _recording.reset(token)


def note_exchange(call: Call, reply: Reply | None, account: Account) -> None:
    """Record a request and its answer, if this task's are recorded; `None` for no usable answer."""
    recording = _recording.get()
    if recording is not None:
        recording.add(call, reply, account)


def _scrub(call: Call, reply: Reply | None, scrubber: Scrubber) -> RecordedExchange:
    url = call.target.url
    query = url.raw_query_string
    sent = RecordedExchange(
        method=call.method,
        host="" if scrubber.is_own(str(url.origin())) else url.raw_authority,
        path=scrubber.path(url.raw_path),
        query=scrubber.query(query) if call.target.is_own else scrubber.presigned(query),
        sent_headers=scrubber.headers(call.headers.all),
        sent=scrubber.body(show_body(call.body), call.headers.all.get("Content-Type", "")),
    )
    if reply is None:
        return sent
    return evolve(
        sent,
        status=reply.status,
        headers=scrubber.headers(reply.headers),
        body=scrubber.body(reply.body, reply.headers.get("Content-Type", "")),
    )
