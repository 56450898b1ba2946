"""`failures`: what has not succeeded in any job and is not repeated, grouped by its reason."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from batchhub._base.show import clean, count, duration, number, words
from batchhub._base.store_place import show_store
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import make_console, say, write, write_json
from batchhub.cli.screen.tables import fits, plain_table, show_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.filters import parse_since
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_store, no_store, open_reader, read_settings, store_exists
from batchhub.cli.shell.options import Common, FailuresOptions
from batchhub.models import ItemState, OpenFailures

from .jobs import check_account

_MOST_SHOWN: Final = 50
_SHOWN_IDS: Final = 3
_LEFT_COLUMNS: Final = ("items", "account", "state", "code", "first", "last")


async def show_failures(invocation: Invocation, options: FailuresOptions) -> ExitCode:
    """Show the open failures of all jobs, those that were written again only if that is wanted."""
    common, now = invocation.common, datetime.now(UTC)
    since = None if options.since is None else parse_since(options.since, now)
    store = find_store(common)
    if not store_exists(store):
        if common.json:
            write_json([])
        say(no_store(store))
        return ExitCode.OK
    async with open_reader(common) as hub:
        found = await hub.failures(account=options.account, since=since)
        if not found and options.account is not None:
            await check_account(options.account, hub, read_settings(common))
    shown = found if options.all else [group for group in found if group.count]
    if common.json:
        write_json(shown)
    elif common.quiet:
        for group in shown:
            code = "-" if group.code is None else str(group.code)
            write(f"{group.count} {clean(group.account)} {group.state.value} {code}")
    elif shown:
        show_page(failures_table(shown[:_MOST_SHOWN], make_console(sys.stdout), now, options))
    else:
        say(f"no open failures in {show_store(store)}")
    for line in _notes(found, shown, options):
        say(line)
    if shown and not (common.quiet or common.json):
        for line in _advise(shown, common):
            say(line)
    return ExitCode.OK


def failures_table(
    groups: Sequence[OpenFailures], console: Console, now: datetime, options: FailuresOptions
) -> Table:
    """
    Draw a line for each group; on a narrow terminal the ids are below the message.

    Args:
        groups: The groups.
        console: The console it must fit.
        now: The current time.
        options: Whether those that were written again are shown as well.
    """
    wide = _draw(groups, now, is_wide=True, with_again=options.all)
    if fits(console, wide):
        return wide
    return _draw(groups, now, is_wide=False, with_again=options.all)


def _draw(
    groups: Sequence[OpenFailures], now: datetime, *, is_wide: bool, with_again: bool
) -> Table:
    again = ["written again"] if with_again else []
    left = ["items", *again, *_LEFT_COLUMNS[1:]]
    last = ["message", "first ids (job)"] if is_wide else ["message and first ids (job)"]
    table = plain_table(*left, *last, right=["items", *again], wraps=last)
    for group in groups:
        message, ids = clean(group.message or "-", 160), _ids(group)
        told = [message, ids] if is_wide else [f"{message}\n{ids}"]
        table.add_row(
            Text(number(group.count)),
            *([Text(number(group.written_again) if group.written_again else "")] if again else []),
            Text(clean(group.account, 24)),
            Text(words(group.state)),
            Text("-" if group.code is None else str(group.code)),
            *(
                Text(f"{duration((now - at).total_seconds())} ago")
                for at in (group.first_at, group.last_at)
            ),
            *map(Text, told),
        )
    return table


def _ids(group: OpenFailures) -> str:
    shown = group.examples[:_SHOWN_IDS]
    by_job = groupby(shown, key=lambda each: each.job_id)
    texts = [
        f"{', '.join(clean(each.id, 40) for each in some)} ({job_id})" for job_id, some in by_job
    ]
    total = group.count or group.written_again
    return ", ".join(texts) + (", …" if total > len(shown) else "")


def _advise(groups: Sequence[OpenFailures], common: Common) -> Iterator[str]:
    """Yield the command that sends the newest items again, of those for which that can help."""
    # A retry leaves out what fails again as it is, and what was written again.
    helped = [
        group for group in groups if group.count and group.examples and group.retry != "yours"
    ]
    if helped:
        newest = max(helped, key=lambda group: group.last_at)
        may_have_run = ["--unknown"] if newest.state is ItemState.UNKNOWN else []
        command = command_line(common, "retry", newest.examples[0].job_id, *may_have_run)
        twice = "; may run twice" if may_have_run else ""
        yield f"  retry the newest{twice}  {command}"


def _notes(
    found: Sequence[OpenFailures], shown: Sequence[OpenFailures], options: FailuresOptions
) -> list[str]:
    again = sum(group.written_again for group in found)
    lines = []
    if len(shown) > _MOST_SHOWN:
        lines.append(f"only the {_MOST_SHOWN} largest groups are shown; --json has all")
    if mine := sorted({group.code or 0 for group in shown if group.retry == "yours"}):
        codes = ", ".join(map(str, mine))
        lines.append(f"items with code {codes} fail again as they are: change them first")
    if again and not options.all:
        lines.append(f"{count(again, 'more item')} written again by later jobs (--all shows them)")
    return lines
