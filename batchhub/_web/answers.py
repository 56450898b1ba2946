"""From a request to a page: the screen of its path, or the page that says what is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._base.secrets import blank
from batchhub._base.show import clean
from batchhub.errors import StoreError

from .door import NoStoreError, StoreDoor
from .failing import INTERNAL, describe
from .guard import Guard, Refusal, read_form
from .look import Look, Show, Shown
from .plans import DONE
from .protocol import Protocol
from .rendering import LAST_RESORT, Renderer, make_nav
from .sessions import Session
from .streams import Streams, refuse

# Versions of aiohttp that have no such keys take a text; the others warn of it.
SESSION: Final[Any] = (
    web.RequestKey("session", Session) if hasattr(web, "RequestKey") else "session"
)
"""Where a request has its `Session`."""

STREAM: Final = "/changes"
"""Where pages hear of changes."""

_PUBLIC: Final = ("/sign-in", "/static/")
"""What is answered without signing in."""

_JOB: Final = "job.html"
"""The screen that an action leads to."""

_LONGEST: Final = 1_000
_PACKED_BYTES: Final = 1_024

_log = get_logger()

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Answers:
    """
    Makes answers.

    Args:
        renderer: Makes HTML.
        guard: Says who is answered.
        door: Opens the store.
        streams: Tells pages of changes.
        clock: Source of time.
        version: Of batchhub, for the foot of the page.
    """

    def __init__(
        self,
        *,
        renderer: Renderer,
        guard: Guard,
        door: StoreDoor,
        streams: Streams,
        clock: Clock,
        version: str,
    ) -> None:
        self.renderer = renderer
        self._guard = guard
        self._door = door
        self._streams = streams
        self._clock = clock
        self._version = version

    async def answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer a request: what every request passes, on the way in and on the way out."""
        if isinstance(request.protocol, Protocol):
            request.protocol.note_request()
        try:
            return await self._pass(request, handler)
        except web.HTTPRedirection:
            raise
        except Exception as error:
            if isinstance(error, ConnectionError) and _has_left(request):
                return web.Response()  # to nobody
            return self._explain(request, error)

    async def _pass(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        self._guard.check(request)
        session = self._guard.read_session(request)
        if session is not None:
            request[SESSION] = session
        elif not self.path_of(request).startswith(_PUBLIC):
            return self._lead_to_sign_in(request)
        if request.method == "POST" and session is not None:
            await self._check_form(request, session)
        return await handler(request)

    async def show(self, show: Show, request: web.Request) -> web.Response:
        """Show a screen, which goes on to show what has changed."""
        # Before it is made: what changes meanwhile is a change to it.
        seen = await self._streams.seen()
        try:
            async with self._door.enter() as hub:
                shown = await show(
                    Look(
                        hub=hub,
                        path=self.path_of(request),
                        parts=dict(request.match_info),
                        query=dict(request.query),
                        role=_session_of(request).role,
                        now=self._clock.now(),
                    )
                )
        except (NoStoreError, StoreError) as error:  # the page comes back by itself
            shown = describe(error)
        return self.make(request, shown, None if shown.is_still else seen)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Tell a page of changes."""
        return await self._streams.serve(request, _session_of(request))

    def path_of(self, request: web.Request) -> str:
        """Return a request's path without the prefix."""
        return request.path.removeprefix(self.renderer.prefix) or "/"

    def make(self, request: web.Request, shown: Shown, seen: str | None = None) -> web.Response:
        """
        Make the answer of what is shown: a page, or the part of it that refreshes itself.

        Args:
            request: What was asked for.
            shown: What is shown.
            seen: Which version of the store that was; `None` for a page that stays as it is.
        """
        session: Session | None = request.get(SESSION)
        common: dict[str, Any] = {
            "csrf": None if session is None else session.make_csrf(),
            "here": request.path_qs,
            "nav": make_nav(self.path_of(request)),
            # On the page of a job alone: an address that somebody made says nothing elsewhere.
            "notice": DONE.get(request.query.get("done", "")) if shown.template == _JOB else None,
            "now": self._clock.now(),
            "role": None if session is None else session.role,
            "may_act": session is not None and session.role.may_act,
            "store": self._door.name,
            "stream": None if seen is None else self.renderer.url(STREAM, seen=seen),
            "version": self._version,
        }
        text = self.renderer.render(
            shown.template, {**common, **shown.facts}, is_fragment=is_fragment(request)
        )
        return pack(web.Response(text=text, content_type="text/html", status=shown.status))

    def _lead_to_sign_in(self, request: web.Request) -> web.Response:
        back = request.path_qs if request.method == "GET" else None
        if back is not None and (back == self.renderer.url("/") or blank(back) != back):
            back = None  # a token that somebody has put there is not to be in a second address
        where = self.renderer.url("/sign-in", to=None if is_fragment(request) else back)
        if self.path_of(request) == STREAM:
            return refuse("ended")
        if is_fragment(request):  # the whole page goes there
            return web.Response(status=200, headers={"HX-Redirect": where})
        return web.Response(status=303, headers={"Location": where})

    async def _check_form(self, request: web.Request, session: Session) -> None:
        form = await read_form(request)
        if not session.takes_csrf(form.get("csrf", "")):
            raise Refusal(
                403,
                "Refused",
                "This form is not of your session, so nothing was done. Open the page again and "
                "use its buttons.",
            )

    def _explain(self, request: web.Request, error: Exception) -> web.Response:
        """Make the page that says what is wrong."""
        shown = describe(error)
        if shown.status == INTERNAL:
            _log.error(
                "page.failed",
                path=request.path,
                error=f"{type(error).__name__}: {clean(str(error), _LONGEST)}",
            )
        try:
            return self.make(request, shown)
        except Exception as second:  # of the template that says what is wrong
            _log.error("page.failed", path=request.path, error=clean(repr(second), _LONGEST))
            return web.Response(text=LAST_RESORT, content_type="text/html", status=INTERNAL)


def _session_of(request: web.Request) -> Session:
    session: Session = request[SESSION]
    return session


def _has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def is_fragment(request: web.Request) -> bool:
    """Whether only the part of a page that refreshes itself is wanted."""
    return request.headers.get("HX-Request") == "true"


def pack(response: web.Response) -> web.Response:
    """Have an answer compressed for browsers that take it so, if it is worth the while."""
    if isinstance(response.body, bytes) and len(response.body) > _PACKED_BYTES:
        response.enable_compression()
    return response
