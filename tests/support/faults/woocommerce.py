"""What goes wrong at a WooCommerce shop; there are updates only, which may be sent again."""

from __future__ import annotations

from typing import Final

from .fault import EXIT_HELD, EXIT_REFUSED, ITEMS, Fault
from .shared import reset

FAULTS: Final[list[Fault]] = [
    Fault(name="none", is_sample=True, switches={}),
    Fault(
        name="lost answers",
        is_sample=True,
        switches={"lost_submit_answers": 1},
        runs_again=True,
    ),
    Fault(name="an HTML page", is_sample=True, switches={"html_error": 1}),
    Fault(
        name="a refused key",
        is_sample=True,
        switches={"revoke_after": 0},
        code=EXIT_REFUSED,
        healed={"revoke_after": -1},
    ),
]
"""For the real command."""

MORE_FAULTS: Final[list[Fault]] = [
    Fault(
        name="the answer reset in mid-body", switches=reset("submit", after=100), runs_again=True
    ),
    Fault(name="cut before the submit", switches={"cut_before_submit": 1}),
    Fault(name="500, not executed", switches={"submit_5xx": 1}),
    Fault(
        name="500, executed",
        switches={"submit_5xx": 1, "submit_5xx_executes": True},
        runs_again=True,
    ),
    Fault(name="a slow shop", switches={"answer_delay_s": 45.0}),
    Fault(name="slow items", switches={"item_time_s": 2.0}),
    Fault(
        name="an answer that trickles",
        switches={"trickled_answers": -1, "trickle_bytes_per_s": 2_000.0},
    ),
    Fault(name="429", switches={"answer_429": 1, "block_s": 1.0}),
    Fault(
        name="HTML pages called 200",
        switches={"html_error": 2, "html_error_status": 200},
    ),
    Fault(
        name="nothing but HTML pages called 200",
        switches={"html_error": -1, "html_error_status": 200},
        code=EXIT_HELD,
        submits=3,
        runs=False,
    ),
    Fault(name="an HTML page called 503", switches={"html_error": 1, "html_error_status": 503}),
    Fault(name="a firewall's page", switches={"html_error": 1, "html_error_status": 403}),
    Fault(
        name="a lost answer, and nothing may be sent again",
        switches={"lost_submit_answers": 1},
        account={"repeat_unanswered": False},
        code=EXIT_HELD,
    ),
    Fault(name="a gateway's time-out", switches={"gateway_timeout": 1}, runs_again=True),
    Fault(name="PHP dies on the way", switches={"dies": 1, "dies_after": 7}, runs_again=True),
    Fault(name="a warning before the JSON", switches={"php_warning": 1}, runs_again=True),
    Fault(name="JSON that breaks off", switches={"cut_json": 1}, runs_again=True),
    Fault(name="an empty answer", switches={"no_lists": 1}, runs_again=True),
    Fault(
        name="missing results",
        switches={"missing_results": 3},
        unknown=3,
        findings={"missing_id"},
    ),
    Fault(
        name="no results", switches={"missing_results": -1}, unknown=ITEMS, findings={"missing_id"}
    ),
    Fault(
        name="doubled results",
        switches={"doubled_results": 2},
        unknown=2,
        findings={"duplicate_id"},
    ),
    Fault(name="foreign results", switches={"foreign_results": 2}, findings={"foreign_id"}),
    Fault(name="results in another order", switches={"shuffle_results": True}),
    Fault(name="numbers as texts", switches={"text_ids": True}),
    Fault(name="errors without data", switches={"null_data": True}),
    Fault(name="large answers", switches={"padding_bytes": 100_000}),
    Fault(name="an item that fails", switches={"item_fails": 1}),
]
"""For the library, besides."""
