"""What listens for those who watch a process: ``/metrics`` and ``/healthz``, and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from batchhub._adapter.account import Account
from batchhub._base.json import dumps
from batchhub._base.log import get_logger
from batchhub.errors import UsageError
from batchhub.hub import BatchHub, opened
from batchhub.settings import Settings

from .facts import Facts, Tell
from .listen import Address, read_address
from .sampler import Sampler
from .verdict import Verdict

if TYPE_CHECKING:
    from .exposition import Exposition

_CLOSE_S: Final = 1.0
"""Seconds that answers under way have when the server ends."""

_KEEP_S: Final = 75.0
"""Seconds for which a connection is kept: longer than most wait between two scrapes."""

_BACKLOG: Final = 32
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Server": "batchhub",
    "X-Content-Type-Options": "nosniff",
}

_log = get_logger()


class MetricsServer:
    """
    Serves the figures of an open hub to whoever asks: there is no secret in them.

    Start it once the hub is open; then `run` keeps it up until cancelled. Neither a scrape nor a
    look at the health touches the store: that is read in the background.

    Args:
        listen: Where to listen: ``HOST:PORT``, ``:PORT`` for all interfaces, or ``[::1]:PORT``.
        hub: Whose figures they are.
        tell: Returns what is known of whoever runs the hub, such as `Worker.facts`; see `Facts`.
        option: What to call `listen` in messages.

    Raises:
        UsageError: `listen` is no address.
    """

    name = "metrics"

    def __init__(
        self,
        listen: str,
        hub: BatchHub,
        *,
        tell: Tell | None = None,
        option: str = "--metrics-listen",
    ) -> None:
        self._address = read_address(listen, option)
        self._option = option
        self._hub = hub
        self._tell = tell
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._sampler: Sampler | None = None

    @property
    def address(self) -> str:
        """Where it listens; with its real port once it does."""
        return str(self._address)

    async def start(self) -> None:
        """
        Begin to listen, unless it does already.

        Raises:
            UsageError: The address is taken, not this machine's or not allowed; or the package for
                it is not installed.
            StoreError: The store can't be opened.
        """
        if self._runner is not None:
            return
        try:
            from .collector import HubCollector  # noqa: PLC0415  # of an extra
            from .exposition import Exposition  # noqa: PLC0415
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "prometheus_client":
                raise
            raise UsageError(
                f"{self._option} needs a package that is not installed: "
                "pip install 'batchhub[metrics]'"
            ) from None
        hub = await opened(self._hub)
        sampler = Sampler(hub, self._accounts)
        collector = HubCollector(hub, sampler, self._facts)
        app = _make_app(
            Exposition(collector, sampler), lambda: Verdict(hub, sampler, self._facts())
        )
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_CLOSE_S, keepalive_timeout=_KEEP_S
        )
        await runner.setup()
        try:
            self._address = await _listen(runner, self._address, self._option)
        except BaseException:
            await runner.cleanup()
            raise
        self._runner, self._sampler = runner, sampler
        _log.info("metrics.started", address=self.address)

    async def run(self) -> None:
        """
        Listen, and read the store now and then, until cancelled.

        Raises:
            UsageError: As `start` does.
        """
        await self.start()
        assert self._sampler is not None  # noqa: S101  # it has been started
        try:
            await self._sampler.run()
        finally:
            await self.aclose()

    def reload(self, settings: Settings) -> None:
        """Take settings that were read again; nothing of them matters here."""

    async def aclose(self) -> None:
        """Stop listening."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _accounts(self) -> Mapping[str, Account]:
        return self._hub.accounts

    def _facts(self) -> Facts | None:
        return None if self._tell is None else Facts.of(self._tell)


async def _listen(runner: web.AppRunner, address: Address, option: str) -> Address:
    """Begin to listen; return where, with the port that it got."""
    site = web.TCPSite(runner, address.host, address.port, backlog=_BACKLOG)
    try:
        await site.start()
    except (OSError, UnicodeError) as error:
        why = str(error)
        if isinstance(error, OSError):
            # A name that is not found has a number below zero, which is no errno.
            code = error.errno or 0
            why = os.strerror(code) if code > 0 else error.strerror or why
        raise UsageError(
            f"can't listen on {address}: {why}; choose another address with {option}"
        ) from None
    return Address(address.host, runner.addresses[0][1])


def _make_app(exposition: Exposition, judge: Callable[[], Verdict]) -> web.Application:
    async def show_metrics(request: web.Request) -> web.Response:
        headers = request.headers
        accept, encodings = headers.get("Accept", ""), headers.get("Accept-Encoding", "")
        exposed = await exposition.expose(accept, encodings)
        packed = {"Content-Encoding": "gzip"} if exposed.is_packed else {}
        told = {"Content-Type": exposed.content_type, "Vary": "Accept, Accept-Encoding"}
        return web.Response(body=exposed.body, headers={**_HEADERS, **told, **packed})

    async def show_health(_: web.Request) -> web.Response:
        verdict = judge()
        return web.Response(
            status=503 if verdict.is_failing else 200,
            body=dumps(verdict.to_json()) + b"\n",
            headers={**_HEADERS, "Content-Type": "application/json"},
        )

    app = web.Application(middlewares=[_guard])
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", show_health)
    return app


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer in a line of text whatever goes wrong; a fault of ours is logged, not shown."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        text = f"{error.status} {error.reason}; there is /metrics and /healthz\n"
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return web.Response(status=error.status, text=text, headers={**_HEADERS, **allowed})
    except asyncio.CancelledError:
        raise
    except Exception as error:
        _log.error("metrics.failed", path=request.path, error=f"{type(error).__name__}: {error}")
        return web.Response(status=500, text="internal error; see the log\n", headers=_HEADERS)
