"""One run of a command: from its coroutine to its exit code, each problem as one line."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import traceback
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from batchhub._base.loops import make_loop
from batchhub._base.secrets import blank
from batchhub._base.show import clean
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import (
    OutputClosedError,
    OutputError,
    prepare_streams,
    say,
    say_error,
    warnings_as_lines,
)
from batchhub.cli.screen.findings import SaidFindings
from batchhub.cli.screen.log import log_on_stderr
from batchhub.errors import BatchHubError, CredentialsError, SettingsError, StoreError

from .exits import ExitCode, exit_code
from .options import Common
from .signals import stopped_by_signals
from .start import leave_start
from .threads import Threads

_CLOSE_S: Final = 2.0
"""Seconds that tasks, and then threads, have to end when the command does."""

_LONGEST: Final = 1000


class Invocation:
    """
    One run of a command.

    Attributes:
        common: The options of every command.
        job_id: The unfinished job this command made, once there is one.
        resumable: Whether the command drives jobs, so that `resume` can continue them.
        ended: The outcome of the jobs, once all have ended; `None` before that.
        said: The findings it has written.
        may_have_sent: Whether the command may have sent something before it made a job.
        later: The options of `results` that write what this command was to write; none if it was
            to write no file.
    """

    def __init__(self, common: Common) -> None:
        self.common = common
        self.job_id: str | None = None
        self.resumable = False
        self._began_at = datetime.now(UTC)
        self.ended: ExitCode | None = None
        self.may_have_sent = False
        self.later: list[str] = []
        self.said = SaidFindings()

    def run(self, work: Coroutine[Any, Any, ExitCode]) -> NoReturn:
        """Run a command to its end and leave the process with its code."""
        prepare_streams()
        runner, threads = asyncio.Runner(loop_factory=make_loop), Threads()
        with log_on_stderr(self.common.verbose, self.common.log_format), warnings_as_lines():
            try:
                code = self._run(runner, _until_stopped(work, threads))
            finally:
                has_ended = _close(runner, threads)
        if not has_ended:  # the interpreter would wait for ever for what does not end
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):  # nobody reads it any more
                    stream.flush()
            os._exit(int(code))
        raise SystemExit(int(code))

    def _run(self, runner: asyncio.Runner, work: Coroutine[Any, Any, ExitCode]) -> ExitCode:
        try:
            leave_start()
            if not gc.isenabled():  # while it loaded
                gc.freeze()
                gc.enable()
            return runner.run(work)
        except (asyncio.CancelledError, KeyboardInterrupt) as stop:
            self._say_interrupted()
            return exit_code(stop)
        except OutputClosedError:
            return ExitCode.UNFINISHED if self.resumable else ExitCode.OK
        except Exception as error:
            self.report(error)
            return self.code_of(error)

    def report(self, error: Exception) -> None:
        """Write an error, and how to continue if a job is left unfinished."""
        if self.common.verbose and not isinstance(error, BatchHubError):
            say(blank("".join(traceback.format_exception(error))).rstrip())
        heading, *problems = _describe(error, self.common)
        say_error(blank(heading))
        for problem in problems:
            say(f"  {clean(blank(problem), _LONGEST)}")
        if self.code_of(error) is ExitCode.USAGE or self.ended is not None:
            return
        if self.resumable or self.job_id is not None:
            fix = "after fixing the credentials, " if isinstance(error, CredentialsError) else ""
            self.say_resume(fix)

    def say_resume(self, first: str = "", job_id: str | None = None) -> None:
        """Write how to continue, or to follow what workers continue: one job, or all."""
        job_id = job_id or self.job_id
        if self._needs_worker():
            words = ["resume"] if job_id is None else ["watch", job_id]
            say(f"{first}follow with: {command_line(self.common, *words)}")
        else:
            say(f"{first}continue with: {command_line(self.common, 'resume')}")
        if self.later and self.job_id is not None:
            command = command_line(self.common, "results", self.job_id, *self.later)
            say(f"then write the results with: {command}")

    def _needs_worker(self) -> bool:
        from .open import needs_worker  # noqa: PLC0415  # slow to import

        try:
            return needs_worker(self.common)
        except BatchHubError:  # said by whoever needed the store
            return False

    def code_of(self, error: Exception) -> ExitCode:
        """Return the exit code for an error; an output error does not hide an unfinished job."""
        if not isinstance(error, OutputError):
            return exit_code(error)
        if self.ended is not None:
            return self.ended or exit_code(error)
        is_open = self.resumable or self.job_id is not None
        return ExitCode.UNFINISHED if is_open else exit_code(error)

    def _say_interrupted(self) -> None:
        if self.job_id is not None:
            goes_on = "a worker goes on with it" if self._needs_worker() else "can be resumed"
            say(f"interrupted; job {self.job_id} is kept and {goes_on}")
        elif self.resumable:
            say("interrupted; unfinished jobs are kept")
        elif self.may_have_sent or (new := self._find_new()) is None:
            say("interrupted")
            return
        elif not new:
            say("interrupted; nothing was sent")
            return
        else:
            say("interrupted; what was submitted meanwhile is kept")
        self.say_resume()

    def _find_new(self) -> bool | None:
        """
        Whether a job came into the store since the command began; `None` if that is unknown.

        It may have been stored at the moment of the interruption, before its id was known.
        """
        from .open import find_store, open_reader, store_exists  # noqa: PLC0415  # slow to import

        async def look() -> bool:
            async with open_reader(self.common) as hub:
                return bool(await hub.jobs(since=self._began_at))

        try:
            return store_exists(find_store(self.common)) and asyncio.run(look())
        except (Exception, KeyboardInterrupt):
            return None


def _describe(error: Exception, common: Common) -> list[str]:
    """Return an error in one line, or a heading and the problems below it."""
    if isinstance(error, SettingsError) and error.problems:
        return [str(error).partition("\n")[0], *error.problems]
    if isinstance(error, BatchHubError):
        return [_in_options(error)]
    hint = "" if common.verbose else "; run again with -v for the traceback"
    return [f"internal: {type(error).__name__}: {error}{hint}"]


_OPTIONS: Final = {
    "choose another store": "choose another store with --store",
    "open the copy": "give the copy with --store",
}
"""What the library says of stores, and how the command does it."""


def _in_options(error: BatchHubError) -> str:
    """Return an error with the options of the command in place of what Python does."""
    text = str(error)
    if isinstance(error, StoreError):
        for said, option in _OPTIONS.items():
            text = text.replace(said, option)
    return text


def _close(runner: asyncio.Runner, threads: Threads) -> bool:
    """Close an event loop; return False if a task goes on although it is cancelled, or a thread."""
    loop = runner.get_loop()
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        with suppress(KeyboardInterrupt):
            loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSE_S))
    if any(not task.done() for task in tasks):
        return False
    try:
        if not threads.end(_CLOSE_S):
            return False
    except KeyboardInterrupt:
        return False
    runner.close()
    return True


async def _until_stopped(work: Coroutine[Any, Any, ExitCode], threads: Threads) -> ExitCode:
    asyncio.get_running_loop().set_default_executor(threads)
    with stopped_by_signals():
        return await work
