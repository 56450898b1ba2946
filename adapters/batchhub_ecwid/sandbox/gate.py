"""Who may call: the token, and how often it may."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from aiohttp import web

from batchhub.sandbox import KNOCK, AnswerError, RequestLimiter

from .calls import make_error

if TYPE_CHECKING:
    from .server import EcwidSandbox

PATIENCE: Final = 20
"""Source: the vendor's pages on rate limits, requests of a blocked token in a minute."""

_PROXY_PAGE: Final = "<html><head><title>Error</title></head><body>proxy error</body></html>"


class Gate:
    """
    What every call passes before anything else is looked at.

    Source: the vendor's pages on errors (403 for a wrong token) and on rate limits.
    Assumed: a token is wrong for every other store; the texts and the codes; how long a
    block lasts, and that it doubles.
    """

    def __init__(self, sandbox: EcwidSandbox) -> None:
        self._sandbox = sandbox
        self._limiter = RequestLimiter(patience=PATIENCE)

    def admit(self, request: web.Request) -> None:
        """
        Let a call pass.

        Raises:
            AnswerError: It may not pass: 403, 429, or a proxy's HTML page.
        """
        if not (self._is_store_right(request) and self._is_token_right(request)):
            raise AnswerError(403, make_error("The access token is invalid", "INVALID_TOKEN"))
        self._limit(request)
        if self._sandbox.strikes("html_error"):
            raise AnswerError(self._sandbox.switches.html_error_status, _PROXY_PAGE)

    def _is_store_right(self, request: web.Request) -> bool:
        return request.match_info["store_id"] == str(self._sandbox.store_id)

    def _is_token_right(self, request: web.Request) -> bool:
        if request.headers.get("Authorization") != f"Bearer {self._sandbox.token}":
            return False
        switches = self._sandbox.switches
        left = switches.revoke_after
        if left > 0:
            switches.revoke_after = left - 1
        return left != 0

    def _limit(self, request: web.Request) -> None:
        now = self._sandbox.clock.monotonic()
        switches = self._sandbox.switches
        if self._limiter.is_blocked(now):
            self._sandbox.note(request, KNOCK)
        elif self._sandbox.strikes("answer_429"):
            self._limiter.block(now, switches.block_s)
            raise self._too_many(now)
        if not self._limiter.passes(now, switches.requests_per_minute, switches.block_s):
            raise self._too_many(now)

    def _too_many(self, now: float) -> AnswerError:
        seconds = math.ceil(self._limiter.retry_after_s(now))
        headers = {"Retry-After": str(seconds)}
        return AnswerError(429, make_error("Too many requests", "TOO_MANY_REQUESTS"), headers)
