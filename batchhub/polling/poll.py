"""What a rule decides on: a ticket at the vendor, and what its polls have brought."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import define


@define(eq=False, kw_only=True)
class Poll:
    """
    A ticket at the vendor, as a rule sees it.

    It is made for each call of the rule and shows what is known then; between two calls only
    `memory` is kept, until the ticket ends or is asked about no more. Ages are seconds since the
    vendor took the ticket; where it runs them in order, and this one was behind others, since it
    may have come to it.

    Attributes:
        adapter: The adapter's name.
        account: The account's name in the settings.
        operation: The kind of batch.
        items: How many items the ticket has.
        usual_s: The usual seconds between two polls, as the adapter says.
        least_s: The fewest seconds between two polls; whatever a rule returns, they are kept.
        age_s: How old the ticket was at the last answer. Before the first: how old it was when this
            process took it up, 0 for one it has just sent.
        last_age_s: How old it was at the answer before, or as above where there was none.
        polls: How many answers this process has had.
        done: How much of it is done, in the vendor's own count; `None` where nothing is reported.
        total: How much there is to do, as `done` counts; 100 where the vendor gives a share.
        memory: What the rule wants to remember of the ticket, `None` at first; what
            `PollRule.next_delay_s` leaves here is there again at its next call. In memory only,
            and nobody else's.
    """

    adapter: str
    account: str
    operation: str
    items: int
    usual_s: float
    least_s: float
    age_s: float = 0.0
    last_age_s: float = 0.0
    polls: int = 0
    done: float | None = None
    total: float | None = None
    memory: Any = None


class PollRule(Protocol):
    """
    Says when a ticket is asked about next.

    A rule is called in the event loop and has to return at once. What it returns is kept within
    the vendor's bounds; a rule that raises, or returns no number, is named in the log once, and
    the usual interval is kept instead.

    It may also have a method ``ended(poll)``: the ticket ended at the vendor at some time between
    `Poll.last_age_s` and `Poll.age_s`; and ``left(poll)``: it is not asked about any more for
    another reason.
    """

    def next_delay_s(self, poll: Poll) -> float:
        """Return the seconds until a ticket is asked about again, after an answer or at first."""
        ...
