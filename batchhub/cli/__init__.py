"""
The command line: each command makes a few calls of `BatchHub`, and shows the outcome.

Begin at `app`, which has the commands and their options. `commands` is what each of them does,
`shell` what they share before and after it (options, settings, accounts, exit codes), `screen` what
they write. Of the core only public modules, `_settings`, `_tables` and `_base` are imported.

Importing this is cheap, so that ``batchhub --help`` is quick and Ctrl-C is soon taken care of;
what a command needs is imported when it runs.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command named by the process's arguments; raises `SystemExit` at its end."""
    # Typer and what a command needs are not loaded by merely importing the package.
    try:
        from .shell.start import enter_end, enter_start  # noqa: PLC0415

        enter_start()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was sent\n")
        raise SystemExit(130) from None
    try:
        _run()
    except SystemExit as end:
        enter_end(end.code if isinstance(end.code, int) else 0)
        raise


def _run() -> None:
    import gc  # noqa: PLC0415

    # What is imported stays: to search it for garbage takes a tenth of a short command's time.
    gc.disable()  # until the command runs, see `Invocation`
    try:
        from .app import app  # noqa: PLC0415
        from .screen.console import guard_stderr  # noqa: PLC0415

        guard_stderr()  # from here on: Typer writes what is wrong with the arguments

        app(prog_name="batchhub")
    except Exception as error:  # before a command runs, such as in a broken installation
        from .screen.console import drop, say_error  # noqa: PLC0415

        if isinstance(error, OSError) and error.filename is None:
            drop(sys.stdout)  # a help text, or the version
            say_error(f"can't write to standard output: {error.strerror}")
            raise SystemExit(2) from None
        say_error(f"internal: {type(error).__name__}: {error}")
        raise SystemExit(4) from None
