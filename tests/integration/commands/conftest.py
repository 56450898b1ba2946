"""
The real command in a process of its own, against a stand-in that runs in the test's.

Most commands are forked from a process that has everything imported; those that are sent a signal,
write to a pipe or draw on a terminal are started by the installed script.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from support.commands import (
    Run,
)
from support.crash_lab import Lab
from support.processes import (
    ask_sandbox,
    set_sandbox,
)
from support.stand_ins import standing_in

from batchhub_ecwid.sandbox import EcwidSandbox

PLUGIN = """
from attrs import evolve
from batchhub_ecwid import EcwidAccount, EcwidAdapter

QUICK = evolve(EcwidAdapter.operations["batch"], poll_s=0.1, min_poll_s=0.05)

class QuickAccount(EcwidAccount):
    adapter = "quick"

class Quick(EcwidAdapter):
    name, account_type, sandbox = "quick", QuickAccount, None
    operations = {"batch": QUICK}

class ForgetfulAccount(EcwidAccount):
    adapter = "forgetful"

class Forgetful(EcwidAdapter):
    name, account_type, sandbox = "forgetful", ForgetfulAccount, None
    operations = {"batch": evolve(QUICK, dedup_window_s=None)}
"""
"""Ecwid, asked often; and one that would not recognise a request that comes twice."""


@pytest.fixture(scope="module", autouse=True)
def plugin(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """
    Install adapters from outside, as a third party would, but by the path; gives the folder.

    The lab is there before, so that what others start does not find them.
    """
    del lab
    folder = tmp_path_factory.mktemp("plugin")
    info = folder / "quick-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: quick\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[batchhub.adapters.v1]\nquick = quick:Quick\nforgetful = quick:Forgetful\n"
        "broken = nowhere:Adapter\n"
    )
    (folder / "quick.py").write_text(PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield folder


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[str]:
    """A stand-in that runs for all tests."""
    sandbox = EcwidSandbox()
    sandbox.change_switches({"item_time_s": 0.001, "requests_per_minute": 100_000})
    with standing_in(sandbox) as url:
        yield url


@pytest.fixture
def sandbox(shared_sandbox: str) -> Iterator[str]:
    """The stand-in, as it was at its start."""
    switches = ask_sandbox(shared_sandbox, "switches")
    yield shared_sandbox
    set_sandbox(shared_sandbox, **switches)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Close what a test opens."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def run(lab: Lab, tmp_path: Path) -> Run:
    """Run the command in a folder of its own."""
    return partial(lab.run, tmp_path)
