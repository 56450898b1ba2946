"""What goes to a shop, and what is made of its answers, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from support.hubs import results_of

from batchhub import BatchHub, BatchItem, BatchState, BatchStatus, ItemState, Outcome
from batchhub.errors import CredentialsError, InputError, ReplyError
from batchhub.hub import BatchJob
from batchhub.testing import FakeClock, ScriptedVendor
from batchhub_woocommerce import WooCommerceAccount

BATCH = "/wp-json/wc/v3/products/batch"
VARIATIONS = "/wp-json/wc/v3/products/{parent}/variations/batch"
KEY, SECRET = "ck_4f6RkQz8f00d", "cs_77aaB1cc9e"
INVALID = "woocommerce_rest_product_invalid_id"
HTML = b"<!doctype html><title>One moment, please</title><h1>Checking your browser</h1>"


@frozen
class Shop:
    """A hub with a shop that does what a test says."""

    vendor: ScriptedVendor
    hub: BatchHub
    clock: FakeClock

    async def submit(self, items: Sequence[Any], operation: str | None = None) -> BatchJob:
        return await self.hub.submit("shop", items, operation=operation)

    async def run(
        self, items: Sequence[Any], operation: str | None = None
    ) -> tuple[BatchStatus, list[Any]]:
        """Return what became of a job: its status, and each item's id, state, code and message."""
        job = await self.submit(items, operation)
        status = await job.wait(timeout_s=24 * 3600)
        results = await results_of(job)
        return status, [(each.id, each.state, each.code, each.message) for each in results]


@asynccontextmanager
async def open_shop(tmp_path: Path, path: str = "", **settings: Any) -> AsyncIterator[Shop]:
    clock = FakeClock()
    async with clock.running(), ScriptedVendor(clock=clock) as vendor:
        account = WooCommerceAccount(
            base_url=f"{vendor.base_url}{path}",
            consumer_key=KEY,
            consumer_secret=SECRET,
            **settings,
        )
        async with BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock, seed=1) as hub:
            yield Shop(vendor, hub, clock)


def product(number: int, **fields: Any) -> dict[str, Any]:
    """Return a part of what a shop answers for a product."""
    return {"id": number, "name": f"Mug {number}", "type": "simple", **fields}


def refusal(number: int, code: str = INVALID, status: int = 400) -> dict[str, Any]:
    """Return what a shop answers for an item it refuses."""
    return {"id": number, "error": {"code": code, "message": "No.", "data": {"status": status}}}


FAILED = (ItemState.FAILED, 400, f"No. ({INVALID})")
SUCCEEDED = (ItemState.SUCCEEDED, None, None)


# What goes out.


async def test_an_update_is_one_list_of_products(tmp_path: Path) -> None:
    """With Basic credentials; prices are text on the wire, whatever they were."""
    async with open_shop(tmp_path) as shop:
        batch = shop.vendor.on("POST", BATCH).reply({"update": [product(17), refusal(18)]})
        status, results = await shop.run(
            [{"id": 17, "regular_price": 9.9, "stock_quantity": "4"}, {"id": "18", "sku": "0012"}]
        )
    (request,) = batch.requests
    assert request.body == (
        b'{"update":[{"id":17,"regular_price":"9.9","stock_quantity":4},{"id":18,"sku":"0012"}]}'
    )
    assert request.headers["Authorization"] == ("Basic Y2tfNGY2UmtRejhmMDBkOmNzXzc3YWFCMWNjOWU=")
    assert request.headers["Content-Type"] == "application/json"
    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.PARTIAL)
    assert results == [("17", *SUCCEEDED), ("18", *FAILED)]
    assert status.findings == ()


