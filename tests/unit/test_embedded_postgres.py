"""The server that the tests bring along: it is there when asked for, and gone with who asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import psycopg
import pytest
from support.patience import PATIENCE_S
from support.postgres import (
    GUARDED_PASSWORD,
    GUARDED_USER,
    PostgresServer,
    running_server,
    shared_server,
)

_OWNER: Final = """
import time
from support.postgres import PostgresServer
server = PostgresServer().start()
print(server.pid, server.folder, flush=True)
time.sleep(600)
"""


def test_each_test_has_a_database_of_its_own(
    database_server: PostgresServer, database_url: str
) -> None:
    """What one test writes no other one reads: the database is empty, and there is one server."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
    assert tables == (0,)
    assert shared_server() is database_server


def test_a_password_is_needed_where_a_test_wants_one(database_server: PostgresServer) -> None:
    """One user is let in with the right password only, whoever asks from wherever."""
    with psycopg.connect(database_server.url(user=GUARDED_USER, password=GUARDED_PASSWORD)):
        pass
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(database_server.url(user=GUARDED_USER, password="wrong"))


def test_a_standby_takes_over() -> None:
    """What a server has committed its standby has, and goes on with after the other's end."""
    with running_server(durable=True, listens=True) as server:
        server.execute("CREATE TABLE facts (number integer)")
        standby = server.make_standby("second", is_waited_for=True)
        try:
            server.execute("INSERT INTO facts VALUES (1)")
            server.stop("immediate")
            standby.promote()
            standby.restart()
            standby.execute("INSERT INTO facts VALUES (2)")

            assert standby.execute("SELECT number FROM facts ORDER BY 1") == [(1,), (2,)]
        finally:
            standby.discard()


def test_a_server_ends_with_who_started_it() -> None:
    """A process that is killed leaves neither a server nor its files behind."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert owner.stdout is not None
    pid, folder = owner.stdout.readline().split()
    assert _is_alive(pid)

    owner.send_signal(signal.SIGKILL)
    owner.communicate(timeout=PATIENCE_S)

    end = time.monotonic() + PATIENCE_S
    while Path(folder).exists() or _is_alive(pid):
        assert time.monotonic() < end
        time.sleep(0.02)


def _is_alive(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # whoever inherited it need not look
