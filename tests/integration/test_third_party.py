"""A third party's adapter: built, installed and used with nothing but its entry point."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.processes import COMMAND

from batchhub._settings.registry import Registry

SOURCE = Path(__file__).parent.parent / "fixtures" / "third_party"
TOKEN = "acme_9vKq2LxT"


class Acme:
    """The vendor: takes batches of three, and is ready when asked the second time."""

    def __init__(self) -> None:
        self.batches: dict[str, list[dict[str, Any]]] = {}
        self.polls: Counter[str] = Counter()

    async def take(self, request: web.Request) -> web.Response:
        """Take a batch."""
        orders = await request.json()
        if request.headers.get("Authorization") != TOKEN or len(orders) > 3:
            return web.json_response({"code": "refused"}, status=400)
        batch = f"b{len(self.batches) + 1}"
        self.batches[batch] = orders
        return web.json_response({"batch": batch}, status=202)

    async def tell(self, request: web.Request) -> web.Response:
        """Tell how far a batch is; the orders come in no order, and o7 is refused."""
        batch = request.match_info["batch"]
        self.polls[batch] += 1
        if self.polls[batch] == 1:
            return web.json_response({"state": "working", "orders": []})
        orders = [
            {"ref": order["ref"], "status": 409 if order["ref"] == "o7" else 201}
            for order in reversed(self.batches[batch])
        ]
        return web.json_response({"state": "ready", "orders": orders})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the third party's distribution and install it into a folder."""
    folder = tmp_path_factory.mktemp("acme")
    source, installed = folder / "source", folder / "site"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options]
    subprocess.run([*pip, "--target", installed, source], check=True, cwd=folder)
    shutil.rmtree(source)
    return installed


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Acme, str]]:
    """Run the vendor and return it with its address."""
    acme = Acme()
    app = web.Application()
    app.router.add_post("/batches", acme.take)
    app.router.add_get("/batches/{batch}", acme.tell)
    async with TestServer(app) as server:
        yield acme, str(server.make_url("")).rstrip("/")


def write_config(folder: Path, url: str) -> Path:
    """Write the settings of an account at the vendor."""
    path = folder / "batchhub.toml"
    path.write_text(
        f"""
        store = "jobs.db"
        [accounts.supplier]
        adapter = "acme"
        customer = "c-17"
        token = {{ env = "ACME_TOKEN" }}
        base_url = "{url}"
        """
    )
    return path


async def run(site: Path, *command: object, stdin: str = "") -> tuple[int | None, str, str]:
    """Run a command where the distribution is installed; return status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        env={**os.environ, "PYTHONPATH": str(site), "ACME_TOKEN": TOKEN},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(stdin.encode())
    return process.returncode, output.decode(), errors.decode()


async def test_it_is_found_where_it_is_installed_and_nowhere_else(site: Path) -> None:
    """The registry names the adapter and its distribution, once it is on the path."""
    code = (
        "from batchhub._settings.registry import Registry\n"
        "print(*(f'{i.name}={i.source} {i.error}' for i in Registry().describe()), sep='\\n')"
    )
    status, output, errors = await run(site, sys.executable, "-c", code)

    assert (status, errors) == (0, "")
    assert "acme=batchhub-acme 0.3.0 None" in output.splitlines()
    assert any(line.startswith("ecwid=batchhub ") for line in output.splitlines())
    assert "acme" not in Registry().names


async def test_the_command_line_shows_it(site: Path) -> None:
    """`batchhub adapters` lists it beside those that came with batchhub."""
    status, output, _ = await run(site, COMMAND, "adapters", "--json")

    assert status == 0
    assert {
        "name": "acme",
        "source": "batchhub-acme 0.3.0",
        "operations": ["orders"],
        "sandbox": False,
        "grade": None,
        "error": None,
        "problems": [],
    } in json.loads(output)


async def test_a_batch_through_it_has_one_result_for_every_item(
    site: Path, vendor: tuple[Acme, str], tmp_path: Path
) -> None:
    """A program that knows only names hands over items and gets each one's result, in order."""
    acme, url = vendor
    config = write_config(tmp_path, url)

    status, output, errors = await run(site, sys.executable, SOURCE / "order.py", config)

    assert (status, errors) == (0, "")
    summary, *results = [json.loads(line) for line in output.splitlines()]
    assert summary == ["completed", "partial", 4]
    assert results == [
        [f"o{n}", "failed" if n == 7 else "succeeded", 409 if n == 7 else 201] for n in range(10)
    ]
    assert sorted(len(orders) for orders in acme.batches.values()) == [1, 3, 3, 3]


async def test_the_command_line_runs_a_batch_through_it(
    site: Path, vendor: tuple[Acme, str], tmp_path: Path
) -> None:
    """`batchhub run` needs nothing of the adapter but its name in the settings."""
    config = write_config(tmp_path, vendor[1])
    items = "".join(f'{{"id":"o{n}","quantity":{n}}}\n' for n in range(5))
    options = ["--account", "supplier", "--config", config, "--out", "-", "--quiet"]

    status, output, errors = await run(site, COMMAND, "run", "-", *options, stdin=items)

    assert (status, TOKEN in errors) == (0, False)
    results = [json.loads(line) for line in output.splitlines()]
    assert [(result["id"], result["state"]) for result in results] == [
        (f"o{n}", "succeeded") for n in range(5)
    ]
