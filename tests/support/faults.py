"""Every fault of the stand-ins, and what a job of 25 items must come to under it."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

ITEMS: Final = 25

EXIT_SOME_FAILED: Final = 1
EXIT_REFUSED: Final = 3
EXIT_HELD: Final = 5


@frozen(kw_only=True)
class Fault:
    """
    A fault and what comes of it.

    Attributes:
        name: What to call it.
        switches: How the stand-in is set.
        account: Settings of the account that differ from the defaults.
        unknown: How many of the 25 items nobody can tell of.
        findings: The codes of the findings that must be on the status.
        code: The exit code of `run`.
        healed: How the stand-in is set after that, for the job to go on; `None` to leave it.
        runs: Whether the vendor executes the batch at all.
        is_sample: Whether it is among those that are tried with the real command each time, as
            one of its kind: an exit code, a finding, an answer lost on the way.
    """

    name: str
    switches: dict[str, Any]
    account: dict[str, Any] = field(factory=dict)
    unknown: int = 0
    findings: set[str] = field(factory=set)
    code: int = EXIT_SOME_FAILED
    healed: dict[str, Any] | None = None
    runs: bool = True
    is_sample: bool = False

    @property
    def is_held(self) -> bool:
        """Whether the job needs a decision, so that there are no results yet."""
        return self.code == EXIT_HELD


def _reset(verb: str, count: int = 1, after: int = 10, every: int = 1) -> dict[str, Any]:
    return {
        "reset_answers": count,
        "reset_after_bytes": after,
        "network_verbs": verb,
        "network_every": every,
    }


_SHARED: Final = [
    Fault(name="none", is_sample=True, switches={}),
    Fault(name="polls reset in mid-body", is_sample=True, switches=_reset("poll", 2)),
    Fault(name="results reset in mid-body", switches=_reset("results", 2, after=100)),
    Fault(
        name="answers that trickle",
        switches={"trickled_answers": -1, "trickle_bytes_per_s": 2_000.0},
    ),
    Fault(
        name="an HTML page for a poll",
        is_sample=True,
        switches={"html_error": 1, "network_verbs": "poll,results"},
    ),
    Fault(
        name="403 in mid-job",
        is_sample=True,
        switches={"revoke_after": 1},
        code=EXIT_REFUSED,
        healed={"revoke_after": -1},
    ),
]
"""What strikes both vendors alike, and is shown with the real command."""

_TROUBLED_POLLS: Final = [
    Fault(name="polls cut", switches={"cut_polls": 2}),
    Fault(name="polls 5xx", switches={"answer_5xx": 1}),
    Fault(name="slow answers", switches={"answer_delay_s": 0.2}),
]
_MORE_SHARED: Final = [
    Fault(name="a poll reset after its headers", switches=_reset("poll", after=0)),
    Fault(name="polls reset at the last byte", switches=_reset("poll,results", 2, after=99_999)),
    Fault(name="each second answer reset", switches=_reset("poll,results", -1, every=2)),
    Fault(
        name="an HTML page for results, called 200",
        switches={"html_error": 1, "html_error_status": 200, "network_verbs": "results"},
    ),
]
"""The same, shown with the library alone: the command's part in it is as above."""

ECWID_FAULTS: Final = [
    *_SHARED,
    *_TROUBLED_POLLS,
    Fault(name="older documents", switches={"generation": 2019}),
    Fault(name="lost create answers", is_sample=True, switches={"lost_submit_answers": 1}),
    Fault(name="the create's answer reset in mid-body", switches=_reset("submit")),
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

MORE_ECWID_FAULTS: Final = _MORE_SHARED
"""For the library at Ecwid, besides."""

_GRACE: Final = {"count_grace_s": 1.0, "visibility_grace_s": 1.0}

MIRCATE_FAULTS: Final = [
    *_SHARED,
    Fault(
        name="lost submit answers",
        is_sample=True,
        switches={"lost_submit_answers": 1},
        code=EXIT_HELD,
    ),
    Fault(name="the submit's answer reset in mid-body", switches=_reset("submit"), code=EXIT_HELD),
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

MORE_MIRCATE_FAULTS: Final = [
    *_MORE_SHARED,
    *_TROUBLED_POLLS,
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
