"""The order of jobs at the stand-ins: the newer job's value is the final one, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from batchhub import BatchHub
from batchhub.sandbox import Execution, Sandbox
from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox

ITEMS = 1_200


@frozen
class Shop:
    """A stand-in, how a price is set there, and which product an execution was about."""

    sandbox: type[Sandbox]
    price: Callable[[int, float], dict[str, Any]]
    product: Callable[[Execution], str]


SHOPS = {
    "ecwid": Shop(
        EcwidSandbox,
        lambda n, price: {"method": "PUT", "path": f"/products/{n}", "body": {"price": price}},
        lambda execution: execution.path,
    ),
    "mircate": Shop(
        MircateSandbox,
        lambda n, price: {"sku": f"A-{n}", "price": price},
        lambda execution: f"/products/{execution.body['sku'].removeprefix('A-')}",
    ),
}
FAULTS: dict[str, list[Mapping[str, Any]]] = {
    "ecwid": [{}, {"cut_before_submit": 2}, {"lost_submit_answers": 2}, {"answer_429": 1}],
    "mircate": [{}, {"busy_570": 9}, {"queue_time_s": 40.0}],
}


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarts"])
@pytest.mark.parametrize(
    ("vendor", "switches"),
    [
        pytest.param(vendor, switches, id=f"{vendor}-{'-'.join(switches) or 'calm'}")
        for vendor, faults in FAULTS.items()
        for switches in faults
    ],
)
async def test_the_newer_price_is_the_final_one(
    vendor: str, switches: Mapping[str, Any], restarts: bool, tmp_path: Path
) -> None:
    """The last of three tickets of the night sets a price that is changed at noon."""
    shop, clock = SHOPS[vendor], FakeClock()
    night = [shop.price(n, 2.0) for n in range(2, ITEMS)] + [shop.price(1, 100.0)]
    noon = [shop.price(1, 9.90), shop.price(1_500, 3.0)]
    sandbox = shop.sandbox(clock=clock)
    sandbox.change_switches(switches)
    async with clock.running(), sandbox.running() as url:
        accounts = {"one": sandbox.account(url)}
        store = tmp_path / "jobs.db"
        hub = BatchHub(store, accounts, clock=clock, seed=1)
        jobs = []
        for items in (night, noon):
            jobs.append(await hub.submit("one", items))
            if restarts:
                await clock.sleep(1.0)
                await hub.aclose()
                hub = BatchHub(store, accounts, clock=clock, seed=2)
        ended = [await (await hub.job(job.id)).wait() for job in await hub.resume() or jobs]
        await hub.aclose()
    await clock.advance(60.0)
    assert [status.outcome for status in ended] == ["succeeded", "succeeded"]
    finally_set = {shop.product(e): e.body["price"] for e in sandbox.executions}
    assert len(finally_set) == ITEMS
    assert [p for path, p in finally_set.items() if path.endswith("/products/1")] == [9.90]
