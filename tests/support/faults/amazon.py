"""What goes wrong at Amazon."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from .fault import EXIT_HELD, ITEMS, Fault
from .shared import MORE_SHARED, SHARED, TROUBLED_POLLS, reset

_FAILED: Final = 2
"""How many of the items fail by themselves."""


def _at(verb: str, **switches: Any) -> dict[str, Any]:
    return {**switches, "network_verbs": verb}


def _fatal(share: str, *, has_report: bool = False) -> dict[str, Any]:
    return {"feed_fatal": 1, "fatal_executes": share, "fatal_has_report": has_report}


_MID_JOB: Final = "403 in mid-job"

FAULTS: Final[list[Fault]] = [
    # Not at the feed: another one may be made two minutes later at the soonest.
    *[
        evolve(fault, switches={"revoke_after": 2}) if fault.name == _MID_JOB else fault
        for fault in SHARED
    ],
    Fault(name="the token revoked in mid-job", is_sample=True, switches={"tokens_revoked": 1}),
    Fault(
        name="a report that names messages nobody sent",
        is_sample=True,
        switches={"foreign_issues": 2},
        unknown=ITEMS - _FAILED,
        findings={"counts_differ", "foreign_id", "missing_id"},
    ),
]
"""For the real command."""

_STEPS: Final[list[Fault]] = [
    Fault(name="lost answer to the login", switches=_at("token", lost_answers=1)),
    Fault(name="lost answer to the document", switches=_at("document", lost_answers=1)),
    Fault(name="lost answer to the upload", switches=_at("upload", lost_answers=1)),
    Fault(
        name="lost answer to the feed",
        switches=_at("submit", lost_answers=1),
        code=EXIT_HELD,
    ),
    Fault(name="lost answers to polls", switches=_at("poll", lost_answers=2)),
    Fault(name="lost answer to the report's address", switches=_at("results", lost_answers=1)),
    Fault(name="lost answer to the download", switches=_at("download", lost_answers=1)),
    Fault(name="an HTML page for the login", switches=_at("token", html_error=1)),
    Fault(name="an HTML page for the document", switches=_at("document", html_error=1)),
    Fault(name="an HTML page for the upload", switches=_at("upload", html_error=1)),
    Fault(name="an HTML page for the feed", switches=_at("submit", html_error=1)),
    Fault(
        name="an HTML page for the feed, called 200",
        switches=_at("submit", html_error=1, html_error_status=200),
    ),
    Fault(name="an HTML page for the download", switches=_at("download", html_error=1)),
    Fault(name="the feed cut before anything", switches={"cut_before_submit": 1}),
    Fault(name="500 for the feed, not executed", switches={"submit_5xx": 1}),
    Fault(
        name="500 for the feed, executed",
        switches={"submit_5xx": 1, "submit_5xx_executes": True},
        code=EXIT_HELD,
    ),
    Fault(name="the feed's answer reset", switches=reset("submit"), code=EXIT_HELD),
    Fault(
        name="JSON of the feed's answer that breaks off", switches={"cut_json": 1}, code=EXIT_HELD
    ),
    Fault(name="the download reset in mid-body", switches=reset("download")),
]
"""The answer to each step, lost or in the place of another one."""

_DOUBTS: Final[list[Fault]] = [
    Fault(
        name="a lost feed that is listed late",
        switches={"lost_submit_answers": 1, "listed_after_s": 200.0},
        code=EXIT_HELD,
    ),
    Fault(
        name="a lost feed, and a clock that is behind",
        switches={"lost_submit_answers": 1, "clock_ahead_s": -86_400.0},
        code=EXIT_HELD,
    ),
    Fault(
        name="a lost feed, and a clock that is ahead",
        switches={"lost_submit_answers": 1, "clock_ahead_s": 86_400.0},
        code=EXIT_HELD,
    ),
    Fault(name="a feed that is seen late", switches={"visible_after_s": 60.0}),
    Fault(
        name="a feed forgotten for a moment",
        switches={"forget_tickets": 1},
    ),
]

_ACCESS: Final[list[Fault]] = [
    Fault(name="the token expired in mid-job", switches={"tokens_expired": 1}),
    Fault(name="tokens for a few seconds", switches={"token_valid_s": 5.0, "item_time_s": 2.0}),
    Fault(name="429 once", switches={"answer_429": 1, "block_s": 1.0}),
    Fault(name="an upload address that has expired", switches={"expired_upload_urls": 1}),
    Fault(name="a download address that has expired", switches={"expired_download_urls": 1}),
]

_ENDS: Final[list[Fault]] = [
    *[
        Fault(
            name=f"FATAL, {share} of it run",
            switches=_fatal(share),
            unknown=ITEMS,
            ran=ran,
            findings={"missing_id"},
        )
        for share, ran in (("none", 0), ("half", ITEMS // 2), ("all", ITEMS))
    ],
    Fault(
        name="FATAL with a report, half of it run",
        switches=_fatal("half", has_report=True),
        unknown=ITEMS - 1,
        ran=ITEMS // 2,
        findings={"feed_issues", "missing_id"},
    ),
    Fault(
        name="FATAL with a report, all of it run",
        switches=_fatal("all", has_report=True),
        unknown=ITEMS - _FAILED,
        findings={"feed_issues", "missing_id"},
    ),
    Fault(name="cancelled by somebody else", switches={"feed_cancelled": 1}, runs=False),
    Fault(
        name="a word nobody documented",
        switches={"unknown_word": "PONDERING", "item_time_s": 5.0},
        findings={"unknown_word"},
    ),
    Fault(name="an item that fails", switches={"item_fails": 1}),
]

_REPORTS: Final[list[Fault]] = [
    Fault(name="a report that is late", switches={"report_after_s": 200.0}),
    Fault(
        name="no report",
        switches={"no_report": True},
        unknown=ITEMS,
        findings={"results_missing"},
    ),
    Fault(name="a plain report", switches={"report_packing": "plain"}),
    Fault(name="a plain report called gzip", switches={"report_packing": "mislabelled"}),
    Fault(name="a report of many lines", switches={"report_indented": True}),
    Fault(name="several issues of a message", switches={"issues_each": 3}),
    Fault(name="issues that come twice", switches={"doubled_issues": -1}),
    Fault(name="warnings", switches={"warned": -1}),
    Fault(
        name="issues of no message",
        switches={"feed_issues": 1},
        findings={"feed_issues"},
    ),
    Fault(
        name="a failure nobody names",
        switches={"silent_failures": 1},
        unknown=ITEMS - 1,
        findings={"counts_differ", "missing_id"},
    ),
    Fault(
        name="failures nobody names",
        switches={"silent_failures": -1},
        unknown=ITEMS,
        findings={"counts_differ", "missing_id"},
    ),
    Fault(
        name="wrong counts",
        switches={"wrong_counts": -1},
        unknown=ITEMS - _FAILED,
        findings={"counts_differ", "missing_id"},
    ),
    *[
        Fault(name=name, switches={"broken_reports": 2, "broken_as": form})
        for name, form in {
            "a report without a summary": "no_summary",
            "a report that breaks off": "cut",
            "a file that breaks off": "cut_gzip",
            "a page as the report": "html",
            "a report of another form": "another_form",
            "an empty report": "empty",
        }.items()
    ],
    Fault(name="a large report", switches={"report_bytes": 3_000_000}),
]

MORE_FAULTS: Final[list[Fault]] = [
    *MORE_SHARED,
    *TROUBLED_POLLS,
    *_STEPS,
    *_DOUBTS,
    *_ACCESS,
    *_ENDS,
    *_REPORTS,
]
"""For the library, besides."""
