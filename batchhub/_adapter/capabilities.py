"""What a vendor can do for one operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import field, frozen

JSONMapping = Mapping[str, Any]
"""An object of JSON values."""

NO_OPTIONS: Final[JSONMapping] = MappingProxyType({})
"""The options of a job that was given none."""


def _deadline_default(items: int, options: JSONMapping) -> float:
    del options
    return 600.0 + 10.0 * items


@frozen(kw_only=True)
class Capabilities:
    """
    What a vendor can do for one operation.

    Attributes:
        max_items: The most items in one ticket.
        max_bytes: The most bytes in one request's body; `None` where no bound is known.
        tickets_per_job: How many tickets of a job may be on their way at once in keep-going mode.
        tickets_per_lane: How many tickets of an account may be on their way at once, over all its
            jobs of this operation; `None` where no bound is known. One that has stalled, or that
            nobody can tell the whereabouts of, does not count.
        runs_in_order: Whether the vendor runs batches in the order it took them, and the items of
            a batch in theirs. A ticket behind an older one is then not asked about for as long as
            the older one's polls are answered. If not, a ticket is sent only after all earlier ones
            have ended that change something it changes too (see `Adapter.target`).
        names_targets: Whether the vendor names items by what they change, so that it could not
            tell two items of a job with one `Adapter.target` apart; they are refused.
        poll_s: The usual seconds between two polls of a ticket, where the rule of the account has
            no better idea, such as before anything is known of a vendor's batches.
        min_poll_s: The fewest seconds between two polls of a ticket. The default is batchhub's own,
            for vendors that name none: what they limit is the number of requests.
        max_polled_at_once: How many tickets one `Adapter.poll` may be asked about. Those that are
            due at about the same time are asked about together; after an error of such a request
            its tickets are asked about in smaller numbers, until each has an answer.
        can_cancel: Whether `cancel` works on a ticket the vendor has.
        stops_on_first_failure: Whether the vendor can stop a ticket at its first failed item.
        counts_items: Whether the vendor's answers count the items that are done, so that a word
            for success is believed only together with the counts.
        count_grace_s: Seconds for which word and counts of a ticket may disagree; after that it
            is completed, and what was never counted is UNKNOWN.
        dedup_window_s: Seconds for which the vendor answers a second submit with the same
            idempotency key with the first one's ticket; `None` where it does not.
        finds_attempts: Whether `Adapter.find_attempt` can find out if the vendor has a batch that
            was sent and not answered.
        resends_unanswered: Whether the user has said that an unanswered submit is to be sent again
            although the vendor may then have it twice.
        visibility_grace_s: Seconds for which a fresh ticket may answer 404, and be missing in what
            `Adapter.find_attempt` sees.
        results_kept_s: Seconds for which the vendor keeps the results, at least; `None` where no
            bound is known. They are fetched in that time; after it nobody can.
        refuses_repeat_s: Seconds for which the vendor refuses a body it has had
            (`RepeatedError`); a ticket with the same body waits for so long. `None` where it
            takes any.
        indivisible: Whether the vendor runs a batch wholly or not at all: of one that failed, or
            was cancelled, nothing was executed.
        verb_s: Seconds that a verb may take, by its name, where it needs more than usual (waits
            for budget and cool-down are not counted).
        results_grace_s: Seconds for which the results of a finished ticket are asked for again
            while the vendor answers without them; after that its items are UNKNOWN.
        stall_s: Seconds without any progress after which a ticket is said to have stalled; it is
            asked about less often then, and nothing else.
        deadline_s: Seconds that a job of this many items and these options usually needs at most.
    """

    max_items: int
    max_bytes: int | None = None
    tickets_per_job: int = 1
    tickets_per_lane: int | None = None
    runs_in_order: bool = False
    names_targets: bool = False
    poll_s: float = 5.0
    min_poll_s: float = 0.25
    max_polled_at_once: int = 1
    can_cancel: bool = False
    stops_on_first_failure: bool = False
    counts_items: bool = False
    count_grace_s: float = 60.0
    dedup_window_s: float | None = None
    finds_attempts: bool = False
    resends_unanswered: bool = False
    visibility_grace_s: float = 60.0
    results_kept_s: float | None = None
    refuses_repeat_s: float | None = None
    indivisible: bool = False
    verb_s: Mapping[str, float] = MappingProxyType({})
    results_grace_s: float = 900.0
    stall_s: float = 1800.0
    deadline_s: Callable[[int, JSONMapping], float] = field(default=_deadline_default, repr=False)
