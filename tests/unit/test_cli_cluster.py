"""The command `cluster`: a database becomes a store for many machines, and shows how it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from support.ports import silent_port
from support.postgres import GUARDED_PASSWORD, GUARDED_USER, PostgresServer
from typer.testing import CliRunner, Result

from batchhub._cluster import schema
from batchhub._cluster.making import init_cluster
from batchhub._cluster.status import ClusterStatus, WorkerStatus
from batchhub._copying import copy_store
from batchhub.cli.app import app

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["cluster", *arguments], prog_name="batchhub")

    return run


@pytest.fixture
def store(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name an empty database in the environment."""
    monkeypatch.setenv("BATCHHUB_STORE", database_url)
    return database_url


def test_tables_are_made_once(command: Command, store: str) -> None:
    """The first time it makes them, and after that it finds them."""
    first = command("init", "--name", "prod")
    assert (first.exit_code, first.stdout) == (0, f"cluster prod is ready: store {store}\n")
    assert "on each machine: batchhub worker" in first.stderr
    assert "was ready already" in command("init").stdout
    made = json.loads(command("init", "--name", "prod", "--json").stdout)
    assert made["name"] == "prod"
    assert made["schema"] == "batchhub"
    assert not made["is_changed"]


def test_many_at_once_make_one_set_of_tables(store: str) -> None:
    """Such as the machines of a cluster that all run it when they start."""

    def make(_: int) -> str:
        return asyncio.run(init_cluster(store, "prod")).name

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make, range(4))) == ["prod"] * 4


def test_a_cluster_is_not_taken_for_another(command: Command, store: str, tmp_path: Path) -> None:
    """Whoever names another one gets one line; a second one needs a schema of its own."""
    assert command("init", "--name", "prod").exit_code == 0
    (tmp_path / "batchhub.toml").write_text('[cluster]\nname = "test"\n')
    for arguments in (["init"], ["init", "--name", "test"]):
        refused = command(*arguments)
        assert refused.exit_code == 2
        assert refused.stderr.startswith(f"error: store {store} is cluster 'prod', not 'test'")
        assert "?schema=" in refused.stderr
        assert refused.stderr.count("\n") == 1
    second = command("init", "--store", f"{store}{'&' if '?' in store else '?'}schema=second")
    assert (second.exit_code, "cluster test is ready" in second.stdout) == (0, True)


def test_status_of_a_new_cluster(command: Command, store: str) -> None:
    """There are no workers, and nothing to be done."""
    command("init")
    shown = command("status")
    assert shown.exit_code == 0
    assert "cluster batchhub: 0 workers, 0 open lanes" in shown.stdout
    assert f"store {store}, tables " in shown.stderr
    status = json.loads(command("status", "--json").stdout)
    assert (status["name"], status["workers"], status["undriven"]) == ("batchhub", [], [])
    assert status["size_bytes"] > 0
    assert abs(datetime.fromisoformat(status["checked_at"]) - datetime.now(UTC)) < timedelta(
        hours=1
    )


