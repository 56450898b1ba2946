"""The workers: the real command in processes of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from attrs import field, frozen

from batchhub._base.parent import UNTIL_EOF
from batchhub.errors import BatchHubError

_COMMAND: Final = (sys.executable, "-m", "batchhub")
_OF_OTHERS: Final = ("BATCHHUB_", "NOTIFY_SOCKET", "WATCHDOG_")
"""Beginnings of variables that would have a worker do something else."""

_STARTING_S: Final = 60.0
_STOPPING_S: Final = 20.0


@frozen(kw_only=True)
class WorkerProcess:
    """
    A worker.

    Attributes:
        number: Its number, from 1.
        process: Its process.
        log: The file with what it says.
    """

    number: int
    process: Process = field(repr=False)
    log: Path

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self.process.pid

    async def kill(self) -> None:
        """End it by SIGKILL: it can do nothing more, such as hand over what it drives."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    def check(self) -> None:
        """
        See that it still runs.

        Raises:
            BatchHubError: It has ended; says its last words.
        """
        if self.process.returncode is not None:
            raise BatchHubError(f"worker {self.number} has ended: {read_end(self.log)}")


async def run_command(folder: Path, *arguments: str) -> None:
    """
    Run the command to its end.

    Raises:
        BatchHubError: It failed; says its last words.
    """
    log = folder / "command.log"
    process = await _start(folder, log, arguments, {})
    try:
        code = await process.wait()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if code:
        raise BatchHubError(f"batchhub {' '.join(arguments[:2])}: {read_end(log)}")


@asynccontextmanager
async def start_workers(
    count: int, folder: Path, *arguments: str
) -> AsyncIterator[Sequence[WorkerProcess]]:
    """
    Run so many workers while the block runs, which begins once all of them drive.

    Args:
        count: How many.
        folder: Where they work, and leave what they say.
        arguments: What follows ``batchhub worker``.

    Raises:
        BatchHubError: One of them does not come to drive.
    """
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(_running(number, folder, arguments))
            for number in range(1, count + 1)
        ]
        await asyncio.gather(*(_wait_until_ready(worker, ready) for worker, ready in started))
        yield [worker for worker, _ in started]
        # All at once: each has its grace.
        for worker, _ in started:
            _ask_to_end(worker.process)


@asynccontextmanager
async def _running(
    number: int, folder: Path, arguments: Sequence[str]
) -> AsyncIterator[tuple[WorkerProcess, socket.socket]]:
    log = folder / f"worker-{number}.log"
    # No path, which a temporary folder deep down makes longer than a socket's may be.
    name = f"batchhub-demo-{token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(b"\0" + name.encode())
        ready.setblocking(False)
        variables = {"NOTIFY_SOCKET": f"@{name}"}
        process = await _start(folder, log, ("worker", *arguments), variables)
        try:
            yield WorkerProcess(number=number, process=process, log=log), ready
        finally:
            await _end(process)


async def _wait_until_ready(worker: WorkerProcess, ready: socket.socket) -> None:
    """Wait until it says, as to a service manager, that it drives."""
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout(_STARTING_S):
            ending = asyncio.create_task(worker.process.wait())
            try:
                while not ending.done():
                    heard = asyncio.create_task(loop.sock_recv(ready, 4096))
                    await asyncio.wait({heard, ending}, return_when=asyncio.FIRST_COMPLETED)
                    if heard.done() and b"READY=1" in heard.result():
                        return
                    heard.cancel()
            finally:
                ending.cancel()
    raise BatchHubError(f"worker {worker.number} does not drive: {read_end(worker.log)}")


async def _start(
    folder: Path, log: Path, arguments: Sequence[str], variables: dict[str, str]
) -> Process:
    kept = {n: value for n, value in os.environ.items() if not n.startswith(_OF_OTHERS)}
    with log.open("ab") as said:
        return await asyncio.create_subprocess_exec(
            *_COMMAND,
            *arguments,
            cwd=folder,
            # It ends with this process, however this one ends.
            env={**kept, **variables, UNTIL_EOF: "1"},
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=said,
            # Ctrl-C is this process's.
            start_new_session=True,
        )


def _ask_to_end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()


async def _end(process: Process) -> None:
    _ask_to_end(process)
    try:
        async with asyncio.timeout(_STOPPING_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def read_end(log: Path) -> str:
    """Return the last line of what a process said."""
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.is_file() else []
    return lines[-1].removeprefix("error: ") if lines else "it says nothing"
