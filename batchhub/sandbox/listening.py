"""An aiohttp application on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import format_datetime

from aiohttp import web


def date_answers(app: web.Application, find_date: Callable[[], datetime]) -> None:
    """
    Let the Date of an application's answers be of a clock, not of the machine.

    Args:
        app: The application.
        find_date: Gives the time, aware and in UTC.
    """

    async def set_date(request: web.Request, response: web.StreamResponse) -> None:
        del request
        response.headers["Date"] = format_datetime(find_date(), usegmt=True)

    app.on_response_prepare.append(set_date)


class LoopbackServer:
    """
    An HTTP server that can be started and stopped again and again.

    Args:
        make_app: Builds the application; called at each start.
    """

    def __init__(self, make_app: Callable[[], web.Application]) -> None:
        self._make_app = make_app
        self._runner: web.AppRunner | None = None
        self._url = ""

    @property
    def is_running(self) -> bool:
        """Whether it has been started and not stopped since."""
        return self._runner is not None

    @property
    def url(self) -> str:
        """
        Its URL, without a trailing slash.

        Raises:
            RuntimeError: It doesn't run.
        """
        if self._runner is None:
            raise RuntimeError("the server doesn't run")
        return self._url

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
            raise RuntimeError("the server runs already")
        runner = web.AppRunner(
            self._make_app(),
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
        self._url = f"http://{shown_host}:{runner.addresses[0][1]}"
        return self._url

    async def aclose(self) -> None:
        """Stop the server, if it runs."""
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
