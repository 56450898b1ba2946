"""What goes wrong at Mircate."""

from __future__ import annotations

from typing import Final

from .fault import EXIT_HELD, ITEMS, Fault
from .shared import MORE_SHARED, SHARED, TROUBLED_POLLS, reset

_GRACE: Final = {"count_grace_s": 1.0, "visibility_grace_s": 1.0}

FAULTS: Final[list[Fault]] = [
    *SHARED,
    Fault(
        name="lost submit answers",
        is_sample=True,
        switches={"lost_submit_answers": 1},
        code=EXIT_HELD,
    ),
    Fault(name="the submit's answer reset in mid-body", switches=reset("submit"), code=EXIT_HELD),
    Fault(name="an HTML page", switches={"html_error": 1}, code=EXIT_HELD, runs=False),
    Fault(name="busy", switches={"busy_570": 2}),
    Fault(
        name="429", is_sample=True, switches={"answer_429": 1, "block_s": 1.0, "retry_after": True}
    ),
    Fault(name="a batch forgotten for a moment", switches={"forget_tickets": 1}),
    Fault(
        name="a batch forgotten for good",
        is_sample=True,
        switches={"forget_tickets": -1},
        account=_GRACE,
        unknown=ITEMS,
    ),
    Fault(
        name="doubled failures",
        is_sample=True,
        switches={"doubled_failures": -1},
        unknown=ITEMS,
        findings={"duplicate_failure", "missing_id"},
    ),
    Fault(
        name="foreign failures",
        switches={"unmatched_failures": 1},
        unknown=ITEMS - 2,
        findings={"unmatched_failure", "missing_id"},
    ),
]
"""For the real command at Mircate."""

MORE_FAULTS: Final[list[Fault]] = [
    *MORE_SHARED,
    *TROUBLED_POLLS,
    Fault(name="cut before submit", switches={"cut_before_submit": 1}, code=EXIT_HELD, runs=False),
    Fault(name="submit 500, not executed", switches={"submit_5xx": 1}, code=EXIT_HELD, runs=False),
    Fault(
        name="submit 500, executed",
        switches={"submit_5xx": 1, "submit_5xx_executes": True},
        code=EXIT_HELD,
    ),
    Fault(name="JSON of a submit that breaks off", switches={"cut_json": 1}, code=EXIT_HELD),
    Fault(
        name="failures nobody names",
        switches={"silent_failures": 1},
        account=_GRACE,
        unknown=ITEMS - 1,
        findings={"failures_differ", "missing_id"},
    ),
    Fault(
        name="a word nobody documented",
        switches={"word_running": "PONDERING", "item_time_s": 0.2},
        findings={"unknown_word"},
    ),
    Fault(name="an item that fails", switches={"item_fails": 1}),
]
"""For the library at Mircate, besides."""
