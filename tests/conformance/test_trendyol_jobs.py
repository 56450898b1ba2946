"""The library against the Trendyol stand-in over HTTP: what no fault of one job shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from support.hubs import results_of
from support.stand_ins.trendyol import make_updates

from batchhub import BatchHub, BatchItem, BatchState, ItemState, Outcome
from batchhub.errors import CredentialsError
from batchhub.testing import FakeClock
from batchhub.transport import Limits, Transport
from batchhub_trendyol.sandbox import TrendyolSandbox
from batchhub_trendyol.sandbox.products import make_barcode

SECRETS = ("trendyol-sandbox-key", "trendyol-sandbox-secret", "another-secret")


@frozen
class Seller:
    """A stand-in that runs, and its clock, which runs by itself."""

    folder: Path
    sandbox: TrendyolSandbox
    clock: FakeClock
    url: str

    def open(self, **account: Any) -> BatchHub:
        """Return a hub with the seller's account, some of whose settings are others."""
        accounts = {"seller": evolve(self.sandbox.account(self.url), **account)}
        return BatchHub(self.folder / "jobs.db", accounts, clock=self.clock, seed=1)

    async def is_asked(self) -> None:
        """Wait for the first poll."""
        while not any(entry.method == "GET" for entry in self.sandbox.journal):
            await self.clock.sleep(0.1)


@pytest.fixture
async def seller(tmp_path: Path) -> AsyncIterator[Seller]:
    clock = FakeClock()
    sandbox = TrendyolSandbox(clock=clock, products=20_000)
    async with clock.running(), sandbox.running() as url:
        yield Seller(tmp_path, sandbox, clock, url)


def stocks(count: int) -> Iterator[BatchItem]:
    """Make stocks of products that are there."""
    for n in range(1, count + 1):
        yield BatchItem(payload={"barcode": make_barcode(n), "quantity": n % 500})


async def test_ten_thousand_items(seller: Seller) -> None:
    """Ten thousand items are ten requests; each has its result, and ran once."""
    seller.sandbox.switches.item_time_s = 0.001
    async with seller.open() as hub:
        job = await hub.submit("seller", stocks(10_000))
        status = await job.wait(timeout_s=3600.0)
        results = await results_of(job)
    assert (status.outcome, status.counts.succeeded) == (Outcome.SUCCEEDED, 10_000)
    assert [result.id for result in results] == [make_barcode(n) for n in range(1, 10_001)]
    ran = Counter(execution.item_id for execution in seller.sandbox.executions)
    assert (len(ran), {*ran.values()}) == (10_000, {1})
    submits = [entry for entry in seller.sandbox.journal if entry.method == "POST"]
    assert len(submits) == 10
    assert 429 not in {entry.status for entry in seller.sandbox.journal}


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": "another-secret"},
        {"api_secret": "another-secret"},
        # Each other's: a user copies two fields of one page.
        {"api_key": "trendyol-sandbox-secret", "api_secret": "trendyol-sandbox-key"},
        {"seller_id": 99},
    ],
)
async def test_wrong_credentials(seller: Seller, wrong: dict[str, Any]) -> None:
    """A wrong key, secret or seller is said in a line without secrets; nothing ran or is lost."""
    async with seller.open(**wrong) as hub:
        job = await hub.submit("seller", stocks(3))
        with pytest.raises(CredentialsError) as caught:
            await job.wait()
    message = str(caught.value)
    assert "ClientApiAuthenticationException" in message
    assert "\n" not in message
    assert not any(secret in message for secret in SECRETS)
    assert seller.sandbox.executions == []
    if "seller_id" in wrong:
        return  # It is another account then, and the job is not its own.
    async with seller.open() as hub:
        [job] = await hub.resume()
        assert job.status.outcome is Outcome.SUCCEEDED
    assert len(seller.sandbox.executions) == 3


async def test_the_integrators_name(seller: Seller) -> None:
    """The User-Agent names the seller and the integrator; what the vendor takes for none is 403."""
    async with seller.open(integrator="Acme Ltd") as hub:
        assert (await (await hub.submit("seller", stocks(1))).wait()).counts.succeeded == 1
    async with seller.open(integrator="x" * 31) as hub:
        with pytest.raises(CredentialsError, match="403"):
            await (await hub.submit("seller", stocks(2))).wait()


async def test_the_same_prices_twice(seller: Seller) -> None:
    """A second job of the same body is taken when the vendor takes it, and not before."""
    async with seller.open() as hub:
        first = await hub.submit("seller", make_updates(5), key="first")
        await first.wait()
        began_at = seller.clock.monotonic()
        second = await hub.submit("seller", make_updates(5), key="second")
        assert (await second.wait(timeout_s=3600.0)).counts.succeeded == 5
        took_s = seller.clock.monotonic() - began_at
    assert 890.0 <= took_s <= 960.0
    submits = [entry.status for entry in seller.sandbox.journal if entry.method == "POST"]
    assert submits.count(200) == 2
    assert len(submits) <= 3


async def test_back_after_a_day(seller: Seller) -> None:
    """A process that comes back after the results are gone says of no item what it can't know."""
    seller.sandbox.switches.item_time_s = 60.0
    async with seller.open() as hub:
        job = await hub.submit("seller", stocks(3))
        await seller.is_asked()
    await seller.clock.sleep(24 * 3600.0)
    async with seller.open() as hub:
        [job] = await hub.resume()
        status = job.status
        states = {result.state for result in await results_of(job)}
    assert (status.state, states) == (BatchState.LOST, {ItemState.UNKNOWN})
    assert len(seller.sandbox.executions) == 3


@pytest.mark.parametrize("is_for_long", [False, True])
async def test_a_report_too_large(
    seller: Seller, is_for_long: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report over the limit is not read to its end, and asked for again as long as it is kept."""
    limits = Limits(max_answer_bytes=100_000)
    monkeypatch.setattr(
        "batchhub._engine.account_adapter.Transport", partial(Transport, limits=limits)
    )
    seller.sandbox.change_switches({"padding_bytes": 50_000, "results_kept_s": 600.0})
    async with seller.open() as hub:
        job = await hub.submit("seller", stocks(3))
        await seller.is_asked()
        if not is_for_long:
            seller.sandbox.switches.padding_bytes = 0
        status = await job.wait(timeout_s=24 * 3600.0)
    assert status.counts.unknown == (3 if is_for_long else 0)
    assert status.counts.succeeded == (0 if is_for_long else 3)
    assert len(seller.sandbox.executions) == 3
