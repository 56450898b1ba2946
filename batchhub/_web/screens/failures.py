"""What has not succeeded in any job and is not repeated, grouped by its reason."""

from __future__ import annotations

import asyncio
from typing import Final

from batchhub._web.look import Look, Shown
from batchhub.errors import UsageError
from batchhub.hub import opened
from batchhub.models.filters import read_since

MOST: Final = 50
"""Groups that are shown."""


BOUND_S: Final = 10.0
"""Seconds after which it is said that there are too many to look at."""

_TOO_MANY: Final = (
    "there are too many failures to group them here; choose an account or a shorter time, or use "
    "'batchhub failures', which takes its time"
)


async def show_failures(look: Look) -> Shown:
    """Show the open failures of all jobs."""
    given = {name: look.query.get(name, "").strip() for name in ("account", "since", "again")}
    pages = (await opened(look.hub)).store.pages
    accounts = await pages.accounts()
    facts = {
        "now": look.now,
        "given": given,
        "is_filtered": any(given.values()),
        "accounts": accounts,
        "groups": [],
        "more": 0,
        "open": 0,
        "again": 0,
        "fault": None,
    }
    try:
        since = read_since(given["since"], look.now, "since") if given["since"] else None
        async with asyncio.timeout(BOUND_S):
            found = await look.hub.failures(account=given["account"] or None, since=since)
    except UsageError as error:
        return Shown("failures.html", {**facts, "fault": str(error)}, 400, is_still=True)
    except TimeoutError:
        return Shown("failures.html", {**facts, "fault": _TOO_MANY}, is_still=True)
    # As the command: what later jobs have written again is shown only if that is wanted.
    shown = found if given["again"] else [group for group in found if group.count]
    facts |= {
        "groups": shown[:MOST],
        "more": max(0, len(shown) - MOST),
        "open": sum(group.count for group in found),
        "again": sum(group.written_again for group in found),
    }
    return Shown("failures.html", facts, is_still=True)