@pytest.mark.parametrize(
    ("kept", "state"),
    [
        ({"manage_stock": False, "stock_quantity": None}, ItemState.FAILED),
        ({"stock_quantity": None}, ItemState.FAILED),
        ({"manage_stock": True, "stock_quantity": 4}, ItemState.SUCCEEDED),
        ({"manage_stock": True, "stock_quantity": 3}, ItemState.SUCCEEDED),
        ({"manage_stock": "parent", "stock_quantity": 12}, ItemState.SUCCEEDED),
        ({}, ItemState.SUCCEEDED),
    ],
)
async def test_a_stock_that_the_shop_does_not_keep_is_no_success(
    tmp_path: Path, kept: dict[str, Any], state: ItemState
) -> None:
    """It is ignored without a word, but the answer has the product, of an update and a create."""
    for operation, sent in (("update", {"id": 17}), ("create", {"name": "Mug"})):
        path = tmp_path / operation
        path.mkdir()
        async with open_shop(path) as shop:
            answer = {operation: [product(17, **kept), product(18, stock_quantity=None)]}
            shop.vendor.on("POST", BATCH).reply(answer)
            others = {"id": 18, "name": "Mug"} if operation == "update" else sent
            job = await shop.submit([{**sent, "stock_quantity": 4}, others], operation)
            await job.wait()
            first, second = await results_of(job)
        assert (first.state, second.state) == (state, ItemState.SUCCEEDED)
        assert ("keeps no stock" in (first.message or "")) is (state is ItemState.FAILED)


async def test_a_stock_that_is_not_to_be_kept_is_none(tmp_path: Path) -> None:
    """The item says so itself, so that the shop did what it was asked for."""
    async with open_shop(tmp_path) as shop:
        answer = {"update": [product(17, manage_stock=False, stock_quantity=None)]}
        shop.vendor.on("POST", BATCH).reply(answer)
        _, results = await shop.run([{"id": 17, "manage_stock": False, "stock_quantity": 0}])
    assert results == [("17", *SUCCEEDED)]


async def test_variations_go_to_their_product(tmp_path: Path) -> None:
    """A batch has one product's, or products; an item's `product_id` says which."""
    one = {"id": 1, "product_id": 7, "sku": "s"}
    items = [one, {**one, "id": 2, "product_id": "7"}, {"id": 3, "sku": "s"}]
    async with open_shop(tmp_path) as shop:
        variations = shop.vendor.on("POST", VARIATIONS)
        variations.reply({"update": [product(1), product(2)]})
        products = shop.vendor.on("POST", BATCH).reply({"update": [product(3)]})
        status, _ = await shop.run(items)
    assert variations.requests[0].path_params == {"parent": "7"}
    assert products.requests[0].json() == {"update": [{"id": 3, "sku": "s"}]}
    assert status.outcome is Outcome.SUCCEEDED


async def test_a_delete_is_a_list_of_numbers(tmp_path: Path) -> None:
    """WooCommerce takes nothing else there, and deletes for good."""
    async with open_shop(tmp_path) as shop:
        batch = shop.vendor.on("POST", BATCH).reply({"delete": [product(17), product(18)]})
        status, _ = await shop.run([{"id": 17}, {"id": "18"}], "delete")
    assert batch.requests[0].body == b'{"delete":[17,18]}'
    assert status.outcome is Outcome.SUCCEEDED


async def test_what_is_created_is_known_by_its_place(tmp_path: Path) -> None:
    """And its number is in the result: nobody knew it before."""
    async with open_shop(tmp_path) as shop:
        answer = {"create": [product(101), refusal(0, "product_invalid_sku")]}
        batch = shop.vendor.on("POST", BATCH).reply(answer)
        job = await shop.submit([{"name": "Mug", "sku": "M-1"}, {"sku": "M-1"}], "create")
        await job.wait()
        made, failed = await results_of(job)
    assert batch.requests[0].json() == {"create": [{"name": "Mug", "sku": "M-1"}, {"sku": "M-1"}]}
    assert (made.id, made.state, made.vendor_ref) == ("1", ItemState.SUCCEEDED, "101")
    assert made.body == answer["create"][0]
    assert (failed.id, failed.code, failed.message) == ("2", 400, "No. (product_invalid_sku)")


async def test_a_shop_may_be_in_a_folder_and_its_api_elsewhere(tmp_path: Path) -> None:
    """The path of `base_url` comes first; with plain permalinks the API is in the query."""
    async with open_shop(tmp_path, "/de/shop", api_path="/?rest_route=/wc/v3") as shop:
        route = {"rest_route": "/wc/v3/products/batch"}
        shop.vendor.on("POST", "/de/shop/", query=route).reply({"update": [product(1)]})
        status, _ = await shop.run([{"id": 1, "sku": "s"}])
    assert status.outcome is Outcome.SUCCEEDED


