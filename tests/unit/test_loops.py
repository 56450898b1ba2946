"""Whose event loop runs: uvloop's where it is installed, in what is ours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from batchhub._base.loops import make_loop
from batchhub.sync import BatchHub


class _Loop(asyncio.SelectorEventLoop):
    """Stands in for uvloop's, which is not everywhere."""


@pytest.fixture
def uvloop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package of that name."""
    package = ModuleType("uvloop")
    package.new_event_loop = _Loop  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "uvloop", package)
    return package


def test_uvloop_is_used_where_it_is_installed(uvloop: ModuleType, tmp_path: Path) -> None:
    """By the command, and by the thread of a hub for plain code."""
    loop = make_loop()
    loop.close()
    assert type(loop) is _Loop

    async def find() -> type:
        return type(asyncio.get_running_loop())

    with BatchHub(tmp_path / "jobs.db") as hub:
        assert hub._bridge.call(find) is _Loop


def test_without_uvloop_it_is_asyncios_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: nothing asks for it."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = make_loop()
    loop.close()
    assert type(loop).__module__.startswith("asyncio.")


def test_the_library_chooses_nobodys_loop() -> None:
    """A program that imports it keeps the policy, and the loops, that it has."""
    code = (
        "import sys, asyncio, batchhub, batchhub.transport; "
        "assert 'uvloop' not in sys.modules; "
        "print(type(asyncio.new_event_loop()).__module__)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("asyncio.")
