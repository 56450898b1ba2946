"""
A vendor that takes batches and answers no poll well, in a process of its own.

    python -m bench._bad_vendor

It prints its address. What it does to a poll depends on the store in the path; see `STORES`.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STORES: Final = {"hangs": 9001, "trickles": 9002, "429 for ever": 9003, "60 MB answers": 9004}
"""What is wrong with the vendor, and the store that gets it."""

_HEAD: Final = (
    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
)
_ENTRY: Final = (
    b'{"id":"1","status":"COMPLETED","httpStatusCode":200,"httpBody":{"updateCount":1}},'
)
_LARGE: Final = (
    b'{"status":"IN_PROGRESS","totalRequests":100,"completedRequests":1,"responses":['
    + _ENTRY * (60_000_000 // len(_ENTRY))
    + b"{}]}"
)


@contextmanager
def serving_badly() -> Iterator[str]:
    """Run the vendor while the block runs; give its address."""
    command = [sys.executable, "-m", "bench._bad_vendor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


async def main() -> None:
    """Serve until the process is ended."""
    numbers = itertools.count(1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await _answer(reader, writer, next(numbers))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, length = head.partition(b"\r\ncontent-length:")
    await reader.readexactly(int(length.split(b"\r\n", 1)[0] or 0))
    if head.startswith(b"post"):
        _write(writer, "200 OK", b'{"ticket":"t%07d"}' % number)
    elif b"/9001/" in head:
        await asyncio.sleep(3600)
    elif b"/9002/" in head:
        writer.write(_HEAD.format(status="200 OK", size=10**6).encode())
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.1)
    elif b"/9003/" in head:
        _write(writer, "429 Too Many Requests", b"{}")
    else:
        _write(writer, "200 OK", _LARGE)
    await writer.drain()


def _write(writer: asyncio.StreamWriter, status: str, body: bytes) -> None:
    writer.write(_HEAD.format(status=status, size=len(body)).encode())
    writer.write(body)


if __name__ == "__main__":
    asyncio.run(main())
