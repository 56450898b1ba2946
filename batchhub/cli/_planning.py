"""`run` and `submit` with `--dry-run`: what would be sent, and what refused."""

from __future__ import annotations

from typing import Any, Final

from attrs import asdict, define, field

from batchhub._secrets import blank
from batchhub.errors import InputError

from ._console import say, write, write_json
from ._exits import ExitCode
from ._handing import Handing, prepare
from ._input import ItemReader
from ._invocation import Invocation
from ._options import Order, Reading
from ._words import clean, count, duration, number

SHOWN: Final = 10
"""How many of the refused items are shown."""

_KEPT: Final = 1000


@define
class _Refusals:
    """
    What is no item, or would be refused.

    Attributes:
        items: Where the items come from; it knows where it is.
        total: How many there are.
        found: The first of them, for showing.
    """

    items: ItemReader
    total: int = 0
    found: list[dict[str, Any]] = field(factory=list)

    def add(self, error: InputError) -> None:
        """Take note of one, before the next item is read."""
        self.total += 1
        if len(self.found) < _KEPT:
            place, at = self.items.find_place(error)
            reason = blank(error.reason)
            self.found.append({place: at, "id": error.item_id, "reason": reason})
            if self.total <= SHOWN:
                where = f"{self.items.name}: {self.items.locate(error)}"
                say(f"refused: {clean(blank(where), 1000)}")


async def show_plan(invocation: Invocation, order: Order, reading: Reading) -> ExitCode:
    """Read all items as a submit would, and tell what it would do; nothing is sent or kept."""
    with prepare(invocation, order, reading) as handing:
        refusals = _Refusals(handing.items)
        handing.items.on_refused = refusals.add
        plan = await _plan(handing, refusals)
        if refusals.total > SHOWN:
            say(f"refused: {number(refusals.total - SHOWN)} more, not shown")
        if handing.items.is_cut_off:
            say(f"{handing.items.name} can't be read beyond that; what follows is not counted")
        if not (plan["items"] or refusals.total):
            raise handing.items.explain(InputError("there are no items"))
    if invocation.common.json:
        write_json(plan | {"refused": refusals.total, "refusals": refusals.found})
    else:
        _write_plan(plan, refusals)
    return ExitCode.USAGE if refusals.total else ExitCode.OK


async def _plan(handing: Handing, refusals: _Refusals) -> dict[str, Any]:
    order = handing.order
    try:
        plan = await handing.hub.plan(
            order.account,
            handing.items,
            operation=order.operation,
            stop_on_first_failure=order.stop,
            options=handing.options,
            on_refused=refusals.add,
        )
    except InputError as error:
        raise handing.items.explain(error) from None
    return asdict(plan)


def _write_plan(plan: dict[str, Any], refusals: _Refusals) -> None:
    to = f"{clean(plan['account'], 40)} ({plan['adapter']}, {plan['operation']})"
    batch = f"{count(plan['items'], 'item')} in {count(plan['tickets'], 'ticket')}"
    if refusals.total:
        write(f"nothing would be sent: {refusals.items.name} has {count(refusals.total, 'error')}")
        if plan["items"]:
            write(f"the others are {batch}, {number(plan['bytes'])} bytes, for {to}")
        return
    write(f"would send {batch}, {number(plan['bytes'])} bytes, to {to}")
    least_s = plan["least_s"]
    if least_s is not None:
        text = f"at least {duration(least_s)}" if least_s >= 1 else "less than a second"
        write(f"the requests alone take {text}; the vendor's own time comes on top")
    write("nothing was sent and nothing kept: this is a dry run")
