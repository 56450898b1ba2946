"""
What a transport says of its exchanges to whoever keeps a record of them.

Of a submit, a search, a cancel and a fetch each exchange is noted, of anything else only what was
refused, not answered, or of no use to the adapter: a poll that went well costs nothing. What is
noted has no header and no query, and no secret in its path and its message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from attrs import field, frozen
from yarl import URL

from batchhub._adapter.account import BODIES, Account
from batchhub._adapter.bodies import FilesBody
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._base.waits import Waits, current
from batchhub.errors import AdapterError, BatchHubError, CantTellError, ConnectError, VendorError

from .reply import Reply
from .request import Call, show_body

if TYPE_CHECKING:
    from .exchange import Exchange  # aiohttp is slow to import

KEPT_BYTES: Final = 256 * 1024
"""How much is kept of a body."""

READ_BYTES: Final = KEPT_BYTES + 64 * 1024
"""How much of it is looked at, so that no secret is cut in half before it is blanked."""

_LONGEST: Final = 500
_WHOLE: Final = frozenset({"submit", "find_attempt", "cancel", "fetch_results"})
"""The verbs of which what went well is noted as well."""

_OF_THE_ANSWER: Final = (VendorError, CantTellError, AdapterError)
"""What an adapter raises because of an answer, though it came with a status of 2xx."""

_log = get_logger()


class Job(Protocol):
    """A job that an exchange is about."""

    @property
    def job_id(self) -> str:
        """Its id."""
        ...

    @property
    def account(self) -> str:
        """The name of its account."""
        ...


about: Final[ContextVar[Sequence[tuple[Job, int]]]] = ContextVar("batchhub_about", default=())
"""The tickets that the requests of this task, and of those it starts, are about."""


@frozen(kw_only=True, eq=False)
class Body:
    """
    The beginning of a body, blanked of what is known to be secret.

    Attributes:
        data: The first `READ_BYTES` of it.
        is_whole: Whether that is all of it.
        size_bytes: How large all of it is.
        content_type: What it is.
    """

    data: bytes = field(repr=False)
    is_whole: bool
    size_bytes: int
    content_type: str


@frozen(kw_only=True, eq=False)
class Noted:
    """
    An exchange, as `batchhub.models.Exchange` describes it.

    Attributes:
        tickets: The jobs and positions it is about.
        sent: The request's body, if bodies are kept.
        received: The answer's.
        origin: Scheme, host and port of the account's own host.
        secrets: The account's.
    """

    at: datetime
    account: str
    adapter: str
    tickets: Sequence[tuple[str, int]]
    verb: str
    method: str
    host: str
    path: str
    status: int | None
    sent_bytes: int
    received_bytes: int
    duration_s: float
    message: str
    sent: Body | None = field(default=None, repr=False)
    received: Body | None = field(default=None, repr=False)
    origin: str = ""
    secrets: Iterable[str] = field(default=(), repr=False)


class Journal(Protocol):
    """Keeps a record of exchanges."""

    def note(self, noted: Noted) -> None:
        """Take an exchange; it neither waits nor raises."""
        ...


class ExchangeNotes:
    """
    Notes the exchanges of one account.

    Args:
        journal: Takes them.
        name: The account's name.
        account: The account.
        vendor: The adapter's name.
        exchange: Blanks secrets.
        clock: Says when.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        name: str,
        account: Account,
        vendor: str,
        exchange: Exchange,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._name = name
        self._account = account
        self._vendor = vendor
        self._exchange = exchange
        self._clock = clock
        self._origin = str(URL(account.base_url).origin())
        self._has_warned = False

    def now_s(self) -> float:
        """Return the monotonic seconds."""
        return self._clock.monotonic()

    @property
    def keeps_bodies(self) -> bool:
        """Whether bodies are kept, too."""
        return self._account.exchanges == BODIES

    def note_answer(self, call: Call, reply: Reply, began_s: float) -> None:
        """
        Note an exchange that went well, if it is of a verb of which such are noted.

        Not at once: whether the adapter can use the answer, or reads a refusal in it, shows when
        the verb ends.
        """
        waits = current.get()
        if waits is None:
            return
        if waits.answer is not None:
            settle(waits, None)
        # Nearly all are polls, of which nothing is to be noted: the time is read for others only.
        end_s = self.now_s() if waits.verb in _WHOLE else None
        waits.answer = (self, call, reply, began_s, end_s)

    def note_error(
        self, call: Call, reply: Reply | None, error: BatchHubError, began_s: float
    ) -> None:
        """Note an exchange that was refused, or not answered."""
        end_s = self._clock.monotonic()
        if (waits := current.get()) is not None:
            settle(waits, None)
        if reply is None:
            status, body = getattr(error, "status", None), getattr(error, "raw", b"")
            if status is not None:
                reply = Reply(status=status, body=body)
        was_sent = not isinstance(error, ConnectError)
        self.note(call, reply, str(error), began_s, end_s, was_sent=was_sent)

    def note_end(self, call: Call, began_s: float) -> None:
        """Note that a request, other than a poll, was given up before its answer came."""
        waits = current.get()
        if waits is not None and waits.verb in _WHOLE:
            end_s = self._clock.monotonic()
            self.note(call, None, "given up before the answer came", began_s, end_s)

    def note(
        self,
        call: Call,
        reply: Reply | None,
        message: str,
        began_s: float,
        end_s: float,
        *,
        was_sent: bool = True,
    ) -> None:
        """
        Note an exchange. It does not raise.

        Args:
            call: The request.
            reply: The answer.
            message: Why it was refused.
            began_s: When it was sent, in monotonic seconds.
            end_s: When it was answered.
            was_sent: Whether the vendor may have got any of it.
        """
        try:
            noted = self._describe(call, reply, message, began_s, end_s, was_sent=was_sent)
            self._journal.note(noted)
        except Exception as error:  # the exchange itself is what counts
            if not self._has_warned:
                self._has_warned = True
                what = self._exchange.redact(f"{type(error).__name__}: {error}")
                _log.warning("exchanges.failed", account=self._name, error=what)

    def _describe(
        self,
        call: Call,
        reply: Reply | None,
        message: str,
        began_s: float,
        end_s: float,
        *,
        was_sent: bool,
    ) -> Noted:
        passed = timedelta(seconds=max(0.0, self._clock.monotonic() - began_s))
        url, redact, waits = call.target.url, self._exchange.redact, current.get()
        jobs = about.get()
        origin = str(url.origin())
        return Noted(
            at=self._clock.now().astimezone(UTC) - passed,
            account=jobs[0][0].account if jobs else self._name,
            adapter=self._vendor,
            tickets=tuple((job.job_id, position) for job, position in jobs),
            verb="" if waits is None else waits.verb,
            method=call.method,
            host="" if origin == self._origin else redact(url.raw_authority.rpartition("@")[2]),
            path=redact(url.raw_path),
            status=None if reply is None else reply.status,
            sent_bytes=_size(call) if was_sent else 0,
            received_bytes=_received_bytes(call, reply),
            duration_s=max(0.0, end_s - began_s),
            message=_shorten(redact(message)),
            sent=self._sent(call) if self.keeps_bodies and was_sent else None,
            received=_received(call, reply, self._exchange.redact_body)
            if self.keeps_bodies
            else None,
            origin=self._origin,
            secrets=self._account.secrets if self.keeps_bodies else (),
        )

    def _sent(self, call: Call) -> Body | None:
        if call.body is None:
            return None
        shown = show_body(call.body)
        return Body(
            data=self._exchange.redact_body(shown[:READ_BYTES]),
            is_whole=len(shown) <= READ_BYTES,
            size_bytes=_size(call),
            content_type=call.headers.all.get("Content-Type", ""),
        )


