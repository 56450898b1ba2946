"""
Send batches to any vendor and get exactly one result for every item.

    async with BatchHub(store="jobs.db", accounts={"shop": account}) as hub:
        job = await hub.submit("shop", items)
        status = await job.wait()
        async for result in job.results():
            ...

Hub and jobs: `BatchHub`, `BatchJob`, `Plan`. Items and results: `BatchItem`, `ItemResult`,
`ItemState`. Status: `BatchStatus`, `BatchState`, `Outcome`, `Counts`, `Ticket`, `Finding`,
`Contact`, `BatchEvent`. `__version__` is the installed version.

Modules: `errors`, `sync` (without asyncio), `tables` (files), `cluster` (many machines),
`settings`, `wire` (JSON), `models`, `polling`; for adapters `adapter`, `transport`, `sandbox`,
`testing`, `conformance`. Folders with an underscore are internal; the first lines of each say what
is in it.
"""

from __future__ import annotations

# Nothing is imported here but what a name needs that is asked for: an adapter, or
# `batchhub --help`, needs no database and no HTTP, and Ctrl-C is taken care of only after this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .hub import BatchHub, Plan
    from .job import BatchJob
    from .models import (
        BatchEvent,
        BatchItem,
        BatchState,
        BatchStatus,
        Contact,
        Counts,
        Finding,
        ItemResult,
        ItemState,
        Outcome,
        Ticket,
    )

    __version__: str

__all__ = [
    "BatchEvent",
    "BatchHub",
    "BatchItem",
    "BatchJob",
    "BatchState",
    "BatchStatus",
    "Contact",
    "Counts",
    "Finding",
    "ItemResult",
    "ItemState",
    "Outcome",
    "Plan",
    "Ticket",
]

_ROOMS = {"BatchHub": ".hub", "BatchJob": ".job", "Plan": ".hub"}


# A type checker would take any name at all for one that is there.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415  # half of what this import costs

            return version("batchhub")
        if name not in __all__:
            raise AttributeError(f"module 'batchhub' has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415

        module = import_module(_ROOMS.get(name, ".models"), __name__)
        return getattr(module, name)


def __dir__() -> list[str]:
    # Also what `help(batchhub)` shows, and what a notebook completes.
    return sorted([*__all__, "__doc__", "__version__"])
