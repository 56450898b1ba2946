"""Many shops in one thread, which keep who asked them for what, and when."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from aiohttp import web
from attrs import define, evolve, field, frozen

from batchhub.adapter import Account
from batchhub.sandbox import Call, Sandbox
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox
from support.crashing import PID_OF

RATE: Final = 600
"""Requests a minute that each account may make."""

BURST: Final = 5
"""Requests that it may make at once."""

_TURN_S: Final = 0.05


@frozen(kw_only=True)
class Asked:
    """
    A request that a shop got.

    Attributes:
        at: When, in seconds of the machine's clock.
        shop: The name of its account.
        pid: The process that sent it.
        is_submit: Whether it hands a batch over.
        key: By what the vendor knows a batch again; `None` if it does not.
        body: What came with it.
    """

    at: float
    shop: str
    pid: int
    is_submit: bool
    key: str | None = None
    body: bytes = field(default=b"", repr=False)


@define(kw_only=True)
class Shop:
    """
    An account and the stand-in that it is at.

    Attributes:
        name: The account's name.
        sandbox: The stand-in.
        deduplicates: Whether the vendor knows a batch again.
        url: Where it is, once it runs.
        given: What the vendor calls the items that were handed over, by their ids.
    """

    name: str
    sandbox: Sandbox
    deduplicates: bool
    url: str = ""
    given: dict[str, str] = field(factory=dict)
    _made: int = 0

    @property
    def account(self) -> Account:
        """The account as a program has it: a few items a batch, and a slow pace."""
        account: Any = self.sandbox.account(self.url)
        size = 420 if self.deduplicates else 160
        return cast("Account", evolve(account, max_request_bytes=size, requests_per_minute=RATE))

    @property
    def settings(self) -> str:
        """The account as a settings file has it."""
        limits = ("max_request_bytes", "requests_per_minute")
        more = "".join(f"{name} = {getattr(self.account, name)}\n" for name in limits)
        return f"{self.sandbox.settings_toml(self.url, self.name).rstrip()}\n{more}"

    def make_items(self, count: int) -> list[dict[str, Any]]:
        """Make items that nobody had before, and that all succeed."""
        numbers = range(self._made + 1, self._made + count + 1)
        self._made += count
        if not self.deduplicates:
            items = [{"id": f"{self.name}-{n}", "sku": f"A-{n}", "price": n} for n in numbers]
            self.given.update((str(item["id"]), str(item["sku"])) for item in items)
            return items
        items = [
            {
                "id": f"{self.name}-{n}",
                "method": "POST",
                "path": "/products",
                "body": {"name": f"new {n}"},
            }
            for n in numbers
        ]
        self.given.update((str(item["id"]), str(item["id"])) for item in items)
        return items


@define
class Street:
    """
    The shops, and what they were asked.

    Attributes:
        shops: By the names of their accounts.
        asked: All requests so far, as they came.
        lag_s: The longest time that the shops' thread did not turn, in seconds.
    """

    shops: dict[str, Shop]
    asked: list[Asked] = field(factory=list)
    lag_s: float = 0.0

    async def measure_lag(self) -> None:
        """Look for ever whether the thread turns: on a busy machine it may not, for a while."""
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(_TURN_S)
            self.lag_s = max(self.lag_s, time.monotonic() - began_s - _TURN_S)

    def watch(self, shop: Shop) -> Callable[..., Awaitable[web.StreamResponse]]:
        """Return what keeps the requests of a shop."""

        async def keep(
            call: Call, answer: Callable[[], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.asked.append(_read(shop, call))
            return await answer()

        return keep


def _read(shop: Shop, call: Call) -> Asked:
    found = re.search(PID_OF, call.headers.get("User-Agent", ""))
    is_submit = call.method == "POST" and (shop.deduplicates or "receive" in call.request.path)
    return Asked(
        at=time.time(),
        shop=shop.name,
        pid=int(found[1]) if found else 0,
        is_submit=is_submit,
        key=call.query.get("deduplicationKey") if is_submit else None,
        body=call.body if is_submit else b"",
    )


@contextmanager
def open_street(count: int, *, forgetful: int = 0, item_s: float = 0.05) -> Iterator[Street]:
    """
    Run shops in a thread of this process.

    Args:
        count: How many of them know again what they have.
        forgetful: How many do not, beside those.
        item_s: Seconds an item takes.
    """
    shops = [
        Shop(name=f"shop{n}", sandbox=EcwidSandbox(store_id=1000 + n, seed=n), deduplicates=True)
        for n in range(count)
    ]
    shops += [
        Shop(
            name=f"supplier{n}",
            sandbox=MircateSandbox(project_id=f"p-{n}", products=100_000, seed=n),
            deduplicates=False,
        )
        for n in range(forgetful)
    ]
    street = Street({shop.name: shop for shop in shops})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    measuring = asyncio.run_coroutine_threadsafe(street.measure_lag(), loop)
    try:
        for shop in shops:
            shop.sandbox.change_switches({"item_time_s": item_s, "requests_per_minute": 100_000})
            shop.sandbox.interceptor = street.watch(shop)
            shop.url = run(shop.sandbox.start())
        yield street
    finally:
        measuring.cancel()
        for shop in shops:
            run(shop.sandbox.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
