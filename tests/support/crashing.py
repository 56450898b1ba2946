"""
The real command in a process that dies, stands still or loses its store where a test says.

    python -m support.crashing CHECKPOINT NTH -- COMMAND…   be killed at a failpoint
    python -m support.crashing serve SOCKET                 do so for whoever asks; see `Lab`

A server has everything imported and forks a process for each order, which costs a tenth of
a start. An order is a line of JSON, an `Order`; so are the answers: ``{"pid": 1}``, which waits for
an empty line in return, ``{"stopped": true}`` whenever it is stopped, and at last
``{"code": 0}``, which is below zero for the signal that ended it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pkgutil
import resource
import signal
import socket
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

from attrs import asdict, evolve, frozen

import batchhub._store
import batchhub.cli
from batchhub import BatchHub
from batchhub._alerts.alerts import Alerts
from batchhub._alerts.conditions import Condition, Rule
from batchhub._base import failpoints
from batchhub._cluster import desk as _desk
from batchhub._cluster import session as _session
from batchhub._cluster.procrastinate import Procrastinate
from batchhub._engine import lane_claims as _claims
from batchhub._engine import owner_watch as _owners
from batchhub._engine import presence as _presence
from batchhub._engine import shard_claims as _shard_claims
from batchhub._engine import shards as _shards
from batchhub._http import request as _request
from batchhub._store import postgres as _postgres
from batchhub._store import sqlite
from batchhub.cli import main
from batchhub.errors import StoreError

from . import on_postgres
from .alerting import Receiver, settings_for
from .by_vendor import ADAPTERS

LISTEN: Final = "listen"
"""The command that is none of batchhub's: tell of the jobs that have ended, a line each."""

ALERT: Final = "look-for-alerts"
"""Another one: look for alerts in a store, and tell an address, until it is killed."""

TOLD: Final = "told.txt"
"""The file `LISTEN` writes to: a job's id and whether it is said to be repeated, a line each."""

PID_OF: Final = r"\(process (\d+)\)"
"""Where the number of the process is in the User-Agent of its requests, as a pattern."""

_PACES: Final = {
    _shard_claims: ("SILENT_S", "STALE_S", "SIGN_S", "_LOOK_S"),
    _shards: ("LOOK_S", "_SHORTEST_S", "_IDLE_S"),
    _presence: ("CLUSTER_SIGN_S",),
    _session: ("_LOOK_S", "_HUNGRY_S", "_POLL_S"),
    _desk: ("_WAITED_S",),
    _postgres: ("OUTAGE_S",),
}
_BROKEN: Final = 70
_UNFINISHED: Final = 4


@frozen(kw_only=True)
class Plan:
    """
    What befalls a process.

    Attributes:
        at: The failpoint at which it befalls it; `None` for nothing.
        nth: The how many-eth time the failpoint is reached, from 1.
        action: ``kill`` (SIGKILL), ``stop`` (SIGSTOP) or ``fail`` (the database says that the
            disk is full).
        times: How often in a row it fails.
        file_bytes: The most bytes a file may have; the system refuses more.
        poll_s: The usual seconds between two polls: a vendor's pace, shortened.
        silent_s: Seconds after which an owner without a sign of life is named.
        busy_s: Seconds a transaction waits for another process's.
        pace: By what the times are multiplied in which workers of a cluster notice each other, and
            that their database is away.
    """

    at: str | None = None
    nth: int = 1
    action: str = "kill"
    times: int = 1
    file_bytes: int | None = None
    poll_s: float = 0.1
    silent_s: float = _owners.SILENT_S
    busy_s: float = sqlite.BUSY_TIMEOUT_S
    pace: float = 1.0


