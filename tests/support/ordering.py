"""Jobs of which some change the same, vendors that run in order or in none, and what was sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from batchhub.adapter import Observation
from batchhub.hub import BatchJob
from batchhub.models import BatchStatus
from support.hubs import World
from support.vendor import Vendor, capable


def item(name: str, target: str | None = None) -> dict[str, Any]:
    return {"id": name, "target": target}


def sent(vendor: Vendor) -> list[str]:
    """Return the items of each request, in the order the requests were made."""
    return ["".join(each.id for each in submission.items) for submission in vendor.submissions]


def codes(status: BatchStatus) -> set[str]:
    return {finding.code for finding in status.findings}


def waits_for(status: BatchStatus) -> list[str]:
    return [e for f in status.findings if f.code == "waits_for" for e in f.examples]


async def submit(world: World, items: Iterable[dict[str, Any]], **more: Any) -> BatchJob:
    return await world.hub.submit("shop", list(items), **more)


def ordered(**more: Any) -> Vendor:
    """A vendor that runs in order, an item a ticket."""
    return capable(
        Vendor(),
        **{"max_items": 1, "runs_in_order": True, "tickets_per_job": 5, "stall_s": 3600.0} | more,
    )


def unordered(**more: Any) -> Vendor:
    """A vendor of which nobody says that it runs in order."""
    return ordered(runs_in_order=False, **more)


def hold_open(vendor: Vendor, polls: int) -> None:
    """Let the vendor say that it is at work, for so many polls."""
    vendor.polls.extend([Observation(words=("Running",))] * polls)


def later(error: Exception) -> Exception:
    """Let an error be one after which the ticket is tried again in minutes."""
    error.retry_after_s = 300.0  # type: ignore[attr-defined]
    return error
