"""Which rule says when the tickets of a lane are polled: its account's, the hub's or the usual."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from batchhub._adapter.account import Account, Budget
from batchhub._http.transport import Transport
from batchhub.polling import Adaptive, Lessons, PollRule

_LEARN: Final = (Adaptive, type(None))
"""The rules that learn: the usual one, also where none was chosen."""


def make_rule(
    account: Account, for_all: PollRule | None, lessons: Lessons, transport: Transport
) -> PollRule:
    """
    Return the rule of an account's lane.

    Args:
        account: The account; its own rule wins.
        for_all: The rule of the hub, if it has one.
        lessons: What was learned of how long batches take.
        transport: What the lane sends through, and knows its budget.
    """
    chosen = _choose(account, for_all)
    if chosen is None:
        chosen = Adaptive()
    elif type(chosen) is not Adaptive:
        return chosen
    rule = chosen.for_lane(lessons, None)
    transport.watch_budget(partial(_set_budget, rule))
    return rule


def _set_budget(rule: Adaptive, budget: Budget) -> None:
    rule.budget_per_s = budget.requests / budget.per_s


def find_learners(accounts: Iterable[Account], for_all: PollRule | None) -> set[str]:
    """Return the names of the adapters some of whose lanes learn when to ask."""
    found = set[str]()
    for one in accounts:
        with suppress(Exception):  # of a plug-in's class; it is named when its lane is opened
            if type(_choose(one, for_all)) in _LEARN:
                found.add(one.adapter)
    return found


def _choose(account: Account, for_all: PollRule | None) -> PollRule | None:
    # Not by what is true: a rule of a user's own may be empty in some sense.
    return for_all if account.polling is None else account.polling
