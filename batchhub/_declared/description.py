"""A description that was read: what an adapter made of it works by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from batchhub._adapter.account import Account
from batchhub._adapter.capabilities import Capabilities
from batchhub._adapter.kinds import Kind
from batchhub.models import BatchState, ItemState

from .places import Place
from .templates import Template


@frozen(kw_only=True)
class Request:
    """
    A request.

    Attributes:
        method: Its method.
        path: From the ``/`` after the host.
        headers: Its own headers.
        body: The fields of its body, with `Template` for text; `None` for no body.
    """

    method: str
    path: Template
    headers: Mapping[str, Template]
    body: Mapping[str, Any] | None = None


@frozen(kw_only=True)
class Repeated:
    """How an error says that the vendor has had this body; what is empty fits any."""

    statuses: frozenset[int] = frozenset()
    codes: frozenset[str] = frozenset()
    message: str = ""

    def fits(self, status: int | None, code: str | None, message: str | None) -> bool:
        """Whether an error is such a one."""
        return (
            (not self.statuses or status in self.statuses)
            and (not self.codes or code in self.codes)
            and self.message.casefold() in (message or "").casefold()
        )


@frozen(kw_only=True)
class Submit:
    """
    How a batch is sent.

    Attributes:
        request: The request, without the items.
        items: Where in its body they go; empty if the list of items is the body.
        ref: Where the answer has the batch's id; `None` if the answer has the results.
        repeated: What says that the vendor has had this body.
    """

    request: Request
    items: tuple[str, ...]
    ref: Place | None
    repeated: Repeated | None


@frozen(kw_only=True)
class Poll:
    """How a batch is asked about; `word` is `None` where the items' words decide."""

    request: Request
    word: Place | None
    total: Place | None = None
    done: Place | None = None
    succeeded: Place | None = None
    failed: Place | None = None
    progress: Place | None = None
    percent: Place | None = None
    message: Place | None = None


@frozen(kw_only=True)
class Results:
    """
    How the items went.

    Attributes:
        request: A request of its own; `None` if they come with the last answer.
        list: Where the list is.
        key: Where an entry has the value of the operation's key field.
        id: Where it has the item's id.
        position: Where it has the item's place in the request.
        first_position: The place of the first item.
        word: Where it has the vendor's word; `None` if `named` says it for all.
        words: What those mean, case-folded; `None` is for an item that has not ended.
        named: How every item went that is in the list.
        rest: How the items went that are not.
        code: Where an entry has a status, and so on.
    """

    request: Request | None
    list: Place
    key: Place | None = None
    id: Place | None = None
    position: Place | None = None
    first_position: int = 0
    word: Place | None = None
    words: Mapping[str, ItemState | None]
    named: ItemState | None = None
    rest: ItemState = ItemState.UNKNOWN
    code: Place | None = None
    message: Place | None = None
    ref: Place | None = None

    @property
    def is_in_order(self) -> bool:
        """Whether an entry names its item only by its own place in the list."""
        return self.key is None and self.id is None and self.position is None


@frozen(kw_only=True)
class Operation:
    """
    A kind of batch.

    Attributes:
        needs_one_of: Fields of which an item has one, or it changes nothing.
        digest: What tells this operation's description from others; the same whatever the order of
            its keys and its comments.
    """

    capabilities: Capabilities
    key_field: str | None
    may_repeat: bool
    needs_one_of: tuple[str, ...]
    fields: Mapping[str, Kind]
    submit: Submit
    poll: Poll | None
    results: Results
    cancel: Request | None
    digest: str

    @property
    def sends_id(self) -> bool:
        """Whether an item's `id` is the vendor's, and goes out with it."""
        return self.key_field == "id" or "id" in self.fields


@frozen(kw_only=True)
class Auth:
    """What authorises a request."""

    bearer: Template | None = None
    basic: tuple[Template, Template] | None = None
    headers: Mapping[str, Template]


@frozen(kw_only=True)
class Errors:
    """How the vendor explains an error."""

    code: Place | None = None
    message: Place | None = None


@frozen(kw_only=True)
class Question:
    """A harmless request; a true answer has something at `expects`."""

    request: Request
    expects: Place


@frozen(kw_only=True)
class Description:
    """A whole description; `source` is the file it was read from."""

    name: str
    source: str
    sandbox: str | None
    account_type: type[Account]
    auth: Auth
    headers: Mapping[str, Template]
    states: Mapping[str, BatchState]
    errors: Errors
    not_executed: frozenset[int]
    probe: Question | None
    operations: Mapping[str, Operation]
