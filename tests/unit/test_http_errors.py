"""What answers, and the lack of them, mean."""

from __future__ import annotations

import ssl
import traceback
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp import client_exceptions
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import HttpProcessingError, TransferEncodingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from batchhub import errors
from batchhub._http.connector import DisconnectedError
from batchhub._http.errors import ErrorMaker, describe_status, parse_age, parse_retry_after
from batchhub._http.redactor import Redactor

SECRET = "secret_t0ken/42"
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def _maker(
    code: str | None = None, words: str | None = None, not_executed: frozenset[int] = frozenset()
) -> ErrorMaker:
    return ErrorMaker(
        vendor="shop",
        account="7",
        redactor=Redactor([SECRET]),
        explain=lambda status, headers, body: (code, words),
        not_executed_statuses=not_executed,
    )


def _request_info() -> aiohttp.RequestInfo:
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": "Basic c2VjcmV0"}))
    url = URL("https://shop.example/")
    return aiohttp.RequestInfo(url, "GET", headers, url)


_KEY = ConnectionKey("shop.example", 443, True, True, None, None, None)
_ARGUMENTS: dict[type[BaseException], tuple[Any, ...]] = {
    client_exceptions.UnixClientConnectorError: ("/tmp/s", _KEY, OSError(111, "refused")),
    aiohttp.ClientConnectorCertificateError: (_KEY, ssl.CertificateError("self-signed")),
    aiohttp.ClientConnectorError: (_KEY, OSError(111, "refused")),
    aiohttp.ClientResponseError: (_request_info(), ()),
    aiohttp.ServerFingerprintMismatch: (b"1", b"2", "shop.example", 443),
    TransferEncodingError: (f"bad chunk {SECRET}",),
    aiohttp.InvalidURL: (f"https://shop.example/?token={SECRET}",),
}


def _make(kind: type[Exception]) -> Exception:
    arguments = next((a for base, a in _ARGUMENTS.items() if issubclass(kind, base)), ())
    return kind(*arguments)


_FOREIGN = sorted(
    {
        kind
        for kind in (*vars(aiohttp).values(), *vars(client_exceptions).values())
        if isinstance(kind, type) and issubclass(kind, aiohttp.ClientError)
    },
    key=lambda kind: kind.__name__,
)
_OURS_AND_BUILTIN: list[type[Exception]] = [
    DisconnectedError,
    HttpProcessingError,
    TransferEncodingError,
    ConnectionResetError,
    BrokenPipeError,
    OSError,
    TimeoutError,
    ssl.SSLError,
    ssl.CertificateError,
]
_BEFORE_SENDING = {
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientHttpProxyError",
    "ClientProxyConnectionError",
    "ClientSSLError",
    "ConnectionTimeoutError",
    "InvalidURL",
    "InvalidUrlClientError",
    "NonHttpUrlClientError",
    "ServerFingerprintMismatch",
    "UnixClientConnectorError",
}
_NOT_UNDERSTOOD = {
    "ClientResponseError",
    "ContentTypeError",
    "HttpProcessingError",
    "TooManyRedirects",
    "TransferEncodingError",
    "WSServerHandshakeError",
}


@pytest.mark.parametrize("kind", [*_FOREIGN, *_OURS_AND_BUILTIN])
def test_every_foreign_error_becomes_one_of_ours(kind: type[Exception]) -> None:
    """Certain before a byte was sent, unknown after; no foreign error is left over."""
    error, _ = _maker().failed(_make(kind))

    if kind.__name__ in _BEFORE_SENDING:
        assert type(error) is errors.ConnectError
    elif kind.__name__ in _NOT_UNDERSTOOD:
        assert type(error) is errors.ReplyError
    else:
        assert type(error) is errors.NoAnswerError
    assert isinstance(error, errors.ContactError | errors.VendorError)
    assert (error.vendor, error.account) == ("shop", "7")


@pytest.mark.parametrize("kind", [*_FOREIGN, *_OURS_AND_BUILTIN])
def test_no_error_shows_a_secret_by_its_chain(kind: type[Exception]) -> None:
    """Neither text, repr nor traceback of what is raised holds a secret."""
    foreign = _make(kind)
    foreign.__context__ = _make(aiohttp.ClientResponseError)

    error, cause = _maker().failed(foreign)
    error.__cause__ = cause
    shown = "".join(traceback.format_exception(error))
    link: BaseException | None = error
    while link is not None:
        shown += f"{link!r} {link}"
        link = link.__cause__ or link.__context__

    assert SECRET not in shown
    assert "Authorization" not in shown


def test_an_error_without_a_secret_stays_the_cause() -> None:
    """A harmless cause is kept: it is what an engineer looks for."""
    foreign = aiohttp.ServerDisconnectedError()

    _, cause = _maker().failed(foreign)

    assert cause is foreign


_SPECIAL: dict[int, type[errors.VendorError]] = {
    303: errors.ReplyError,
    401: errors.CredentialsError,
    403: errors.CredentialsError,
    404: errors.NotFoundError,
    408: errors.ServerError,
    410: errors.NotFoundError,
    429: errors.RateLimitedError,
    570: errors.BusyError,
}


