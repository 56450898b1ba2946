"""The base of every vendor's stand-in: an HTTP server around its state."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import attrs
from aiohttp import web
from aiohttp.typedefs import Handler

from batchhub._base.clock import Clock
from batchhub.adapter import Account
from batchhub.models import BatchItem

from ._control import PREFIX, Control
from .answers import AnswerError, HangUpError
from .network import Network
from .state import SandboxState


class Sandbox(SandboxState, ABC):
    """
    A vendor's stand-in server on loopback.

    The state belongs to the sandbox, not to the running server: stopped and
    started again it is a vendor that was away for a while. Nothing runs in the
    background; `catch_up` brings the state up to the clock's time at every
    look at it. A handler may raise `AnswerError` and `HangUpError`.

    Args:
        clock: Where the time comes from; the machine's own by default.
        seed: Makes everything that is left to chance come out the same again.

    Attributes:
        demo_operation: The operation `demo_items` are for; `None` is the adapter's default.
    """

    demo_operation: ClassVar[str | None] = None

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        super().__init__(clock=clock, seed=seed)
        self._runner: web.AppRunner | None = None
        self._network = Network(self, self.find_verb)

    @abstractmethod
    def make_app(self) -> web.Application:
        """Build the vendor's own paths; called at each start."""

    @abstractmethod
    def account(self, base_url: str) -> Account:
        """Return the account with which the adapter reaches this sandbox at `base_url`."""

    @abstractmethod
    def demo_items(self, count: int) -> Iterable[BatchItem]:
        """Return `count` items for a demonstration; a few of them fail, always the same ones."""

    def find_verb(self, request: web.Request) -> str:
        """
        Return what a call is for: submit, poll, results, cancel; empty for anything else.

        Asked before the call is handled, and only where the switch `network_verbs` is set.
        """
        del request
        return ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """
        Start the server.

        Args:
            host: Where to listen.
            port: On which port; 0 takes a free one.

        Returns:
            Its URL, without a trailing slash.

        Raises:
            RuntimeError: It runs already.
            OSError: The port is taken.
        """
        if self._runner is not None:
            raise RuntimeError("the sandbox runs already")
        app = self.make_app()
        app.middlewares.insert(0, self._keep_journal)
        app.add_routes(Control(self).routes())
        runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=0.1,
            # An endless answer ends when its client has gone.
            handler_cancellation=True,
        )
        self._runner = runner
        try:
            await runner.setup()
            await web.TCPSite(runner, host, port).start()
        except BaseException:
            await self.aclose()
            raise
        shown_host = f"[{host}]" if ":" in host else host
        return f"http://{shown_host}:{runner.addresses[0][1]}"

    async def aclose(self) -> None:
        """Stop the server, if it runs; the state stays."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @asynccontextmanager
    async def running(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Run the server inside an ``async with``, which gives its URL."""
        url = await self.start(host, port)
        try:
            yield url
        finally:
            await self.aclose()

    def settings_toml(self, base_url: str, name: str) -> str:
        """
        Return the table for ``batchhub.toml`` that makes this sandbox the account `name`.

        It holds the account's texts, numbers and flags that differ from their defaults.
        """
        account = self.account(base_url)
        values: dict[str, Any] = {"adapter": account.adapter}
        for attribute in attrs.fields(type(account)):
            value = getattr(account, attribute.name)
            is_default = value == attribute.default and attribute.name != "base_url"
            if isinstance(value, str | int | float) and not is_default:
                values[attribute.name] = value
        # The text and number forms of JSON are TOML too.
        lines = [
            f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()
        ]
        bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        return "\n".join([f"[accounts.{name if bare else json.dumps(name)}]", *lines, ""])

    @web.middleware
    async def _keep_journal(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(PREFIX):
            return await handler(request)
        self._open_entry(request)
        try:
            self._amend(request, body=await request.read() or None)
            self.catch_up()
            response = await self._answer(request, handler)
            self._amend(request, status=response.status)
        except HangUpError as cut:
            self.note(request, str(cut))
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        except web.HTTPException as answer:
            self._amend(request, status=answer.status)
            raise
        finally:
            self._close_entry(request)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        is_struck = self._network.strikes(request)
        try:
            if is_struck:
                self._network.disturb_call()
            response = await handler(request)
        except AnswerError as error:
            response = error.to_response()
        return await self._network.send(request, response) if is_struck else response
