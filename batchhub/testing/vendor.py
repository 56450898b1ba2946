"""A vendor that does what a test says: a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from batchhub._base.clock import Clock, SystemClock
from batchhub.errors import NotKnownError, UsageError
from batchhub.sandbox.listening import LoopbackServer, date_answers

from .answers import Exchange
from .expectation import ANYTHING, Expectation, Predicate
from .script import Script, ScriptError
from .seen import SeenRequest, shorten

_UNEXPECTED: Final = 400


class ScriptedVendor:
    """
    A vendor's server on loopback, which answers as it was told; an async context manager.

    A request that the script does not expect is answered 400 and ends the block at once: the task
    that entered it is stopped, and leaving the block raises `ScriptError` with the request and why
    nothing in the script fits. So do expected requests that never came.

    Args:
        clock: What slow answers are measured by; the machine's own by default.
        other_hosts: Names of further hosts, each with an address of its own: a host for uploads,
            one for tokens. See `url`.
    """

    def __init__(self, *, clock: Clock | None = None, other_hosts: Sequence[str] = ()) -> None:
        self._clock: Clock = clock or SystemClock()
        self._hosts = ("", *other_hosts)
        self._urls: dict[str, str] = {}
        self._script = Script()
        self._closing = asyncio.Event()
        self._servers: AsyncExitStack | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0  # before we asked the task to stop
        self._has_stopped_task = False

    # The script.

    def on(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Any = ANYTHING,
        when: Predicate | None = None,
        host: str = "",
    ) -> Expectation:
        """
        Expect a kind of request. Say what is answered with the methods of what this returns.

        A request belongs to the first kind that fits and has an answer left.

        Args:
            method: The HTTP method.
            path: The path; ``{name}`` stands for any text without a slash.
            query: Parameters and their values; `None` is for one that must not be there. Others
                may be there.
            body: The body: bytes, or what it is as JSON. By default any.
            when: What else must hold: a function that is given the `SeenRequest`.
            host: One of `other_hosts`; by default the one at `base_url`.

        Raises:
            UsageError: The path can't be one.
            NotKnownError: There is no such host.
        """
        self._check_host(host)
        return self._script.add(
            Expectation(method, path, query=query, body=body, when=when, host=host)
        )

    @property
    def requests(self) -> Sequence[SeenRequest]:
        """Every request until now, in order of arrival; those that were not expected included."""
        return tuple(self._script.requests)

    def verify(self) -> None:
        """
        Check that every request was expected, and every expected one came.

        Leaving the block does so by itself.

        Raises:
            ScriptError: It is not so.
        """
        self._script.verify()

    # The server.

    @property
    def base_url(self) -> str:
        """Where it answers: for an account's `base_url`."""
        return self.url()

    def url(self, host: str = "") -> str:
        """
        Return where a host answers: scheme, address and port, without a slash at the end.

        Raises:
            NotKnownError: There is no such host.
            UsageError: The vendor does not run.
        """
        self._check_host(host)
        if host not in self._urls:
            raise UsageError("a scripted vendor has an address inside 'async with' only")
        return self._urls[host]

    async def __aenter__(self) -> Self:
        if self._servers is not None or self._closing.is_set():
            raise UsageError("a scripted vendor runs once; make another one")
        async with AsyncExitStack() as servers:
            for host in self._hosts:
                server = LoopbackServer(partial(self._make_app, host))
                self._urls[host] = await servers.enter_async_context(server.running())
            self._servers = servers.pop_all()
        self._task = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            is_ours = await self._take_back(error)
        finally:
            self._task = None
            await self._close()
        if isinstance(error, ScriptError):
            return
        if error is None or is_ours:
            self._script.verify(is_over=error is None)
        elif isinstance(error, Exception):
            self._blame(error)

    async def _take_back(self, error: BaseException | None) -> bool:
        """Return whether we have stopped the block, and nobody else."""
        task = asyncio.current_task()
        if not self._has_stopped_task or task is None or task is not self._task:
            return False
        is_ours = task.uncancel() <= self._cancelling
        if is_ours and not isinstance(error, asyncio.CancelledError):
            with suppress(asyncio.CancelledError):  # it may be still to come
                await asyncio.sleep(0)
        return is_ours and (error is None or isinstance(error, asyncio.CancelledError))

    def _blame(self, error: Exception) -> None:
        """Say what the script has to do with an error that leaves the block."""
        try:
            self._script.verify(is_over=False)
        except ScriptError as fault:
            raise fault from error
        for line in self._script.missing():
            error.add_note(f"the vendor's script, never asked for: {line}")

    async def _close(self) -> None:
        self._closing.set()
        servers, self._servers = self._servers, None
        if servers is not None:
            await servers.aclose()

    def _make_app(self, host: str) -> web.Application:
        app = web.Application(client_max_size=0)  # no limit
        date_answers(app, self._clock.now)
        app.router.add_route("*", "/{path:.*}", partial(self._handle, host))
        return app

    async def _handle(self, host: str, request: web.Request) -> web.StreamResponse:
        seen = SeenRequest(
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.query,
            headers=request.headers,
            body=await request.read(),
            host=host,
            at=self._clock.now(),
        )
        taken = self._script.take(seen)
        if taken is None:
            return self._refuse(f"the script expects no {seen.method} {seen.path}")
        seen, deliver = taken
        exchange = Exchange(request=request, seen=seen, clock=self._clock, closing=self._closing)
        try:
            return await deliver(exchange)
        except ConnectionError:
            raise  # the client has hung up
        except Exception as error:
            what = f"the answer to {seen} failed: {type(error).__name__}: {shorten(str(error))}"
            self._script.note_fault(what)
            return self._refuse(what)

    def _refuse(self, why: str) -> web.Response:
        """Answer so that everybody sees what is wrong, and stop the block."""
        task = self._task
        if task is not None and not task.done() and not self._has_stopped_task:
            self._has_stopped_task = task.cancel("a scripted vendor was asked the unexpected")
        return web.json_response({"code": "script", "message": why}, status=_UNEXPECTED)

    def _check_host(self, host: str) -> None:
        if host not in self._hosts:
            raise NotKnownError("host", host, self._hosts[1:], "name it in other_hosts")
