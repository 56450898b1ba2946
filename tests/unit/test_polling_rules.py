"""The rules a user can choose, and how they are written."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchhub.errors import SettingsError
from batchhub.polling import Adaptive, Backoff, Fixed, Poll, PollRule, parse_rule, show_rule

NUMBERS = st.floats(1e-3, 1e6)


def asked(polls: int) -> Poll:
    """Return a ticket that was asked about so many times."""
    return Poll(
        adapter="acme",
        account="shop",
        operation="batch",
        items=1,
        usual_s=5,
        least_s=1,
        polls=polls,
    )


def test_fixed_is_always_the_same() -> None:
    """It looks at nothing."""
    assert [Fixed(2.5).next_delay_s(asked(n)) for n in (0, 1, 9)] == [2.5, 2.5, 2.5]


def test_backoff_grows_up_to_its_limit() -> None:
    """Each interval is longer by the factor, and none is longer than the limit."""
    delays = [Backoff(1, 2, 60).next_delay_s(asked(n)) for n in (0, 1, 2, 5, 6, 10**9)]

    assert delays == pytest.approx([1, 2, 4, 32, 60, 60])


@given(NUMBERS, st.floats(1, 1e9), st.integers(0, 10**12))
def test_backoff_never_leaves_its_bounds(first_s: float, factor: float, polls: int) -> None:
    """However often it was asked about, and whatever the factor."""
    delay_s = Backoff(first_s, factor, first_s * 10).next_delay_s(asked(polls))

    assert first_s * (1 - 1e-9) <= delay_s <= first_s * 10


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("fixed 5", Fixed(5)),
        (" FIXED  0.5 ", Fixed(0.5)),
        ("Backoff 1 2 60", Backoff(1, 2, 60)),
    ],
)
def test_a_rule_is_read(text: str, rule: PollRule) -> None:
    """Capital letters and spaces don't matter."""
    assert parse_rule(text) == rule
    assert isinstance(parse_rule(" Adaptive"), Adaptive)


@given(st.builds(Fixed, NUMBERS) | st.builds(Backoff, NUMBERS, st.floats(1, 10), st.just(1e7)))
def test_what_is_written_is_read(rule: PollRule) -> None:
    """The text of a rule gives the same rule."""
    assert parse_rule(show_rule(rule)) == rule


@pytest.mark.parametrize("text", ["fixed 5", "backoff 1 2 60", "backoff 0.5 1.5 3600", "adaptive"])
def test_what_is_read_is_written(text: str) -> None:
    """No digits are added to a number."""
    assert show_rule(parse_rule(text)) == text


def test_a_rule_of_a_users_own_is_shown_by_its_class() -> None:
    """There is no text for it."""

    class Sundays:
        def next_delay_s(self, poll: Poll) -> float:
            return 1.0

    assert show_rule(Sundays()).endswith("Sundays")


@pytest.mark.parametrize(
    "text",
    ["", "often", "fixed", "fixed five", "fixed 1 2", "backoff 1 2", "adaptive 3", "x" * 1000],
)
def test_bad_text_is_answered_with_the_forms(text: str) -> None:
    """One line, which says what can be written."""
    with pytest.raises(SettingsError) as caught:
        parse_rule(text)

    message = str(caught.value)
    assert "'fixed SECONDS'" in message
    assert "'backoff FIRST FACTOR MOST'" in message
    assert "'adaptive'" in message
    assert "\n" not in message
    assert len(message) < 250


@pytest.mark.parametrize("text", ["fixed 0", "fixed -1", "fixed nan", "fixed inf", "backoff 1 0 9"])
def test_bad_numbers_are_named(text: str) -> None:
    """A rule that would ask without a pause, or never, is refused."""
    with pytest.raises(SettingsError, match=r"[A-Z] must be above 0 and finite"):
        parse_rule(text)


@pytest.mark.parametrize("every_s", ["5", None, True])
def test_what_is_no_number_is_refused(every_s: Any) -> None:
    """Also from Python."""
    with pytest.raises(SettingsError, match="Fixed: every_s must be a number"):
        Fixed(every_s)


@pytest.mark.parametrize("numbers", [(1, 0.5, 60), (60, 2, 1), (math.inf, 2, math.inf)])
def test_a_backoff_goes_up(numbers: tuple[float, float, float]) -> None:
    """Intervals that shrink, or a limit below the first one, are refused."""
    with pytest.raises(SettingsError, match="Backoff: "):
        Backoff(*numbers)
