"""Law 9 with the real command: what a vendor echoes of a token is written nowhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.crash_lab import Lab

TOKEN = 'secret_"9vQ\\Kq/2LxT%+&7Zw'
PARTS = ("9vQ", "2LxT", "7Zw")
"""What every way to write the token has in it."""


class Echo:
    """A vendor that says the token in every answer, in every way it can be written."""

    def __init__(self) -> None:
        self.tickets = 0

    def say(self) -> dict[str, object]:
        """Echo the token."""
        return {"echo": [TOKEN, quote(TOKEN, safe=""), f"Bearer {TOKEN}"], TOKEN: "as a key"}

    async def take(self, request: web.Request) -> web.Response:
        """Take a batch."""
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        self.tickets += 1
        return web.json_response({"ticket": f"t{self.tickets}", **self.say()})

    async def tell(self, request: web.Request) -> web.Response:
        """Tell what came of a batch; who asks for no batch is refused."""
        if "ticket" not in request.query:
            refusal = {"errorMessage": f"no {TOKEN}", "errorCode": TOKEN}
            return web.json_response(refusal, status=403, headers={"X-Echo": TOKEN})
        failure = {"errorMessage": TOKEN, "deep": json.dumps({"t": TOKEN})}
        entries = [
            {"id": "1", "status": "FAILED", "httpStatusCode": 400, "httpBody": failure},
            {
                "id": "2",
                "status": "FAILED",
                "httpStatusCode": 400,
                "httpStatusLine": TOKEN,
                "escapedHttpBody": json.dumps({"errorMessage": TOKEN}),
            },
        ]
        return web.json_response({"status": "COMPLETED", "responses": entries, **self.say()})


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Run the vendor."""
    echo, app = Echo(), web.Application()
    app.router.add_post("/api/v3/1003/batch", echo.take)
    app.router.add_get("/api/v3/1003/batch", echo.tell)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def run(lab: Lab, folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command to its end; returns its code and all it wrote."""
    done = await asyncio.to_thread(lab.run, folder, *arguments, env={"ECWID_TOKEN": TOKEN})
    return done.code, done.out + done.err


def find_files(folder: Path) -> list[Path]:
    """Return every file below a folder, but for settings."""
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".toml"]


async def test_an_echoed_token_is_written_nowhere(lab: Lab, tmp_path: Path, url: str) -> None:
    """Not to a terminal, not to a log of either format, not into the store nor a result."""
    base = f'adapter = "ecwid"\nstore_id = 1003\nbase_url = "{url}"\n'
    (tmp_path / "batchhub.toml").write_text(
        f'store = "jobs.db"\n[accounts.shop]\n{base}token = {{ env = "ECWID_TOKEN" }}\n'
    )
    literal = json.dumps(TOKEN)
    for name in ("text", "json", "wrong"):
        (tmp_path / name).mkdir()
    (tmp_path / "wrong" / "batchhub.toml").write_text(
        f"[accounts.shop]\n{base}token = {literal}\n"
        f"[accounts.bent]\n{base}token = {json.dumps(TOKEN + ' ')}\n"
        f"[accounts.list]\n{base}token = [{literal}]\n"
        f"[accounts.table]\n{base}token = {{ value = {literal} }}\n"
        f"[accounts.broken]\n{base}tokn = {literal}\n"
    )
    items = [{"id": str(n), "method": "GET", "path": f"/products/{n}"} for n in (1, 2)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))

    work = ("run", "../items.jsonl", "--config=../batchhub.toml", "--account=shop", "-vv")
    ends = await asyncio.gather(
        run(lab, tmp_path / "text", *work, "--out=r.jsonl", "--store=jobs.db"),
        run(lab, tmp_path / "json", *work, "--out=r.jsonl", "--store=jobs.db", "--log-format=json"),
        run(lab, tmp_path / "wrong", "check", "-vv"),
    )

    assert [code for code, _ in ends] == [1, 1, 3], ends
    assert "ticket.ended" in ends[0][1]
    assert '"event": "ticket.ended"' in ends[1][1]
    assert "lane.paused" in ends[2][1]
    assert "is written in batchhub.toml itself" in ends[2][1]
    for _, text in ends:
        assert "***" in text
        assert not [line for line in text.splitlines() if any(part in line for part in PARTS)]
    kept = find_files(tmp_path)
    assert sum(path.name in {"jobs.db", "r.jsonl"} for path in kept) == 4
    for path in kept:
        for part in PARTS:
            assert part.encode() not in path.read_bytes(), path
