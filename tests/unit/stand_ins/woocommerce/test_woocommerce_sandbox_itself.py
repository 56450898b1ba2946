"""The WooCommerce stand-in as a server: its demo items, and many of them."""

from __future__ import annotations

from typing import Any

from support.shop_calls import Caller

from batchhub.testing import FakeClock
from batchhub_woocommerce.sandbox import WooCommerceSandbox


def to_wire(payload: Any) -> dict[str, Any]:
    """Make the price a text, as an adapter does."""
    return {**payload, "regular_price": str(payload["regular_price"])}


async def test_demo_items_fail_in_part(call: Caller, sandbox: WooCommerceSandbox) -> None:
    """One demo item in 25 fails, each for another reason."""
    other = WooCommerceSandbox(products=2000)
    items = [*other.demo_items(100)]
    assert items == [*other.demo_items(100)]
    assert len({item.id for item in items}) == len({item.payload["id"] for item in items}) == 100
    items = [*sandbox.demo_items(20)]
    codes = await call.codes(update=[to_wire(item.payload) for item in items])
    assert [code for _, code in codes if code] == ["woocommerce_rest_product_invalid_id"]


async def test_ten_thousand(call: Caller, sandbox: WooCommerceSandbox, clock: FakeClock) -> None:
    """Ten thousand creates are a hundred requests; each item ran once."""
    found: list[Any] = []
    for start in range(0, 10_000, 100):
        names = [{"sku": f"N-{n}", "regular_price": "1"} for n in range(start, start + 100)]
        found += await call.codes(create=names)
    assert len(found) == len(sandbox.executions) == 10_000
    assert len({number for number, _ in found}) == 10_000
    assert {code for _, code in found} == {None}


def test_switches(sandbox: WooCommerceSandbox) -> None:
    """Every rate has its switch, and what a switch does fits into a line."""
    infos = {info.name: info for info in sandbox.describe_switches()}
    rates = {name for name in infos if name.endswith("_rate")}
    assert {name.removesuffix("_rate") for name in rates} <= infos.keys()
    assert all("\n" not in info.help for info in infos.values())
