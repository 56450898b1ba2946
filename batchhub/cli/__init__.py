"""
The command line: every command is one call into `BatchHub`, and showing what comes of it.

Importing this is cheap, so that ``batchhub --help`` is quick; what a command
needs is imported when it runs.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command that the process's arguments name; ends by `SystemExit`."""
    # Typer, and all that a command needs, is no business of who merely imports the package.
    from .shell.signals import enter_start  # noqa: PLC0415

    try:
        enter_start()
        from .app import app  # noqa: PLC0415

        app(prog_name="batchhub")
    except Exception as error:  # such as a broken installation, met before a command runs
        from .screen.console import drop_output, say_error  # noqa: PLC0415

        if isinstance(error, OSError) and error.filename is None:
            drop_output()  # a help text, or the version
            say_error(f"can't write to standard output: {error.strerror}")
            raise SystemExit(2) from None
        say_error(f"internal: {type(error).__name__}: {error}")
        raise SystemExit(4) from None
