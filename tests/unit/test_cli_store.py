"""`store copy` and `store reopen`: what they say, and how they exit."""

from __future__ import annotations

import asyncio
import json
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.copying import make_target
from support.stores import add_job
from typer.testing import CliRunner, Result

from batchhub._store import Store
from batchhub.cli.app import app

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in a folder with a store that has a job of five items."""
    monkeypatch.chdir(tmp_path)

    async def make() -> None:
        store = await Store.open("jobs.db")
        await add_job(store, 2, 3, label="a\0b")
        await store.aclose()

    asyncio.run(make())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def test_a_copy_shows_its_tables_and_what_to_do_now(command: Command, database_url: str) -> None:
    """What was replaced is counted; the source is closed, the copy has the job."""
    target = asyncio.run(make_target("postgres", Path(), database_url))
    Path("jobs.exchanges.db").touch()

    done = command("store", "copy", "jobs.db", target)

    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["table", "rows", "digest", "of", "both"]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["lanes", "1"],
        ["jobs", "1"],
        ["tickets", "2"],
        ["items", "5"],
    ]
    assert "1 text had NUL characters" in done.stderr
    assert "the record of exchanges stays in" in done.stderr
    assert "from now on, as the `store` of the settings" in done.stderr
    assert json.loads(command("list", "--json", "--store", target).stdout)[0]["job_id"] == "job-1"
    moved = command("list", "--store", "jobs.db")
    assert moved.exit_code == 2
    assert "was copied to postgresql://" in moved.stderr


def test_json_has_every_table_and_digest(command: Command) -> None:
    """One object on standard output; nothing else is there."""
    done = command("store", "copy", "jobs.db", "copy.db", "--json")

    report = json.loads(done.stdout)
    rows = {each["table"]: each["rows"] for each in report["tables"]}
    assert rows["items"] == 5
    assert all(len(each["digest"]) == 32 for each in report["tables"])
    assert (report["is_kept"], report["was_done"]) == (False, False)


def test_the_target_is_the_store_of_the_settings(command: Command) -> None:
    """Where none is named: so its password need not be on the command line."""
    Path("batchhub.toml").write_text('store = "new.db"\n')

    assert command("store", "copy", "jobs.db").exit_code == 0
    assert len(json.loads(command("list", "--json").stdout)) == 1


def test_a_rehearsal_leaves_the_store_usable(command: Command) -> None:
    """With a word on what not to do."""
    done = command("store", "copy", "jobs.db", "copy.db", "--keep")

    assert done.exit_code == 0
    assert "go on with one of them only" in done.stderr
    assert command("list", "--store", "jobs.db").exit_code == 0
    again = command("store", "copy", "jobs.db", "copy.db")
    assert again.exit_code == 2
    assert "is not empty" in again.stderr


@pytest.mark.parametrize("keep", [[], ["--keep"]], ids=["moved", "kept"])
def test_an_interrupted_copy_says_how_to_go_on(
    command: Command, monkeypatch: pytest.MonkeyPatch, keep: list[str]
) -> None:
    """As a command to paste into a shell, which does with the source what this one did."""

    async def be_interrupted(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr("batchhub.cli.commands.store.copy_store", be_interrupted)
    target = "postgresql://shop@db/orders?schema=night&listen=off"

    ended = command("store", "copy", "jobs.db", target, *keep)

    assert ended.exit_code == 130
    [line] = [line for line in ended.stderr.splitlines() if "go on with: " in line]
    words = shlex.split(line.partition("go on with: ")[2])
    assert words == ["batchhub", "store", "copy", str(Path("jobs.db").absolute()), target, *keep]


def test_a_copy_that_was_made_is_no_rehearsal_afterwards(command: Command) -> None:
    """Repeated with --keep it says that the source is closed, as it is."""
    command("store", "copy", "jobs.db", "copy.db")

    again = command("store", "copy", "jobs.db", "copy.db", "--keep")

    assert again.exit_code == 0
    assert "was copied before; use " in again.stderr
    assert "is not opened any more; back to it: batchhub store reopen" in again.stderr


def test_reopen_is_the_way_back(command: Command) -> None:
    """It warns; a store that was not copied has nothing to reopen; one that is none is named."""
    assert command("store", "copy", "jobs.db", "copy.db", "--quiet").stdout == ""

    back = command("store", "reopen", "jobs.db")

    assert back.exit_code == 0
    assert "never go on with it and with its copy" in back.stderr
    assert command("list", "--store", "jobs.db").exit_code == 0
    assert "nothing to reopen" in command("store", "reopen", "jobs.db").stderr
    assert command("store", "reopen", "none.db").exit_code == 2


def test_what_cannot_be_copied_is_one_line(command: Command) -> None:
    """With the exit code of bad usage, or of a store that is in use."""
    assert command("store", "copy", "none.db", "copy.db").exit_code == 2
    assert command("store", "copy", "jobs.db", "jobs.db").exit_code == 2
    assert command("store", "copy", "jobs.db", ":memory:").exit_code == 2
    with closing(sqlite3.connect("jobs.db")) as other:
        other.execute("PRAGMA journal_mode").fetchall()
        other.execute("SELECT * FROM jobs").fetchall()
        used = command("store", "copy", "jobs.db", "copy.db")
    assert used.exit_code == 4
    assert "stop every worker" in used.stderr
    assert "Traceback" not in used.stderr
