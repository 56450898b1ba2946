"""Items of all jobs that have not succeeded and that no retry has, grouped by their reason."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from .plain import Plain
from .states import ItemState


@frozen(kw_only=True)
class FailedItem(Plain):
    """
    An item that has not succeeded.

    Attributes:
        id: Its id.
        job_id: The job whose retry would repeat it: the last one that had it.
    """

    id: str
    job_id: str


@frozen(kw_only=True)
class OpenFailures(Plain):
    """
    Items of an account that have not succeeded, for the same reason, and that no retry has.

    Messages that differ in numbers only are the same reason: vendors name the item in them.

    Attributes:
        account: The account's name.
        state: How the items are: failed, not executed, or unknown.
        code: Their own HTTP status; `None` if the vendor gave none.
        message: The vendor's message as it is, if it is that of all of them; else with an ellipsis
            in place of each number. `None` if the vendor gave none.
        count: How many items, without those that were written again.
        written_again: How many more there are whose target a later job of the same account and
            operation has changed with success since.
        first_at: When the first job with such an item ended, or, if it is open, changed last.
        last_at: When the last one did.
        retry: Who is to do something before a retry: ``"yours"`` if the code says that the same
            again fails the same, else ``"vendor's"``.
        examples: Some of the items, those of the newest jobs first, at most 5.
    """

    account: str
    state: ItemState
    code: int | None
    message: str | None
    count: int
    written_again: int
    first_at: datetime
    last_at: datetime
    retry: str
    examples: tuple[FailedItem, ...]
