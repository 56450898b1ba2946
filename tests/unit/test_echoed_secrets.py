"""A vendor that echoes the token, however it writes it: it is kept and shown nowhere."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from batchhub import BatchHub, BatchStatus, ItemResult
from batchhub.testing import FakeClock
from batchhub_ecwid import EcwidAccount

TOKEN = "abcDEF12+34/56=="
_SPECIAL = frozenset("+/=")


def _escaped(text: str, form: str, which: Callable[[str], bool]) -> str:
    return "".join(form.format(ord(c)) if which(c) else c for c in text)


def _is_special(character: str) -> bool:
    return character in _SPECIAL


def _is_any(character: str) -> bool:
    return bool(character)


WRITINGS: dict[str, Callable[[], str]] = {
    "plain": lambda: TOKEN,
    "JSON, special": lambda: _escaped(TOKEN, r"\u{:04x}", _is_special),
    "JSON, special, upper": lambda: _escaped(TOKEN, r"\u{:04X}", _is_special),
    "JSON, all": lambda: _escaped(TOKEN, r"\u{:04x}", _is_any),
    "JSON, some": lambda: _escaped(TOKEN, r"\u{:04x}", lambda c: c in "bF/="),
    "percent": lambda: quote(TOKEN, safe=""),
    "percent, lower": lambda: quote(TOKEN, safe="").lower().replace("abcdef12", "abcDEF12"),
    "percent, all": lambda: _escaped(TOKEN, "%{:02x}", _is_any),
    "XML, decimal": lambda: _escaped(TOKEN, "&#{};", _is_special),
    "XML, hex": lambda: _escaped(TOKEN, "&#x{:x};", _is_any),
    "header as sent, base64": lambda: base64.b64encode(f"Bearer {TOKEN}".encode()).decode(),
}


def _once_more(text: str) -> str:
    """Write a text as it stands in JSON that stands in JSON."""
    return text.replace("\\", "\\\\")


@asynccontextmanager
async def vendor(echo: str) -> AsyncIterator[str]:
    """A vendor that echoes the token with each answer."""

    async def answer(body: str) -> web.Response:
        return web.Response(body=body.encode(), content_type="application/json")

    async def create(_: web.Request) -> web.Response:
        return await answer('{"ticket": "t1", "note": "you sent ' + echo + '"}')

    async def status(_: web.Request) -> web.Response:
        response = {"id": "1", "status": "FAILED", "httpStatusCode": 403, "escapedHttpBody": "@"}
        head = {"status": "COMPLETED", "totalRequests": 1, "completedRequests": 1}
        body = json.dumps(head)[:-1] + ', "note": "' + echo + '"'
        inner = r"{\"errorMessage\": \"bad token " + _once_more(echo) + r"\"}"
        body += ', "responses": [' + json.dumps(response).replace("@", inner) + "]"
        return await answer(body + "}")

    app = web.Application()
    app.router.add_post("/api/v3/{store}/batch", create)
    app.router.add_get("/api/v3/{store}/batch", status)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def play(store: Path, echo: str) -> tuple[BatchStatus, list[ItemResult]]:
    """Run a job of one item at such a vendor."""
    clock = FakeClock()
    async with vendor(echo) as url, clock.running():
        account = EcwidAccount(store_id=1003, token=TOKEN, base_url=url)
        async with BatchHub(store, {"shop": account}, clock=clock, seed=1) as hub:
            job = await hub.submit("shop", [{"method": "GET", "path": "/orders/1"}])
            status = await job.wait()
            return status, [result async for result in job.results()]


def read_all(folder: Path) -> bytes:
    """Return all that is in a folder's files."""
    return b"".join(path.read_bytes() for path in folder.glob("jobs.db*") if path.is_file())


@pytest.mark.parametrize("writing", WRITINGS)
async def test_a_token_that_is_echoed_is_kept_and_shown_nowhere(
    tmp_path: Path, writing: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In the store, in the results, on the status, in the log: ``***``."""
    echo = WRITINGS[writing]()

    status, results = await play(tmp_path / "jobs.db", echo)

    (result,) = results
    assert result.code == 403
    assert "***" in f"{result.message}{result.body}"
    kept = read_all(tmp_path)
    shown = f"{status!r} {results!r} {result.body} {result.raw!r} {caplog.text}"
    for form in (TOKEN, echo, json.dumps(TOKEN)[1:-1]):
        assert form not in shown
        assert form.encode() not in kept
    assert TOKEN not in html.unescape(shown)
