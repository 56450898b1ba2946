"""The real command against stand-ins that run in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from batchhub.sandbox import Sandbox
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox

from .faults import EXIT_SOME_FAILED, ITEMS, Fault
from .processes import (
    Done,
    ask_sandbox,
    batchhub,
    read_results,
    set_sandbox,
    write_items,
    write_settings,
    write_supplier,
)
from .truth import check_truth, demo_prices, demo_requests


@frozen(kw_only=True)
class StandIn:
    """
    A vendor as the command meets it.

    Attributes:
        sandbox: Its stand-in.
        account: The account's name in the settings.
        items: 25 items for it, two of which fail.
        names: What the vendor calls them, by their ids.
    """

    sandbox: type[Sandbox]
    account: str
    items: list[dict[str, Any]]
    names: Mapping[str, str]


_REQUESTS = demo_requests(ITEMS)
_PRICES = demo_prices(ITEMS)

STAND_INS = {
    "ecwid": StandIn(
        sandbox=EcwidSandbox,
        account="shop",
        items=_REQUESTS,
        names={item["id"]: item["id"] for item in _REQUESTS},
    ),
    "mircate": StandIn(
        sandbox=MircateSandbox,
        account="supplier",
        items=_PRICES,
        names={item["id"]: item["sku"] for item in _PRICES},
    ),
}


@contextmanager
def standing_in(sandbox: Sandbox) -> Iterator[str]:
    """Run a stand-in in a thread, which costs less than a process of its own; gives its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(sandbox.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run_under(vendor: str, fault: Fault, folder: Path) -> None:
    """
    Run a job of 25 items with the real command under a fault, and hold it against the journal.

    Args:
        vendor: At whose stand-in.
        fault: What it does.
        folder: Where to run; not there yet.

    Raises:
        AssertionError: Something is not as it must be.
    """
    stand_in = STAND_INS[vendor]
    folder.mkdir()
    write_items(folder / "items.jsonl", stand_in.items)
    sandbox = stand_in.sandbox()
    sandbox.change_switches(fault.switches)
    with standing_in(sandbox) as url:
        write = write_settings if vendor == "ecwid" else write_supplier
        write(folder, url, **fault.account)
        done = _run(folder, stand_in.account)
        assert done.code == fault.code, done.err
        if fault.healed is not None:
            set_sandbox(url, **fault.healed)
            done = _run(folder, stand_in.account)
            assert done.code == EXIT_SOME_FAILED, done.err
        journal = ask_sandbox(url, "journal")
    assert journal["knocks"] == 0
    assert bool(journal["executions"]) == fault.runs
    status = json.loads(done.out)
    assert {finding["code"] for finding in status["findings"]} == fault.findings
    if fault.is_held:
        assert (status["state"], status["counts"]["pending"]) == ("unconfirmed", ITEMS)
        assert [request["method"] for request in journal["requests"]] == ["POST"]
        assert "batchhub retry" in done.err
        assert not (folder / "results.jsonl").exists()
        return
    results = read_results(folder / "results.jsonl")
    check_truth(stand_in.names, results, journal["executions"])
    assert sum(result["state"] == "unknown" for result in results) == fault.unknown
    assert status["counts"]["total"] == ITEMS


def _run(folder: Path, account: str) -> Done:
    return batchhub(
        folder,
        *("run", "items.jsonl", f"--account={account}", "--key=one"),
        *("--out=results.jsonl", "--json"),
    )
