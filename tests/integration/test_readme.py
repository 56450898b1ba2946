"""The README's blocks do what it says, in a folder of their own, against the stand-in."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import running_sandbox

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """Return the README's code blocks in a language."""
    return [text for kind, text in BLOCK.findall(README.read_text()) if kind == language]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A user's folder: the README's settings and items, with a stand-in for the shop."""
    with running_sandbox("ecwid") as url:
        settings = blocks("toml")[0].replace("https://app.ecwid.com", url)
        (tmp_path / "batchhub.toml").write_text(settings)
        (tmp_path / "items.jsonl").write_text(blocks("json")[0])
        yield tmp_path


def environment(folder: Path) -> dict[str, str]:
    """Return what a user's shell has: the command on the path, the token, a home."""
    bin_folder = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "ECWID_TOKEN": "secret_sandbox",
        "XDG_DATA_HOME": str(folder),
    }


def test_the_shell_blocks(folder: Path) -> None:
    """The commands run, tell which item failed, and write a line for each item."""
    assert shutil.which("bash")
    make_demo, commands = blocks("sh")
    assert make_demo.split("\n")[:2] == ["make demo", "make test"]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "exit code 1" in done.stdout
    lines = (folder / "results.jsonl").read_text().splitlines()
    results = [json.loads(line) for line in lines]
    assert [(r["id"], r["state"]) for r in results] == [
        ("mug", "succeeded"),
        ("cup", "succeeded"),
        ("jar", "failed"),
    ]
    shown = json.loads(blocks("json")[1].replace("…", results[0]["vendor_ref"]))
    assert results[0] == shown
    assert list(results[0]) == list(shown)


def test_the_python_block(folder: Path) -> None:
    """The program runs as it stands and names the item that failed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocks("python")[0]],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("partial Counts(total=3, succeeded=2, failed=1")
    assert "price-999999 404 " in done.stdout
