"""A proxy on loopback: forwards plain requests, tunnels others, and may want credentials."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from attrs import define, field


@define
class Proxy:
    """
    A proxy.

    Attributes:
        credentials: ``user:password`` that it wants with each request; `None` for none.
        asked: The head of each request, as it came.
        port: Where it listens.
    """

    credentials: str | None = None
    asked: list[str] = field(factory=list)
    port: int = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Proxy]:
        """Listen on loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            if self._lets_in(head):
                await self._pass_on(head, reader, writer)
            else:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n")
                writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
        writer.close()

    def _lets_in(self, head: str) -> bool:
        if self.credentials is None:
            return True
        coded = b64encode(self.credentials.encode()).decode()
        return f"proxy-authorization: basic {coded}".lower() in head.lower()

    async def _pass_on(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        method, target, _ = head.split(" ", 2)
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        there, back = await asyncio.open_connection(url.hostname, url.port or 80)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            lines = head.replace(target, url.path or "/", 1).split("\r\n")
            kept = [line for line in lines if not line.lower().startswith("proxy-")]
            back.write("\r\n".join(kept).encode())
        await asyncio.wait(
            {
                asyncio.ensure_future(_copy(reader, back)),
                asyncio.ensure_future(_copy(there, writer)),
            },
            return_when=asyncio.FIRST_COMPLETED,
        )
        back.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
