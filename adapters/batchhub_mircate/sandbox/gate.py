"""Who may call: the key, how often it may, and whether anybody is there to answer."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Final

from aiohttp import web

from batchhub.sandbox import KNOCK, AnswerError, RequestLimiter

from .calls import make_error

if TYPE_CHECKING:
    from .server import MircateSandbox

BUSY: Final = 570
"""Source: the platform's documents, instance busy: the call was not run, and may be repeated."""

_PROXY_PAGE: Final = "<html><head><title>Error</title></head><body>proxy error</body></html>"


class Gate:
    """
    What every call passes before it is looked at.

    Source: the vendor's page "Errors" (403, 429) and the platform's documents (401, 570).
    Assumed: what limit there is, how long a block lasts, and that knocking does not
    prolong it; the bodies of 429 and 570.
    """

    def __init__(self, sandbox: MircateSandbox) -> None:
        self._sandbox = sandbox
        self._limiter = RequestLimiter(patience=sys.maxsize)

    def admit(self, request: web.Request, api_key: str, *, may_enter: bool) -> None:
        """
        Let a call pass.

        Args:
            request: The call.
            api_key: The key it must have.
            may_enter: Whether that key opens what is called.

        Raises:
            AnswerError: It may not pass: 401, 403, 429, 570, or a proxy's HTML page.
        """
        switches = self._sandbox.switches
        if request.headers.get("x-api-key") != api_key or not may_enter or self._is_revoked():
            raise AnswerError(switches.unauthorized_status, {"code": "ACCESS_DENIED"})
        self._limit(request)
        if self._sandbox.strikes("html_error"):
            raise AnswerError(switches.html_error_status, _PROXY_PAGE)
        if self._sandbox.strikes("busy_570"):
            self._sandbox.note(request, "not executed")
            raise AnswerError(BUSY, make_error("BUSY", "The instance is busy"))

    def _is_revoked(self) -> bool:
        switches = self._sandbox.switches
        left = switches.revoke_after
        if left > 0:
            switches.revoke_after = left - 1
        return left == 0

    def _limit(self, request: web.Request) -> None:
        now = self._sandbox.clock.monotonic()
        switches = self._sandbox.switches
        if self._limiter.is_blocked(now):
            # Who was not told how long to stay away may try.
            if switches.retry_after:
                self._sandbox.note(request, KNOCK)
        elif self._sandbox.strikes("answer_429"):
            self._limiter.block(now, switches.block_s)
        if not self._limiter.passes(now, switches.requests_per_minute, switches.block_s):
            seconds = math.ceil(self._limiter.retry_after_s(now))
            headers = {"Retry-After": str(seconds)} if switches.retry_after else None
            raise AnswerError(429, make_error("TOO_MANY_REQUESTS", "Too many requests"), headers)
