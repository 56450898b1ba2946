"""The page, as a child process: whatever a visitor does, the driving is another process's."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from batchhub._base.parent import UNTIL_EOF
from batchhub._settings.environment import STORE_VARIABLE
from batchhub.errors import BatchHubError

from .settings_source import Reading

_COMMAND: Final = (sys.executable, "-m", "batchhub")

_CLOSING_S: Final = 10.0
"""Seconds that the page has to end before it is killed."""


class PageProcess:
    """
    Runs the command ``batchhub web`` beside the worker; a `Service`.

    It ends with this process, however this one ends: it reads from a pipe that nobody writes to,
    and which is closed then.

    Attributes:
        name: What to call it in the log.

    Args:
        arguments: What follows ``batchhub`` on its command line.
        store: The store, if an option named it. It may have a password in it, and whoever lists the
            processes of a machine sees their command lines: the page finds it in its environment.
    """

    name: Final = "page"

    def __init__(self, arguments: Sequence[str], store: str | None = None) -> None:
        self._arguments = tuple(arguments)
        self._variables = {UNTIL_EOF: "1"} | ({} if store is None else {STORE_VARIABLE: store})

    async def start(self) -> None:
        """Nothing to do: its options are checked where they are given."""

    async def run(self) -> None:
        """
        Run it until cancelled.

        Raises:
            BatchHubError: It has ended.
        """
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, **self._variables},
            # Ctrl-C is this process's: the page ends when the worker says so.
            start_new_session=True,
        )
        try:
            code = await process.wait()
        except BaseException:
            await _end(process)
            raise
        raise BatchHubError(f"its process has ended {_describe(code)}")

    def reload(self, reading: Reading) -> None:
        """Nothing to do: it reads the settings whenever it needs them."""


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process: it is asked, and killed if it does not."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_CLOSING_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _describe(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"
