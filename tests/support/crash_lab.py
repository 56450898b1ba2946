"""Where processes are killed: a server that starts them, and shops for them to work at."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from attrs import define, field, frozen

from batchhub.sandbox import Call, Sandbox
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox

from . import on_postgres
from .crashing import LISTEN, TOLD, Order, Plan
from .patience import PATIENCE_S
from .processes import (
    KEY,
    TOKEN,
    ask_sandbox,
    environment,
    write_items,
    write_settings,
    write_supplier,
)
from .processes import set_sandbox as set_switches
from .stand_ins import standing_in

TESTS: Final = Path(__file__).parents[1]
NO_PLAN: Final = Plan()
NOTHING: Final[Mapping[str, str]] = {}
KILLED: Final = -signal.SIGKILL

ITEM_TIME_S: Final = 0.005

KEYS: Final = ("one", "two", "three")
"""The keys under which items are handed over; each has items of its own."""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, f"waited in vain: {what}"
        time.sleep(0.01)


@frozen(kw_only=True)
class Ended:
    """
    A process that has ended.

    Attributes:
        code: Its exit code; below zero for the signal that ended it.
        out: What it wrote to standard output.
        err: And to standard error.
        reached: The failpoints it came to, in order.
    """

    code: int
    out: str
    err: str
    reached: list[str]


class Running:
    """A process of a lab's; kill it, stop it, or let it come to its end."""

    def __init__(self, connection: socket.socket, logs: Path) -> None:
        self._connection = connection
        self._answers = connection.makefile()
        self._code: int | None = None
        self.pid: int = self._hear()["pid"]
        self._pidfd = os.pidfd_open(self.pid)
        connection.sendall(b"\n")
        self._logs = logs / str(self.pid)

    def wait(self) -> Ended:
        """Wait for its end; what no process may ever say is looked for in what it said."""
        while self._code is None:
            self._code = self._hear().get("code")
        ended = Ended(
            code=self._code, out=self._read(".out"), err=self._read(".err"), reached=self.reached()
        )
        assert "Traceback" not in ended.err, ended.err
        assert "internal:" not in ended.err, ended.err
        for secret in (TOKEN, KEY):
            assert secret not in ended.out + ended.err
        return ended

    def wait_stopped(self) -> None:
        """Wait until it is stopped."""
        assert self._hear().get("stopped"), self._read(".err")

    def reached(self) -> list[str]:
        """Return the failpoints it has come to so far."""
        return self._read(".reached").split()

    def said(self) -> str:
        """Return what it has written so far."""
        return self._read(".out") + self._read(".err")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> Ended:
        """Kill it, if it is still there."""
        self.send(signal.SIGKILL)
        return self.wait()

    def close(self) -> None:
        """Leave nothing of it behind."""
        self.send(signal.SIGKILL)
        self._answers.close()
        self._connection.close()
        os.close(self._pidfd)

    def _hear(self) -> dict[str, Any]:
        line = self._answers.readline()
        assert line, "the server of processes is gone"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _read(self, suffix: str) -> str:
        path = self._logs.with_suffix(suffix)
        return path.read_text() if path.exists() else ""


