"""The vendors of a world: both stand-ins, each on a host of its own."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from attrs import evolve, frozen

from batchhub.adapter import Account
from batchhub.sandbox import Sandbox
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox

from .machine import BEGIN, VendorClock
from .plan import PRODUCTS, SHOP, SUPPLIER, VENDORS, Plan

if TYPE_CHECKING:
    from .loop import WorldLoop

PORT: Final = 8080
_FOREVER_S: Final = 1e9


@frozen(kw_only=True)
class Ran:
    """
    An item that a vendor executed.

    Attributes:
        at_s: When, in virtual seconds.
        mark: The price by which it is known.
        target: The product.
        ticket: The vendor's batch.
        succeeded: Whether it had its effect.
    """

    at_s: float
    mark: int
    target: str
    ticket: str
    succeeded: bool


class Vendors:
    """Both vendors."""

    def __init__(self, loop: WorldLoop, plan: Plan) -> None:
        clock = VendorClock(loop)
        self.sandboxes: dict[str, Sandbox] = {
            VENDORS[SHOP]: EcwidSandbox(products=PRODUCTS, clock=clock, seed=plan.seed),
            VENDORS[SUPPLIER]: MircateSandbox(products=PRODUCTS, clock=clock, seed=plan.seed),
        }
        for sandbox in self.sandboxes.values():
            sandbox.change_switches({"item_time_s": plan.item_time_s, "requests_per_minute": 10**6})
        self.sandboxes[VENDORS[SUPPLIER]].change_switches({"retry_after": True})
        self._loop = loop

    def start(self) -> None:
        """Begin to serve, each on its own host."""
        for name, sandbox in self.sandboxes.items():
            self._loop.net.host(name).create_task(_serve(name, sandbox), name=f"vendor-{name}")

    def accounts(self, plan: Plan) -> dict[str, Account]:
        """Return the accounts by which a program reaches them."""
        changes: dict[str, Any] = {
            "requests_per_minute": plan.requests_per_minute,
            "max_request_bytes": plan.bytes_per_ticket,
        }
        return {
            account: evolve(self.sandboxes[name].account(f"http://{name}:{PORT}"), **changes)
            for account, name in VENDORS.items()
        }

    def ran(self) -> dict[int, list[Ran]]:
        """Return what each item's executions were, by its mark."""
        found: defaultdict[int, list[Ran]] = defaultdict(list)
        for sandbox in self.sandboxes.values():
            for execution in sandbox.executions:
                body = execution.body
                item: Any = json.loads(body) if isinstance(body, str) else body
                ran = Ran(
                    at_s=(execution.at - BEGIN).total_seconds(),
                    mark=int(item["price"]),
                    target=str(item.get("sku", execution.path)),
                    ticket=execution.ticket or "",
                    succeeded=execution.status == 200,
                )
                found[ran.mark].append(ran)
        return found


async def _serve(name: str, sandbox: Sandbox) -> None:
    runner = web.AppRunner(sandbox.make_app(), access_log=None, handler_cancellation=True)
    await runner.setup()
    assert runner.server is not None
    await asyncio.get_running_loop().create_server(runner.server, name, PORT)
    await asyncio.sleep(_FOREVER_S)
