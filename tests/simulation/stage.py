"""
What is replaced in the program while a world runs: its threads, its locks, its chance.

Nine doors, and nothing else: the worker that runs a transaction, the thread that looks whether an
adapter blocks the loop, the one that writes the record of exchanges, the lock of a process, the
system's random bytes, the failpoints, how large a part of a job is loaded at once, how large a
ticket is where no account can say it, and that a vendor wants TLS.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import re
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

from attrs import evolve
from sqlalchemy import Engine
from support.by_vendor import ADAPTERS

from batchhub._base import failpoints
from batchhub._base.under_way import note_hop
from batchhub._engine import intake, open_hub, verb_calls
from batchhub._engine.process_lock import ProcessLock
from batchhub._exchanges import ExchangeLog
from batchhub._store import opening_sqlite, sqlite
from batchhub._store.sqlite import SqliteWorker

from .accounts import KINDS

if TYPE_CHECKING:
    from .machine import Machine
    from .world import World

T = TypeVar("T")


_compiled: dict[str, Any] = {}


def _plain_environment() -> dict[str, str]:
    """Return the environment without what says how a machine reaches others."""
    strange = re.compile(r"ssl_cert_\w+|(all|https?|no)_proxy", re.IGNORECASE)
    return {name: text for name, text in os.environ.items() if not strange.fullmatch(name)}


class ProgramEndedError(BaseException):
    """The program was killed in the middle of a transaction."""


@contextmanager
def staged(world: World) -> Iterator[None]:
    """Replace what a world replaces, and restore it."""
    entropy = random.Random(f"{world.plan.seed}:entropy")
    cpu_ms = itertools.count()

    def urandom(size: int) -> bytes:
        return entropy.randbytes(size)

    class SimWorker(_SimWorker):
        stage = world

    def hold(lock: ProcessLock) -> None:
        world.holders[lock.token] = world.loop.here

    def release(lock: ProcessLock, *, is_let_go: bool = True) -> None:
        if is_let_go:
            world.holders.pop(lock.token, None)
        elif lock.token in world.holders:
            world.holders[lock.token] = ""  # it leaves its file, which anybody can lock

    with (
        patch.object(opening_sqlite, "SqliteWorker", SimWorker),
        patch.object(verb_calls, "_Pulse", _NoPulse),
        patch.object(open_hub, "ExchangeLog", _NoRecord),
        patch.dict(os.environ, _plain_environment(), clear=True),
        patch.object(intake, "CHUNK_ITEMS", world.plan.items_per_load),
        patch.dict(intake.Intake.__init__.__kwdefaults__, cpu_s=lambda: next(cpu_ms) / 1000),
        patch.object(ProcessLock, "hold", hold),
        patch.object(ProcessLock, "release", release),
        patch.object(ProcessLock, "sweep", lambda *_: None),
        patch.object(ProcessLock, "_judge", lambda _, token: world.judge_token(token)),
        patch.object(os, "urandom", urandom),
        patch.object(random, "_urandom", urandom),
        patch.object(failpoints, "listener", world.pass_failpoint),
        ExitStack() as stack,
    ):
        for name in world.plan.accounts:
            # There is no TLS here, and each vendor is on a machine of its own.
            stack.enter_context(patch.object(ADAPTERS[name].account_type, "needs_https", False))
            if (item_bytes := KINDS[name].item_bytes) is not None:
                most = max(1, world.plan.bytes_per_ticket // item_bytes)
                operations = ADAPTERS[name].operations.items()
                smaller = {key: evolve(each, max_items=most) for key, each in operations}
                stack.enter_context(patch.object(ADAPTERS[name], "operations", smaller))
        yield


class _NoPulse:
    """
    Nobody who looks whether the loop stands still.

    That is real time, of which a second of a world may take many on a busy machine: an adapter
    would be blamed for it, and the same seed would be another world.
    """

    def __init__(self, *_: object) -> None:
        self.beat = self.rest = self.stop = lambda: None


class _NoRecord(ExchangeLog):
    """Takes exchanges and writes none: that is the time of a real disk, and nobody waits for it."""

    def _wake(self) -> None:
        self._waiting.clear()
        self._open = self._waiting_bytes = 0
        self._pruned.clear()


class _SimWorker(SqliteWorker):
    """
    A worker without a thread: each hop is a step of the loop, after the time it takes.

    In the order they were asked for, as in the thread. A killed program's connection is dropped,
    and what it had not committed with it.
    """

    stage: World

    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        self._machine = self.stage.machine_here()
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]]
        self._waiting = deque()
        self._is_busy = False
        self._share(self.engine)
        self._number = next(self.stage.numbers)
        if self._machine is not None:
            self._machine.workers.append(self)

    @staticmethod
    def _share(engine: Engine) -> None:
        """Let all engines share what they compile: a world has a dozen, and a process hundreds."""
        engine.dialect = _compiled.setdefault("dialect", engine.dialect)
        engine._compiled_cache = _compiled.setdefault("cache", engine._compiled_cache)

    def __hash__(self) -> int:
        """Return its number, so that the order of a set of them is the same in each run."""
        return self._number

    def start(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Begin to run a function with the connection, in a step of its own."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        note_hop(future)
        self._waiting.append((future, function, arguments))
        self._go_on()
        return future

    async def aclose(self) -> None:
        """Close the connection after all that waits for it."""
        await self.run(lambda _: self._close())

    def drop(self) -> None:
        """Drop the connection as the system does when a process dies."""
        self._waiting.clear()
        if self._connection is not None and not self._connection.closed:
            self._connection.invalidate()
        self._connection = None

    def _go_on(self) -> None:
        if self._waiting and not self._is_busy:
            self._is_busy = True
            asyncio.get_running_loop().call_later(self.stage.draw_hop_s(), self._work)

    def _work(self) -> None:
        self._is_busy = False
        future, function, arguments = self._waiting.popleft()
        self._go_on()
        if future.cancelled():
            return
        try:
            self._fail_read(function)
            result = self._run(function, *arguments)
        except ProgramEndedError:
            return  # nobody is there any more
        except Exception as error:  # handed to the caller, as from a thread
            future.set_exception(error)
        else:
            future.set_result(result)

    def _fail_read(self, function: Callable[..., Any]) -> None:
        machine = self._machine
        if machine is None or not machine.read_failures or function is not sqlite._read:
            return
        machine.read_failures -= 1
        self.stage.count("read_error")
        raise sqlite3.OperationalError("disk I/O error")


def commit_or_fail(machine: Machine, now_s: float) -> str | None:
    """Return which error the commit that begins now fails with; `None` if it does not."""
    machine.commits += 1
    if now_s < machine.deaf_until_s:
        return "full_disk"
    if machine.commits in machine.failing:
        return "commit_error"
    return None
