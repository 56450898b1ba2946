"""`health`: which jobs need a person, as lines and as an exit code for monitoring."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from batchhub._base.show import clean, count, duration
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import make_console, say, write, write_json
from batchhub.cli.screen.tables import fits, plain_table, show_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.filters import parse_span_s
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_store, no_store, open_reader, store_exists
from batchhub.cli.shell.options import Common, HealthOptions
from batchhub.models import Health, Problem, Trouble
from batchhub.models.advice import problem_command

_MOST_SHOWN: Final = 50
_STYLES: Final = {Trouble.HELD: "magenta", Trouble.STUCK: "yellow", Trouble.UNATTENDED: "red"}


async def check_store(invocation: Invocation, options: HealthOptions) -> ExitCode:
    """Say which jobs are held, stuck or unattended; the exit code is that of the worst."""
    common, now = invocation.common, datetime.now(UTC)
    grace = {} if options.grace is None else {"grace_s": parse_span_s(options.grace, "--grace")}
    store = find_store(common)
    if not store_exists(store):
        if common.json:
            write_json(Health(checked_at=now, open_jobs=0, problems=()))
        say(no_store(store))
        return ExitCode.OK
    async with open_reader(common) as hub:
        health = await hub.health(**grace)
    if common.json:
        write_json(health)
    elif common.quiet:
        for problem in health.problems:
            write(f"{problem.kind.value} {problem.job_id} {clean(problem.account)} {problem.code}")
    elif health.is_well:
        write(f"all is well; {count(health.open_jobs, 'open job')}")
    else:
        _show(health, common, now)
    if health.has(Trouble.HELD):
        return ExitCode.HELD
    return ExitCode.OK if health.is_well else ExitCode.UNFINISHED


def _show(health: Health, common: Common, now: datetime) -> None:
    shown = health.problems[:_MOST_SHOWN]
    console = make_console(sys.stdout)
    wide = _draw(shown, common, now, is_wide=True)
    show_page(wide if fits(console, wide) else _draw(shown, common, now, is_wide=False))
    if rest := len(health.problems) - len(shown):
        say(f"… and {count(rest, 'more job')}; --json has all")


def _draw(shown: tuple[Problem, ...], common: Common, now: datetime, *, is_wide: bool) -> Table:
    """Draw a line for each job; on a narrow terminal why and what to do are below each other."""
    last = ["why", "what to do"] if is_wide else ["why, and what to do"]
    table = plain_table("trouble", "job", "account", "for", *last, wraps=last)
    for problem in shown:
        why, to_do = clean(problem.message, 300), _advise(problem, common)
        told = [why, to_do] if is_wide else [f"{why}\n{to_do}"]
        table.add_row(
            Text(problem.code, style=_STYLES[problem.kind]),
            Text(problem.job_id),
            Text(clean(problem.account, 24)),
            Text(duration(max(0.0, (now - problem.since).total_seconds()))),
            *map(Text, told),
        )
    return table


def _advise(problem: Problem, common: Common) -> str:
    """Return what to do, with the command that helps."""
    command = problem_command(problem)
    if command is None:
        return problem.advice
    return f"{problem.advice}: {command_line(common, *command)}"
