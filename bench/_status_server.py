"""
A vendor in a process of its own, whose CPU time is not counted: it takes batches and is asked.

    python -m bench._status_server

It prints its address. Each caller has a number in its paths, so that the polls of several can be
counted. A ticket has 100 items and gets one done in two seconds: there is something new at each
poll, and no ticket ends while it is measured.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ITEMS: Final = 100
"""How many items a ticket has."""

ITEM_S: Final = 2.0
"""Seconds that an item takes."""

_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def serving() -> Iterator[str]:
    """Run the vendor while the block runs; give its address."""
    command = [sys.executable, "-m", "bench._status_server"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def count_polls(url: str, caller: int) -> int:
    """Return how many polls of a caller the vendor has answered."""
    with urllib.request.urlopen(f"{url}/polls/{caller}", timeout=30) as answer:
        return int(answer.read())


class _Tickets:
    def __init__(self) -> None:
        self.polls: Counter[str] = Counter()
        self._made = 0
        self._began_s: dict[str, float] = {}

    def answer(self, method: str, target: str) -> bytes:
        """Answer one request: the paths of Ecwid, of Bedrock, and of OpenAI."""
        match target.partition("?")[0].split("/")[1:]:
            case ["polls", caller]:
                return _reply(b"%d" % self.polls[caller])
            case ["api", "v3", _, "batch"] if method == "POST":
                self._made += 1
                return _reply(b'{"ticket":"t%07d"}' % self._made)
            case ["api", "v3", caller, "batch"]:
                counts = b'"totalRequests":%d,"completedRequests":%d'
                done = self._poll(caller, target)
                return _reply(b'{"status":"IN_PROGRESS",' + counts % (ITEMS, done) + b"}")
            case [caller, "model-invocation-job", _]:
                self._poll(caller, target)
                return _reply(b'{"status":"InProgress"}')
            case [caller, "v1", "batches", name]:
                return _reply(_openai_batch(name, self._poll(caller, target)))
            case _:
                return _NOT_FOUND

    def _poll(self, caller: str, target: str) -> int:
        self.polls[caller] += 1
        now_s = time.monotonic()
        age_s = now_s - self._began_s.setdefault(target, now_s)
        return min(ITEMS - 1, int(age_s / ITEM_S))


def _openai_batch(name: str, done: int) -> bytes:
    batch = {
        "id": name,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "f",
        "completion_window": "24h",
        "created_at": 1_700_000_000,
        "status": "in_progress",
        "request_counts": {"total": ITEMS, "completed": done, "failed": 0},
    }
    return json.dumps(batch).encode()


def _reply(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


class _Connection(asyncio.Protocol):
    def __init__(self, tickets: _Tickets) -> None:
        self._tickets = tickets
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            _, _, length = head.partition(b"\r\ncontent-length:")
            whole = end + 4 + int(length.split(b"\r\n", 1)[0] or 0)
            if len(self._buffer) < whole:
                return
            method, target, _ = self._buffer.split(b" ", 2)
            self._buffer = self._buffer[whole:]
            self._transport.write(self._tickets.answer(method.decode(), target.decode()))


async def main() -> None:
    """Serve until the process is ended."""
    tickets = _Tickets()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(tickets), "127.0.0.1", 0, backlog=4096)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
