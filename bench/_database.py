"""A PostgreSQL server that is measured: its CPU time, what it writes, how often it commits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from attrs import frozen

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@frozen(kw_only=True)
class DatabaseUse:
    """
    What a server has used and done so far, or between two moments.

    Attributes:
        cpu_s: CPU time of all its processes.
        wal_bytes: What it has written to its log.
        commits: Transactions, those that only read included.
    """

    cpu_s: float
    wal_bytes: float
    commits: float

    def __sub__(self, before: Self) -> Self:
        """Return what was used since."""
        return type(self)(
            cpu_s=self.cpu_s - before.cpu_s,
            wal_bytes=self.wal_bytes - before.wal_bytes,
            commits=self.commits - before.commits,
        )


class Database:
    """
    A server for the time of a bench.

    Attributes:
        url: Where it is.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        (folder,) = parse_qs(urlsplit(url).query)["host"]
        pid_file = Path(folder) / "data" / "postmaster.pid"
        self._pid = int(pid_file.read_text().split()[0])

    def look(self) -> DatabaseUse:
        """Return what it has used so far."""
        import psycopg  # noqa: PLC0415

        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), sum(xact_commit) "
                "FROM pg_stat_database"
            ).fetchone()
        assert found is not None
        return DatabaseUse(
            cpu_s=_used_s(self._pid), wal_bytes=float(found[0]), commits=float(found[1])
        )

    def find_owners(self) -> dict[str, int]:
        """Return the process that drives each lane, by the lane's name."""
        import psycopg  # noqa: PLC0415

        with psycopg.connect(self.url, autocommit=True) as connection:
            asking = connection.execute(
                "SELECT lane, owner_pid FROM batchhub.lanes WHERE owner IS NOT NULL"
            )
            return dict(asking.fetchall())


def _used_s(server: int) -> float:
    """Return the CPU time of a server: of its main process, of those that are gone, and of all."""
    used = _read_ticks(server, with_children=True)
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int(_read_stat(int(path.name))[1]) == server:
                used += _read_ticks(int(path.name), with_children=False)
        except OSError:
            continue  # it has ended meanwhile
    return used / _TICKS_PER_S


def _read_ticks(pid: int, *, with_children: bool) -> int:
    return sum(map(int, _read_stat(pid)[11 : 15 if with_children else 13]))


def _read_stat(pid: int) -> list[str]:
    """Return what the system says of a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@contextmanager
def serving_database() -> Iterator[Database]:
    """Run a server while the block runs."""
    from batchhub.cli.cluster_demo.postgres import temporary_postgres  # noqa: PLC0415

    with asyncio.Runner() as runner:
        server = temporary_postgres()
        url = runner.run(server.__aenter__())
        try:
            yield Database(url)
        finally:
            runner.run(server.__aexit__(None, None, None))


def make_cluster(url: str) -> None:
    """Make the tables of a cluster."""
    command = [sys.executable, "-m", "batchhub", "cluster", "init", "--store", url]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
