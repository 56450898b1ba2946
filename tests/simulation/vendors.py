"""The vendors of a world: their stand-ins, each host of them a host of the world."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Final

from aiohttp import web
from attrs import frozen

from batchhub.adapter import Account
from batchhub.sandbox import Sandbox

from .accounts import KINDS
from .machine import BEGIN, VendorClock
from .plan import Plan

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
        ticket: The vendor's batch; `None` where it has no name.
        succeeded: Whether it had its effect.
    """

    at_s: float
    mark: int
    target: str
    ticket: str | None
    succeeded: bool


class Vendors:
    """The vendors of a plan's accounts."""

    def __init__(self, loop: WorldLoop, plan: Plan) -> None:
        clock = VendorClock(loop)
        self.sandboxes: dict[str, Sandbox] = {}
        for name in plan.accounts:
            kind = KINDS[name]
            sandbox = kind.make_sandbox(clock, plan.seed)
            usual = {"item_time_s": plan.item_time_s, "requests_per_minute": 10**6}
            sandbox.change_switches({**usual, **kind.switches})
            vars(sandbox)["url_of"] = partial(_url_of, name)
            self.sandboxes[name] = sandbox
        self._loop = loop

    def start(self) -> None:
        """Begin to serve, each host of a vendor on one of the world's."""
        for name, sandbox in self.sandboxes.items():
            for host in ("", *KINDS[name].hosts):
                there = _host_of(name, host)
                serving = _serve(there, sandbox, host)
                self._loop.net.host(there).create_task(serving, name=f"vendor-{there}")

    def accounts(self, plan: Plan) -> dict[str, Account]:
        """Return the accounts by which a program reaches them."""
        return {
            name: KINDS[name].limit(
                sandbox.account(_url_of(name)), plan.requests_per_minute, plan.bytes_per_ticket
            )
            for name, sandbox in self.sandboxes.items()
        }

    def ran(self) -> dict[int, list[Ran]]:
        """Return what each item's executions were, by its mark."""
        found: defaultdict[int, list[Ran]] = defaultdict(list)
        for name, sandbox in self.sandboxes.items():
            for execution in sandbox.executions:
                mark, target = KINDS[name].read(execution)
                ran = Ran(
                    at_s=(execution.at - BEGIN).total_seconds(),
                    mark=mark,
                    target=target,
                    ticket=execution.ticket if KINDS[name].has_tickets else None,
                    succeeded=execution.status == 200,
                )
                found[mark].append(ran)
        return found


def _host_of(name: str, host: str) -> str:
    return f"{name}-{host}" if host else name


def _url_of(name: str, host: str = "") -> str:
    return f"http://{_host_of(name, host)}:{PORT}"


async def _serve(there: str, sandbox: Sandbox, host: str) -> None:
    runner = web.AppRunner(sandbox.make_app(host), access_log=None, handler_cancellation=True)
    await runner.setup()
    assert runner.server is not None
    await asyncio.get_running_loop().create_server(runner.server, there, PORT)
    await asyncio.sleep(_FOREVER_S)