async def test_a_job_is_cut_where_the_shop_says(tmp_path: Path) -> None:
    """By default at 100 items; a request at a time, and nothing is ever polled."""
    items = [{"id": number, "sku": "s"} for number in range(1, 6)]
    async with open_shop(tmp_path, max_items=2) as shop:
        batch = shop.vendor.on("POST", BATCH)
        batch.reply(lambda request: {"update": request.json()["update"]}).repeat()
        status, _ = await shop.run(items)
    assert [len(request.json()["update"]) for request in batch.requests] == [2, 2, 1]
    assert (status.outcome, len(status.tickets)) == (Outcome.SUCCEEDED, 3)


@pytest.mark.parametrize(
    ("operation", "item", "why"),
    [
        ("update", {"sku": "M-1"}, "id"),
        ("update", {"id": "M-1"}, "id must be a number"),
        ("update", {"id": 1.5}, "id must be a whole number"),
        ("delete", {"product_id": 7}, "id"),
        ("update", {"id": 1, "regular_price": "9,90"}, "regular_price must be a number"),
        ("update", {"id": 1, "manage_stock": "yes"}, "manage_stock must be true or false"),
        ("update", {"id": 1, "sku": 12}, "sku must be text"),
        ("create", {"product_id": "x", "sku": "M"}, "product_id must be a number"),
        ("update", {"id": 0, "sku": "M"}, "id must be a number above 0, not 0"),
        ("delete", {"id": "-5"}, "id must be a number above 0, not -5"),
        ("create", {"product_id": 0, "sku": "M"}, "product_id must be a number above 0, not 0"),
        ("update", {"id": 1}, "there is nothing to change: the item only names a product"),
        ("update", {"id": "1", "product_id": 7}, "there is nothing to change"),
    ],
)
async def test_an_item_that_makes_no_sense_is_refused(
    tmp_path: Path, operation: str, item: Mapping[str, Any], why: str
) -> None:
    """Before anything is sent: the shop would take some of it for something else."""
    async with open_shop(tmp_path) as shop:
        with pytest.raises(InputError, match=why):
            await shop.submit([BatchItem(id="one", payload=item)], operation)


async def test_a_price_may_be_cleared(tmp_path: Path) -> None:
    """An empty text ends a sale; `None` would change nothing."""
    async with open_shop(tmp_path) as shop:
        batch = shop.vendor.on("POST", BATCH).reply({"update": [product(1)]})
        await shop.run([{"id": 1, "sale_price": "", "regular_price": 5}])
    assert batch.requests[0].json() == {
        "update": [{"id": 1, "sale_price": "", "regular_price": "5"}]
    }


# What comes back.


@pytest.mark.parametrize(
    ("entries", "states"),
    [
        ([product(18), product(17)], "ss"),  # by their numbers, not by their places
        ([product(17)], "su"),
        ([product(18)], "us"),
        ([product(17), product(17)], "uu"),
        ([product(17), product(18), product(18)], "su"),
        ([product(17), product(99)], "su"),
        ([product(17), {"id": 18, "error": "odd"}], "su"),
        ([product(17), {"id": 18, "error": None}], "su"),
        ([product(17), {"id": True}], "su"),
        ([product(17), {"id": "18"}], "ss"),  # as plug-ins have it
        ([product(17), None], "su"),
        ([], "uu"),
    ],
)
async def test_a_list_that_does_not_fit_makes_no_success(
    tmp_path: Path, entries: list[Any], states: str
) -> None:
    """What is not said of an item is unknown, and a finding says so."""
    async with open_shop(tmp_path) as shop:
        shop.vendor.on("POST", BATCH).reply({"update": entries})
        status, results = await shop.run([{"id": 17, "sku": "s"}, {"id": 18, "sku": "s"}])
    assert "".join(state[0] for _, state, _, _ in results) == states
    assert status.state is BatchState.COMPLETED
    odd = [each for _, state, _, each in results if state is ItemState.UNKNOWN]
    assert bool(odd) is (status.outcome is Outcome.INDETERMINATE)
    assert all(odd), "each says why"


