"""Which calls are answered: by key, by their number, and while the instance is not busy."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from batchhub.sandbox import AnswerError, Guard

from .calls import make_error
from .switches import MircateSwitches

BUSY: Final = 570
"""Source: the platform's documents, instance busy: the call was not run, and may be repeated."""


class MircateGuard(Guard):
    """
    How Mircate refuses.

    Source: the vendor's page "Errors" (403, 429) and the platform's documents (401, 570).
    Assumed: what limit there is, how long a block lasts, and that knocking does not
    prolong it; the bodies of 429 and 570.
    """

    _switches: MircateSwitches

    @property
    def sends_retry_after(self) -> bool:
        """As the switch says."""
        return self._switches.retry_after

    def admit(self, request: web.Request, *, may_enter: bool) -> None:
        """
        Let a call pass.

        Args:
            request: The call.
            may_enter: Whether its key is right, and opens what is called.

        Raises:
            AnswerError: It may not pass: 401, 403, 429 or 570.
        """
        super().admit(request, may_enter=may_enter)
        if self._sandbox.strikes("busy_570"):
            self._sandbox.note(request, "not executed")
            raise AnswerError(BUSY, make_error("BUSY", "The instance is busy"))

    def make_refusal(self) -> AnswerError:
        """Return a 401 or a 403, as the switch says."""
        return AnswerError(self._switches.unauthorized_status, {"code": "ACCESS_DENIED"})

    def make_too_many(self, retry_after_s: int) -> AnswerError:
        """Return a 429, and with the switch how long to stay away."""
        headers = {"Retry-After": str(retry_after_s)} if self.sends_retry_after else None
        return AnswerError(429, make_error("TOO_MANY_REQUESTS", "Too many requests"), headers)

    def make_trouble(self, status: int) -> AnswerError:
        """Return an error of that status."""
        return AnswerError(status, make_error("INTERNAL", "Internal error"))
