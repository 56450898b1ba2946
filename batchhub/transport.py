"""
HTTP for adapters: one `Transport` per lane, over one aiohttp session per hub.

A transport waits for the lane's budget, sends once, bounds time and size, and
turns every answer that is no success, and every lack of an answer, into one of
our errors. It repeats nothing by itself, except what the vendor says it did not
run. It stops the lane for as long as the vendor asks (429, 503), and for good
when the credentials are refused (401, 403).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Final, NoReturn

import aiohttp
from attrs import field, frozen, validators
from multidict import CIMultiDict
from yarl import URL

from ._backoff import backoff_s
from ._clock import Clock
from ._http.body import BodyBrokenError, BodyTooLargeError, read_body
from ._http.errors import WIRE_ERRORS, ErrorMaker, Explain, parse_age, parse_retry_after
from ._http.gate import Gate
from ._http.redact import Redactor
from ._http.reply import Reply
from ._http.request import RequestMaker, make_payload
from ._http.session import open_session
from .adapter import Account, Budget
from .errors import (
    BatchHubError,
    BusyError,
    CredentialsError,
    RateLimitedError,
    ReplyTooLargeError,
)

__all__ = ["Limits", "Reply", "Transport", "open_session"]

_MAX_REPEATS: Final = 3
_REPEAT_BASE_S: Final = 0.1  # half of it is jitter: never below 50 ms
_REPEAT_FACTOR: Final = 1.5
_REPEAT_CAP_S: Final = 1.0

_MAX_WORDS_BYTES: Final = 64 * 1024
"""The most bytes read of an answer that is no success: enough for a code and a message."""

_SUCCESS: Final = range(200, 300)

_turn: ContextVar[tuple[Transport, float] | None] = ContextVar("batchhub_turn", default=None)
_UNAVAILABLE: Final = 503


@frozen(kw_only=True)
class Limits:
    """
    How long and how large an answer may be.

    Attributes:
        connect_s: Seconds to get a connection, TLS included.
        read_s: Seconds between two pieces of an answer.
        total_s: Seconds for the whole exchange, without the wait for the budget.
        max_answer_bytes: The most bytes in an answer's body, compressed or decompressed.
    """

    connect_s: float = field(default=10.0, validator=validators.gt(0))
    read_s: float = field(default=60.0, validator=validators.gt(0))
    total_s: float = field(default=120.0, validator=validators.gt(0))
    max_answer_bytes: int = field(default=64 * 1024 * 1024, validator=validators.gt(0))


class Transport:
    """
    All traffic of one account.

    Args:
        session: What `open_session` gave; shared by all lanes.
        clock: For the budget, cool-downs and waits; deadlines are in real time.
        vendor: The adapter's name.
        account: Whose traffic it is; gives the address and the secrets.
        budget: What the account may send.
        explain: Reads the vendor's error code and message: `Adapter.explain`.
        not_executed_statuses: By these the vendor says that it did not run a request.
        limits: How long and how large an answer may be.
        rng: Where the jitter comes from.
    """

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        clock: Clock,
        vendor: str,
        account: Account,
        budget: Budget,
        explain: Explain,
        not_executed_statuses: frozenset[int] = frozenset(),
        limits: Limits = Limits(),
        rng: random.Random | None = None,
    ) -> None:
        self._session = session
        self._clock = clock
        self._vendor = vendor
        self._account = account.identity
        self._requests = RequestMaker(vendor, account)
        self._limits = limits
        self._timeout = aiohttp.ClientTimeout(
            total=limits.total_s, connect=limits.connect_s, sock_read=limits.read_s
        )
        self._rng = rng if rng is not None else random.Random()  # noqa: S311  # jitter, no secret
        self._redactor = Redactor(account.secrets)
        self._errors = ErrorMaker(
            vendor=vendor,
            account=self._account,
            redactor=self._redactor,
            explain=explain,
            not_executed_statuses=not_executed_statuses,
        )
        self._gate = Gate(lane=account.lane, budget=budget, clock=clock, rng=self._rng)

    @property
    def cooled_until(self) -> datetime | None:
        """Until when the lane sends nothing; `None` outside a cool-down."""
        return self._gate.cooled_until

    @property
    def paused(self) -> CredentialsError | None:
        """Why the lane sends nothing more; `None` while it may."""
        return self._gate.closed_by

    async def wait_turn(self) -> None:
        """
        Wait until the next request may go; that of this task then goes without another wait.

        For a caller that must do something just before it sends, and not long before.

        Raises:
            CredentialsError: The lane sends nothing more.
        """
        _turn.set((self, await self._gate.enter()))

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """
        Send one request, when the budget allows, and return the answer.

        Args:
            method: The HTTP method.
            path: From the ``/`` after the host, percent-encoded; goes out exactly as it is.
            params: What follows the path after ``?``, not encoded yet.
            body: JSON.
            headers: Besides, or instead of, the usual ones.

        Raises:
            VendorError: The answer is no success.
            ContactError: There was no answer.
            AdapterError: The path is no path. Nothing was sent.
            SettingsError: A header can't be sent. Nothing was sent.
        """
        url = self._requests.url(path, params)
        sent_headers = self._requests.headers(body, headers)
        repeats = 0
        while True:
            try:
                return await self._send(method, url, body, sent_headers)
            except BusyError as busy:
                if repeats == _MAX_REPEATS or busy.retry_after_s is not None:
                    raise
            delay_s = backoff_s(
                repeats,
                base_s=_REPEAT_BASE_S,
                cap_s=_REPEAT_CAP_S,
                rng=self._rng,
                factor=_REPEAT_FACTOR,
            )
            repeats += 1
            await self._clock.sleep(delay_s)

    async def _send(
        self, method: str, url: URL, body: bytes | None, headers: CIMultiDict[str]
    ) -> Reply:
        sent_at_s = self._take_turn()
        if sent_at_s is None:
            sent_at_s = await self._gate.enter()
        if self._session.closed:
            raise self._errors.closed()
        reply = await self._exchange(method, url, body, headers)
        if reply.status not in _SUCCESS:
            self._refuse(reply, sent_at_s)
        self._gate.note_success(sent_at_s=sent_at_s)
        return reply

    def _take_turn(self) -> float | None:
        """Use the turn this task has waited for, if it has; refuse it if all has changed since."""
        turn = _turn.get()
        if turn is None or turn[0] is not self:
            return None
        _turn.set(None)
        self._gate.check()
        return turn[1]

    async def _exchange(
        self, method: str, url: URL, body: bytes | None, headers: CIMultiDict[str]
    ) -> Reply:
        failure: BatchHubError
        try:
            async with self._session.request(
                method,
                url,
                data=make_payload(body),
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
            ) as response:
                return await self._read(response)
        except WIRE_ERRORS as error:
            failure, cause = self._errors.failed(error)
        # Outside of `except`: else the error would be its context, secrets and all.
        raise failure from cause

    async def _read(self, response: aiohttp.ClientResponse) -> Reply:
        read = self._read_body if response.status in _SUCCESS else self._read_words
        body = await read(response)
        return Reply(
            status=response.status,
            headers=response.headers,
            body=self._redactor.body(body),
            age_s=parse_age(response.headers.get("Age")),
            vendor=self._vendor,
            account=self._account,
        )

    async def _read_body(self, response: aiohttp.ClientResponse) -> bytes:
        max_bytes = self._limits.max_answer_bytes
        try:
            return await read_body(response, max_bytes)
        except BodyTooLargeError:
            what = f"it is larger than {max_bytes} bytes"
            raise self._errors.unreadable(response.status, what, ReplyTooLargeError) from None
        except BodyBrokenError as error:
            raise self._errors.unreadable(response.status, str(error)) from error

    async def _read_words(self, response: aiohttp.ClientResponse) -> bytes:
        """Read what comes with a refusal; the status counts, also if its words are no use."""
        try:
            return await read_body(response, min(_MAX_WORDS_BYTES, self._limits.max_answer_bytes))
        except (BodyTooLargeError, BodyBrokenError, *WIRE_ERRORS):
            return b""

    def _refuse(self, reply: Reply, sent_at_s: float) -> NoReturn:
        retry_after_s = parse_retry_after(reply.headers.get("Retry-After"), self._clock.now())
        error = self._errors.refused(
            reply.status,
            reply.body,
            location=reply.headers.get("Location"),
            retry_after_s=retry_after_s,
        )
        error.raw = reply.body
        if isinstance(error, CredentialsError):
            self._gate.close(error)
        elif isinstance(error, RateLimitedError) or (
            reply.status == _UNAVAILABLE and retry_after_s
        ):
            self._gate.cool_down(
                status=reply.status, retry_after_s=retry_after_s, sent_at_s=sent_at_s
            )
        raise error
