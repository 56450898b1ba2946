"""What goes wrong between an adapter and its vendor, at one place of their conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import hdrs, web
from attrs import define
from multidict import CIMultiDict

from batchhub.sandbox import AnswerError, Call, HangUpError

from .watch import Asked, Step, Watch, find_asked

Proceed = Callable[[], Awaitable[web.StreamResponse]]
Happening = Callable[[Call, Proceed], Awaitable[Any]]
"""What happens to a call, in place of the vendor's answer."""

PAGE: Final = (
    "<!DOCTYPE html><html><head><title>Please sign in</title></head>"
    "<body>This network needs you to sign in</body></html>"
)


@define(kw_only=True)
class Fault:
    """
    Something that happens at a place of the conversation.

    Attributes:
        happening: What happens.
        at: Where; `None` is at every request that `applies` to.
        applies: To which requests.
        times: How often; `None` for ever.
        struck: How often it has happened.
    """

    happening: Happening
    at: Step | None = None
    applies: Callable[[Asked], bool] = lambda asked: True
    times: int | None = 1
    struck: int = 0

    def fits(self, asked: Asked) -> bool:
        """Whether it happens to a request."""
        if self.times is not None and self.struck >= self.times:
            return False
        return (self.at is None or asked.step == self.at) and self.applies(asked)


@define
class Interceptor:
    """Stands between an adapter and its stand-in, and lets a fault happen."""

    watch: Watch
    fault: Fault | None = None

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        """Answer a call."""
        asked = find_asked(self.watch, call.headers)
        if asked is None:
            self.watch.strangers += 1
            return await proceed()
        self.watch.note_headers(call.headers)
        asked.body_bytes = len(call.body)
        try:
            response = await self._answer(asked, call, proceed)
        except AnswerError as error:
            asked.status = error.status
            raise
        asked.status = response.status
        return response

    async def _answer(self, asked: Asked, call: Call, proceed: Proceed) -> web.StreamResponse:
        if self.fault is None or not self.fault.fits(asked):
            return await proceed()
        self.fault.struck += 1
        response: web.StreamResponse = await self.fault.happening(call, proceed)
        return response


def refuse(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> Happening:
    """Return that the vendor refuses a call, in its own form."""

    async def happen(call: Call, proceed: Proceed) -> Any:
        error = call.refuse(status, message)
        error.headers = {**(error.headers or {}), **(headers or {})}
        raise error

    return happen


def show_page(status: int) -> Happening:
    """Return that something on the way answers with a page of HTML."""

    async def happen(call: Call, proceed: Proceed) -> Any:
        return web.Response(status=status, text=PAGE, content_type="text/html")

    return happen


def answer_text(status: int, text: str) -> Happening:
    """Return that a call is answered with a text that is called JSON, and not executed."""

    async def happen(call: Call, proceed: Proceed) -> Any:
        return web.Response(status=status, text=text, content_type="application/json")

    return happen


async def cut_before(call: Call, proceed: Proceed) -> Any:
    """Cut the connection; nothing was executed."""
    raise HangUpError("cut before anything was executed")


async def cut_after(call: Call, proceed: Proceed) -> Any:
    """Let the vendor execute the call, and lose the answer."""
    await proceed()
    raise HangUpError("executed, and cut before the answer")


def fail_after(status: int) -> Happening:
    """Return that the vendor executes a call, and says that it failed."""

    async def happen(call: Call, proceed: Proceed) -> Any:
        await proceed()
        raise call.refuse(status, "")

    return happen


def change_body(change: Callable[[bytes], bytes]) -> Happening:
    """Return that the body of an answer is another one."""

    async def happen(call: Call, proceed: Proceed) -> Any:
        response = await proceed()
        body = getattr(response, "body", None)
        if not isinstance(body, bytes):
            return response
        headers = CIMultiDict(response.headers)
        headers.popall(hdrs.CONTENT_LENGTH, None)
        return web.Response(status=response.status, headers=headers, body=change(body))

    return happen


def cut_body(body: bytes) -> bytes:
    """Return the first half of a body."""
    return body[: len(body) // 2]
