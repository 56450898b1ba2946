"""`health`: which jobs need a person, as lines and as an exit code for monitoring."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from batchhub._base.show import clean, count, duration, number
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import make_console, say, write, write_json
from batchhub.cli.screen.tables import fits, plain_table, show_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.filters import parse_span_s
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_store, needs_worker, no_store, open_reader, store_exists
from batchhub.cli.shell.options import Common, HealthOptions
from batchhub.models import AccountHealth, BatchState, Health, Problem, Trouble, WorkerHealth
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
    else:
        _show(health, common, now)
    if health.has(Trouble.HELD):
        return ExitCode.HELD
    return ExitCode.OK if health.is_well else ExitCode.UNFINISHED


def _show(health: Health, common: Common, now: datetime) -> None:
    """Show what needs a person, and then the accounts that have something to do."""
    shown = health.problems[:_MOST_SHOWN]
    if shown:
        console = make_console(sys.stdout)
        wide = _draw(shown, common, now, is_wide=True)
        show_page(wide if fits(console, wide) else _draw(shown, common, now, is_wide=False))
        if rest := len(health.problems) - len(shown):
            say(f"… and {count(rest, 'more job')}; --json has all")
        write("")
    write(_sum_up(health, now))
    if health.workers:
        show_page(_draw_workers(health.workers[:_MOST_SHOWN], now))
        if (rest := len(health.workers) - _MOST_SHOWN) > 0:
            say(f"… and {count(rest, 'more worker')}; --json has all")
    if not health.accounts:
        return
    show_page(_draw_accounts(health.accounts[:_MOST_SHOWN], now))
    if (rest := len(health.accounts) - _MOST_SHOWN) > 0:
        say(f"… and {count(rest, 'more account')}; --json has all")


def _sum_up(health: Health, now: datetime) -> str:
    """Return a line: how much is open, in which states, and since when."""
    said = [count(health.open_jobs, "open job")]
    if health.states:
        said[0] += ": " + ", ".join(
            f"{number(n)} {BatchState(word).value.replace('_', ' ')}"
            for word, n in health.states.items()
        )
    if health.oldest_at is not None:
        said.append(f"the oldest {duration(_since(health.oldest_at, now))} old")
    idle = [each for each in health.accounts if each.idle_since is not None]
    if idle:
        first = min(idle, key=lambda each: each.idle_since or now)
        for_s = duration(_since(first.idle_since or now, now))
        nobody = f"{count(len(idle), 'account')} driven by nobody"
        said.append(f"{nobody}, {clean(first.account, 24)} for {for_s}")
    if health.held_tickets:
        said.append(f"{count(health.held_tickets, 'ticket')} held")
    if health.stalled_tickets:
        said.append(f"{count(health.stalled_tickets, 'ticket')} without progress")
    return "; ".join((["all is well"] if health.is_well else []) + said)


def _draw_accounts(shown: Sequence[AccountHealth], now: datetime) -> Table:
    table = plain_table("account", "open", "oldest", "driven by", "silent", right=("open",))
    for each in shown:
        silent = each.silent_until
        table.add_row(
            Text(clean(each.account, 24)),
            number(each.open_jobs),
            duration(_since(each.oldest_at, now)),
            Text(clean(each.driven_by or "nobody", 60), style="" if each.driven_by else "yellow"),
            "" if silent is None else f"for {duration(_since(now, silent))} more",
        )
    return table


def _draw_workers(shown: Sequence[WorkerHealth], now: datetime) -> Table:
    has_shards = any(each.shards is not None for each in shown)
    right = ("open accounts", "shards") if has_shards else ("open accounts",)
    table = plain_table("worker", "since", "last sign", *right, right=right)
    for each in shown:
        table.add_row(
            Text(clean(f"process {each.pid} on {each.host}", 60)),
            "" if each.since is None else duration(_since(each.since, now)),
            f"{duration(_since(each.seen_at, now))} ago",
            number(each.accounts),
            *([number(each.shards or 0)] if has_shards else []),
        )
    return table


def _since(then: datetime, now: datetime) -> float:
    return max(0.0, (now - then).total_seconds())


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
            Text(duration(_since(problem.since, now))),
            *map(Text, told),
        )
    return table


def _advise(problem: Problem, common: Common) -> str:
    """Return what to do, with the command that helps."""
    command = problem_command(problem, needs_worker=needs_worker(common))
    if command is None:
        return problem.advice
    return f"{problem.advice}: {command_line(common, *command)}"
