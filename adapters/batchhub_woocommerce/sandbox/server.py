"""The stand-in itself: which call a request is, and what it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import ClassVar, Final

from aiohttp import web

from batchhub.adapter import Account
from batchhub.models import BatchItem
from batchhub.sandbox import AnswerError, Batch, Batches, Call, Clock, Item, Route, Sandbox

from .answers import (
    GATEWAY_PAGE,
    NOT_FOUND_PAGE,
    Json,
    fail,
    make_answer,
    make_critical,
    make_error,
)
from .calls import read_items
from .store import Store, make_demo_items
from .switches import WooCommerceSwitches

_API: Final = "/wp-json/wc/v3/products"
_READS: Final = ("GET", "HEAD")
_PAGE_SIZE: Final = 10
"""Source: documents, pagination."""

_ERRORS: Final = {
    401: ("woocommerce_rest_cannot_view", "Sorry, you cannot list resources."),
    403: (
        "woocommerce_rest_cannot_batch",
        "Sorry, you are not allowed to batch manipulate this resource.",
    ),
    404: ("rest_no_route", "No route was found matching the URL and request method."),
}

_NONE: Final[frozenset[str]] = frozenset()
_LIST: Final = frozenset({"page", "per_page", "sku", "_fields"})


class WooCommerceSandbox(Sandbox):
    """
    One WooCommerce shop on loopback, with its product batches.

    Source: code, `WC_REST_Authentication` and the permission checks of the controllers (what is
    said of a wrong key, a wrong secret and a key that may not; over HTTPS, which this sandbox
    stands for). Assumed: credentials in the query are not taken.

    Args:
        consumer_key: The name of the login.
        consumer_secret: Its password.
        products: How many simple products it begins with; their ids are 1 and up, and for each
            ten there is one with ten variations (its id is 1000001 and up, theirs ten times that).
        prefix: The path of the shop on its site, such as ``/shop``; empty for none.
        clock: Where the time comes from; the machine's own by default.
        seed: Makes all that is left to chance come out the same again.
    """

    switches_type: ClassVar[type[WooCommerceSwitches]] = WooCommerceSwitches
    demo_operation: ClassVar[str | None] = "update"
    switches: WooCommerceSwitches

    def __init__(
        self,
        *,
        consumer_key: str = "ck_sandbox",
        consumer_secret: str = "cs_woocommerce_sandbox",  # noqa: S107  # opens nothing but this sandbox
        products: int = 2000,
        prefix: str = "",
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.consumer_key = consumer_key
        self.consumer_secret = consumer_secret
        self.products = products
        self.prefix = prefix
        self._store = Store(self.switches, products)
        self._batches = Batches(self, self._run_item)
        api, number = f"{prefix}{_API}", r"{product_id:\d+}"
        batches = [f"{api}/batch", f"{api}/{number}/variations/batch"]
        self.add_routes(
            [
                *(
                    # What WordPress calls editable.
                    Route(
                        method=method,
                        path=path,
                        handler=self.run_batch,
                        verb="submit",
                        params=_NONE,
                    )
                    for path in batches
                    for method in ("POST", "PUT", "PATCH")
                ),
                Route(
                    method="GET", path=api, handler=self.list_products, verb="list", params=_LIST
                ),
                Route(
                    method="GET",
                    path=f"{api}/{number}",
                    handler=self.show,
                    verb="list",
                    params=_NONE,
                ),
                Route(
                    method="*",
                    path=f"{prefix}/wp-json/{{path:.*}}",
                    handler=self.find_nothing,
                    is_open=True,
                ),
                # Not the sandbox's own paths.
                Route(
                    method="*",
                    path="/{path:(?!_sandbox/).*}",
                    handler=self.show_page,
                    is_open=True,
                ),
            ]
        )

    def account(self, base_url: str) -> Account:
        """Return the account of this shop."""
        # The adapter names this module.
        account: Account = import_module("batchhub_woocommerce").WooCommerceAccount(
            consumer_key=self.consumer_key,
            consumer_secret=self.consumer_secret,
            base_url=f"{base_url}{self.prefix}",
        )
        return account

    def demo_items(self, count: int) -> Iterator[BatchItem]:
        """Return `count` new prices and stocks of products; one in 25 fails."""
        return make_demo_items(count, products=self.products)

    def find_product(self, number: int) -> Json | None:
        """Return a copy of a product or a variation as it is now, if there is one."""
        found = self._store.find(number)
        return None if found is None else dict(found)

    def admits(self, call: Call) -> bool:
        """Whether the login is right, and may do this; each refusal has a code of its own."""
        switches, is_read = self.switches, call.method in _READS
        if switches.no_rest:
            raise AnswerError(404, NOT_FOUND_PAGE)
        key, secret = call.basic or ("", "")
        if switches.drops_authorization or key != self.consumer_key or not secret:
            # For WordPress nobody has logged in.
            code, message = _ERRORS[401 if is_read else 403]
            raise fail(code, message, 401)
        if secret != self.consumer_secret:
            raise fail("woocommerce_rest_authentication_error", "Consumer secret is invalid.", 401)
        wanted = "read" if is_read else "write"
        if wanted not in switches.permissions:
            message = f"The API key provided does not have {wanted} permissions."
            raise fail("woocommerce_rest_authentication_error", message, 401)
        if not switches.user_may:
            code, message = _ERRORS[401 if is_read else 403]
            raise fail(code, message, 403)
        return True

    def error_body(self, status: int, message: str) -> Json:
        """Return the usual error body."""
        code, text = _ERRORS.get(status, ("woocommerce_rest_error", "Error"))
        return make_error(code, message or text, status)

    async def run_batch(self, call: Call) -> web.Response:
        """
        Run a batch, and answer when its time has passed.

        Source: code, `batch_items`; WordPress, `WP_REST_Server::serve_request` (the header Link).
        Assumed: how a batch ends that PHP can't finish.
        """
        items, is_whole = read_items(call, self.switches.batch_limit)
        parent = call.params.get("product_id")
        dies = self.strikes("dies")
        if dies:
            items = items[: self.switches.dies_after]
        about = None if parent is None else int(parent)
        batch = self._batches.run_now(Batch(items=items, about=about))
        # What has run has run, whether or not the client still waits.
        await self.clock.sleep(self.switches.item_time_s * len(items))
        if dies or not is_whole:
            self.note(call, f"died after {len(items)} items")
            raise make_critical()
        if self.strikes("gateway_timeout"):
            self.note(call, "executed, and answered by the gateway")
            raise AnswerError(504, GATEWAY_PAGE)
        answer = make_answer(batch, self, self.switches)
        root = f"https://{call.headers.get('Host', '')}{self.prefix}/wp-json/"
        answer.headers["Link"] = f'<{root}>; rel="https://api.w.org/"'
        return answer

    def list_products(self, call: Call) -> web.Response:
        """
        Return a page of products, the newest first.

        Source: documents, pagination, and "List all products". Assumed: of its parameters only
        `page`, `per_page`, `sku` and `_fields` are known.
        """
        size = call.number("per_page", _PAGE_SIZE)
        if not 1 <= size <= 100:  # noqa: PLR2004  # as documented
            raise fail("rest_invalid_param", "Invalid parameter(s): per_page", 400)
        sku = call.query.get("sku")
        found = [entity for entity in self._store if sku in {None, entity["sku"]}]
        start = (max(1, call.number("page", 1)) - 1) * size
        names = call.query.get("_fields")
        wanted = names and {name.strip() for name in names.split(",")}
        page: list[Json] = [
            {name: value for name, value in entity.items() if not wanted or name in wanted}
            for entity in found[start : start + size]
        ]
        headers = {"X-WP-Total": f"{len(found)}", "X-WP-TotalPages": f"{-(-len(found) // size)}"}
        return web.json_response(page, headers=headers)

    def show(self, call: Call) -> Json:
        """Return a product."""
        found = self._store.find(int(call.params["product_id"]))
        if found is None:
            raise fail("woocommerce_rest_product_invalid_id", "Invalid ID.", 404)
        return found

    def find_nothing(self, call: Call) -> web.Response:
        """Refuse a path of the REST API that there is not."""
        if self.switches.no_rest:
            return self.show_page(call)
        raise self.refuse(404)

    def show_page(self, call: Call) -> web.Response:
        """Answer as a site does where it has no page."""
        del call
        return AnswerError(404, NOT_FOUND_PAGE).to_response()

    def _run_item(self, batch: Batch, item: Item) -> Json:
        return dict(self._store.execute(item.method, item.body, batch.about))
