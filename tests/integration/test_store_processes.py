"""The store and other processes: starts at once, kills at any step, and jobs of any size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.patience import PATIENCE_S

from batchhub._store.migrations import HEAD

TESTS = Path(__file__).parent.parent
ALL_TABLES = [
    *("alembic_version", "alert_deliveries", "alert_messages", "alerts", "attendants", "attended"),
    *("consumers", "deliveries", "exports", "facts", "input_blocks", "inputs", "items", "jobs"),
    *("lanes", "leases", "lessons", "pushes", "results", "tickets", "wishes", "writers"),
]


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a process at a store."""
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", "support.store_process", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: object) -> list[dict[str, Any]]:
    """Run a process at a store to its end and return what it said."""
    with start(*arguments) as process:
        said, errors = process.communicate()
    assert process.returncode == 0, errors
    return [json.loads(line) for line in said.splitlines()]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Close what a test opens, last first."""
    with ExitStack() as opened:
        yield opened


def test_four_first_starts_at_once_all_succeed(tmp_path: Path, stack: ExitStack) -> None:
    """Of several first starts at once one migrates, the others wait, and all see one version."""
    paths = [tmp_path / f"{n}.db" for n in range(5)]
    processes = [stack.enter_context(start("open", *paths)) for _ in range(4)]
    pipes = [(process.stdin, process.stdout) for process in processes]

    def hear() -> list[dict[str, Any]]:
        lines = [out.readline() for _, out in pipes if out]
        assert all(lines), [p.stderr.read() for p in processes if p.stderr and p.poll()]
        return [json.loads(line) for line in lines]

    for path in paths:
        assert hear() == [{"ready": str(path)}] * 4
        for to, _ in pipes:
            assert to
            to.write("go\n")
            to.flush()
        assert [(said["version"], said["tables"]) for said in hear()] == [(HEAD, ALL_TABLES)] * 4


def test_a_kill_at_any_step_of_the_migration_is_repaired(tmp_path: Path) -> None:
    """A kill at any statement of the first migration leaves none of it; the next start does all."""
    said = run("kill-migration", tmp_path)

    assert [step["survived"] for step in said] == [False] * (len(said) - 1) + [True]
    assert len(said) > 15  # five tables, two indexes, and what is around them
    for step in said[:-1]:
        assert (step["left"]["tables"], step["left"]["version"]) in [
            ([], None),
            (ALL_TABLES, HEAD),
        ]
    assert [(s["then"]["tables"], s["then"]["version"]) for s in said] == [
        (ALL_TABLES, HEAD)
    ] * len(said)
    assert {step["then"]["check"] for step in said} == {"ok"}


def test_a_writer_killed_at_any_step_leaves_no_part_of_a_job(tmp_path: Path) -> None:
    """A kill anywhere while a job is stored leaves the whole job or none; others write on."""
    said = run("kill-add", tmp_path)

    left = [tuple(step["left"]["counts"].values()) for step in said]
    assert set(left) == {(0, 0, 0, 0), (1, 3, 7, 0)}
    assert left[-2:] != left[:2]
    assert len(said) > 8  # job, tickets and three chunks of items, and what is around them
    for step, (jobs, tickets, items, _) in zip(said, left, strict=True):
        assert list(step["then"]["counts"].values()) == [jobs + 1, tickets + 1, items + 1, 0]


def test_a_writer_killed_at_any_step_leaves_a_ticket_ended_or_open(tmp_path: Path) -> None:
    """A kill anywhere while a ticket ends leaves it with all its results and ended, or neither."""
    said = run("kill-end", tmp_path)

    assert {(s["left"]["counts"]["results"], s["left"]["ended"]) for s in said} == {(0, 0), (5, 1)}


def test_a_large_job_takes_little_memory(tmp_path: Path) -> None:
    """A job of 100,000 items goes in, and its results come out, a chunk at a time."""
    (said,) = run("grow", tmp_path / "jobs.db")

    assert said["results"] == 100_000
    assert said["grown"] < said["items"] / 3


FORK = """
import asyncio, os, sqlite3, sys, threading

begun, forking = threading.Event(), threading.Event()
from batchhub._store.opening import open_database
os.register_at_fork(before=forking.set)  # the last to be registered is the first to be called

def work(connection):
    connection.exec_driver_sql("CREATE TABLE noise (n INTEGER)")
    begun.set()
    forking.wait()
    for n in range(20_000):  # takes longer than a fork
        connection.exec_driver_sql("INSERT INTO noise VALUES (1)")

async def write():
    database = await open_database(sys.argv[1])
    await database.write(work)
    await database.aclose()

thread = threading.Thread(target=lambda: asyncio.run(write()))
thread.start()
begun.wait()
if os.fork() == 0:
    child = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
    try:
        child.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        print(error, flush=True)
        os._exit(1)
    os._exit(0)
code = os.waitstatus_to_exitcode(os.wait()[1])
thread.join()  # an interpreter that ends takes no more work for the store's threads
sys.exit(code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_in_the_midst_of_a_write_finds_the_store_free(tmp_path: Path) -> None:
    """A fork waits for the write: the child would have a copy of its lock, and nobody to end it."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK, tmp_path / "jobs.db"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
