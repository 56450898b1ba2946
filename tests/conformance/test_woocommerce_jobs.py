"""The library against the WooCommerce stand-in over HTTP: what no fault of one job shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from support.hubs import results_of

from batchhub import BatchHub, BatchItem, BatchState, ItemState, Outcome
from batchhub.errors import CredentialsError
from batchhub.sandbox import HangUpError
from batchhub.testing import FakeClock
from batchhub_woocommerce.sandbox import WooCommerceSandbox

SECRETS = ("ck_sandbox", "cs_woocommerce_sandbox", "ck_another", "cs_another")
VARIABLE = 1_000_000
"""Above this are the products with variations; those have ten times the number, and up."""


@frozen
class Shop:
    """A stand-in that runs, and its clock, which runs by itself."""

    folder: Path
    sandbox: WooCommerceSandbox
    clock: FakeClock
    url: str

    def open(self, **account: Any) -> BatchHub:
        """Return a hub with the shop's account, some of whose settings are others."""
        accounts = {"shop": evolve(self.sandbox.account(self.url), **account)}
        return BatchHub(self.folder / "jobs.db", accounts, clock=self.clock, seed=1)

    @property
    def submits(self) -> list[str]:
        """The paths of all batches there were."""
        return [entry.path for entry in self.sandbox.journal if entry.method == "POST"]

    def ran(self) -> Counter[str | None]:
        """Return how often each item ran."""
        return Counter(execution.item_id for execution in self.sandbox.executions)


