"""`alerts`: what is wrong now and who has been told, and a message that tries the channels."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from batchhub._alerts.messages import Source
from batchhub._alerts.overview import Alert, AlertsOverview, ChannelOverview, look_over
from batchhub._alerts.settings import need_channels, read_alerts
from batchhub._alerts.trial import try_channels
from batchhub._base.show import clean, count, duration
from batchhub._base.store_place import show_store
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import make_console, say, say_error, write, write_json
from batchhub.cli.screen.tables import fits, plain_table, show_page
from batchhub.cli.shell.alert_options import AlertOptions
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_store, no_store, open_reader, read_settings, store_exists
from batchhub.cli.shell.options import Common
from batchhub.errors import UsageError

_TEST: Final = "test"
_MOST_SHOWN: Final = 50
_STYLES: Final = {"firing": "red", "pending": "yellow", "clearing": "green"}


async def run_alerts(invocation: Invocation, options: AlertOptions) -> ExitCode:
    """List the alerts, or try the channels."""
    if options.action is None:
        return await _list(invocation)
    if options.action != _TEST:
        near = difflib.get_close_matches(options.action, [_TEST], n=1)
        hint = "did you mean test?" if near else "alone it lists the alerts"
        raise UsageError(f"alerts takes test, not {clean(options.action, 60)!r}; {hint}")
    return await _try(invocation, options)


async def _list(invocation: Invocation) -> ExitCode:
    common = invocation.common
    store = find_store(common)
    if not store_exists(store):
        if common.json:
            write_json(
                AlertsOverview(
                    checked_at=datetime.now(UTC), watched_by=None, alerts=(), channels=()
                )
            )
        say(no_store(store))
        return ExitCode.OK
    async with open_reader(common) as hub:
        overview = await look_over(hub)
    if common.json:
        write_json(overview)
    elif common.quiet:
        for alert in overview.alerts:
            write(f"{alert.state} {alert.condition} {clean(alert.account)}")
    else:
        _show(overview, common)
    for channel in overview.channels:
        for line in _troubles(channel, overview.checked_at):
            say(line)
    return ExitCode.OK


def _show(overview: AlertsOverview, common: Common) -> None:
    firing = sum(alert.told_at is not None for alert in overview.alerts)
    if overview.alerts:
        console = make_console(sys.stdout)
        wide = _draw(overview, is_wide=True)
        show_page(wide if fits(console, wide) else _draw(overview, is_wide=False))
        if (rest := len(overview.alerts) - _MOST_SHOWN) > 0:
            say(f"… and {count(rest, 'more alert')}; --json has all")
    if not firing:
        write("no alert fires")
    if overview.watched_by is None:
        command = command_line(common, "worker")
        say(f"no process looks for alerts; with [alerts] in the settings this does: {command}")
    else:
        say(f"alerts are looked for by {overview.watched_by}")


def _draw(overview: AlertsOverview, *, is_wide: bool) -> Table:
    last = ["why", "told"] if is_wide else ["why, and who was told"]
    table = plain_table("state", "condition", "account", "for", *last, wraps=last)
    for alert in overview.alerts[:_MOST_SHOWN]:
        why = alert.why + _jobs(alert)
        told = _told(alert)
        table.add_row(
            Text(alert.state, style=_STYLES.get(alert.state, "")),
            Text(alert.condition),
            Text(clean(alert.account, 24)),
            Text(duration(max(0.0, (overview.checked_at - alert.since).total_seconds()))),
            *map(Text, [why, told] if is_wide else [f"{why}\n{told}"]),
        )
    return table


def _jobs(alert: Alert) -> str:
    if not alert.jobs:
        return ""
    more = f" and {alert.more_jobs:,} more" if alert.more_jobs else ""
    return f" ({', '.join(map(clean, alert.jobs))}{more})"


def _told(alert: Alert) -> str:
    if alert.told_at is None:
        return "nobody yet: it has not lasted"
    parts = [
        *map(clean, alert.delivered),
        *(f"{clean(name)} (waits)" for name in alert.waiting),
        *(f"{clean(name)} (given up)" for name in alert.given_up),
    ]
    return ", ".join(parts) or "nobody: no channel wants it"


def _troubles(channel: ChannelOverview, now: datetime) -> Iterator[str]:
    why = f": {clean(channel.problem)}" if channel.problem else ""
    name = clean(channel.channel)
    if channel.waiting and channel.waiting_since is not None and channel.problem:
        age = duration((now - channel.waiting_since).total_seconds())
        yield f"channel {name}: {count(channel.waiting, 'message')} not taken yet, for {age}{why}"
    if channel.given_up:
        yield f"channel {name}: {count(channel.given_up, 'message')} given up in the last week{why}"


async def _try(invocation: Invocation, options: AlertOptions) -> ExitCode:
    common = invocation.common
    settings = read_settings(common)
    alerts = read_alerts(settings)
    channels = need_channels(alerts, options.channels or ())
    store = find_store(common, settings)
    source = Source(store=show_store(store), config=alerts.config, address=store)
    problems = await try_channels(channels, source)
    if common.json:
        write_json(
            [
                {
                    "channel": channel.name,
                    "type": channel.type.value,
                    "taken": problem is None,
                    "problem": None if problem is None else problem.why,
                }
                for channel, problem in zip(channels, problems, strict=True)
            ]
        )
    for channel, problem in zip(channels, problems, strict=True):
        what = f"{clean(channel.name)} ({channel.type.value})"
        if problem is not None:
            say_error(f"channel {what}: {problem.why}")
        elif not (common.json or common.quiet):
            write(f"channel {what}: took the test message")
    return ExitCode.OK if not any(problems) else ExitCode.UNSUCCESSFUL