@frozen(kw_only=True)
class Order:
    """
    A process that is wanted.

    Attributes:
        argv: The command, without its name.
        folder: Where it runs.
        logs: The folder for what it writes, in files named by its number: ``.out``, ``.err``,
            and ``.reached``, the failpoints it came to.
        env: Its environment; the folders of ``PYTHONPATH`` are looked in for modules.
        stdin: What is on its standard input, at most 64 KiB; `None` for nothing.
        plan: What befalls it.
    """

    argv: list[str]
    folder: str
    logs: str
    env: dict[str, str]
    stdin: str | None = None
    plan: Plan = Plan()

    def to_line(self) -> bytes:
        """Write it as a line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: str) -> Order:
        """Read it."""
        values = json.loads(line)
        return cls(**{**values, "plan": Plan(**values["plan"])})


def arm(plan: Plan, trace: int | None = None) -> None:
    """
    Let a plan befall this process.

    Args:
        plan: The plan.
        trace: An open file for the names of the failpoints that are reached.
    """
    for adapter in ADAPTERS.values():
        adapter.operations = {
            name: evolve(capabilities, poll_s=plan.poll_s, min_poll_s=min(0.05, plan.poll_s))
            for name, capabilities in adapter.operations.items()
        }
    _owners.SILENT_S = plan.silent_s  # type: ignore[misc]
    _claims.BEAT_S = min(_claims.BEAT_S, plan.silent_s / 3)  # type: ignore[misc]
    sqlite.BUSY_TIMEOUT_S = plan.busy_s  # type: ignore[misc]
    if plan.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan.file_bytes, plan.file_bytes))
    if plan.pace != 1.0:
        _hasten(plan.pace)
    version = _request._version()
    _request._version = lambda: f"{version} (process {os.getpid()})"
    reached: Counter[str] = Counter()
    # The thread itself: a signal for the process may reach another one first, and this one would
    # go on for a moment.
    actions: dict[str, Callable[[], None]] = {
        "kill": lambda: signal.pthread_kill(threading.get_ident(), signal.SIGKILL),
        "stop": lambda: signal.pthread_kill(threading.get_ident(), signal.SIGSTOP),
        "fail": _fail,
    }
    act = actions[plan.action]
    last = plan.nth + (plan.times if plan.action == "fail" else 1)
    # The loop and the store's writer both come here. A signal ends the other thread a little later
    # than the one that sent it, which must not write of one more step by then.
    one_at_a_time = threading.Lock()

    def listen(failpoint: str) -> None:
        with one_at_a_time:
            reached[failpoint] += 1
            if trace is not None:
                os.write(trace, f"{failpoint}\n".encode())
            if failpoint == plan.at and plan.nth <= reached[failpoint] < last:
                act()

    failpoints.listener = listen


def _hasten(pace: float) -> None:
    """Let workers of a cluster notice each other sooner, and that their database is away."""
    for module, names in _PACES.items():
        for name in names:
            setattr(module, name, getattr(module, name) * pace)
    times: dict[str, Any] = Procrastinate.__init__.__kwdefaults__ or {}
    for name in ("heartbeat_s", "silent_s"):
        times[name] *= pace
    times["slice_s"] = tuple(each * pace for each in times["slice_s"])


def _fail() -> None:
    raise sqlite3.OperationalError("database or disk is full")


def serve(path: str) -> NoReturn:
    """Fork a process for each order that comes, until killed."""
    if on_postgres.IS_ON:
        on_postgres.begin()
    _import_all()
    gc.freeze()  # else each process copies all of it when it first looks for garbage
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(64)
        print("ready", flush=True)  # noqa: T201
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _mind(connection)
            connection.close()


def _import_all() -> None:
    """Import what the commands import when they run."""
    for module in (
        *pkgutil.walk_packages(batchhub.cli.__path__, "batchhub.cli."),
        *pkgutil.iter_modules(batchhub._store.__path__, "batchhub._store."),
    ):
        import_module(module.name)
    for name in ("alembic.command", "rich.live", "sqlalchemy.dialects.sqlite"):
        import_module(name)
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
        _run(["adapters"])


def _mind(connection: socket.socket) -> NoReturn:
    """Start what is ordered, and tell how it goes."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    lines = connection.makefile()
    line = lines.readline()
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(Order.from_line(line))
    try:
        _send(connection, pid=pid)
        lines.readline()  # by then it has a hold on the process, which may have ended already
        while True:
            _, status = os.waitpid(pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                break
            _send(connection, stopped=True)
        _send(connection, code=os.waitstatus_to_exitcode(status))
    except OSError:  # whoever ordered it is gone
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _send(connection: socket.socket, **facts: Any) -> None:
    connection.sendall(json.dumps(facts).encode() + b"\n")


def _become(order: Order) -> NoReturn:
    """Be the command, from here to its end."""
    code = _BROKEN
    try:
        logs = Path(order.logs) / str(os.getpid())
        kinds = (os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        trace = os.open(logs.with_suffix(".reached"), *kinds)
        os.dup2(_open_input(order.stdin), 0)
        os.dup2(os.open(logs.with_suffix(".out"), *kinds), 1)
        os.dup2(os.open(logs.with_suffix(".err"), *kinds), 2)
        os.chdir(order.folder)
        os.environ.clear()
        os.environ.update(order.env)
        sys.path[:0] = filter(None, order.env.get("PYTHONPATH", "").split(os.pathsep))
        arm(order.plan, trace)
        code = _run(order.argv)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _open_input(text: str | None) -> int:
    """Open what standard input is to be: a pipe with a text in it, or nothing."""
    if text is None:
        return os.open(os.devnull, os.O_RDONLY)
    ours, theirs = os.pipe()
    os.write(theirs, text.encode())
    os.close(theirs)
    return ours


def _run(argv: list[str]) -> int:
    if argv[0] == LISTEN:
        try:
            asyncio.run(_listen(*argv[1:]))
        except StoreError as error:
            print(error, file=sys.stderr)  # noqa: T201
            return _UNFINISHED
        return 0
    if argv[0] == ALERT:
        asyncio.run(_look_for_alerts(*argv[1:]))
    sys.argv = ["batchhub", *argv]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


async def _listen(store: str) -> None:
    """Write down each job that has ended, as a program does that acts on it."""
    to = os.open(TOLD, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    async with BatchHub(store, {}) as hub:
        async for event in hub.events(follow=False):
            os.write(to, f"{event.job_id} {'again' if event.is_repeated else 'first'}\n".encode())


async def _look_for_alerts(store: str, url: str) -> None:
    rules = {Condition.OLDEST_OPEN: Rule(age_s=60.0)}
    channel = Receiver(url=url).channel()
    async with BatchHub(store, drives=False) as hub:
        await Alerts(hub, settings_for(channel, rules=rules)).run()


def start() -> None:
    """Do what the command line says."""
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    failpoint, nth, dashes, *argv = sys.argv[1:]
    if dashes != "--" or failpoint not in failpoints.FAILPOINTS:
        sys.exit(f"usage: CHECKPOINT NTH -- COMMAND…; of {', '.join(failpoints.FAILPOINTS)}")
    arm(Plan(at=failpoint, nth=int(nth)))
    sys.exit(_run(argv))


if __name__ == "__main__":
    start()