def settle(waits: Waits, error: BaseException | None) -> None:
    """
    Note the last answer of a call of a verb, now that it is known what the adapter made of it.

    Args:
        waits: What the call has met.
        error: What the verb raised, if it did.
    """
    answer, waits.answer = waits.answer, None
    if answer is None:
        return
    is_bad = isinstance(error, _OF_THE_ANSWER)
    if is_bad or waits.verb in _WHOLE:
        notes, call, reply, began_s, end_s = answer
        message = str(error) if is_bad else ""
        notes.note(call, reply, message, began_s, notes.now_s() if end_s is None else end_s)


def _received(
    call: Call, reply: Reply | None, redact_body: Callable[[bytes], bytes]
) -> Body | None:
    if reply is None:
        return None
    kind = reply.headers.get("Content-Type", "")
    if call.spool is not None and not reply.body:
        data, size_bytes = redact_body(bytes(call.spool.head)), call.spool.size_bytes
    else:
        data, size_bytes = reply.body, len(reply.body)  # blanked when it came
    return Body(
        data=data[:READ_BYTES],
        is_whole=size_bytes <= READ_BYTES,
        size_bytes=size_bytes,
        content_type=kind,
    )


def _size(call: Call) -> int:
    body = call.body
    if isinstance(body, FilesBody):
        return body.size_bytes
    return 0 if body is None else len(body)


def _received_bytes(call: Call, reply: Reply | None) -> int:
    if call.spool is not None and (reply is None or not reply.body):
        return call.spool.size_bytes
    return 0 if reply is None else len(reply.body)


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
