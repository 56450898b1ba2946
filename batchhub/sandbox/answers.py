"""How a handler of a sandbox ends a call early: with an error, or with no answer at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web


class AnswerError(Exception):
    """
    The call is answered with an error.

    Attributes:
        status: The HTTP status.
        body: What is sent as JSON; a text is sent as it is, as HTML unless the headers say
            otherwise.
        headers: Further headers of the answer.
    """

    def __init__(
        self, status: int, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers

    def to_response(self) -> web.Response:
        """Return the answer."""
        if isinstance(self.body, str):
            headers = {"Content-Type": "text/html; charset=utf-8", **(self.headers or {})}
            return web.Response(status=self.status, body=self.body.encode(), headers=headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)


class HangUpError(Exception):
    """Raised by a sandbox's handler to cut the connection instead of answering; says why."""
