"""What goes wrong at Trendyol."""

from __future__ import annotations

from typing import Final

from .fault import EXIT_HELD, ITEMS, Fault
from .shared import MORE_SHARED, SHARED, TROUBLED_POLLS, reset

_REFUSED: Final = {"accepted_without_id", "overdue"}
"""What is sent again at once is refused, and taken a quarter of an hour later."""

_FORGOTTEN: Final = {"overdue", "results_expired", "stalled"}
"""Of a batch whose items have not all ended when the vendor forgets it, four hours later."""

FAULTS: Final[list[Fault]] = [*SHARED]
"""For the real command."""

MORE_FAULTS: Final[list[Fault]] = [
    *MORE_SHARED,
    *TROUBLED_POLLS,
    Fault(
        name="lost submit answers",
        switches={"lost_submit_answers": 1},
        findings=_REFUSED,
        runs_again=True,
    ),
    Fault(
        name="the submit's answer reset in mid-body",
        switches=reset("submit"),
        findings=_REFUSED,
        runs_again=True,
    ),
    Fault(name="cut before submit", switches={"cut_before_submit": 1}),
    Fault(name="submit 500, not executed", switches={"submit_5xx": 1}),
    Fault(
        name="submit 500, executed",
        switches={"submit_5xx": 1, "submit_5xx_executes": True},
        findings=_REFUSED,
        runs_again=True,
    ),
    Fault(name="429 without Retry-After", switches={"answer_429": 1}),
    Fault(name="an HTML page", switches={"html_error": 1}),
    Fault(
        name="JSON of a submit that breaks off",
        switches={"cut_json": 1},
        findings=_REFUSED,
        runs_again=True,
    ),
    Fault(name="pages called 200", switches={"html_error": 2, "html_error_status": 200}),
    Fault(
        name="nothing but pages called 200",
        switches={"html_error": -1, "html_error_status": 200},
        code=EXIT_HELD,
        submits=3,
        runs=False,
    ),
    Fault(name="429 that says when", switches={"answer_429": 1, "retry_after": True}),
    Fault(name="429 by rate", switches={"requests_per_10_s": 1}),
    Fault(name="a word for the batch", switches={"batch_word": "right", "item_time_s": 0.2}),
    Fault(
        name="no barcodes at all",
        switches={"nameless_items": -1},
        unknown=ITEMS,
        findings={"anonymous_results", "missing_id"},
    ),
    Fault(
        name="no items",
        switches={"missing_items": -1},
        unknown=ITEMS,
        findings={*_FORGOTTEN, "missing_id"},
    ),
    Fault(
        name="an undocumented word for a failure",
        switches={"word_failed": "FAILURE"},
        unknown=2,
        findings={*_FORGOTTEN, "unknown_word"},
    ),
    Fault(name="a large report", switches={"padding_bytes": 100_000}),
    Fault(name="a batch forgotten for a moment", switches={"forget_tickets": 1}),
    Fault(name="a batch forgotten for good", switches={"forget_tickets": -1}, unknown=ITEMS),
    Fault(name="a batch that is seen late", switches={"visible_after_s": 20.0}),
    Fault(name="a report that lags behind", switches={"late_report_s": 30.0}),
    Fault(name="only what has ended is reported", switches={"lists_running": False}),
    Fault(name="a word for the batch, too early", switches={"batch_word": "early"}),
    Fault(name="a word for the batch that never ends", switches={"batch_word": "late"}),
    Fault(
        name="missing items",  # nothing else says that a batch has ended
        switches={"missing_items": 3},
        unknown=3,
        findings={*_FORGOTTEN, "missing_id"},
    ),
    Fault(
        name="doubled items", switches={"doubled_items": 2}, unknown=2, findings={"duplicate_id"}
    ),
    Fault(name="foreign items", switches={"foreign_items": 2}, findings={"foreign_id"}),
    Fault(
        name="items without a barcode",
        switches={"nameless_items": 2},
        unknown=2,
        findings={"anonymous_results", "missing_id"},
    ),
    Fault(name="results in another order", switches={"shuffle_items": True}),
    Fault(name="no reasons", switches={"null_reasons": True}),
    Fault(
        name="a word nobody documented",
        switches={"word_running": "PONDERING", "item_time_s": 0.2},
        findings={"unknown_word"},
    ),
    Fault(name="an item that fails", switches={"item_fails": 1}),
]
"""For the library, besides."""