@pytest.fixture
async def shop(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    clock = FakeClock()
    prefix = getattr(request, "param", "")
    sandbox = WooCommerceSandbox(clock=clock, products=12_000, prefix=prefix)
    async with clock.running(), sandbox.running() as url:
        yield Shop(tmp_path, sandbox, clock, url)


def prices(count: int) -> Iterator[BatchItem]:
    """Make prices of products that are there."""
    for n in range(1, count + 1):
        yield BatchItem(payload={"id": n, "regular_price": n / 4})


async def test_ten_thousand_items(shop: Shop) -> None:
    """Ten thousand items are a hundred requests; each has its result, and ran once."""
    async with shop.open() as hub:
        job = await hub.submit("shop", prices(10_000))
        status = await job.wait(timeout_s=24 * 3600.0)
        results = await results_of(job)
    assert (status.outcome, status.counts.succeeded) == (Outcome.SUCCEEDED, 10_000)
    assert [result.id for result in results] == [str(n) for n in range(1, 10_001)]
    assert (len(shop.ran()), {*shop.ran().values()}) == (10_000, {1})
    assert len(shop.submits) == len(shop.sandbox.journal) == 100
    found = shop.sandbox.find_product(9)
    assert found is not None
    assert found["regular_price"] == "2.25"


async def test_what_was_made_is_changed_and_deleted(shop: Shop) -> None:
    """The number that a result gives is that of the new product."""
    async with shop.open() as hub:
        made = await hub.submit("shop", [{"name": "Mug", "sku": "M-1"}], operation="create")
        await made.wait()
        (result,) = await results_of(made)
        number = int(result.vendor_ref or "")
        changed = await hub.submit("shop", [{"id": number, "regular_price": 3}])
        assert (await changed.wait()).outcome is Outcome.SUCCEEDED
        assert (shop.sandbox.find_product(number) or {})["regular_price"] == "3"
        gone = await hub.submit("shop", [{"id": number}], operation="delete")
        assert (await gone.wait()).outcome is Outcome.SUCCEEDED
    assert shop.sandbox.find_product(number) is None


@pytest.mark.parametrize("shop", ["/de/shop"], indirect=True)
async def test_variations_of_a_shop_in_a_folder(shop: Shop) -> None:
    """A request for each product whose variations there are, and one for the products."""
    items = [
        *(
            {"id": (VARIABLE + n) * 10 + k, "product_id": VARIABLE + n}
            for n in (1, 2)
            for k in (0, 1)
        ),
        {"id": 1},
    ]
    async with shop.open() as hub:
        job = await hub.submit("shop", [{**item, "sku": f"V-{item['id']}"} for item in items])
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
    api = "/de/shop/wp-json/wc/v3/products"
    assert sorted(shop.submits) == [
        f"{api}/{VARIABLE + 1}/variations/batch",
        f"{api}/{VARIABLE + 2}/variations/batch",
        f"{api}/batch",
    ]


async def test_a_variation_is_no_product(shop: Shop) -> None:
    """Without its `product_id` it is refused, and the shop says why."""
    async with shop.open() as hub:
        job = await hub.submit(
            "shop", [{"id": (VARIABLE + 1) * 10, "sku": "V"}, {"id": 2, "sku": "P"}]
        )
        assert (await job.wait()).outcome is Outcome.PARTIAL
        refused, _ = await results_of(job)
    assert refused.code == 404
    assert "woocommerce_rest_invalid_product_id" in (refused.message or "")


async def test_products_are_not_made_twice(shop: Shop) -> None:
    """A lost answer holds them; sent again on demand, a SKU that is taken fails."""
    shop.sandbox.change_switches({"lost_submit_answers": 1})
    items = [{"name": f"Mug {n}", "sku": f"M-{n}"} for n in range(3)]
    async with shop.open() as hub:
        job = await hub.submit("shop", items, operation="create")
        assert (await job.wait()).state is BatchState.UNCONFIRMED
    async with shop.open() as hub:  # the next process asks nobody either
        [job] = await hub.resume()
        assert job.status.state is BatchState.UNCONFIRMED
        assert len(shop.submits) == 1
        again = await job.retry(unknown=True)
        assert (await again.wait()).outcome is Outcome.FAILED
        messages = {result.message for result in await results_of(again)}
        old = await results_of(job)
    assert messages == {"Invalid or duplicated SKU. (product_invalid_sku)"}
    assert {result.state for result in old} == {ItemState.UNKNOWN}
    assert shop.ran() == {"M-0": 2, "M-1": 2, "M-2": 2}


async def test_a_delete_that_is_sent_again(shop: Shop) -> None:
    """What the first request deleted can't be told from what never was; the rest is deleted now."""
    shop.sandbox.change_switches({"dies": 1, "dies_after": 2})
    items = [{"id": n} for n in (1, 900_001, 2, 3)]
    async with shop.open() as hub:
        job = await hub.submit("shop", items, operation="delete")
        status = await job.wait(timeout_s=3600.0)
        results = await results_of(job)
    unknown, succeeded = ItemState.UNKNOWN, ItemState.SUCCEEDED
    assert [result.state for result in results] == [unknown, unknown, succeeded, succeeded]
    assert status.outcome is Outcome.INDETERMINATE
    assert all(shop.sandbox.find_product(n) is None for n in (1, 2, 3))


async def test_an_update_survives_the_process(shop: Shop) -> None:
    """Killed while the shop works, the next process sends it again: the same prices once more."""

    async def die(call: Any, proceed: Any) -> Any:
        await proceed()
        raise HangUpError("the process is dead")

    shop.sandbox.interceptor = die
    async with shop.open() as hub:
        job = await hub.submit("shop", prices(3))
        while not shop.sandbox.executions:
            await shop.clock.sleep(0.1)
    shop.sandbox.interceptor = None
    async with shop.open() as hub:
        [job] = await hub.resume()
        assert job.status.outcome is Outcome.SUCCEEDED
    assert min(shop.ran().values()) >= 2


@pytest.mark.parametrize(
    ("wrong", "switches", "code", "words"),
    [
        ({"consumer_key": "ck_another"}, {}, "woocommerce_rest_cannot_batch", "401"),
        (
            {"consumer_secret": "cs_another"},
            {},
            "woocommerce_rest_authentication_error",
            "secret is",
        ),
        ({}, {"permissions": "read"}, "woocommerce_rest_authentication_error", "write permissions"),
        ({}, {"user_may": False}, "woocommerce_rest_cannot_batch", "403"),
        ({}, {"drops_authorization": True}, "woocommerce_rest_cannot_batch", "401"),
    ],
)
async def test_wrong_keys(
    shop: Shop, wrong: dict[str, str], switches: dict[str, Any], code: str, words: str
) -> None:
    """Each is said in a line, without the key; nothing ran or is lost, and `doctor` sees it too."""
    shop.sandbox.change_switches(switches)
    async with shop.open(**wrong) as hub:
        job = await hub.submit("shop", prices(3))
        with pytest.raises(CredentialsError, match=words) as caught:
            await job.wait()
        with pytest.raises(CredentialsError, match=words):
            await hub.probe("shop")
    message = str(caught.value)
    assert caught.value.code == code
    assert "\n" not in message
    assert not any(secret in message for secret in SECRETS)
    assert shop.sandbox.executions == []
    shop.sandbox.change_switches(
        {"permissions": "read_write", "user_may": True, "drops_authorization": False}
    )
    async with shop.open() as hub:
        [job] = await hub.resume()
        assert job.status.outcome is Outcome.SUCCEEDED


async def test_a_key_that_only_writes_is_enough(shop: Shop) -> None:
    """Nothing is ever read."""
    shop.sandbox.change_switches({"permissions": "write"})
    async with shop.open() as hub:
        assert (await hub.probe("shop")).status == 200
        job = await hub.submit("shop", prices(3))
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_a_shop_that_takes_fewer_items(shop: Shop) -> None:
    """What it says is passed on; the setting that helps is there."""
    shop.sandbox.change_switches({"batch_limit": 50})
    async with shop.open() as hub:
        job = await hub.submit("shop", prices(60))
        assert (await job.wait()).state is BatchState.FAILED
        message = (await results_of(job))[0].message or ""
    assert "Unable to accept more than 50 items" in message
    async with shop.open(max_items=50) as hub:
        job = await hub.submit("shop", prices(60), key="fewer")
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_a_site_without_the_plug_in(shop: Shop) -> None:
    """Its 404 is a page; nothing ran, and the message says where to look."""
    shop.sandbox.change_switches({"no_rest": True})
    async with shop.open() as hub:
        job = await hub.submit("shop", prices(1))
        assert (await job.wait()).state is BatchState.FAILED
        (result,) = await results_of(job)
    assert "see base_url, api_path" in (result.message or "")


async def test_two_jobs_change_one_product_in_their_order(shop: Shop) -> None:
    """The later job's price is the one that stays, whatever became of the first one's answer."""
    shop.sandbox.change_switches({"lost_submit_answers": 1})
    async with shop.open() as hub:
        first = await hub.submit("shop", [{"id": "7", "regular_price": 1}])
        second = await hub.submit("shop", [{"id": 7, "regular_price": 2}])
        await second.wait()
        await first.wait()
    assert (shop.sandbox.find_product(7) or {})["regular_price"] == "2"
