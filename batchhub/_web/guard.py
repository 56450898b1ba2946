"""Who is answered at all: the checks that every request passes, and what every answer says."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import Final

from aiohttp import web

from batchhub._base.clock import Clock

from .reach import Reach
from .sessions import Session, Sessions

CSP: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self'; "
    "connect-src 'self'; "
    "form-action 'self'; "
    "base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""What a browser may load for a page: what this server has, and nothing that is in the page."""

HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" browsers say "Origin: null" of the page's own forms as well.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""What every answer says."""

MOST_BODY_BYTES: Final = 64 * 1024
"""Bytes of the largest form."""

FORM_S: Final = 30.0
"""Seconds that a form has to come whole."""

MOST_WRONG: Final = 10
"""Wrong tokens that one address may try in `WRONG_S` seconds."""

WRONG_S: Final = 60.0

_CHARSET: Final = "utf-8"
_MOST_ADDRESSES: Final = 1_000
_METHODS: Final = frozenset({"GET", "HEAD", "POST"})


class Refusal(Exception):  # noqa: N818  # a page, and no fault of ours
    """
    A request that is not answered as it wants to be.

    Attributes:
        status: The HTTP status.
        heading: What is wrong, in a few words.
        message: What is wrong, and what to do.
    """

    def __init__(self, status: int, heading: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.heading = heading
        self.message = message


async def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Say on an answer what every answer says; pages are kept by nobody."""
    del request
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.popall("Server", None)


async def read_form(request: web.Request) -> dict[str, str]:
    """
    Return the fields of a form, each name's first value.

    Raises:
        Refusal: It is no form of a page.
        web.HTTPRequestEntityTooLarge: It is larger than any.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refusal(400, "Not possible", "Only forms of these pages are taken.")
    unreadable = Refusal(400, "Not possible", "This form can't be read; nothing was done.")
    if (request.charset or _CHARSET).lower() != _CHARSET:
        raise unreadable
    try:
        async with asyncio.timeout(FORM_S):
            form = await request.post()
    except (ValueError, web.RequestPayloadError):  # bytes that are no text, or not what they say
        raise unreadable from None
    except TimeoutError:  # whoever sends slowly keeps a connection from others
        raise Refusal(408, "Too slow", "The form did not come whole; nothing was done.") from None
    return {name: value for name in form if isinstance(value := form[name], str)}


class Guard:
    """
    Checks requests.

    Args:
        reach: Where the page is reached.
        sessions: Who is signed in.
    """

    def __init__(self, reach: Reach, sessions: Sessions) -> None:
        self._reach = reach
        self._sessions = sessions

    def check(self, request: web.Request) -> None:
        """
        Check where a request is for and where it comes from.

        Raises:
            Refusal: It is for another server, has another method, or comes from elsewhere.
        """
        host = request.headers.get("Host", "")
        if len(request.headers.getall("Host", [])) != 1 or not self._reach.takes_host(host):
            raise Refusal(
                421,
                "Wrong address",
                f"This page is at {self._reach.url}, and not at the name you have used. If there "
                "is a proxy in between, it has to pass the Host header on, and the page to be "
                "started with --public-url.",
            )
        if request.method not in _METHODS:
            raise Refusal(405, "Not possible", "There is no such way to use this page.")
        if request.method == "POST":
            self._check_origin(request, host)

    def read_session(self, request: web.Request) -> Session | None:
        """Return who has made a request; `None` for somebody who has not signed in."""
        cookie = request.cookies.get(self.cookie_name)
        return None if cookie is None else self._sessions.read(cookie)

    @property
    def cookie_name(self) -> str:
        """
        What the cookie is called.

        Browsers keep cookies by host, whatever the port is, and there may be two pages on it.
        """
        return f"batchhub_{hashlib.sha256(self._reach.url.encode()).hexdigest()[:8]}"

    def _check_origin(self, request: web.Request, host: str) -> None:
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site")
        if origin is None:
            is_own = site == "same-origin"
        else:
            is_own = self._reach.takes_origin(origin, host) and site in {None, "same-origin"}
        if not is_own:
            raise Refusal(
                403,
                "Refused",
                "This request was not made by a page of this server, so nothing was done. If you "
                f"have used a button, open {self._reach.url} and try again.",
            )


class WrongTokens:
    """
    Counts wrong tokens by address, so that nobody tries many.

    Args:
        clock: Source of time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, list[float]] = OrderedDict()

    def find_wait_s(self, address: str) -> float:
        """Return how many seconds an address has to wait before it may try again."""
        tries = self._recent(address)
        return (
            0.0
            if len(tries) < MOST_WRONG
            else max(0.0, tries[0] + WRONG_S - self._clock.monotonic())
        )

    def note(self, address: str) -> None:
        """Note that an address has tried a wrong one."""
        self._tries[address] = [*self._recent(address), self._clock.monotonic()]
        self._tries.move_to_end(address)
        while len(self._tries) > _MOST_ADDRESSES:
            self._tries.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        since = self._clock.monotonic() - WRONG_S
        return [at for at in self._tries.get(address, []) if at > since][-MOST_WRONG:]