def _expected(status: int) -> type[errors.VendorError]:
    if status in _SPECIAL:
        return _SPECIAL[status]
    if status >= 600:
        return errors.ReplyError
    return errors.RefusedError if status < 500 else errors.ServerError


def test_every_status_that_is_no_success_becomes_one_of_ours() -> None:
    """The status alone decides what the caller can do."""
    maker = _maker(not_executed=frozenset({570}))

    for status in range(300, 1000):
        if status in {407, 511}:  # a proxy's, and a network's; not the vendor's
            continue
        error = maker.refused(status, b"", retry_after_s=3.0)

        assert type(error) is _expected(status)
        assert str(error).startswith(f"shop answered {describe_status(status)}")
        assert (error.vendor, error.account, error.status) == ("shop", "7", status)
        assert error.retry_after_s == 3.0


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_vendor_can_not_declare_credentials_or_limits_away(status: int) -> None:
    """401, 403 and 429 stop the lane also where the vendor says that it ran nothing."""
    error = _maker(not_executed=frozenset({status})).refused(status, b"")

    assert not isinstance(error, errors.BusyError)


def test_the_message_holds_the_vendors_words_and_the_code() -> None:
    """The vendor's own words come after the standard reason."""
    error = _maker("BAD_SKU", "SKU is too long").refused(400, b"{}")

    assert str(error) == "shop answered 400 Bad Request: SKU is too long"
    assert getattr(error, "code", None) == "BAD_SKU"


def test_the_vendors_words_are_one_short_printable_line_without_secrets() -> None:
    """Words from outside can neither break a line, nor drive a terminal, nor show a secret."""
    error = _maker("C\nD", f"first\r\n\x1b[31m {SECRET} {'x' * 900}").refused(400, b"")

    words = str(error).removeprefix("shop answered 400 Bad Request: ")
    assert words.startswith("first [31m *** xxx")
    assert len(words) == 300
    assert getattr(error, "code", None) == "C D"


@pytest.mark.parametrize(
    "slip", [Mock(side_effect=KeyError("message")), Mock(return_value=(5, ["no text"]))]
)
def test_an_adapter_that_can_not_read_an_error_does_not_hide_it(slip: Mock) -> None:
    """A slip in `explain` costs the words, not the status."""
    maker = ErrorMaker(
        vendor="shop",
        account="7",
        redactor=Redactor([]),
        explain=slip,
        not_executed_statuses=frozenset(),
    )

    assert str(maker.refused(500, b"")) == "shop answered 500 Internal Server Error"


def test_a_challenge_is_no_answer_of_the_vendors() -> None:
    """Whatever its body is: the header says that the vendor was not asked."""
    headers = {"cf-mitigated": "challenge"}
    error = _maker("FORBIDDEN", "Verify that you are human").refused(403, b"{}", headers=headers)

    assert isinstance(error, errors.BlockedError)
    assert str(error).endswith("nothing ran")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://new.example/a?token=1#f", "https://new.example"),
        ("https://user:pw@new.example:8443/a", "https://new.example:8443"),
        ("/elsewhere", "another path"),
        ("", "another path"),
        (None, "another path"),
        ("http://[broken", "nowhere"),
    ],
)
def test_a_redirect_says_where_to_and_what_to_fix(location: str | None, target: str) -> None:
    """Scheme and host only: the rest may hold a token."""
    error = _maker().refused(301, b"", headers={} if location is None else {"Location": location})

    assert str(error) == (
        f"shop answered 301 Moved Permanently; it points to {target}: "
        "if that is right, put it into base_url"
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("99999999", 86400.0),
        ("Thu, 01 Jan 2026 12:01:30 GMT", 90.0),
        ("Thu, 01 Jan 2026 12:01:30 -0000", 90.0),
        ("Thursday, 01-Jan-26 12:01:30 GMT", 90.0),
        ("Fri, 01 Jan 2999 00:00:00 GMT", 86400.0),
        ("Thu, 01 Jan 2026 11:59:59 GMT", None),
        ("Thu, 99 Jan 2026 11:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86400.0),
        ("-5", None),
        ("1e9", None),
        ("nan", None),
        ("inf", None),
        ("1_0", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_a_day(
    value: str | None, seconds: float | None
) -> None:
    """Seconds or an HTTP date; what makes no sense is as if it were not there."""
    assert parse_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"), [("12", 12.0), ("", None), ("-1", None), ("x", None), (None, None)]
)
def test_age_is_seconds(value: str | None, seconds: float | None) -> None:
    """What is no number of seconds is no age."""
    assert parse_age(value) == seconds


def test_a_secret_is_blanked_in_every_form_it_can_come_back_in() -> None:
    """Bare, percent-encoded and as JSON escapes it."""
    redactor = Redactor(['a"b/c d+e', "short", ""])

    body = rb'{"x":"a\"b/c d+e","y":"a\"b\/c d+e","z":"a%22b%2Fc%20d%2Be","s":"short"}'

    assert redactor.body(body) == b'{"x":"***","y":"***","z":"***","s":"short"}'
    assert redactor.text('the a"b/c d+e') == "the ***"


def test_a_short_secret_is_not_chained() -> None:
    """A secret too short to blank is still a reason not to chain an error."""
    assert Redactor(["abc"]).shows_secret(OSError("abc"))
    assert not Redactor(["abc"]).shows_secret(OSError("xyz"))