@pytest.mark.parametrize(
    "entries",
    [
        [product(101)],
        [product(101), product(102), product(103)],
        [product(101), product(101)],
        [],
    ],
)
async def test_what_was_created_is_unknown_if_places_say_nothing(
    tmp_path: Path, entries: list[Any]
) -> None:
    """One entry too few shifts all that follow."""
    async with open_shop(tmp_path) as shop:
        shop.vendor.on("POST", BATCH).reply({"create": entries})
        status, results = await shop.run([{"sku": "A"}, {"sku": "B"}], "create")
    assert {state for _, state, _, _ in results} == {ItemState.UNKNOWN}
    assert status.findings


# No answer.


async def test_an_update_that_only_sets_values_is_sent_again(tmp_path: Path) -> None:
    """The second answer counts; the same values twice are the same values."""
    async with open_shop(tmp_path) as shop:
        batch = shop.vendor.on("POST", BATCH)
        batch.lose_answer().reply({"code": "x"}, status=502).reply({"update": [product(17)]})
        status, results = await shop.run([{"id": 17, "regular_price": 5, "meta_data": []}])
    assert len({request.body for request in batch.requests}) == 1
    assert results == [("17", *SUCCEEDED)]
    assert status.state is BatchState.COMPLETED


@pytest.mark.parametrize(
    ("operation", "item", "settings"),
    [
        ("create", {"sku": "M-1"}, {}),
        ("update", {"id": 1, "images": [{"src": "https://a.example/b.png"}]}, {}),
        ("update", {"id": 1, "inventory_delta": 1}, {}),
        ("update", {"id": 1, "some_plugins_field": 1}, {}),
        ("update", {"id": 1, "regular_price": 5}, {"repeat_unanswered": False}),
        ("delete", {"id": 1}, {"repeat_unanswered": False}),
    ],
)
async def test_what_would_be_done_twice_is_held(
    tmp_path: Path, operation: str, item: Mapping[str, Any], settings: Mapping[str, Any]
) -> None:
    """It was sent once, and somebody has to decide."""
    async with open_shop(tmp_path, **settings) as shop:
        shop.vendor.on("POST", BATCH).lose_answer()
        job = await shop.submit([item], operation)
        status = await job.wait()
    assert status.state is BatchState.UNCONFIRMED


async def test_what_is_gone_after_a_lost_answer_may_have_been_deleted(tmp_path: Path) -> None:
    """The shop calls it an invalid number then, as one that never was."""
    async with open_shop(tmp_path) as shop:
        batch = shop.vendor.on("POST", BATCH).lose_answer()
        batch.reply({"delete": [refusal(1, status=404), product(2), refusal(3, "other", 500)]})
        status, results = await shop.run([{"id": 1}, {"id": 2}, {"id": 3}], "delete")
    assert [each[1] for each in results] == [
        ItemState.UNKNOWN,
        ItemState.SUCCEEDED,
        ItemState.FAILED,
    ]
    assert "may have deleted it" in results[0][3]
    assert status.outcome is Outcome.INDETERMINATE


async def test_what_was_never_there_fails(tmp_path: Path) -> None:
    """Nothing was lost before: the shop's word counts, also after requests that did not run."""
    async with open_shop(tmp_path) as shop:
        batch = shop.vendor.on("POST", BATCH).reply({}, status=429, headers={"Retry-After": "5"})
        batch.reply({"delete": [refusal(1, status=404)]})
        _, results = await shop.run([{"id": 1}], "delete")
    assert results == [("1", ItemState.FAILED, 404, f"No. ({INVALID})")]


# Answers of something else.


@pytest.mark.parametrize("body", [HTML, b"[]", b"{}", b'{"update": null}', b""])
async def test_an_answer_of_something_else_is_no_answer(tmp_path: Path, body: bytes) -> None:
    """A page in between answers 200 to anything: whether the shop was asked nobody knows."""
    async with open_shop(tmp_path) as shop:
        shop.vendor.on("POST", BATCH).reply(body).reply(body).reply(body)
        job = await shop.submit([{"id": 17, "sku": "s"}])
        status = await job.wait()
    assert status.state is BatchState.UNCONFIRMED


