"""The verbs: WooCommerce's batches of products and variations, spoken for one shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from attrs import evolve
from msgspec import Raw

from batchhub.adapter import (
    NO_OPTIONS,
    Accepted,
    Adapter,
    Capabilities,
    Credentials,
    Probe,
    Report,
    Steps,
    Submission,
    WireItem,
    encode_json,
    read_fields,
)
from batchhub.errors import ReplyError
from batchhub.models import BatchItem

from .account import MAX_ITEMS, WooCommerceAccount
from .items import CREATE, DELETE, KINDS, OPERATIONS, SETS, UPDATE, check_item
from .report import read_entries

if TYPE_CHECKING:
    from batchhub.transport import Reply

_ANSWERS: Final = {name: msgspec.defstruct("Batch", [(name, list[Raw])]) for name in OPERATIONS}
_NO_API: Final = (
    "no API of WooCommerce is there; see base_url, api_path, and WordPress's permalinks"
)


class WooCommerceAdapter(Adapter[WooCommerceAccount]):
    """
    WooCommerce's batches: up to 100 products or variations, done before the shop answers.

    An item with a `product_id` is a variation of that product. Variations go to a path of their
    product's, so that a batch has those of one, or products. Its number names either: both are
    posts of WordPress, which have one series of numbers.

    Source: REST API docs, "Batch update products", "Batch update product variations".
    """

    account_type = WooCommerceAccount
    operations = dict.fromkeys(OPERATIONS, Capabilities(max_items=MAX_ITEMS))
    key_field = "id"
    makes_new = frozenset({CREATE})
    batch_field = "product_id"
    claims_id = True
    kinds = KINDS
    sandbox = "batchhub_woocommerce.sandbox:WooCommerceSandbox"

    def capabilities(self, operation: str, options: Mapping[str, Any] = NO_OPTIONS) -> Capabilities:
        """Return what the account's settings allow."""
        return evolve(self.operations[operation], **self.account.limits)

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Check one item, and write it as JSON."""
        check_item(operation, item.payload)
        return super().encode(operation, item, options)

    def envelope_bytes(self, operation: str, items: int) -> int:
        """Return the bytes of the object around the list, and of the list."""
        return len(operation) + len('{"":}') + items + 1

    def may_repeat(
        self, operation: str, items: Sequence[WireItem], options: Mapping[str, Any]
    ) -> bool:
        """Allow deletes, and updates that only set values, unless the account forbids it."""
        sets = operation == UPDATE and all(read_fields(i.wire).keys() <= SETS for i in items)
        return self.account.repeat_unanswered and (sets or operation == DELETE)

    @classmethod
    def explain(
        cls, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, str | None]:
        """Read ``code`` and ``message``; a 404 is never of an item, but of the whole API."""
        code, message = super().explain(status, headers, body)
        return code, _NO_API if status == 404 else message  # noqa: PLR2004  # HTTP

    async def authorize(self, *, again: bool) -> Credentials:
        """Give the key and its secret. Source: REST API docs, "Authentication over HTTPS"."""
        return Credentials.basic(self.account.consumer_key, self.account.consumer_secret)

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """
        Send one batch, and read what became of its items.

        A delete names numbers alone, and deletes for good.

        Source: REST API docs, "Batch update products"; class-wc-rest-controller.php, batch_items.

        Raises:
            ReplyError: The answer is none of WooCommerce's; the batch may have run.
        """
        operation, items = submission.operation, submission.json_array()
        sent = msgspec.json.decode(items)
        if operation == DELETE:
            items = encode_json([item["id"] for item in sent])
        reply = await self._post(operation, items, sent[0].get("product_id"))
        entries = getattr(reply.as_(_ANSWERS[operation]), operation)
        return Accepted(report=Report(items=read_entries(entries, submission)))

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """
        Send a batch of nothing: the shop looks at the key as for any other, and does nothing.

        So a key that may only read is refused, and one that may only write is not. The answer is an
        empty list, which anybody could give; a header says that it is WordPress's.

        Source: class-wc-rest-authentication.php, check_permissions; class-wc-rest-controller.php,
        batch_items; WordPress, class-wp-rest-server.php, serve_request (Link).

        Raises:
            ReplyError: The answer is not one of WordPress's API.
        """
        reply = await self._post(UPDATE, b"[]", effect=False)
        if reply.json() != [] or "https://api.w.org/" not in reply.headers.get("Link", ""):
            raise ReplyError(_NO_API, vendor=self.name, status=reply.status)
        asked, reading = f"POST {self.account.api}/products/batch", {"key": "may change products"}
        return Probe(request=asked, status=reply.status, raw=reply.body, reading=reading)

    async def _post(self, name: str, items: bytes, of: int | None = None, **how: Any) -> Reply:
        path = f"{self.account.api}/products{'' if of is None else f'/{of}/variations'}/batch"
        body = b'{"%s":%s}' % (name.encode(), items)
        return await self.transport.request("POST", path, body=body, **how)
