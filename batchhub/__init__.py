"""
Batches at every vendor: hand over items, get back exactly one result for every item.

    async with BatchHub(store="jobs.db", accounts={"shop": account}) as hub:
        job = await hub.submit("shop", items)
        status = await job.wait()
        async for result in job.results():
            ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    # Loaded when asked for: an adapter, or `batchhub --help`, needs no database and no HTTP.
    if name not in __all__:
        raise AttributeError(f"module 'batchhub' has no attribute {name!r}")
    module = import_module(_ROOMS.get(name, ".models"), __name__)
    return getattr(module, name)
