"""One run of a command: from its coroutine to its exit code, with errors as one line each."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, NoReturn

from batchhub._base.secrets import blank
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import (
    OutputClosedError,
    OutputError,
    prepare_streams,
    say,
    say_error,
    warnings_as_lines,
)
from batchhub.cli.screen.log import log_on_stderr
from batchhub.errors import BatchHubError, CredentialsError

from .exits import ExitCode, exit_code
from .options import Common
from .signals import leave_start, stopped_by_signals


class Invocation:
    """
    One run of a command.

    Attributes:
        common: The options of every command.
        job_id: The unfinished job this command made, once there is one.
        resumable: Whether the command drives jobs, so that `resume` can continue them.
        ended: The outcome of the jobs, once all have ended; `None` before that.
        may_have_sent: Whether the command may have sent something before it made a job.
    """

    def __init__(self, common: Common) -> None:
        self.common = common
        self.job_id: str | None = None
        self.resumable = False
        self._began_at = datetime.now(UTC)
        self.ended: ExitCode | None = None
        self.may_have_sent = False

    def run(self, work: Coroutine[Any, Any, ExitCode]) -> NoReturn:
        """Run a command to its end and leave the process with its code."""
        prepare_streams()
        leave_start()
        with log_on_stderr(self.common.verbose, self.common.log_format), warnings_as_lines():
            code = self._run(work)
        raise SystemExit(int(code))

    def _run(self, work: Coroutine[Any, Any, ExitCode]) -> ExitCode:
        try:
            return asyncio.run(_until_stopped(work))
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
        say_error(blank(_describe(error, self.common)))
        if self.code_of(error) is ExitCode.USAGE or self.ended is not None:
            return
        if self.resumable or self.job_id is not None:
            fix = "after fixing the credentials, " if isinstance(error, CredentialsError) else ""
            self.say_resume(fix)

    def say_resume(self, first: str = "") -> None:
        """Write how to continue."""
        say(f"{first}continue with: {command_line(self.common, 'resume')}")

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
            say(f"interrupted; job {self.job_id} is kept and can be resumed")
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


def _describe(error: Exception, common: Common) -> str:
    if isinstance(error, BatchHubError):
        return str(error)
    hint = "" if common.verbose else "; run again with -v for the traceback"
    return f"internal: {type(error).__name__}: {error}{hint}"


async def _until_stopped(work: Coroutine[Any, Any, ExitCode]) -> ExitCode:
    with stopped_by_signals():
        return await work