class Lab:
    """Starts processes at once, from one that has everything imported; see `running_lab`."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self._address = address

    def start(
        self,
        folder: Path,
        *argv: str,
        plan: Plan = NO_PLAN,
        stdin: str | None = None,
        env: Mapping[str, str] = NOTHING,
    ) -> Running:
        """Start the command in a folder, with a text on its standard input, and variables."""
        order = Order(
            argv=list(argv),
            folder=str(folder),
            logs=str(self.folder),
            env=environment(folder) | dict(env),
            stdin=stdin,
            plan=plan,
        )
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_S)
        connection.connect(self._address)
        connection.sendall(order.to_line())
        return Running(connection, self.folder)

    def run(
        self,
        folder: Path,
        *argv: str,
        stdin: str | None = None,
        env: Mapping[str, str] = NOTHING,
    ) -> Ended:
        """Run the command in a folder to its end."""
        with closing(self.start(folder, *argv, stdin=stdin, env=env)) as running:
            return running.wait()


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Run a server of processes; its files are in a folder."""
    if on_postgres.IS_ON:
        on_postgres.share()
    address = os.path.relpath(folder / "lab.socket")  # such an address must be short
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    server = subprocess.Popen(
        [sys.executable, "-m", "support.crashing", "serve", address],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n", "the server of processes did not start"
        yield Lab(folder, address)
    finally:
        server.kill()
        server.communicate()


@frozen(kw_only=True)
class Trade:
    """
    A vendor's items, of which doing one twice shows.

    Attributes:
        sandbox: The vendor's stand-in.
        account: The account's name in the settings.
        words: What a submit of them needs on the command line.
        write: Writes the settings.
        settings: Settings of the account that make small tickets, and no wait for the budget.
        deduplicates: Whether the vendor recognises a batch it has.
    """

    sandbox: type[Sandbox]
    account: str
    words: tuple[str, ...]
    write: Callable[..., None]
    settings: dict[str, object]
    deduplicates: bool

    def items(self, key: str, count: int) -> list[dict[str, Any]]:
        """Make a key's items, at most 300; the fourth fails, and each tenth after it."""
        first = 301 + 300 * KEYS.index(key)
        numbers = range(first, first + count)
        if self.account == "shop":
            return [
                {
                    "id": f"i{n}",
                    "method": "POST",
                    "path": "/products",
                    "body": {"name" if n % 10 != 4 else "no": f"new {n}", "price": n},
                }
                for n in numbers
            ]
        return [
            {"id": f"i{n}", "sku": f"A-{n if n % 10 != 4 else 900_000 + n}", "price": n}
            for n in numbers
        ]


TRADES: Final = {
    "ecwid": Trade(
        sandbox=EcwidSandbox,
        account="shop",
        words=(),
        write=write_settings,
        settings={"max_request_bytes": 600, "requests_per_minute": 60_000},
        deduplicates=True,
    ),
    "mircate": Trade(
        sandbox=MircateSandbox,
        account="supplier",
        words=("--operation=receive-price",),
        write=write_supplier,
        settings={"max_request_bytes": 330, "requests_per_minute": 60_000, "count_grace_s": 0.5},
        deduplicates=False,
    ),
}


class HeldAnswer:
    """
    An interceptor that lets the vendor take each batch, and keeps one answer back.

    Args:
        nth: Which batch's, from 1.

    Attributes:
        is_held: Set once there is that answer.
        may_go: Lets it go.
    """

    def __init__(self, nth: int) -> None:
        self._left = nth
        self.is_held = threading.Event()
        self.may_go = threading.Event()

    async def __call__(
        self, call: Call, answer: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Pass an answer on, now or later."""
        response = await answer()
        self._left -= call.request.method == "POST"
        if self._left == 0 and not self.may_go.is_set():
            self.is_held.set()
            while not self.may_go.is_set():  # noqa: ASYNC110  # another thread sets it
                await asyncio.sleep(0.01)
        return response


@define
class Shop:
    """
    A folder with settings, items and a store, and a stand-in for the vendor.

    Attributes:
        trade: What is sent, and to whom.
        sandbox: The stand-in, which runs in another thread.
        lab: What starts its processes.
        folder: The folder.
        url: Where the stand-in is.
        count: How many items each key has.
    """

    trade: Trade
    sandbox: Sandbox
    lab: Lab
    folder: Path
    url: str
    count: int
    _processes: list[Running] = field(factory=list)

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.folder / "jobs.db"

    def start(self, *argv: str, plan: Plan = NO_PLAN) -> Running:
        """Start a command."""
        running = self.lab.start(self.folder, *argv, plan=plan)
        self._processes.append(running)
        return running

    def hand_over(self, verb: str, *more: str, key: str = "one", plan: Plan = NO_PLAN) -> Running:
        """Start `run` or `submit` with the items."""
        words = (f"--account={self.trade.account}", *self.trade.words, f"--key={key}")
        return self.start(verb, f"{key}.jsonl", *words, *more, plan=plan)

    def finish(self) -> Ended:
        """Hand the items over once more, under their key, and stay until the end."""
        return self.hand_over("run").wait()

    def resume(self, *words: str, plan: Plan = NO_PLAN) -> Ended:
        """Go on with all that is unfinished, to the end."""
        return self.start("resume", *words, plan=plan).wait()

    def watch(self, plan: Plan = NO_PLAN) -> Running:
        """Go on with all that is unfinished, and write down every status on the way."""
        return self.start("watch", "--json", plan=plan)

    def listen(self, plan: Plan = NO_PLAN) -> Running:
        """Start a program that is told of the jobs that have ended."""
        return self.start(LISTEN, str(self.store), plan=plan)

    def told(self) -> list[tuple[str, bool]]:
        """Return of which jobs it was told, and whether it was said to be a repeat."""
        path = self.folder / TOLD
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line.split()[0], line.endswith("again")) for line in lines]

    def names(self) -> dict[str, str]:
        """Return what the vendor calls the items, by their ids."""
        items = [item for key in KEYS for item in self.trade.items(key, self.count)]
        return {item["id"]: item.get("sku", item["id"]) for item in items}

    def journal(self) -> Any:
        """Return what the stand-in was asked, and what it did."""
        return ask_sandbox(self.url, "journal")

    def sends(self) -> int:
        """Return how many batches the stand-in was asked to take."""
        return len(submits(self.journal()))

    def asks(self) -> int:
        """Return how often the stand-in was asked about a batch."""
        return sum(request["method"] == "GET" for request in self.journal()["requests"])

    def switch(self, **switches: object) -> None:
        """Change how the stand-in behaves."""
        set_switches(self.url, **switches)

    def close(self) -> None:
        """Leave no process behind."""
        for process in self._processes:
            process.close()


def submits(journal: Any) -> list[dict[str, Any]]:
    """Return the requests that hand a batch over, out of a stand-in's journal."""
    return [
        request
        for request in journal["requests"]
        if request["method"] == "POST" and "cancel" not in request["path"]
    ]


@contextmanager
def open_shop(lab: Lab, folder: Path, vendor: str = "ecwid", count: int = 16) -> Iterator[Shop]:
    """Open a shop with a stand-in of its own."""
    trade = TRADES[vendor]
    sandbox = trade.sandbox()
    sandbox.change_switches({"item_time_s": ITEM_TIME_S, "requests_per_minute": 100_000})
    for key in KEYS:
        write_items(folder / f"{key}.jsonl", trade.items(key, count))
    with ExitStack() as stack:
        url = stack.enter_context(standing_in(sandbox))
        trade.write(folder, url, **trade.settings)
        shop = Shop(trade, sandbox, lab, folder, url, count)
        stack.callback(shop.close)
        yield shop
