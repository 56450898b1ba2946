"""Every fault of the Ecwid stand-in, and what a job of 25 items must come to under it."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

ITEMS: Final = 25


@frozen(kw_only=True)
class Fault:
    """
    A fault and what comes of it.

    Attributes:
        name: What to call it.
        switches: How the stand-in is set.
        unknown: How many of the 25 items nobody can tell of.
        findings: The codes of the findings that must be on the status.
    """

    name: str
    switches: dict[str, Any]
    unknown: int = 0
    findings: set[str] = field(factory=set)


FAULTS: Final = [
    Fault(name="none", switches={}),
    Fault(name="older documents", switches={"generation": 2019}),
    Fault(name="lost create answers", switches={"lost_create_answers": 1}),
    Fault(name="cut before create", switches={"cut_before_create": 1}),
    Fault(name="create 500, not executed", switches={"create_5xx": 1}),
    Fault(name="create 500, executed", switches={"create_5xx": 1, "create_5xx_executes": True}),
    Fault(name="polls cut", switches={"cut_polls": 2}),
    Fault(name="polls 5xx", switches={"answer_5xx": 2}),
    Fault(name="429", switches={"answer_429": 1, "block_s": 1.0}),
    Fault(name="an HTML page", switches={"html_error": 1}),
    Fault(name="an HTML page called 200", switches={"html_error": 1, "html_error_status": 200}),
    Fault(name="JSON that breaks off", switches={"cut_json": 2}),
    Fault(name="a ticket forgotten for a moment", switches={"forget_tickets": 1}),
    Fault(name="results in another order", switches={"shuffle_responses": True}),
    Fault(name="no responses at first", switches={"no_responses": 1}),
    Fault(
        name="missing items",
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
        switches={"unknown_word": "PONDERING", "item_time_s": 0.5},
        findings={"unknown_word"},
    ),
    Fault(name="bodies that are no JSON", switches={"non_json_bodies": True}),
    Fault(name="httpCode", switches={"http_code_key": True}),
    Fault(name="ticketId", switches={"ticket_id_param": True}),
    Fault(name="an item that fails with 500", switches={"item_5xx": 1}),
    Fault(name="slow answers", switches={"answer_delay_s": 0.2}),
]
