"""`store copy` and `store reopen`: a store as a whole, and where it goes."""

from __future__ import annotations

import asyncio
import shlex
import time
from typing import Final

from rich.text import Text

from batchhub._base.show import clean, count, number
from batchhub._base.store_place import find_store_place
from batchhub._copying import CopyReport, CopyStep, copy_store, reopen_store
from batchhub.cli.screen.console import say, say_warning, write_json
from batchhub.cli.screen.tables import plain_table, show_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_store
from batchhub.cli.shell.store_options import CopyOptions, ReopenOptions

_SAY_S: Final = 5.0
"""Seconds between two lines about one table."""

_LARGE: Final = 10_000
"""Rows from which on a table has lines of its own."""

_DOES: Final = {"copy": "copying", "compare": "comparing"}
_SHOWN: Final = 12
"""Digits of a digest in the table; JSON has all."""


async def copy_to_other(invocation: Invocation, options: CopyOptions) -> ExitCode:
    """Copy a store to an empty one, and compare both."""
    common = invocation.common
    source, target = options.source, options.target or find_store(common)
    progress = _Progress(is_quiet=common.quiet)
    try:
        report = await copy_store(
            source,
            target,
            is_kept=options.keep,
            is_anew=options.restart,
            on_step=progress.say,
        )
    except asyncio.CancelledError:
        names = [find_store_place(each).name for each in (source, target)]
        keep = ["--keep"] if options.keep else []
        again = shlex.join(["batchhub", "store", "copy", *names, *keep])
        say(f"what is copied is kept; go on with: {again}")
        raise
    if common.json:
        write_json(report)
    elif not common.quiet:
        _show(report)
    _say_what_now(report)
    return ExitCode.OK


async def reopen_copied(options: ReopenOptions) -> ExitCode:
    """Let a store be used again that was copied."""
    name = find_store_place(options.store_name).name
    if await reopen_store(options.store_name):
        say_warning(
            f"store {name} can be used again; never go on with it and with its copy: batches "
            "would be sent twice"
        )
    else:
        say(f"store {name} can be used as it is; there is nothing to reopen")
    return ExitCode.OK


class _Progress:
    """Says how far a copy is: a line for each large table, and some more if it takes long."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._said_s = time.monotonic()

    def say(self, step: CopyStep) -> None:
        """Say it, unless that was said a moment ago."""
        now_s = time.monotonic()
        is_over = step.done == step.total and step.total >= _LARGE
        if self._is_quiet or (not is_over and now_s < self._said_s + _SAY_S):
            return
        self._said_s = now_s
        say(f"{_DOES[step.what]} {step.table}: {number(step.done)} of {count(step.total, 'row')}")


def _show(report: CopyReport) -> None:
    table = plain_table("table", "rows", "digest of both", right=("rows",))
    for each in report.tables:
        if each.rows:
            table.add_row(Text(each.table), number(each.rows), Text(each.digest[:_SHOWN]))
    if table.row_count:
        show_page(table)


def _say_what_now(report: CopyReport) -> None:
    """Say what could not be kept as it was, and which store is to be used from now on."""
    replaced = report.replaced
    if replaced.nul:
        say_warning(
            f"{count(replaced.nul, 'text')} had NUL characters, which PostgreSQL can't hold; they "
            "are U+FFFD there"
        )
    if replaced.code:
        say_warning(
            f"{count(replaced.code, 'item')} had a status that is too large a number; it is none "
            "there"
        )
    if replaced.not_finite:
        say_warning(
            f"{count(replaced.not_finite, 'value')} had NaN or Infinity, which is null in JSON"
        )
    if report.exchanges is not None:
        say(f"the record of exchanges stays in {report.exchanges}")
    source, target = clean(report.source, 300), clean(report.target, 300)
    done = "was copied before" if report.was_done else "is copied, and both are alike"
    if report.is_kept:
        say(f"store {source} {done}; go on with one of them only, or batches are sent twice")
        return
    say(f"store {source} {done}; use {target} from now on, as the `store` of the settings")
    back = shlex.join(["batchhub", "store", "reopen", report.source])
    say(f"{source} is not opened any more; back to it: {clean(back, 400)}")
