"""From HTTP statuses and the exceptions of aiohttp to the errors of `batchhub.errors`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp.http import HttpProcessingError
from attrs import evolve, frozen
from yarl import URL

from batchhub._base.log import get_logger
from batchhub.errors import (
    BatchHubError,
    BlockedError,
    BusyError,
    ConnectError,
    CredentialsError,
    NoAnswerError,
    NotFoundError,
    OtherHostError,
    RateLimitedError,
    RefusedError,
    ReplyError,
    ServerError,
    VendorError,
)

from .limits import MAX_RETRY_AFTER_S
from .page import find_title, is_foreign, is_page
from .redactor import LinkRedactor, Redactor
from .target import Target

_log = get_logger()

_MAX_WORDS: Final = 300
_MAX_CODE: Final = 100
_REDIRECT: Final = 3
_PROXY_WANTS_CREDENTIALS: Final = 407
_NETWORK_WANTS_SIGN_IN: Final = 511
_FOUND: Final = 302
_FOR_NOW: Final = frozenset({_FOUND, 307})
_NOT_THERE: Final = frozenset({404, 410})
_CHALLENGE: Final = "cf-mitigated"
"""Cloudflare's header of an answer that is a challenge, in place of the vendor's."""

_LONGEST_AGE_S: Final = 366 * 86_400.0
_TLS: Final = re.compile(r" ssl:(default|True|False|None)\b")
"""What aiohttp adds to every failed connection, also to those without TLS."""

_SECONDS: Final = re.compile(r"\d{1,18}(\.\d*)?", re.ASCII)

_BY_STATUS: Final[dict[int, type[VendorError]]] = {
    303: ReplyError,  # "see the result over there": a write may have run
    401: CredentialsError,
    403: CredentialsError,
    404: NotFoundError,
    408: ServerError,
    410: NotFoundError,
    429: RateLimitedError,
}
_ELSEWHERE: Final = frozenset({401, 403, 404, 410, 429})
"""Where no credentials are sent these say nothing of the account, and the next link may work."""

_BY_HUNDRED: Final[dict[int, type[VendorError]]] = {
    3: RefusedError,
    4: RefusedError,
    5: ServerError,
}
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (TimeoutError, "timed out"),
    (aiohttp.InvalidURL, "the address is wrong"),
    (aiohttp.NonHttpUrlClientError, "the address is wrong"),
    (aiohttp.ServerFingerprintMismatch, "the certificate is not the expected one"),
    (aiohttp.ClientPayloadError, "the answer broke off"),
    (aiohttp.ClientConnectionError, "the connection was cut"),
    (OSError, "the connection was cut"),
)

NETWORK_ERRORS: Final = (aiohttp.ClientError, HttpProcessingError, OSError)
"""What aiohttp raises when something goes wrong outside of this process."""

_NO_HEADERS: Final[Mapping[str, str]] = {}

Explain = Callable[[int, Mapping[str, str], bytes], tuple[str | None, str | None]]
"""Reads the vendor's error code and message from an answer's status, headers and body."""


@frozen(kw_only=True)
class ErrorMaker:
    """
    Makes the errors of one account, without the secrets of the account.

    Attributes:
        vendor: The adapter's name.
        account: The account's identity.
        redactor: Blanks what may not be shown.
        explain: Reads the vendor's error code and message.
        not_executed_statuses: HTTP statuses by which the vendor says it did not run a request.
        proxy: The proxy requests go through, as it is shown.
        host: Who was asked without the account's credentials; `None` is the vendor itself.
        own_host: The host of the account's `base_url`.
    """

    vendor: str
    account: str
    redactor: Redactor
    explain: Explain
    not_executed_statuses: frozenset[int]
    proxy: str | None = None
    host: str | None = None
    own_host: str | None = None

    def elsewhere(self, target: Target, proxy: str | None) -> ErrorMaker:
        """Return what makes the errors of a request that carries no credentials."""
        return evolve(
            self,
            redactor=LinkRedactor(self.redactor, target.url),
            not_executed_statuses=frozenset(),  # they are the vendor's
            proxy=proxy,
            host=target.host,
        )

    @property
    def _name(self) -> str:
        return self.vendor if self.host is None else f"{self.host} (asked for {self.vendor})"

    @property
    def _through(self) -> str:
        return "" if self.proxy is None else f" through proxy {self.proxy}"

    def refused(
        self,
        status: int,
        body: bytes,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        retry_after_s: float | None = None,
        has_effect: bool = False,
    ) -> VendorError | BlockedError:
        """
        Make the error for an answer other than 2xx.

        Args:
            status: Its status.
            body: Its body, with its secrets blanked.
            headers: Its headers.
            retry_after_s: When to try again, in seconds from now, if it says so.
            has_effect: Whether the request may have changed anything.
        """
        if status == _PROXY_WANTS_CREDENTIALS:
            return self._blocked(status, "the proxy refused; check the credentials in its address")
        if status == _NETWORK_WANTS_SIGN_IN:
            return self._blocked(status, "a network on the way wants somebody to sign in first")
        if self.host is not None:
            body = self.redactor.body(body)
        error_type = self._type_of_status(status)
        if status == _FOUND and has_effect:
            error_type = ReplyError  # as a 303: many a server answers a write so that has run
        code, words = self._read_words(status, headers, body)
        if self._is_on_the_way(status, body, headers, is_understood=bool(code or words)):
            why = f"something on the way answered with its own page{self._title(body)}"
            if status in _NOT_THERE:  # as a site answers that has no API there
                why += "; if it does so each time, check base_url"
            return self._blocked(status, why)
        if error_type is not ReplyError and self._is_gate(status, headers.get("Location")):
            where = self._line(_origin(headers.get("Location")))
            why = f"something on the way points to {where}; if that is the vendor, fix base_url"
            return self._blocked(status, why)
        words_text = f": {words or code}" if words or code else ""
        if not words_text and is_page(body, headers.get("Content-Type", "")):
            words_text = f" with a page of HTML{self._title(body)}"
        hint = self._hint(error_type, status, headers.get("Location"))
        error = error_type(
            f"{self._name} answered {describe_status(status)}{words_text}{hint}",
            vendor=self.vendor,
            account=self.account,
            status=status,
            code=code,
            retry_after_s=retry_after_s,
        )
        error.raw = body
        return error

    def _type_of_status(self, status: int) -> type[VendorError]:
        if self.host is not None and status in _ELSEWHERE:
            return OtherHostError
        return _type_of_status(status, self.not_executed_statuses)

    def _is_on_the_way(
        self, status: int, body: bytes, headers: Mapping[str, str], *, is_understood: bool
    ) -> bool:
        """Whether something on the way refused, and the vendor was not asked."""
        content_type = headers.get("Content-Type", "")
        if _CHALLENGE in headers:
            return True
        if status in _NOT_THERE:
            # No evidence that the vendor does not know what was asked for.
            return self.host is None and not is_understood and is_page(body, content_type)
        if status not in {401, 403}:
            return False
        if self.host is not None:  # a storage may answer in any form, but not by a page for people
            return is_page(body, content_type)
        return is_foreign(body, content_type, is_understood=is_understood)

    def _is_gate(self, status: int, location: str | None) -> bool:
        """Whether a request was sent to another host for now, as a sign-in page of a network."""
        if status not in _FOR_NOW or self.host is not None:
            return False
        try:
            host = URL(location or "").host
        except ValueError:
            return False
        return host is not None and host != self.own_host

    def _title(self, body: bytes) -> str:
        title = find_title(body)
        return f" ({self._line(title)!r})" if title else ""

    def _blocked(self, status: int, why: str) -> BlockedError:
        return BlockedError(
            f"no answer from {self._name}{self._through} but {describe_status(status)}: "
            f"{why}; nothing ran",
            vendor=self.vendor,
            account=self.account,
            status=status,
        )

    def page(self, status: int, body: bytes) -> ReplyError:
        """Make the error for a page of HTML in place of what was asked for."""
        error = ReplyError(
            f"{self._name} answered {describe_status(status)} with a page of HTML"
            f"{self._title(body)} in place of JSON",
            vendor=self.vendor,
            account=self.account,
            status=status,
        )
        error.raw = body
        return error

    def unreadable(
        self, status: int | None, what: str, error_type: type[ReplyError] = ReplyError
    ) -> ReplyError:
        """Make the error for an answer that can't be read; `what` says why."""
        answer = "" if status is None else f" ({describe_status(status)})"
        return error_type(
            f"{self._name} gave an unusable answer{answer}: {self._line(what)}",
            vendor=self.vendor,
            account=self.account,
            status=status,
        )

    def closed(self) -> ConnectError:
        """Make the error for a request that came after the session was closed."""
        message = f"no connection to {self._name} (the hub is closed); nothing was sent"
        return ConnectError(message, vendor=self.vendor, account=self.account)

    def failed(self, error: Exception) -> tuple[BatchHubError, Exception | None]:
        """
        Make the error for what aiohttp raised before the answer was complete.

        Returns:
            The error and the cause to chain it to; `None` if the cause could show a secret.
        """
        cause = None if self.redactor.shows_secret(error) else error
        if _is_before_sending(error):
            what = self._line(_reason(error))
            message = f"no connection to {self._name}{self._through} ({what}); nothing was sent"
            return ConnectError(message, vendor=self.vendor, account=self.account), cause
        if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
            return self.unreadable(None, f"it is not HTTP ({_grammar(error.message)})"), cause
        message = f"no answer from {self._name} to a request that was sent: {_reason(error)}"
        return NoAnswerError(message, vendor=self.vendor, account=self.account), cause

    def _read_words(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, str | None]:
        try:
            code, words = self.explain(status, headers, body)
            code_line = self.redactor.line(code, _MAX_CODE) if code else ""
            words_line = self._line(words) if words else ""
        except Exception as error:  # a bug in a plug-in must not hide the status, which says enough
            words = self._line(f"it failed in explain: {type(error).__name__}: {error}")
            _log.warning("adapter.failed", adapter=self.vendor, error=words)
            return None, None
        return code_line or None, words_line or None

    def _hint(self, error_type: type[VendorError], status: int, location: str | None) -> str:
        if error_type is CredentialsError:
            return f"; fix the credentials of {self.vendor}:{self.account}"
        if error_type is RateLimitedError:
            return f"; account {self.account} sends nothing for a while"
        if error_type is BusyError:
            return "; it did not run the request, so it can be sent again"
        if status // 100 == _REDIRECT:
            target = self._line(_origin(location))
            if error_type is ReplyError:
                then = ", and a write may have run"
            elif self.host is not None:
                then = ", and redirects are not followed"
            else:
                then = ": if that is right, put it into base_url"
            return f"; it points to {target}{then}"
        return ""

    def _line(self, text: str) -> str:
        return self.redactor.line(text, _MAX_WORDS)


