"""
The command line: each command makes a few calls of `BatchHub`, and shows the outcome.

Begin at `app`, which has the commands and their options. `commands` is what each of them does,
`shell` what they share before and after it (options, settings, accounts, exit codes), `screen` what
they write. Of the core only public modules, `_settings`, `_tables` and `_base` are imported.

Importing this is cheap, so that ``batchhub --help`` is quick; what a command
needs is imported when it runs.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command named by the process's arguments; raises `SystemExit` at its end."""
    # Typer and what a command needs are not loaded by merely importing the package.
    from .shell.signals import enter_start  # noqa: PLC0415

    try:
        enter_start()
        from .app import app  # noqa: PLC0415

        app(prog_name="batchhub")
    except Exception as error:  # before a command runs, such as in a broken installation
        from .screen.console import drop, say_error  # noqa: PLC0415

        if isinstance(error, OSError) and error.filename is None:
            drop(sys.stdout)  # a help text, or the version
            say_error(f"can't write to standard output: {error.strerror}")
            raise SystemExit(2) from None
        say_error(f"internal: {type(error).__name__}: {error}")
        raise SystemExit(4) from None
