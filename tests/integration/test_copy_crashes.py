"""The command that copies a store, killed at every step: it goes on, and no row is there twice."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from support.copying import expect_copy, fill, make_store, make_target, read_all
from support.crash_lab import KILLED, NO_PLAN, Ended, Lab
from support.crashing import Plan

from batchhub._copying import reopen_store


def run(lab: Lab, folder: Path, *argv: str, plan: Plan = NO_PLAN) -> Ended:
    """Run a command to its end."""
    with closing(lab.start(folder, *argv, plan=plan)) as running:
        return running.wait()


def copy(lab: Lab, folder: Path, target: str, plan: Plan = NO_PLAN) -> Ended:
    """Run the command that copies the store."""
    return run(lab, folder, "store", "copy", "jobs.db", target, "--quiet", plan=plan)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    ("at", "nth"),
    [
        *(("copy.marked", 1), ("copy.begun", 1)),
        *(("copy.chunk_kept", nth) for nth in (1, 2, 7, 16)),
        *(("copy.verified", 1), ("copy.moved", 1)),
    ],
)
def test_a_copy_killed_at_a_step(
    lab: Lab, tmp_path: Path, database_url: str, kind: str, at: str, nth: int
) -> None:
    """The same command goes on where it was, and until then neither store can be used."""
    asyncio.run(make_store(tmp_path / "jobs.db"))
    fill(tmp_path / "jobs.db", 1)
    before = read_all(str(tmp_path / "jobs.db"))
    target = asyncio.run(make_target(kind, tmp_path, database_url))
    assert copy(lab, tmp_path, target, Plan(at=at, nth=nth)).code == KILLED
    listed = run(lab, tmp_path, "list", "--store", "jobs.db")
    assert (listed.code, listed.out) == (2, "")
    assert "store copy" in listed.err or "was copied to" in listed.err
    ended = copy(lab, tmp_path, target)
    assert ended.code == 0, ended.err
    assert read_all(target) == expect_copy(before)
    assert copy(lab, tmp_path, target).code == 0
    asyncio.run(reopen_store(str(tmp_path / "jobs.db")))
    assert read_all(str(tmp_path / "jobs.db")) == before
