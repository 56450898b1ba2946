"""What nobody may read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from batchhub.conformance.bench import Bench
from batchhub.conformance.faults import Fault, Proceed
from batchhub.conformance.rule import Level, need, rule
from batchhub.conformance.watch import Watch
from batchhub.sandbox import Call
from batchhub.testing import capture_events


@rule(
    "A17",
    Level.BRONZE,
    "secrets",
    "What authorises requests is in no store, log, error or repr, even where a vendor echoes it.",
)
async def secrets_are_nowhere(bench: Bench, operation: str) -> None:
    """A run in which the vendor's answers and errors hold the request's headers."""
    await bench.clean(operation)
    items = bench.some_items(operation)
    for status in (200, 400, 401):
        watch = Watch()
        async with bench.world(operation) as world:
            fault = Fault(happening=_echo(status), times=None if status != 200 else 3)
            with capture_events() as events, _listen() as lines:
                async with world.hub(watch, fault=fault) as hub:
                    run = await bench.finish(world, watch, await world.submit(hub, items), items)
                    shown = [repr(world.account), str(world.account), repr(run.status)]
                    shown += [repr(result) for result in run.results]
                    shown += [str(ticket.vendor) for ticket in run.status.tickets]
                    shown += [str(ticket.message) for ticket in run.status.tickets]
                    shown += [repr(adapter) for adapter in watch.adapters]
            shown += _chain(run.error)
            shown += [repr(event) for event in events]
            shown += lines
            stored = b"".join(_read(world.folder))
        secrets = watch.secrets | {*world.account.secrets}
        need(secrets, "no request has credentials in its headers, and the account has no secret")
        for secret in secrets:
            for text in shown:
                where = text.replace(secret, "<the secret>")[:200]
                need(secret not in text, f"a secret of the account shows: {where}")
            need(secret.encode() not in stored, "a secret of the account is in the store")


def _echo(status: int) -> Any:
    async def happen(call: Call, proceed: Proceed) -> Any:
        headers = dict(call.headers)
        text = "; ".join(f"{name}: {value}" for name, value in headers.items())
        body = {"code": "echo", "message": text, "error": text, "errorMessage": text, **headers}
        return web.json_response(body, status=status)

    return happen


def _chain(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield f"{error!r} {error}"
        error = error.__cause__ or error.__context__


def _read(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _listen() -> Iterator[list[str]]:
    """Collect what anybody logs, other libraries included."""
    handler, root = _Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
