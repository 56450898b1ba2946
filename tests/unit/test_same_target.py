"""Two writes to one target in one job: said before they are sent, or refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.hubs import scripted_world
from support.vendor import Vendor, capable
from typer.testing import CliRunner, Result

import batchhub.sync
from batchhub import BatchHub
from batchhub.cli.app import app
from batchhub.errors import InputError
from batchhub.models import Finding
from batchhub_ecwid import EcwidAccount, put

ITEMS: list[dict[str, Any]] = [
    {"id": "a", "target": "one"},
    {"id": "b", "target": "two"},
    {"id": "c", "target": "one"},
    {"target": "one"},
    {"id": "e"},
    {"id": "f"},
]
SAMEPATH = [
    {"id": "a", "method": "PUT", "path": "/products/1", "body": {"price": 5}},
    {"id": "b", "method": "put", "path": "Products/01?lang=de", "body": {"price": 7}},
]

Command = Callable[..., Result]


def ecwid_hub() -> BatchHub:
    return BatchHub(None, {"shop": EcwidAccount(store_id=1, token="secret_tttttttt")})


async def test_it_is_said_before_anything_is_sent() -> None:
    """The items are named, the last one counts; the job keeps it as a finding."""
    vendor = capable(Vendor(), runs_in_order=True)
    said: list[tuple[Finding, int]] = []
    async with scripted_world(vendor) as world:
        job = await world.hub.submit(
            "shop", ITEMS, on_finding=lambda f: said.append((f, len(vendor.submissions)))
        )
        status = await job.wait()
    ((finding, sent_before),) = said
    assert sent_before == 0
    assert status.findings == (finding,)
    assert (finding.code, finding.count) == ("same_target", 2)
    assert "the last one counts" in finding.message
    assert finding.examples == ("one: items 1 and 3 (id 'c')", "one: items 1 and 4")


async def test_where_nobody_knows_the_order_nothing_counts() -> None:
    """Nothing says that the vendor runs items in order."""
    async with scripted_world(Vendor()) as world:
        status = await (await world.hub.submit("shop", ITEMS)).wait()
    assert "nothing says in which order" in status.findings[0].message


async def test_options_that_allow_no_order_are_refused() -> None:
    """The second item is named and so is the first; nothing is stored."""
    vendor = capable(Vendor(), runs_in_order=True)
    async with scripted_world(vendor) as world:
        with pytest.raises(InputError, match="item 1") as caught:
            await world.hub.submit("shop", ITEMS, options={"parallel": True})
        assert (caught.value.position, caught.value.item_id) == (3, "c")
        assert await world.hub.jobs() == []


async def test_a_plan_says_the_same() -> None:
    """Also what would be refused."""
    hub = ecwid_hub()
    plan = await hub.plan("shop", SAMEPATH)
    assert [(f.code, f.count) for f in plan.findings] == [("same_target", 1)]
    refused: list[InputError] = []
    plan = await hub.plan(
        "shop", SAMEPATH, options={"allow_parallel_mode": True}, on_refused=refused.append
    )
    assert (plan.refused, plan.findings) == (1, ())
    assert "/products/1, and so does item 1" in refused[0].reason
    assert (await hub.plan("shop", [put("/products/1", {}), put("/products/2", {})])).findings == ()


def test_the_sync_hub_calls_back_in_the_calling_thread(tmp_path: Path) -> None:
    """As it does for what is refused."""
    said: list[str] = []

    def stop(finding: Finding) -> None:
        said.append(finding.code)
        raise RuntimeError(threading.current_thread().name)

    hub = batchhub.sync.BatchHub(tmp_path / "jobs.db", dict(ecwid_hub().accounts))
    with hub, pytest.raises(RuntimeError, match=threading.current_thread().name):
        hub.submit("shop", SAMEPATH, on_finding=stop)
    assert said == ["same_target"]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in a folder with items, and with an account that can't be reached."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BATCHHUB_STORE", raising=False)
    monkeypatch.setenv("ECWID_TOKEN", "secret_tttttttt")
    Path("batchhub.toml").write_text(
        'store = "jobs.db"\n[accounts.shop]\nadapter = "ecwid"\nstore_id = 1\n'
        'token = { env = "ECWID_TOKEN" }\nbase_url = "http://127.0.0.1:9"\n'
    )
    Path("samepath.jsonl").write_text("".join(json.dumps(item) + "\n" for item in SAMEPATH))
    Path("dup.csv").write_text("product_id,price\n1,9.90\n2,5\n1,19.90\n")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


@pytest.mark.parametrize("dry", [("--dry-run",), ("--dry-run", "--json"), ()])
def test_the_command_warns(command: Command, dry: tuple[str, ...]) -> None:
    """On standard error, in one line."""
    result = command("submit", "samepath.jsonl", "--account", "shop", "--quiet", *dry)
    (line,) = [line for line in result.stderr.splitlines() if "same_target" in line]
    assert line.startswith("warning: same_target")
    assert line.endswith("the last one counts: /products/1: lines 1 and 2 (id 'b')")
    assert result.exit_code == 0


def test_the_command_refuses_with_the_line(command: Command) -> None:
    """The line of the second one, and that of the first."""
    mapped = ("--map", "PUT /products/{product_id}", "--set", "price={price}")
    options = ("--account", "shop", "--option", "allow_parallel_mode=true", *mapped)
    result = command("submit", "dup.csv", *options)
    assert result.exit_code == 2
    assert "line 4" in result.stderr
    assert "/products/1, and so does line 2" in result.stderr
    assert not Path("jobs.db").exists() or command("list", "--json").stdout.strip() == "[]"


def test_ahead_says_what_it_means(command: Command) -> None:
    """On standard error, when it is used."""
    result = command("submit", "samepath.jsonl", "--account", "shop", "--ahead", "--quiet")
    assert "goes ahead of all others; what older jobs still send" in result.stderr
