"""The shops: sandboxes in this process, each an account of its own, that note who asks them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from attrs import evolve, field, frozen

from batchhub._settings.registry import Registry
from batchhub.adapter import Account, Adapter
from batchhub.cli.commands.adapters import find_sandbox
from batchhub.cli.screen.console import say_warning
from batchhub.errors import AdapterError, UnsupportedError
from batchhub.sandbox import Call, Sandbox

from .callers import Callers

_ITEM_TIME: Final = "item_time_s"


@frozen
class Asked:
    """
    A request that a shop got.

    Attributes:
        at_s: When, in monotonic seconds.
        pid: The process it came from; `None` for one that is none of the workers.
    """

    at_s: float
    pid: int | None


@frozen(kw_only=True)
class Shop:
    """
    A shop.

    Attributes:
        name: The name of its account.
        sandbox: What answers for it.
        account: Its account.
        asked: The requests it got, in order.
    """

    name: str
    sandbox: Sandbox
    account: Account
    asked: list[Asked] = field(factory=list, repr=False)

    @property
    def driver(self) -> int | None:
        """The process that asked it last."""
        return next((each.pid for each in reversed(self.asked) if each.pid is not None), None)


def find_kind() -> tuple[str, type[Sandbox]]:
    """
    Find a vendor whose shops can lose a worker in the midst of anything without a person's help.

    That is one that recognises a request it has had: whoever goes on asks it again.

    Returns:
        The adapter's name, and its sandbox.

    Raises:
        UnsupportedError: There is none.
    """
    registry = Registry()
    for name in registry.names:
        try:
            adapter = registry.get(name)
            kind = find_sandbox(adapter)
        except AdapterError as error:
            say_warning(str(error))
            continue
        if kind is not None and _recognises_repeats(adapter, kind):
            return name, kind
    raise UnsupportedError(
        "no installed adapter has a sandbox and a vendor that recognises a request it has had"
    )


def _recognises_repeats(adapter: type[Adapter[Any]], kind: type[Sandbox]) -> bool:
    operation = kind.demo_operation or next(iter(adapter.operations))
    return adapter.operations[operation].dedup_window_s is not None


@asynccontextmanager
async def open_shops(
    kind: type[Sandbox], count: int, *, item_s: float, callers: Callers
) -> AsyncIterator[Sequence[Shop]]:
    """
    Run so many shops while the block runs.

    Args:
        kind: The vendor's sandbox.
        count: How many shops.
        item_s: Seconds that each takes for an item, if it can be told.
        callers: Who may ask.
    """
    async with AsyncExitStack() as stack:
        shops = []
        for number in range(1, count + 1):
            sandbox = kind(seed=number)
            if any(switch.name == _ITEM_TIME for switch in sandbox.describe_switches()):
                sandbox.set_switch(_ITEM_TIME, item_s)
            url = await stack.enter_async_context(sandbox.running())
            # A proxy of the environment does not reach servers in this process.
            account = evolve(sandbox.account(url), proxy="none")
            shop = Shop(name=f"shop-{number}", sandbox=sandbox, account=account)
            sandbox.interceptor = _make_noting(shop.asked, callers)
            shops.append(shop)
        yield shops


def write_settings(path: Path, store: str, shops: Sequence[Shop]) -> None:
    """Write the settings that the workers read: the store, and an account for each shop."""
    tables = [
        f'{shop.sandbox.settings_toml(shop.account.base_url, shop.name)}proxy = "none"\n'
        for shop in shops
    ]
    text = "\n".join([f'store = "{store}"', "", *tables])
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _make_noting(
    asked: list[Asked], callers: Callers
) -> Callable[[Call, Callable[[], Awaitable[web.StreamResponse]]], Awaitable[Any]]:
    async def note(call: Call, answer: Callable[[], Awaitable[web.StreamResponse]]) -> Any:
        asked.append(Asked(time.monotonic(), callers.find(call.request.transport)))
        return await answer()

    return note
