"""The first screen: what each account has open, who drives it, and what needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from batchhub._alerts.conditions import TITLES, Condition
from batchhub._engine.health import GRACE_S, HealthLook, find_workers
from batchhub._store.alert_records import AlertRow, AlertState
from batchhub._web.look import Look, Shown
from batchhub.hub import opened

from .lanes import account_lines
from .troubles import find_troubles

_MOST_SHOWN: Final = 100
_MOST_WORKERS: Final = 50
_MOST_UNDRIVEN: Final = 10
_MOST_ALERTS: Final = 10
_MOST_FAILING: Final = 100
_LATELY: Final = timedelta(days=1)


@frozen(kw_only=True)
class Firing:
    """
    An alert that fires.

    Attributes:
        title: What is wrong.
        account: Of which account.
        since: Since when.
        why: What else is known of it.
        jobs: The first jobs it is about.
        is_clearing: Whether it has not been seen lately.
    """

    title: str
    account: str
    since: datetime
    why: str
    jobs: Sequence[str]
    is_clearing: bool


def _show_alert(row: AlertRow) -> Firing:
    known = {each.value: TITLES[each] for each in Condition}
    jobs = row.facts.get("jobs")
    return Firing(
        title=known.get(row.condition, row.condition),
        account=row.account,
        since=row.since,
        why=str(row.facts.get("why") or ""),
        jobs=[str(each) for each in jobs[:3]] if isinstance(jobs, list) else [],
        is_clearing=row.state is AlertState.CLEARING,
    )


async def show_accounts(look: Look) -> Shown:
    """Show all accounts."""
    hub = await opened(look.hub)
    health = HealthLook(store=hub.store, process=hub.process, now=look.now, grace_s=GRACE_S)
    figures = await hub.store.pages.lanes()
    await health.learn_attendants()
    health.know_lanes({each.lane: each.row for each in figures})
    lines = account_lines(figures, health)
    driven = Counter(
        owner.token
        for each in figures
        if any(each.accounts.values()) and (owner := health.driver(each.lane, look.now)) is not None
    )
    workers = await find_workers(health, driven)
    # That nobody drives an account is said once, and not of each of its jobs.
    troubles = await find_troubles(health, without={"unattended", "stopped"})
    rows = await hub.store.alerts.rows()
    alerts = [row for row in rows if row.state is not AlertState.PENDING]
    failing = await hub.store.pages.failing(since=look.now - _LATELY, most=_MOST_FAILING)
    shown = lines[:_MOST_SHOWN]
    return Shown(
        "accounts.html",
        {
            "now": look.now,
            "accounts": shown,
            "more": len(lines) - len(shown),
            "open_jobs": sum(line.jobs for line in lines),
            "undriven": [line for line in lines if line.needs_driver],
            "troubles": troubles,
            "failing": failing,
            "has_more_failing": failing == _MOST_FAILING,
            "undriven_shown": _MOST_UNDRIVEN,
            "workers": workers[:_MOST_WORKERS],
            "more_workers": max(0, len(workers) - _MOST_WORKERS),
            "is_cluster": hub.store.is_cluster,
            "alerts": [_show_alert(row) for row in alerts[:_MOST_ALERTS]],
            "more_alerts": max(0, len(alerts) - _MOST_ALERTS),
        },
    )
