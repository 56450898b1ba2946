"""The commands on a PostgreSQL store: what they show of it, and what is wrong in one line."""

from __future__ import annotations

import asyncio
import itertools
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.postgres import GUARDED_PASSWORD, GUARDED_USER, PostgresServer
from support.stores import add_job
from typer.testing import CliRunner, Result

from batchhub._base.state_folder import find_state_folder
from batchhub._base.store_place import find_store_place
from batchhub._store import Store
from batchhub._store.opening import init_database
from batchhub.cli.app import app
from batchhub.cli.commands import check
from batchhub.cli.shell.exits import ExitCode

Command = Callable[..., Result]

READERS = (
    ["list"],
    ["status", "latest"],
    ["results", "latest"],
    ["failures"],
    ["health"],
    ["alerts"],
    ["watch"],
    ["resume"],
    ["retry", "latest"],
    ["cancel", "latest"],
    ["exchanges", "latest"],
    ["prune", "--older-than", "1d"],
)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("BATCHHUB_STORE", "PGPASSWORD", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def make_tables(url: str) -> None:
    """Make the tables of a store."""
    asyncio.run(init_database(find_store_place(url)))


def put_job(url: str) -> None:
    """Put a job with two items into a store."""

    async def put() -> None:
        store = await Store.open(url)
        await add_job(store, 2)
        await store.aclose()

    asyncio.run(put())


def told(result: Result) -> str:
    """Return the one line of an error."""
    [line] = result.stderr.strip().splitlines()
    return line.removeprefix("error: ")


@pytest.mark.parametrize("arguments", READERS, ids=" ".join)
def test_a_database_without_tables(
    command: Command, database_url: str, arguments: list[str]
) -> None:
    """Each command names the one that makes them, and makes none."""
    result = command(*arguments, "--store", database_url)

    name = find_store_place(database_url).name
    assert told(result) == (
        f"store {name}: it has no tables of batchhub yet; make them with "
        f"`batchhub cluster init --store {shlex.quote(name)}`"
    )
    assert result.exit_code == 4


@pytest.mark.parametrize("arguments", READERS, ids=" ".join)
def test_a_store_with_nothing_in_it(
    command: Command, database_url: str, arguments: list[str]
) -> None:
    """No command takes it for one that is not there, nor for one in memory."""
    make_tables(database_url)

    result = command(*arguments, "--store", database_url)

    assert "does not exist" not in result.stderr
    assert "memory" not in result.stderr
    assert result.exit_code == (2 if "latest" in arguments else 0)


def test_a_job_is_found(command: Command, database_url: str) -> None:
    """As in a file."""
    make_tables(database_url)
    put_job(database_url)

    [job] = json.loads(command("list", "--store", database_url, "--json").stdout)
    status = json.loads(command("status", "latest", "--store", database_url, "--json").stdout)

    assert (job["job_id"], status["counts"]["total"]) == ("job-1", 2)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("postgresql://u@127.0.0.1:1/shop", "no PostgreSQL answers there; check host and port"),
        ("postgresql://u@no-such-host.invalid/shop", "its host is not known"),
        (
            "postgresql://postgres@/nothing_here?{host}",
            "there is no such database; create it first",
        ),
        ("postgresql://ghost@/postgres?{host}", "it has no such user; check the user"),
        ("postgresql:///shop?host=/nowhere", "no PostgreSQL answers there; check host and port"),
    ],
)
def test_a_database_that_can_not_be_reached(
    command: Command, database_url: str, form: str, words: str
) -> None:
    """One line says what is wrong; nothing is waited for that would not come."""
    url = form.format(url=database_url, host=urlsplit(database_url).query)

    result = command("list", "--store", url)

    assert words in told(result)
    assert result.exit_code == 4


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("postgresql://u:{secret}@h:port/d", "the address of the store can't be read"),
        ("postgresql://u:pass/{secret}@h/d", "the address of the store can't be read"),
        ("postgresql://u:x/y?{secret}@h/d", "the address of the store can't be read"),
        ("postgresql://u:{secret}@@[h/d", "the address of the store can't be read"),
        ("postgresql://u:100%{secret}@h/d", "a % in the address of a store is written %25"),
        ("postgresql://u:{secret}@h", "no database is named"),
        ("postgresql+asyncpg://u:{secret}@h/d", "is reached by psycopg, not by asyncpg"),
        ("postgresql:u:{secret}@h/d", "a store on PostgreSQL is given as postgresql://"),
        (
            "postgresql://u:{secret}@h/d?no_such_thing=1",
            'PostgreSQL knows no option "no_such_thing"',
        ),
        ("mysql://u:{secret}@h/d", "a store of the kind 'mysql' is not supported"),
    ],
)
def test_an_address_that_makes_no_sense(command: Command, form: str, words: str) -> None:
    """Nothing of a password in it is shown, however it is cut."""
    result = command("list", "--store", form.format(secret="zzzzzz"))

    assert words in told(result)
    assert "zzzzzz" not in result.output
    assert result.exit_code == 2


def test_a_wrong_password_is_not_echoed(
    command: Command, database_url: str, database_server: PostgresServer
) -> None:
    """Neither the one in the address nor the one in the environment."""
    database = urlsplit(database_url).path[1:]
    url = database_server.url(database, user=GUARDED_USER, password="zzzzzz")

    result = command("list", "--store", url, "-vv")

    assert "the password is wrong, or missing; check user and password" in result.stderr
    assert "zzzzzz" not in result.output
    assert result.exit_code == 4