@pytest.mark.parametrize(
    ("status_code", "code", "words"),
    [
        (401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources."),
        (401, "woocommerce_rest_authentication_error", "Consumer secret is invalid."),
        (401, "woocommerce_rest_authentication_error", "The API key provided does not have write"),
        (403, "woocommerce_rest_cannot_batch", "Sorry, you are not allowed to batch manipulate"),
    ],
)
async def test_refused_keys_are_said_in_the_shops_words(
    tmp_path: Path, status_code: int, code: str, words: str
) -> None:
    """Whichever of its ways it is: the account pauses, and no job changes."""
    async with open_shop(tmp_path) as shop:
        answer = {"code": code, "message": words, "data": {"status": status_code}}
        shop.vendor.on("POST", BATCH).reply(answer, status=status_code)
        job = await shop.submit([{"id": 17, "sku": "s"}])
        with pytest.raises(CredentialsError, match=words) as caught:
            await job.wait()
        status = job.status
    assert caught.value.code == code
    assert "fix the credentials of woocommerce:127.0.0.1" in str(caught.value)
    assert status.state is BatchState.PENDING


async def test_a_firewalls_page_is_no_refusal_of_the_keys(tmp_path: Path) -> None:
    """A 403 of HTML is of something on the way: tried again, as nothing ran."""
    async with open_shop(tmp_path) as shop:
        batch = shop.vendor.on("POST", BATCH)
        batch.reply(HTML, status=403, headers={"Content-Type": "text/html"})
        batch.reply({"update": [product(17)]})
        status, _ = await shop.run([{"id": 17, "sku": "s"}])
    assert status.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    "answer", [HTML, {"code": "rest_no_route", "message": "No route", "data": {"status": 404}}]
)
async def test_a_shop_that_is_not_there_is_said(tmp_path: Path, answer: Any) -> None:
    """Permalinks, the plug-in, the address: nothing ran, and the message says where to look."""
    async with open_shop(tmp_path) as shop:
        shop.vendor.on("POST", BATCH).reply(answer, status=404)
        status, results = await shop.run([{"id": 17, "sku": "s"}])
    assert status.state is BatchState.FAILED
    assert "see base_url, api_path" in results[0][3]


async def test_a_shop_at_another_address_is_named(tmp_path: Path) -> None:
    """Redirects are not followed: the key goes to no address that nobody wrote down."""
    async with open_shop(tmp_path) as shop:
        where = {"Location": "https://www.shop.example/wp-json/"}
        shop.vendor.on("POST", BATCH).reply("", status=301, headers=where)
        status, results = await shop.run([{"id": 17, "sku": "s"}])
    assert status.state is BatchState.FAILED
    assert "it points to https://www.shop.example" in results[0][3]


# The harmless request.

WORDPRESS = {"Link": '<https://shop.example/wp-json/>; rel="https://api.w.org/"'}


async def test_a_probe_changes_nothing_and_needs_the_right_to_write(tmp_path: Path) -> None:
    """It is a batch of nothing; a header says that WordPress answered it."""
    async with open_shop(tmp_path, "/de") as shop:
        batch = shop.vendor.on("POST", f"/de{BATCH}").reply([], headers=WORDPRESS)
        probe = await shop.hub.probe("shop")
    assert batch.requests[0].body == b'{"update":[]}'
    assert (probe.request, probe.status) == (f"POST /de{BATCH}", 200)


@pytest.mark.parametrize(
    ("body", "headers"), [([], {}), ({}, WORDPRESS), (HTML, WORDPRESS), ({"update": []}, {})]
)
async def test_a_probe_believes_only_wordpress(
    tmp_path: Path, body: Any, headers: Mapping[str, str]
) -> None:
    """An empty list comes from anywhere."""
    async with open_shop(tmp_path) as shop:
        shop.vendor.on("POST", BATCH).reply(body, headers=headers)
        with pytest.raises(ReplyError):
            await shop.hub.probe("shop")


async def test_a_probe_with_a_key_that_only_reads_fails(tmp_path: Path) -> None:
    """As every batch would."""
    async with open_shop(tmp_path) as shop:
        words = "The API key provided does not have write permissions."
        answer = {"code": "woocommerce_rest_authentication_error", "message": words}
        shop.vendor.on("POST", BATCH).reply(answer, status=401)
        with pytest.raises(CredentialsError, match=words):
            await shop.hub.probe("shop")
