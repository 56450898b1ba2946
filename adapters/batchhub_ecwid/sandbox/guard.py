"""Which calls are answered: by token, and by their number."""

from __future__ import annotations

from typing import Final

from batchhub.sandbox import AnswerError, Guard

from .calls import make_error

PATIENCE: Final = 20
"""Source: the vendor's pages on rate limits, requests of a blocked token in a minute."""


class EcwidGuard(Guard):
    """
    How Ecwid refuses.

    Source: the vendor's pages on errors (403 for a wrong token) and on rate limits.
    Assumed: a token is wrong for every other store; the texts and the codes; how long a
    block lasts, and that it doubles.
    """

    def make_refusal(self) -> AnswerError:
        """Return a 403."""
        return AnswerError(403, make_error("The access token is invalid", "INVALID_TOKEN"))

    def make_too_many(self, retry_after_s: int) -> AnswerError:
        """Return a 429 that says how long to stay away."""
        headers = {"Retry-After": str(retry_after_s)}
        return AnswerError(429, make_error("Too many requests", "TOO_MANY_REQUESTS"), headers)

    def make_trouble(self, status: int) -> AnswerError:
        """Return an error of that status."""
        return AnswerError(status, make_error("Internal error"))
