"""Stand-ins that run in a thread of the test's own process, and items for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from batchhub.sandbox import Sandbox
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox

from .faults import ITEMS
from .truth import demo_prices, demo_requests


@frozen(kw_only=True)
class StandIn:
    """
    A vendor as the command meets it.

    Attributes:
        sandbox: Its stand-in.
        account: The account's name in the settings.
        items: 25 items for it, two of which fail.
        names: What the vendor calls them, by their ids.
    """

    sandbox: type[Sandbox]
    account: str
    items: list[dict[str, Any]]
    names: Mapping[str, str]


_REQUESTS = demo_requests(ITEMS)
_PRICES = demo_prices(ITEMS)

STAND_INS = {
    "ecwid": StandIn(
        sandbox=EcwidSandbox,
        account="shop",
        items=_REQUESTS,
        names={item["id"]: item["id"] for item in _REQUESTS},
    ),
    "mircate": StandIn(
        sandbox=MircateSandbox,
        account="supplier",
        items=_PRICES,
        names={item["id"]: item["sku"] for item in _PRICES},
    ),
}


@contextmanager
def standing_in(sandbox: Sandbox) -> Iterator[str]:
    """Run a stand-in in a thread, which costs less than a process of its own; gives its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(sandbox.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
