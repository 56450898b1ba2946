"""What the guards around an adapter's calls cost, against the same calls made bare."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

from batchhub._base.clock import SystemClock
from batchhub._engine.account_adapter import make_adapter
from batchhub._engine.guarded import GuardedAdapter
from batchhub._engine.verb_calls import VerbCalls
from batchhub._settings.registry import Registry
from batchhub.adapter import Observation, TicketRef
from batchhub.models import BatchItem, BatchState
from batchhub.transport import open_session
from batchhub_ecwid import EcwidAccount, EcwidAdapter

from ._measure import ROUNDS, measure, show

CALLS = 20_000
GOAL_US = 5.0


class Quick(EcwidAdapter):
    """Does nothing in its calls, so that what is around them is all there is."""

    def encode(self, operation: str, item: BatchItem, options: Any) -> bytes:
        """Give the same bytes for each item."""
        del operation, item, options
        return b"{}"

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """Say nothing of each ticket."""
        return [None] * len(tickets)


async def compare() -> None:
    """Measure and print, inside an event loop."""
    account = EcwidAccount(store_id=1, token="secret_bench", base_url="http://127.0.0.1:9")
    calls, item = VerbCalls(), BatchItem(id="1", payload={})
    async with open_session() as session:
        made = make_adapter(
            Registry(), account, session, calls, clock=SystemClock(), rng=random.Random(1)
        )
        bare = Quick(account, made.transport)
        guarded = GuardedAdapter(bare, made.transport, "'quick' (bench 1)", calls)
        ticket = TicketRef(
            vendor_refs=("1",),
            operation="batch",
            total=1,
            group="",
            options={},
            state=BatchState.QUEUED,
            submitted_at=SystemClock().now(),
        )

        def encode(adapter: Quick | GuardedAdapter) -> None:
            for _ in range(CALLS):
                adapter.encode("batch", item, {})

        _show("encode", measure({"bare": lambda: encode(bare), "guarded": lambda: encode(guarded)}))
        taken: dict[str, list[float]] = {"bare": [], "guarded": []}
        for _ in range(ROUNDS):
            for name, adapter in (("bare", bare), ("guarded", guarded)):
                began = time.process_time()
                for _ in range(CALLS):
                    await adapter.poll([ticket])
                taken[name].append(time.process_time() - began)
        _show("poll", {name: statistics.median(each) for name, each in taken.items()})
    calls.close()


def _show(verb: str, medians: dict[str, float]) -> None:
    show(f"{CALLS:,} calls of {verb}", medians, "bare")
    cost_us = (medians["guarded"] - medians["bare"]) / CALLS * 1e6
    print(f"  the guards cost {cost_us:.2f} us a call; to reach {GOAL_US:.0f} us")


def main() -> None:
    """Measure and print."""
    asyncio.run(compare())


if __name__ == "__main__":
    main()
