"""What goes wrong at Ecwid."""

from __future__ import annotations

from typing import Final

from .fault import Fault
from .shared import MORE_SHARED, SHARED, TROUBLED_POLLS, reset

FAULTS: Final[list[Fault]] = [
    *SHARED,
    *TROUBLED_POLLS,
    Fault(name="older documents", switches={"generation": 2019}),
    Fault(name="lost create answers", is_sample=True, switches={"lost_submit_answers": 1}),
    Fault(name="the create's answer reset in mid-body", switches=reset("submit")),
    Fault(name="cut before create", switches={"cut_before_submit": 1}),
    Fault(name="create 500, not executed", switches={"submit_5xx": 1}),
    Fault(
        name="create 500, executed",
        is_sample=True,
        switches={"submit_5xx": 1, "submit_5xx_executes": True},
    ),
    Fault(name="429", is_sample=True, switches={"answer_429": 1, "block_s": 1.0}),
    Fault(name="an HTML page", switches={"html_error": 1}),
    Fault(name="an HTML page called 200", switches={"html_error": 1, "html_error_status": 200}),
    Fault(name="JSON that breaks off", switches={"cut_json": 2}),
    Fault(name="a ticket forgotten for a moment", switches={"forget_tickets": 1}),
    Fault(name="results in another order", switches={"shuffle_responses": True}),
    Fault(name="no responses at first", switches={"no_responses": 1}),
    Fault(
        name="missing items",
        is_sample=True,
        switches={"missing_responses": 3},
        unknown=3,
        findings={"missing_id"},
    ),
    Fault(
        name="some items without id",
        switches={"drop_ids": 2},
        unknown=2,
        findings={"anonymous_results", "missing_id"},
    ),
    Fault(name="no ids at all", switches={"drop_ids": -1}, findings={"joined_by_position"}),
    Fault(name="doubled ids", switches={"double_ids": 2}, unknown=2, findings={"duplicate_id"}),
    Fault(name="foreign ids", switches={"foreign_ids": 2}, findings={"foreign_id"}),
    Fault(
        name="a word nobody documented",
        switches={"unknown_word": "PONDERING", "item_time_s": 0.2},
        findings={"unknown_word"},
    ),
    Fault(name="bodies that are no JSON", switches={"non_json_bodies": True}),
    Fault(name="httpCode", switches={"http_code_key": True}),
    Fault(name="ticketId", switches={"ticket_id_param": True}),
    Fault(name="an item that fails with 500", switches={"item_5xx": 1}),
]
"""For the real command at Ecwid."""

MORE_FAULTS: Final[list[Fault]] = MORE_SHARED
"""For the library at Ecwid, besides."""
