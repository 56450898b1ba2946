"""
The server of the page: what listens, and the ways into it.

A request passes the guard, then who is signed in is looked up, and then the screen of its path is
shown. Whatever goes wrong on the way becomes a page with a sentence.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from batchhub._base.clock import Clock, SystemClock
from batchhub._base.log import get_logger
from batchhub.errors import UsageError

from .actions import ACTIONS, WAITING, Actions
from .answers import STREAM, Answers
from .door import StoreDoor
from .guard import MOST_BODY_BYTES, Guard, WrongTokens, add_headers
from .look import Show
from .protocol import make_protocol
from .rendering import Renderer
from .screens import SCREENS
from .sessions import Sessions
from .settings import WebSettings
from .signing_in import SigningIn
from .statics import StaticFile
from .streams import Streams
from .tokens import Tokens

_CLOSE_S: Final = 1.0
"""Seconds that answers under way have when the server ends."""

_YEAR: Final = "public, max-age=31536000, immutable"

_log = get_logger()


class WebServer:
    """
    Serves the page.

    Args:
        settings: What it is started with.
        clock: Source of time.
        screens: The screens, by the patterns of their paths.
        templates: Folders with more templates, which win over the own ones.
    """

    def __init__(
        self,
        settings: WebSettings,
        *,
        clock: Clock | None = None,
        screens: Mapping[str, Show] = SCREENS,
        templates: tuple[Path, ...] = (),
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._screens = screens
        self._templates = templates
        self.tokens = Tokens(settings.tokens)
        self.reach = settings.reach
        self._door = StoreDoor(settings.store, settings.store_mode, self._clock)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where visitors find it."""
        return self.reach.url

    async def start(self) -> None:
        """
        Begin to listen.

        Raises:
            UsageError: The address is taken or not this machine's, or a token can't be used.
        """
        self.tokens.check()
        listening = await self._listen()
        self.reach = self.reach.at_port(listening.sockets[0].getsockname()[1])
        # The port is known now; until it accepts, nobody is answered.
        app = self._make_app()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_S)
        await self._runner.setup()
        handler = self._runner.server
        assert handler is not None  # noqa: S101  # set up just now
        self._handler = handler
        self._listening = listening
        await listening.start_serving()
        _log.info("page.started", url=self.url, store=self._door.name)

    async def aclose(self) -> None:
        """Stop at once: open streams are ended."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._listening.close()
        await runner.cleanup()
        await self._door.aclose()

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def connect() -> asyncio.BaseProtocol:
            return make_protocol(self._handler, loop)

        try:
            return await loop.create_server(
                connect,
                self.reach.host,
                self.reach.port,
                ssl=self.reach.tls,
                start_serving=False,
                reuse_address=True,
            )
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise UsageError(
                f"can't listen on {self.reach.host}:{self.reach.port}: {why}; choose another "
                "port with --web-listen"
            ) from None

    def _make_app(self) -> web.Application:
        renderer = Renderer(self.reach.prefix, None, *self._templates)
        sessions = Sessions(self.tokens, self._clock)
        guard = Guard(self.reach, sessions)
        streams = Streams(self._door, sessions, self._clock)
        answers = Answers(
            renderer=renderer,
            guard=guard,
            door=self._door,
            streams=streams,
            clock=self._clock,
            version=version("batchhub"),
        )
        signing_in = SigningIn(
            answers=answers,
            guard=guard,
            reach=self.reach,
            sessions=sessions,
            tokens=self.tokens,
            streams=streams,
            wrong=WrongTokens(self._clock),
        )
        app = web.Application(
            middlewares=[_make_middleware(answers)],
            client_max_size=MOST_BODY_BYTES,
        )
        app.on_response_prepare.append(add_headers)

        actions = Actions(answers, self._door, self._settings.open_owner)

        async def end(_app: web.Application) -> None:
            await streams.aclose()
            await actions.aclose()

        app.on_shutdown.append(end)
        prefix = self.reach.prefix
        for pattern, show in self._screens.items():
            app.router.add_get(f"{prefix}{pattern}", partial(answers.show, show))
        for pattern, action in ACTIONS.items():
            app.router.add_get(f"{prefix}{pattern}", partial(actions.ask, action))
            app.router.add_post(f"{prefix}{pattern}", partial(actions.act, action))
        app.router.add_get(f"{prefix}{WAITING}", actions.look)
        app.router.add_get(f"{prefix}/static/{{digest}}/{{name:.+}}", partial(_give, renderer))
        app.router.add_get(f"{prefix}{STREAM}", answers.stream)
        app.router.add_get(f"{prefix}/sign-in", signing_in.show)
        app.router.add_post(f"{prefix}/sign-in", signing_in.enter)
        app.router.add_post(f"{prefix}/sign-out", signing_in.leave)
        if prefix:  # the proxy's own address, without the slash
            app.router.add_get(prefix, partial(_lead, f"{prefix}/"))
        return app


def _make_middleware(answers: Answers) -> Middleware:
    @web.middleware
    async def pass_on(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return await answers.answer(request, handler)

    return pass_on


async def _lead(to: str, request: web.Request) -> web.StreamResponse:
    del request
    raise web.HTTPFound(to)


async def _give(renderer: Renderer, request: web.Request) -> web.StreamResponse:
    """Give a file; it needs no session, as the page to sign in has it as well."""
    file = renderer.statics.find(request.match_info["digest"], request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    return _make_file(file, request)


def _make_file(file: StaticFile, request: web.Request) -> web.Response:
    headers: dict[str, Any] = {
        "Content-Type": file.content_type,
        "Cache-Control": _YEAR,
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=file.packed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=file.plain, headers=headers)