def test_a_password_may_be_in_the_environment(
    command: Command,
    database_url: str,
    database_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As libpq has it: PGPASSWORD."""
    make_tables(database_url)
    database = urlsplit(database_url).path[1:]
    for right in ("USAGE ON SCHEMA", "SELECT ON ALL TABLES IN SCHEMA"):
        database_server.execute(f"GRANT {right} batchhub TO {GUARDED_USER}", database=database)
    monkeypatch.setenv("PGPASSWORD", GUARDED_PASSWORD)

    result = command("list", "--store", database_server.url(database, user=GUARDED_USER))

    assert "no jobs in postgresql://guarded@/" in result.stderr
    assert result.exit_code == 0


def test_a_user_without_rights(
    command: Command, database_url: str, database_server: PostgresServer
) -> None:
    """Who may connect may not yet read."""
    make_tables(database_url)
    database = urlsplit(database_url).path[1:]
    url = database_server.url(database, user=GUARDED_USER, password=GUARDED_PASSWORD)

    result = command("list", "--store", url)

    assert "its user may not do that" in told(result)
    assert GUARDED_PASSWORD not in result.output
    assert result.exit_code == 4


def test_the_extra_is_named_where_it_is_missing(
    command: Command, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of every other one."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    result = command("list", "--store", database_url)

    assert "pip install 'batchhub[cluster]'" in told(result)


def test_commands_to_go_on_with_have_no_password(
    command: Command, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They name the store without; or not at all, where the variable names it with the password."""
    make_tables(database_url)
    put_job(database_url)
    url = database_url.replace("postgres@", "postgres:zzzzzz@")

    given = command("status", "latest", "--store", url)
    monkeypatch.setenv("BATCHHUB_STORE", url)
    usual = command("status", "latest")

    assert "zzzzzz" not in given.output
    assert f"--store '{find_store_place(database_url).name}'" in given.stderr
    assert "--store" not in usual.stderr
    assert given.exit_code == usual.exit_code == 0


def test_exchanges_are_on_the_machine_that_made_them(command: Command, database_url: str) -> None:
    """In the user's folder for state; nothing is made by whoever only looks."""
    make_tables(database_url)
    put_job(database_url)

    result = command("exchanges", "latest", "--store", database_url)

    assert "nothing of job job-1 has been sent yet" in result.stderr
    assert not find_state_folder().exists()
    assert result.exit_code == 0


def write_account(folder: Path) -> None:
    """Write settings with an account whose adapter has no harmless request to try."""
    (folder / "batchhub.toml").write_text(
        '[accounts.shop]\nadapter = "scripted"\ntoken = { env = "PATH" }\n'
    )


def test_check_says_how_the_store_is(
    command: Command, cluster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a name of an account, and of a database only."""
    monkeypatch.setattr(check, "_check", _all_right)
    write_account(tmp_path)

    shown = command("check", "--store", cluster_url)
    [_, store] = json.loads(command("check", "--store", cluster_url, "--json").stdout)
    named = command("check", "shop", "--store", cluster_url)
    of_file = command("check", "--store", "jobs.db")

    assert f"store {find_store_place(cluster_url).name}: OK" in shown.stdout
    assert "server   PostgreSQL 1" in shown.stdout
    start = shlex.join(["batchhub", "worker", "--store", find_store_place(cluster_url).name])
    assert f"none gives signs of life; start one: {start}" in shown.stdout
    assert shown.stdout.endswith("news     by LISTEN/NOTIFY\n")
    assert (store["ok"], store["workers"], store["is_pooled"]) == (True, 0, False)
    assert "store " not in named.stdout + of_file.stdout
    assert shown.exit_code == named.exit_code == 0


def test_check_says_what_is_wrong_with_the_store(
    command: Command,
    cluster_url: str,
    database_server: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its accounts are checked all the same."""
    monkeypatch.setattr(check, "_check", _all_right)
    write_account(tmp_path)
    database = urlsplit(cluster_url).path[1:]
    database_server.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')

    read_only = command("check", "--store", cluster_url, "--quiet")
    absent = command("check", "--store", "postgresql://u@127.0.0.1:1/shop", "--quiet")

    assert read_only.stdout.splitlines()[1].endswith(
        "takes no changes (default_transaction_read_only); allow them"
    )
    assert "no PostgreSQL answers there" in absent.stdout.splitlines()[1]
    assert read_only.exit_code == absent.exit_code == 4


def test_check_says_that_a_pooler_will_not_do(
    command: Command, cluster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is listened there or not: what each session is set to is lost as well."""
    monkeypatch.setattr(check, "_check", _all_right)
    servers = itertools.count()
    monkeypatch.setattr("batchhub._cluster.inspection._find_server", lambda _: next(servers))
    write_account(tmp_path)
    mark = "&" if "?" in cluster_url else "?"

    for url in (cluster_url, f"{cluster_url}{mark}listen=off"):
        shown = command("check", "--store", url)
        [_, store] = json.loads(command("check", "--store", url, "--json").stdout)

        assert "which is not supported: give the address of PostgreSQL itself" in shown.stdout
        assert ("by looking every second, as listen=off says" in shown.stdout) == ("off" in url)
        assert (store["ok"], store["is_pooled"]) == (False, True)
        assert shown.exit_code == 4


async def _all_right(_: object, name: str, __: object) -> check.Verdict:
    return check.Verdict(account=name, code=ExitCode.OK, summary="OK")


def test_demo_needs_a_file(command: Command, cluster_url: str) -> None:
    """Nobody would drive its jobs, and it would wait for ever."""
    result = command("demo", "--store", cluster_url)

    assert "demo drives its jobs itself" in told(result)
    assert result.exit_code == 2
