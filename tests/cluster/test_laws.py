"""What judges the other tests here sees what is wrong."""

from __future__ import annotations

import pytest
from support.cluster.audit import read_holds
from support.cluster.laws import (
    UNDER_WAY_S,
    Figures,
    check_budgets,
    check_keys,
    check_owners,
    find_take_overs,
)
from support.cluster.street import BURST, Asked

ONE, OTHER = 101, 102
LANES = {"shop": "lane"}
ROWS = [(10.0, "lane", 1, ONE), (20.0, "lane", 2, None), (21.0, "lane", 3, OTHER)]
"""One took it, was said to be dead, and the other took it."""


def asked(at: float, pid: int = ONE, key: str | None = None, body: bytes = b"") -> Asked:
    """Make a request."""
    return Asked(at=at, shop="shop", pid=pid, is_submit=bool(body), key=key, body=body)


def check(*requests: Asked, stood_still: tuple[int, ...] = ()) -> Figures:
    """Hold requests against the rows."""
    figures = Figures()
    check_owners(LANES, read_holds(ROWS), requests, figures, stood_still=stood_still)
    return figures


def test_an_owner_asks_while_it_is_one() -> None:
    """What was under way when a hold ended was sent rightly."""
    figures = check(asked(10.0), asked(19.9), asked(20.0 + UNDER_WAY_S / 2), asked(30.0, OTHER))
    assert (figures.late, figures.taken_over) == (1, 1)


@pytest.mark.parametrize(
    "wrong",
    [asked(9.9), asked(20.1 + UNDER_WAY_S), asked(20.9, OTHER), asked(30.0, 103)],
    ids=["before", "after", "too early", "another"],
)
def test_nobody_else_does(wrong: Asked) -> None:
    """Neither before nor after, nor whoever never had the lane."""
    with pytest.raises(AssertionError, match="without having its lane"):
        check(wrong)


def test_who_stood_still_may_ask_once_more() -> None:
    """It must have had the lane."""
    assert check(asked(40.0), stood_still=(ONE,)).late == 1
    with pytest.raises(AssertionError):
        check(asked(9.0), stood_still=(ONE,))


def test_a_batch_is_sent_again_under_its_key_alone() -> None:
    """With another key, or without one, it may have two effects."""
    figures = Figures()
    check_keys([asked(1.0, key="a", body=b"1"), asked(2.0, OTHER, "a", b"1")], figures)
    assert (figures.submits, figures.repeated) == (2, 1)
    for second in (asked(2.0, key="b", body=b"1"), asked(2.0, key="a", body=b"2")):
        with pytest.raises(AssertionError):
            check_keys([asked(1.0, key="a", body=b"1"), second], Figures())
    with pytest.raises(AssertionError, match="without a key"):
        check_keys([asked(1.0, body=b"1"), asked(2.0, body=b"1")], Figures())


def test_a_budget_is_of_the_shop_not_of_who_asks() -> None:
    """One burst and then the rate; another process has no burst of its own."""
    first = [asked(0.0) for _ in range(BURST)]
    then = [asked(float(at), OTHER) for at in range(1, 100)]
    check_budgets([*first, *then], 60.0, late_s=1.0)
    with pytest.raises(AssertionError, match="too often"):
        check_budgets([*first, *[asked(1.0, OTHER) for _ in range(BURST)]], 60.0, late_s=1.0)


def test_a_take_over_is_from_the_end_to_the_next_question() -> None:
    """Of the lanes that the process had."""
    requests = [asked(12.0), asked(25.0, OTHER), asked(26.0, OTHER)]
    holds = read_holds(ROWS)
    assert find_take_overs(LANES, holds, requests, [(ONE, 19.0)]) == [6.0]
    assert find_take_overs(LANES, holds, requests, [(ONE, 20.5), (OTHER, 21.0)]) == []
