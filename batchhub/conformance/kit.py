"""What an author gives the suite: the adapter, its stand-in, and items good and bad."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from attrs import field, frozen

from batchhub.adapter import NO_OPTIONS, Account, Adapter
from batchhub.models import BatchItem
from batchhub.sandbox import Clock, Sandbox
from batchhub.testing import Case, FakeClock


@frozen(kw_only=True)
class Push:
    """
    A call by the vendor (a webhook) whose signature is right.

    Attributes:
        headers: Its headers.
        body: Its body.
        refs: The vendor's ids of the batches it is about.
    """

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    refs: Sequence[str]


class Kit:
    """
    What the suite has to know of an adapter. Derive, set `adapter`, and write `good_items`.

    Attributes:
        adapter: The adapter's class.
        recorded: A folder with answers that ``batchhub doctor --record`` has recorded; `None` if
            there are none.
    """

    adapter: ClassVar[type[Adapter[Any]]]
    recorded: ClassVar[Path | None] = None

    def make_sandbox(self, clock: Clock) -> Sandbox:
        """Return a new stand-in; by default the one that `Adapter.sandbox` names."""
        if self.adapter.sandbox is None:
            raise NotImplementedError("the adapter names no sandbox; write make_sandbox")
        module, _, name = self.adapter.sandbox.partition(":")
        sandbox: Sandbox = getattr(import_module(module), name)(clock=clock)
        return sandbox

    def make_account(self, sandbox: Sandbox, base_url: str) -> Account:
        """Return the account that the stand-in lets in; by default `Sandbox.account`."""
        return sandbox.account(base_url)

    def recorded_account(self, case: Case, base_url: str) -> Account:
        """
        Return the account that asks again what was recorded; any secret will do.

        By default the stand-in's. What is part of an address has to be as it was then.
        """
        del case
        return self.make_account(self.make_sandbox(FakeClock()), base_url)

    def good_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return different items that the vendor takes, each time the same ones."""
        raise NotImplementedError

    def bad_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return different items that are sent and fail at the vendor; none where none can."""
        del operation, count
        return ()

    def options(self, operation: str) -> Mapping[str, Any]:
        """Return the options the items are sent with."""
        del operation
        return NO_OPTIONS

    def maps(self, operation: str) -> Iterable[str]:
        """Return texts that `Adapter.read_map` reads; none if it knows none."""
        del operation
        return ()

    def name(self, operation: str, item: BatchItem) -> str:
        """
        Return what the stand-in calls an item (`sandbox.Item.id`).

        By default what the adapter's `key_field` holds, or the item's id.
        """
        del operation
        field_name = self.adapter.key_field
        if field_name is None:
            return str(item.id)
        value: Any = item.payload
        for key in field_name.split("."):
            value = value[key]
        return str(value)

    def pushes(self, sandbox: Sandbox) -> Iterable[Push]:
        """Return calls that the vendor could make; none if the adapter knows none."""
        del sandbox
        return ()