def describe_status(status: int) -> str:
    """Return a status with its standard reason phrase: ``404 Not Found``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """
    Read a ``Retry-After`` header: seconds, or an HTTP date.

    Returns:
        The seconds from `now`, at most 24 hours; `None` if it is missing or invalid.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(text)
        delay_s = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(delay_s, MAX_RETRY_AFTER_S) if delay_s >= 0 else None


def parse_age(value: str | None) -> float | None:
    """Read an ``Age`` header: seconds in a cache; `None` if it is missing or invalid."""
    if value is None:
        return None
    text = value.strip()
    return min(float(text), _LONGEST_AGE_S) if _SECONDS.fullmatch(text) else None


def _type_of_status(status: int, not_executed_statuses: frozenset[int]) -> type[VendorError]:
    known = _BY_STATUS.get(status)
    if status in not_executed_statuses and known not in {CredentialsError, RateLimitedError}:
        return BusyError
    return known or _BY_HUNDRED.get(status // 100, ReplyError)


def _is_before_sending(error: Exception) -> bool:
    if isinstance(error, aiohttp.RedirectClientError):
        return False
    return isinstance(
        error,
        aiohttp.ClientConnectorError
        | aiohttp.ClientHttpProxyError
        | aiohttp.ConnectionTimeoutError
        | aiohttp.InvalidURL
        | aiohttp.NonHttpUrlClientError
        | aiohttp.ServerFingerprintMismatch,
    )


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return _TLS.sub("", str(error))
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {describe_status(error.status)}"
    # Not the words of aiohttp, which may quote what went over the wire.
    return next((words for kind, words in _REASONS if isinstance(error, kind)), "no HTTP")


def _grammar(message: str) -> str:
    # The rest is quoted from the wire and cut anywhere, and a part of a secret can't be blanked.
    return re.split(r"[:'\"\n]", message, maxsplit=1)[0].strip() or "malformed"


def _origin(location: str | None) -> str:
    """Return where a redirect points, without path and query, which may hold a token."""
    try:
        target = URL(location or "")
        return str(target.origin()) if target.absolute else "another path"
    except ValueError:
        return "nowhere"
