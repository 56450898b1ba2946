"""What a download of a gigabyte takes: memory, and time against reading the lines from disk."""

from __future__ import annotations

import asyncio
import gzip
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import ClassVar

from aiohttp import web
from attrs import frozen

from batchhub._base.clock import SystemClock
from batchhub.adapter import Account, Adapter, Budget
from batchhub.transport import Transport, open_session

_LINE = b'{"id": "%09d", "state": "done", "message": null, "body": {"price": 12.5}}\n'
_SIZE = 10**9


@frozen(kw_only=True)
class _Account(Account):
    adapter: ClassVar[str] = "bench"
    base_url: str = "http://127.0.0.1:9"

    @property
    def identity(self) -> str:
        return "one"

    @property
    def budget(self) -> Budget:
        return Budget(requests=1000, per_s=1.0)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            for start in range(0, _SIZE // len(_LINE % 0), 10_000):
                file.write(b"".join(_LINE % n for n in range(start, start + 10_000)))
        began_s = time.process_time()
        with gzip.open(path, "rb") as file:
            for _ in file:
                pass
        floor_s = time.process_time() - began_s
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        server = context.Process(target=_serve, args=(path, there))
        server.start()
        try:
            url = f"http://127.0.0.1:{here.recv()}"
            # In a process of its own: this one has had its peak.
            client = context.Process(target=_measure, args=(url, there))
            client.start()
            figures = here.recv()
            client.join()
        finally:
            server.terminate()
            server.join()
    print("a download of a gigabyte of lines, sent as gzip")
    print(f"  {'memory at its peak, above that before':<44} {figures['mb']:8.1f} MB")
    print(f"  {'CPU time':<44} {figures['cpu_s']:8.1f} s")
    print(f"  {'CPU time of gzip.open from disk':<44} {floor_s:8.1f} s")


def _measure(url: str, pipe: Connection) -> None:
    pipe.send(asyncio.run(_download(url)))


async def _download(base_url: str) -> Mapping[str, float]:
    async with open_session() as session:
        transport = Transport(
            session=session,
            clock=SystemClock(),
            vendor="bench",
            account=_Account(base_url=base_url),
            budget=_Account().budget,
            explain=Adapter.explain,
        )
        async with transport.download("/small") as lines:  # so that all is imported
            assert [line async for line in lines]
        before, began_s = _peak_mb(), time.process_time()
        count = 0
        async with transport.download("/large") as lines:
            async for _ in lines:
                count += 1
        assert count >= _SIZE // len(_LINE % 0)
        return {"mb": _peak_mb() - before, "cpu_s": time.process_time() - began_s}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _serve(path: Path, pipe: Connection) -> None:
    async def small(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"a\n" * 100))

    async def large(_: web.Request) -> web.FileResponse:
        return web.FileResponse(path, headers={"Content-Type": "application/gzip"})

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/small", small)
        app.router.add_get("/large", large)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
