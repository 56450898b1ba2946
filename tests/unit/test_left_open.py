"""Hubs that are left open, and handles that are pickled or copied: a sentence says what to do."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from support.sync_hubs import make_hub
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub
from batchhub.errors import UsageError

PROGRAM: Final = """
import asyncio, gc, sys
from batchhub import BatchHub
from batchhub_ecwid import EcwidAccount, put

async def main():
    account = EcwidAccount(store_id=1, token="secret_x", base_url="http://127.0.0.1:9")
    hub = BatchHub(sys.argv[1], {"shop": account})
    job = await hub.submit("shop", [put("/products/1", {"price": 1})])
    if "aclose" in sys.argv:
        await hub.aclose()

if "loop" in sys.argv:  # as older programs do it: nobody cancels what is under way
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
else:
    asyncio.run(main())
gc.collect()
print("end")
"""


def run(*arguments: object) -> list[str]:
    """Run a program that sends to nobody, and return what it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "end\n"
    return [line for line in done.stderr.splitlines() if "Warning" in line or "nclosed" in line]


@pytest.mark.parametrize("how", ["run", "loop"])
def test_a_hub_that_is_left_open_is_named_and_nothing_else(tmp_path: Path, how: str) -> None:
    """No session, no connector and no task is spoken of: nobody but the hub opened them."""
    store = tmp_path / "jobs.db"
    told = [line for line in run(store, how) if "tracemalloc" not in line]

    assert len(told) == 1, told
    assert "ResourceWarning: a BatchHub was left open" in told[0]
    assert f"(store {store}); use 'async with', or await aclose()" in told[0]


def test_a_hub_that_is_closed_says_nothing(tmp_path: Path) -> None:
    """Closing it by hand is as good as a block."""
    assert run(tmp_path / "jobs.db", "aclose") == []


async def test_a_hub_that_is_dropped_is_named_and_its_jobs_go_on(tmp_path: Path) -> None:
    """A handle of a job is enough to wait for it."""
    hub = BatchHub(tmp_path / "jobs.db", {"shop": ScriptedAccount(vendor=Vendor())})
    job = await hub.submit("shop", [{"id": "1"}])
    with pytest.warns(ResourceWarning, match="^a BatchHub was left open"):
        del hub
    assert (await job.wait(timeout_s=60)).counts.succeeded == 1
    await job._view.opened.aclose()


def test_a_hub_that_was_never_opened_says_nothing(tmp_path: Path) -> None:
    """Nor does one that could not be made."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BatchHub(tmp_path / "jobs.db")
        with pytest.raises(UsageError):
            BatchHub(tmp_path / "jobs.db", store_mode="all")
        gc.collect()


COPIES: Final[dict[str, Callable[[Any], Any]]] = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
INSTEAD: Final = {
    "BatchHub": "make one in each process, from the same settings or store",
    "BatchJob": r"pass its id, and get it from a hub there: hub.job\(id\)",
}


@pytest.mark.parametrize("way", list(COPIES))
def test_handles_are_neither_pickled_nor_copied(tmp_path: Path, way: str) -> None:
    """Sync and async ones alike; what belongs in their place is said."""
    with make_hub(tmp_path / "jobs.db") as hub:
        job = hub.submit("shop", [{"id": "1"}])
        for handle in (hub, job, hub._hub, job._job):
            name = type(handle).__name__
            with pytest.raises(UsageError, match=f"^a {name} can't be .*: {INSTEAD[name]}$"):
                COPIES[way](handle)
