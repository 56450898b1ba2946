"""What a step of a ticket comes to: what is to be written of it, and when it goes on."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from batchhub._store import TicketRecord
from batchhub.errors import BatchHubError
from batchhub.models import ItemResult, ItemState


@frozen(kw_only=True)
class Change:
    """
    What an answer, or the lack of one, makes of a ticket. `TicketWriter` writes it.

    Attributes:
        ticket: The ticket as it is from now on; with a terminal state it ends.
        is_evidence: Whether the vendor has just said that it has the ticket. Evidence is written
            whatever happened to the ticket meanwhile.
        results: With a terminal state: what came of the items, one each and in their order; or
            nothing, and `rest` holds for all of them.
        rest: With a terminal state: what came of items without a result.
        rest_message: Why.
        trouble: What went wrong; an open ticket is tried again later.
        answered: Whether the vendor gave a useful answer.
    """

    ticket: TicketRecord
    is_evidence: bool = False
    results: Sequence[ItemResult] = ()
    rest: ItemState = ItemState.UNKNOWN
    rest_message: str | None = None
    trouble: BatchHubError | None = None
    answered: bool = True


@frozen(kw_only=True)
class Step:
    """
    What a step came to, for the lane.

    Attributes:
        delay_s: Seconds until the ticket's next step; `None` if it has none.
        trouble: What went wrong with vendor, network or store, if anything did.
        answered: Whether the vendor gave a useful answer.
    """

    delay_s: float | None
    trouble: BatchHubError | None = None
    answered: bool = True
