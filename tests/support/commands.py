"""What tests of the real command hand to it, and find of it afterwards."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from support.crash_lab import Ended
from support.processes import (
    COMMAND,
    ask_sandbox,
    environment,
)

Run = Callable[..., Ended]


def write_settings(folder: Path, url: str, adapter: str = "quick") -> None:
    """Write a settings file with the account ``shop`` at the stand-in."""
    (folder / "batchhub.toml").write_text(
        f'store = "jobs.db"\n[accounts.shop]\nadapter = "{adapter}"\nstore_id = 1003\n'
        f'token = {{ env = "ECWID_TOKEN" }}\nbase_url = "{url}"\n'
    )


def make_items(count: int, mark: str, *, bad: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """Make new prices for products; those at the places `bad` do not exist."""
    return [
        {
            "id": f"{mark}-{n}",
            "method": "PUT",
            "path": f"/products/{900_000 + n if n in bad else n}",
            "body": {"price": n},
        }
        for n in range(1, count + 1)
    ]


def executions(url: str, mark: str) -> list[tuple[str, int]]:
    """Return what the stand-in ran of the items with a mark: id and status."""
    found = ask_sandbox(url, "journal")["executions"]
    return [(e["item_id"], e["status"]) for e in found if e["item_id"].startswith(f"{mark}-")]


def parse_lines(text: str) -> list[dict[str, Any]]:
    """Parse JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]


def job_ids(folder: Path) -> list[str]:
    """Return the ids of the jobs in the store, oldest first."""
    with closing(sqlite3.connect(folder / "jobs.db")) as store:
        return [job_id for (job_id,) in store.execute("SELECT job_id FROM jobs ORDER BY job_no")]


def assert_nowhere(secret: str, folder: Path) -> None:
    """Check that no file but the settings holds a secret."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".toml"]
    assert files
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


@contextmanager
def running(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None, **facts: Any
) -> Iterator[subprocess.Popen[str]]:
    """
    Run the command while something else is done.

    Args:
        folder: Where it runs.
        arguments: What follows its name.
        env: Variables beside the usual.
        facts: What else `subprocess.Popen` takes.
    """
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=folder,
        env=environment(folder) | dict(env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **facts,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
