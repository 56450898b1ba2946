"""Signing in with a token, and out again."""

from __future__ import annotations

import math
from typing import Final

from aiohttp import web

from batchhub._base.log import get_logger

from .answers import SESSION, Answers
from .guard import Guard, Refusal, WrongTokens, read_form
from .look import Shown
from .reach import Reach
from .sessions import LIFE_S, Session, Sessions
from .streams import Streams
from .tokens import Tokens

_SEE_OTHER: Final = 303
_WRONG: Final = 403

_log = get_logger()


class SigningIn:
    """
    Gives and takes sessions.

    Args:
        answers: Makes pages.
        guard: Knows the cookie.
        reach: Where the page is reached.
        sessions: Who is signed in.
        tokens: What one signs in with.
        streams: End with their sessions.
        wrong: Counts wrong tokens.
    """

    def __init__(
        self,
        *,
        answers: Answers,
        guard: Guard,
        reach: Reach,
        sessions: Sessions,
        tokens: Tokens,
        streams: Streams,
        wrong: WrongTokens,
    ) -> None:
        self._answers = answers
        self._guard = guard
        self._reach = reach
        self._sessions = sessions
        self._tokens = tokens
        self._streams = streams
        self._wrong = wrong

    async def show(self, request: web.Request) -> web.Response:
        """Show where one signs in."""
        return self._form(request, request.query.get("to", ""))

    async def enter(self, request: web.Request) -> web.Response:
        """Take a token, and lead to where the visitor wanted to go."""
        form = await read_form(request)
        token, to = form.get("token", ""), form.get("to", "")
        address = request.remote or ""
        role = self._tokens.find_role(token.strip())
        cookie = None if role is None else self._sessions.make(role)
        if role is None or cookie is None:
            # Never for a token that is right: behind a proxy all visitors have one address, and
            # any of them could keep the others out.
            if wait_s := self._wrong.find_wait_s(address):
                raise Refusal(
                    429,
                    "Too many wrong tokens",
                    f"Try again in {math.ceil(wait_s)} seconds.",
                )
            self._wrong.note(address)
            _log.warning("page.refused", address=address)
            return self._form(request, to, "This is not one of the tokens.", _WRONG)
        _log.info("page.signed_in", role=role.value, address=address)
        response = web.Response(status=_SEE_OTHER, headers={"Location": self._own(to)})
        response.set_cookie(
            self._guard.cookie_name,
            cookie,
            path=self._cookie_path,
            max_age=LIFE_S,
            httponly=True,
            secure=self._reach.is_secure,
            samesite="Lax",
        )
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """End a session."""
        session: Session | None = request.get(SESSION)
        if session is not None:
            self._sessions.sign_out(session)
            self._streams.wake()
            _log.info("page.signed_out", role=session.role.value, address=request.remote or "")
        where = self._answers.renderer.url("/sign-in")
        response = web.Response(status=_SEE_OTHER, headers={"Location": where})
        response.del_cookie(self._guard.cookie_name, path=self._cookie_path)
        return response

    def _form(
        self, request: web.Request, to: str, problem: str | None = None, status: int = 200
    ) -> web.Response:
        facts = {
            "to": to,
            "problem": problem,
            "role": None,
        }
        return self._answers.make(request, Shown("sign_in.html", facts, status))

    def _own(self, to: str) -> str:
        """Return where to go: a page of this server, whatever was asked for."""
        home = self._answers.renderer.url("/")
        is_own = to.startswith(home) and to.isprintable() and to.isascii()
        return to if is_own and not to.startswith("//") and "\\" not in to else home

    @property
    def _cookie_path(self) -> str:
        return self._reach.prefix or "/"
