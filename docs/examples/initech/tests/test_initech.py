"""batchhub's suite for adapters, with Initech's items."""

from __future__ import annotations

from collections.abc import Iterable

from batchhub import BatchItem
from batchhub.conformance import AdapterSuite, Push
from batchhub.sandbox import Sandbox
from batchhub_initech import InitechAdapter
from batchhub_initech.sandbox import InitechSandbox


class TestInitech(AdapterSuite):
    """Initech."""

    adapter = InitechAdapter

    def good_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return prices."""
        return [BatchItem(payload={"sku": f"A-{n}", "price": n / 4}) for n in range(count)]

    def bad_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return prices below zero."""
        return [BatchItem(payload={"sku": f"B-{n}", "price": -1}) for n in range(count)]

    def pushes(self, sandbox: Sandbox) -> Iterable[Push]:
        """Return a call about a feed."""
        assert isinstance(sandbox, InitechSandbox)
        headers, body = sandbox.make_push("f-1")
        return [Push(headers=headers, body=body, refs=["f-1"])]