def test_signs_of_life_are_as_old_as_the_database_says(
    command: Command, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the machine that asks may be another one."""
    now = datetime(2020, 1, 1, tzinfo=UTC)
    worker = WorkerStatus(
        name="process 1 on web-1",
        seen_at=now - timedelta(seconds=3),
        is_silent=False,
        shards=1,
        open_lanes=0,
    )

    async def find(_: str) -> ClusterStatus:
        return ClusterStatus(
            name="prod",
            store=store,
            schema="batchhub",
            tables="0007",
            postgres="18.0",
            size_bytes=1,
            checked_at=now,
            open_jobs=0,
            open_lanes=0,
            workers=(worker,),
            undriven=(),
        )

    monkeypatch.setattr("batchhub.cli.commands.cluster.find_status", find)

    assert "3 s ago" in command("status").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["stat"], 2, "cluster takes init or status, not 'stat'; did you mean status?"),
        (["status", "--name", "x"], 2, "--name is for cluster init"),
        (["init", "--name", "a b"], 2, "a cluster is called by a word of letters, digits"),
        (["init", "--name", ""], 2, "a cluster is called by a word of letters, digits"),
        (["init", "--store", "jobs.db"], 2, "is no PostgreSQL database, which a cluster needs"),
        (["status", "--store", "jobs.db"], 2, "is no PostgreSQL database, which a cluster needs"),
        (
            ["status"],
            4,
            "it has no tables of batchhub yet; make them with `batchhub cluster init -",
        ),
    ],
)
def test_mistakes(command: Command, store: str, arguments: list[str], code: int, said: str) -> None:
    """Each has a line that says what to do."""
    found = command(*arguments)
    assert found.exit_code == code
    assert said in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("action", ["init", "status"])
def test_a_database_that_refuses(
    command: Command, action: str, store: str, database_server: PostgresServer
) -> None:
    """Each refusal has a line that says what to do, without the password."""
    name = store.partition("?")[0].rpartition("/")[2]
    wrong = database_server.url(name, user=GUARDED_USER, password="topsecretword")
    guarded = database_server.url(name, user=GUARDED_USER, password=GUARDED_PASSWORD)
    with silent_port() as port:
        closed = command(action, "--store", f"postgresql://postgres@127.0.0.1:{port}/x")
    assert "no PostgreSQL answers there; check host and port" in closed.stderr
    for url, said in (
        (store.replace(name, "nix"), "there is no such database; create it"),
        (wrong, "the password is wrong, or missing"),
        (guarded, "GRANT CREATE ON DATABASE" if action == "init" else "has no tables"),
    ):
        found = command(action, "--store", url)
        assert found.exit_code == 4
        assert said in found.stderr
        assert found.stderr.count("\n") == 1
        assert "topsecretword" not in found.stderr


def test_tables_of_other_versions(
    command: Command, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older ones are brought up to date; newer ones are refused, and say what to upgrade."""
    command("init")
    _set(store, "procrastinate", "99.00.00_01_future.sql")
    newer = command("init")
    assert "pip install --upgrade 'batchhub[cluster]'" in newer.stderr
    assert newer.stderr.count("\n") == 1
    last = schema.list_migrations()[-1]
    _set(store, "procrastinate", schema.list_migrations()[-2])
    assert json.loads(command("init", "--json").stdout)["procrastinate"] == last
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute("UPDATE batchhub.alembic_version SET version_num = '9999'")
    for action in ("init", "status"):
        assert "upgrade batchhub" in command(action).stderr


@pytest.mark.parametrize(
    ("mark", "said"), [("moved", "it was copied to "), ("copying", "it is being copied to ")]
)
def test_a_store_that_is_copied(
    command: Command, store: str, tmp_path: Path, mark: str, said: str
) -> None:
    """It says where it is now and what to do; a newer batchhub could do nothing for it."""
    command("init")
    asyncio.run(copy_store(store, str(tmp_path / "copy.db")))
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute("UPDATE batchhub.alembic_version SET version_num = %s", [mark])
    for action in ("init", "status"):
        refused = command(action)
        assert refused.exit_code == 2
        assert refused.stderr.startswith(f"error: store {store}: {said}{tmp_path / 'copy.db'}")
        assert "batchhub store reopen" in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_tables_of_procrastinate_of_somebody_else(command: Command, store: str) -> None:
    """They are left alone."""
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA batchhub")
        connection.execute("CREATE TABLE batchhub.procrastinate_jobs (id integer)")
    refused = command("init")
    assert "tables of Procrastinate that batchhub has not made" in refused.stderr
    assert refused.stderr.count("\n") == 1


def _set(store: str, fact: str, value: str) -> None:
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute("UPDATE batchhub.facts SET value = %s WHERE name = %s", (value, fact))
