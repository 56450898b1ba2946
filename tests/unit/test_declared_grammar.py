"""The grammar of descriptions says what code can say, as far as no code is needed."""

from __future__ import annotations

from attrs import fields

from batchhub._declared.grammar import LIMITS
from batchhub.adapter import Capabilities


def test_limits_are_those_of_capabilities() -> None:
    """By the same names; what is left out has another key, or needs code."""
    named = {field.name for field in fields(Capabilities)}
    others = {
        "can_cancel",  # the table `cancel`
        "names_targets",  # `key_field`
        "finds_attempts",
        "resends_unanswered",
        "stops_on_first_failure",
        "max_polled_at_once",
        "verb_s",
        "deadline_s",
    }
    assert named - others == set(LIMITS)
