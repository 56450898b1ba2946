"""The base of every vendor's stand-in: HTTP servers around its state."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import cached_property, partial
from typing import Any, ClassVar

import attrs
from aiohttp import web
from aiohttp.typedefs import Handler

from batchhub._base.clock import Clock
from batchhub.adapter import Account
from batchhub.models import BatchItem

from ._control import PREFIX, Control
from .answers import AnswerError, HangUpError
from .batch import Batch
from .batches import Batches
from .call import Call
from .guard import Guard
from .items import Item
from .listening import LoopbackServer, date_answers
from .network import Network
from .routes import Route, find_routes
from .standard import VERBS
from .state import SandboxState
from .switches import make_wrong

Interceptor = Callable[[Call, Callable[[], Awaitable[web.StreamResponse]]], Awaitable[Any]]
"""
Given a call, and what lets the vendor answer it; returns the answer.

It may raise `AnswerError` and `HangUpError` before the call or after it, as a handler may.
"""


class Sandbox(SandboxState, ABC):
    """
    A vendor's stand-in server on loopback.

    Derive, and declare what it answers with `route`. The state belongs to the sandbox, not to
    the running server: stopped and started again it is a vendor that was away for a while.
    Nothing runs in the background; `catch_up` brings the state up to the clock's time at every
    look at it.

    Args:
        clock: Where the time comes from; the machine's own by default.
        seed: Makes everything that is left to chance come out the same again.

    Attributes:
        demo_operation: The operation `demo_items` are for; `None` is the adapter's default.
        max_body_bytes: The longest body it takes; a longer one is answered 413.
        patience: How many knocks a minute of a block may have before it gets longer.
        interceptor: Stands before every call; it may answer in the vendor's place, or change what
            the vendor answers. See `Interceptor`.
    """

    demo_operation: ClassVar[str | None] = None
    max_body_bytes: ClassVar[int] = 64 * 2**20
    patience: ClassVar[int] = sys.maxsize
    interceptor: Interceptor | None = None

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        super().__init__(clock=clock, seed=seed)
        self._routes: dict[str, list[Route]] = {"": [*find_routes(self)]}
        self._servers = {"": LoopbackServer(self.make_app)}
        self._ports: dict[str, int] = {}
        self._network = Network(self)
        self._guard = Guard(self, patience=self.patience)

    @abstractmethod
    def account(self, base_url: str) -> Account:
        """Return the account with which the adapter reaches this sandbox at `base_url`."""

    @abstractmethod
    def demo_items(self, count: int) -> Iterable[BatchItem]:
        """Return `count` items for a demonstration; a few of them fail, always the same ones."""

    @cached_property
    def batches(self) -> Batches:
        """Its batches, whose items `run_item` runs. A vendor of another kind makes its own."""
        return Batches(self, self.run_item)

    def run_item(self, batch: Batch, item: Item) -> Any:
        """
        Run an item of `batches`; override it.

        Returns:
            What the vendor answers about it.

        Raises:
            AnswerError: It fails; see `refuse`.
        """
        del batch, item

    def find_verb(self, call: Call) -> str:
        """
        Return what a call is for, where its route alone does not say it; override it.

        Returns:
            submit, poll, results, cancel, or a word of the sandbox's own; empty for anything
            else.
        """
        del call
        return ""

    def add_routes(self, routes: Iterable[Route], *, host: str = "") -> None:
        """
        Answer further calls.

        Args:
            routes: What is answered, and how.
            host: The name of the host that answers: empty for the vendor's own. Every other
                one is a server of its own, on another port, that starts and stops with the
                sandbox.
        """
        self._routes.setdefault(host, []).extend(routes)
        if host not in self._servers:
            self._servers[host] = LoopbackServer(partial(self.make_app, host))

    def find_date(self) -> datetime:
        """Return the time by the vendor's own clock, which the Date of its answers has."""
        return self.clock.now()

    def url_of(self, host: str = "") -> str:
        """
        Return the URL of one of the hosts, without a trailing slash.

        Raises:
            RuntimeError: The sandbox doesn't run.
        """
        return self._servers[host].url

    def make_app(self, host: str = "") -> web.Application:
        """
        Build the application of one of the hosts; called at each start.

        Raises:
            LookupError: A route names a rate that is not in `rates`.
        """
        app = web.Application(
            client_max_size=self.max_body_bytes, middlewares=[self._make_journaling(host)]
        )
        date_answers(app, self.find_date)
        for route in self._routes[host]:
            if route.rate and route.rate not in self.rates:
                raise LookupError(f"{route.method} {route.path}: there is no rate {route.rate!r}")
            app.router.add_route(route.method, route.path, self._make_handler(route))
        if not host:
            app.add_routes(Control(self).routes())
        return app

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """
        Start the server, and those of its other hosts.

        Args:
            host: Where to listen.
            port: On which port; 0 takes a free one. The other hosts take free ones, and keep
                them when the sandbox is started again.

        Returns:
            Its URL, without a trailing slash.

        Raises:
            RuntimeError: It runs already.
            OSError: The port is taken.
        """
        if self._servers[""].is_running:
            raise RuntimeError("the sandbox runs already")
        async with AsyncExitStack() as stack:
            for name, server in self._servers.items():
                stack.push_async_callback(server.aclose)
                url = await server.start(host, self._ports.get(name, 0) if name else port)
                self._ports[name] = int(url.rpartition(":")[2])
            stack.pop_all()
        return self.url_of()

    async def aclose(self) -> None:
        """Stop the servers, if they run; the state stays."""
        for server in self._servers.values():
            await server.aclose()

    @asynccontextmanager
    async def running(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Run the sandbox inside an ``async with``, which gives its URL."""
        url = await self.start(host, port)
        try:
            yield url
        finally:
            await self.aclose()

    def change_switches(self, values: Mapping[str, Any]) -> None:
        """Change some switches by their names: all of them, or on an error none."""
        verbs = values.get("network_verbs")
        routes = (route for routes in self._routes.values() for route in routes)
        known = dict.fromkeys([*VERBS, *(route.verb for route in routes if route.verb)])
        if verbs and isinstance(verbs, str) and not {*_split(verbs)} <= known.keys():
            raise make_wrong("network_verbs", f"{', '.join(known)}, separated by commas", verbs)
        super().change_switches(values)

    def settings_toml(self, base_url: str, name: str) -> str:
        """
        Return the table for ``batchhub.toml`` that makes this sandbox the account `name`.

        It holds the account's texts, numbers, flags and lists that differ from their defaults.
        """
        account = self.account(base_url)
        values: dict[str, Any] = {"adapter": account.adapter}
        for attribute in attrs.fields(type(account)):
            value = getattr(account, attribute.name)
            is_default = value == attribute.default and attribute.name != "base_url"
            if isinstance(value, str | int | float | list | tuple) and not is_default:
                values[attribute.name] = value
        # What JSON writes for texts, numbers and lists is TOML too.
        lines = [
            f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()
        ]
        bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        return "\n".join([f"[accounts.{name if bare else json.dumps(name)}]", *lines, ""])

    def usage(self, base_url: str) -> list[tuple[str, str]]:
        """
        Return what a user can do with it while it runs, beside batchhub: override it to add calls.

        Returns:
            What it is, and the command line.
        """
        return [
            ("what it was asked", f"curl {base_url}{PREFIX}journal"),
            (
                "change a switch",
                f"curl -X PUT {base_url}{PREFIX}switches -d '{{\"item_time_s\": 1}}'",
            ),
        ]

    def _make_journaling(self, host: str) -> Any:
        @web.middleware
        async def keep_journal(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(PREFIX) and not host:
                return await handler(request)
            self._open_entry(request, host)
            try:
                response = await self._answer(request, handler)
                self._amend(request, status=response.status)
            except HangUpError as cut:
                self._note(request, str(cut))
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            finally:
                self._close_entry(request)
            return response

        return keep_journal

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Have a request answered, whatever it is: in the vendor's form."""
        try:
            self._amend(request, body=await request.read() or None)
            self.catch_up()
            if self.interceptor is None:
                return await handler(request)
            return await self._intercept(self.interceptor, request, handler)
        except web.HTTPException as error:
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            return self.refuse(error.status, headers=headers).to_response()
        except (HangUpError, ConnectionError):
            raise
        except Exception as error:
            # A mistake of the sandbox's author: aiohttp logs it, and answers 500.
            self._note(request, f"the handler failed: {error!r}")
            self._amend(request, status=500)
            raise

    async def _intercept(
        self, interceptor: Interceptor, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        call = Call(request=request, body=await request.read(), refuse=self.refuse)
        try:
            answer: web.StreamResponse = await interceptor(call, partial(handler, request))
        except AnswerError as error:
            self._note(request, "answered in the vendor's place")
            return error.to_response()
        return answer

    def _make_handler(self, route: Route) -> Callable[[web.Request], Awaitable[Any]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = Call(request=request, body=await request.read(), refuse=self.refuse)
            if route.is_secret:
                self._amend(request, body=None, query={})
            return await self._serve(call, route)

        return handle

    async def _serve(self, call: Call, route: Route) -> web.StreamResponse:
        verb = route.verb or self.find_verb(call)
        if not self._network.strikes(verb):
            return await self._guard.answer(call, route, verb)
        try:
            self._network.disturb_call()
            response = await self._guard.answer(call, route, verb)
        except AnswerError as error:
            response = error.to_response()
        return await self._network.send(call, response)


def _split(words: str) -> list[str]:
    return [word.strip() for word in words.split(",")]
