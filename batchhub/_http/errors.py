"""From HTTP statuses and the exceptions of aiohttp to the errors of `batchhub.errors`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from batchhub.errors import (
    BatchHubError,
    BusyError,
    ConnectError,
    CredentialsError,
    NoAnswerError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    ReplyError,
    ServerError,
    VendorError,
)

from .redactor import Redactor

MAX_RETRY_AFTER_S: Final = 24 * 3600.0
_MAX_WORDS: Final = 300
_MAX_CODE: Final = 100
_REDIRECT: Final = 3
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
_BY_HUNDRED: Final[dict[int, type[VendorError]]] = {
    3: RefusedError,
    4: RefusedError,
    5: ServerError,
}
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (TimeoutError, "timed out"),
    (aiohttp.InvalidURL, "the address is wrong"),
    (aiohttp.NonHttpUrlClientError, "the address is wrong"),
    (aiohttp.ClientHttpProxyError, "the proxy refused"),
    (aiohttp.ServerFingerprintMismatch, "the certificate is not the expected one"),
    (aiohttp.ClientPayloadError, "the answer broke off"),
    (aiohttp.ClientConnectionError, "the connection was cut"),
    (OSError, "the connection was cut"),
)

NETWORK_ERRORS: Final = (aiohttp.ClientError, HttpProcessingError, OSError)
"""What aiohttp raises when something goes wrong outside of this process."""

Explain = Callable[[int, bytes], tuple[str | None, str | None]]
"""Reads the vendor's error code and message from an answer's status and body."""


class ErrorMaker:
    """Makes the errors of one account, without the secrets of the account."""

    def __init__(
        self,
        *,
        vendor: str,
        account: str,
        redactor: Redactor,
        explain: Explain,
        not_executed_statuses: frozenset[int],
    ) -> None:
        self._vendor = vendor
        self._account = account
        self._redactor = redactor
        self._explain = explain
        self._not_executed_statuses = not_executed_statuses

    def refused(
        self,
        status: int,
        body: bytes,
        *,
        location: str | None = None,
        retry_after_s: float | None = None,
    ) -> VendorError:
        """Make the error for an answer other than 2xx. `body` has its secrets blanked already."""
        error_type = _type_of_status(status, self._not_executed_statuses)
        code, words = self._read_words(status, body)
        words_text = f": {words or code}" if words or code else ""
        hint = self._hint(error_type, status, location)
        return error_type(
            f"{self._vendor} answered {describe_status(status)}{words_text}{hint}",
            vendor=self._vendor,
            account=self._account,
            status=status,
            code=code,
            retry_after_s=retry_after_s,
        )

    def unreadable(
        self, status: int | None, what: str, error_type: type[ReplyError] = ReplyError
    ) -> ReplyError:
        """Make the error for an answer that can't be read; `what` says why."""
        answer = "" if status is None else f" ({describe_status(status)})"
        return error_type(
            f"{self._vendor} gave an unusable answer{answer}: {self._line(what)}",
            vendor=self._vendor,
            account=self._account,
            status=status,
        )

    def closed(self) -> ConnectError:
        """Make the error for a request that came after the session was closed."""
        message = f"no connection to {self._vendor} (the hub is closed); nothing was sent"
        return ConnectError(message, vendor=self._vendor, account=self._account)

    def failed(self, error: Exception) -> tuple[BatchHubError, Exception | None]:
        """
        Make the error for what aiohttp raised before the answer was complete.

        Returns:
            The error and the cause to chain it to; `None` if the cause could show a secret.
        """
        cause = None if self._redactor.shows_secret(error) else error
        if _is_before_sending(error):
            what = self._line(_reason(error))
            message = f"no connection to {self._vendor} ({what}); nothing was sent"
            return ConnectError(message, vendor=self._vendor, account=self._account), cause
        if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
            return self.unreadable(None, f"it is not HTTP ({_grammar(error.message)})"), cause
        message = f"no answer from {self._vendor} to a request that was sent: {_reason(error)}"
        return NoAnswerError(message, vendor=self._vendor, account=self._account), cause

    def _read_words(self, status: int, body: bytes) -> tuple[str | None, str | None]:
        try:
            code, words = self._explain(status, body)
            code_line = self._redactor.line(code, _MAX_CODE) if code else ""
            words_line = self._line(words) if words else ""
        except Exception:  # a bug in a plug-in must not hide the status, which says enough
            return None, None
        return code_line or None, words_line or None

    def _hint(self, error_type: type[VendorError], status: int, location: str | None) -> str:
        if error_type is CredentialsError:
            return f"; fix the credentials of {self._vendor}:{self._account}"
        if error_type is RateLimitedError:
            return f"; account {self._account} sends nothing for a while"
        if error_type is BusyError:
            return "; it did not run the request, so it can be sent again"
        if status // 100 == _REDIRECT:
            target = self._line(_origin(location))
            if error_type is ReplyError:
                return f"; it points to {target}, and a write may have run"
            return f"; it points to {target}: if that is right, put it into base_url"
        return ""

    def _line(self, text: str) -> str:
        return self._redactor.line(text, _MAX_WORDS)


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
    text = (value or "").strip()
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
