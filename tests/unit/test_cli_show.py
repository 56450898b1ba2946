"""What the command shows: lines, bars, tables and advice."""

from __future__ import annotations

import io
import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from batchhub import (
    BatchState,
    BatchStatus,
    Contact,
    Counts,
    Finding,
    ItemState,
    Ticket,
)
from batchhub._base.show import clean, duration
from batchhub.cli.screen.advice import advise, command_line, write_advice
from batchhub.cli.screen.closing import headline
from batchhub.cli.screen.console import prepare_streams, say
from batchhub.cli.screen.failures import MOST_GROUPS, codes_text, failures_table
from batchhub.cli.screen.tables import comparison_table, jobs_table, status_page
from batchhub.cli.screen.words import cooling_text
from batchhub.cli.shell.options import Common
from batchhub.models import FailureGroup
from batchhub.models.advice import Retries
from batchhub.models.status import done_count, done_text, vendor_words
from batchhub.models.words import counts_text

AT = datetime(2026, 1, 1, tzinfo=UTC)
COMMON = Common()


def make_status(
    state: BatchState = BatchState.IN_PROGRESS, counts: Counts | None = None, **facts: Any
) -> BatchStatus:
    """Make a job of one ticket."""
    ticket_facts = {
        name: facts.pop(name)
        for name in ("progress", "vendor_state", "vendor_refs", "message")
        if name in facts
    }
    ticket = Ticket(position=1, state=state, counts=counts or Counts(pending=10), **ticket_facts)
    defaults: dict[str, Any] = {
        "job_id": "260101-abc",
        "account": "shop",
        "adapter": "ecwid",
        "operation": "batch",
        "tickets": (ticket,),
        "created_at": AT,
        "updated_at": AT + timedelta(seconds=5),
    }
    return BatchStatus(**{**defaults, **facts})


def draw(drawing: Any, width: int = 200) -> str:
    """Draw on a page, by default a wide one."""
    console = page(width)
    with console.capture() as capture:
        console.print(drawing)
    return capture.get()


def page(width: int = 200) -> Console:
    """Make a page to draw on."""
    return Console(width=width, highlight=False, markup=False)


PARTIAL = Counts(succeeded=7, failed=2, unknown=1)


def advice_of(status: BatchStatus, **facts: Any) -> list[str]:
    """Return the commands that are advised."""
    return [command for _, command in advise(status, COMMON, **facts)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 日本", "plain ü 日本"),
        ("a\nb\tc\u00a0d", "a b c d"),
        ("\x1b[31mred\x07\x9b", "?[31mred??"),
        ("\ud800", "?"),
        ("x" * 400, "x" * 299 + "…"),
    ],
    ids=["plain", "spaces", "escape", "surrogate", "long"],
)
def test_text_from_outside_is_made_harmless(text: str, shown: str) -> None:
    """No text from outside moves the cursor, colours the terminal or fills the screen."""
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1.0, "0 s"), (5.2, "5 s"), (90.0, "2 min"), (7200.0, "2 h"), (200_000.0, "2 d")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    """A time span is told in its largest unit."""
    assert duration(seconds) == text


def test_done_is_the_better_of_counts_and_progress() -> None:
    """Items the vendor counts as done are shown before their results are there."""
    assert done_count(make_status(progress=0.5)) == 5
    assert done_count(make_status(counts=Counts(succeeded=8, pending=2), progress=0.5)) == 8
    assert done_count(make_status()) == 0
    assert counts_text(PARTIAL) == "7 succeeded, 2 failed, 1 unknown"


def test_the_vendors_word_is_shown_where_it_says_more() -> None:
    """A word that merely repeats the state is left out, others are quoted."""
    assert not vendor_words(make_status(vendor_state="IN_PROGRESS"))
    assert vendor_words(make_status(vendor_state="PONDERING\x1b")) == "PONDERING?"


def test_commands_can_be_pasted() -> None:
    """Store and settings that were given are repeated, quoted for a shell."""
    common = Common(config=Path("my file.toml"), store="a'b.db")
    line = command_line(common, "retry", "j")
    assert shlex.split(line) == [
        *["batchhub", "retry", "j", "--config", "my file.toml", "--store", "a'b.db"]
    ]
    assert command_line(COMMON, "resume") == "batchhub resume"


def test_advice_for_every_end() -> None:
    """What is advised fits where the job stands."""
    job = "260101-abc"
    done = make_status(BatchState.COMPLETED, Counts(succeeded=10))
    assert advice_of(done) == [f"batchhub results {job} --out results.jsonl"]
    assert advice_of(done, has_results=True) == []
    assert advice_of(make_status()) == ["batchhub resume"]
    assert advice_of(make_status(), driver="process 4711") == [f"batchhub watch {job}"]
    assert advice_of(make_status(BatchState.COMPLETED, PARTIAL), has_results=True) == [
        f"batchhub results {job} --only failed,unknown",
        f"batchhub retry {job}",
        f"batchhub retry {job} --unknown",
    ]
    assert advice_of(make_status(BatchState.UNCONFIRMED)) == [
        f"batchhub adopt {job} --ref ID",
        f"batchhub retry {job} --unknown",
        f"batchhub cancel {job}",
        f"batchhub results {job}",
    ]
    assert advice_of(
        make_status(BatchState.COMPLETED, PARTIAL),
        has_results=True,
        retries=Retries(failed="260102-def"),
    ) == [
        f"batchhub results {job} --only failed,unknown",
        "batchhub status 260102-def",
        f"batchhub retry {job} --unknown",
    ]
    refused = make_status(BatchState.FAILED, Counts(failed=10))
    assert advice_of(refused, has_results=True) == [f"batchhub retry {job}"]
    assert list(write_advice(iter([]))) == []


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (
            make_status(BatchState.COMPLETED, PARTIAL),
            "indeterminate; 7 succeeded, 2 failed, 1 unknown, of 10; 5 s",
        ),
        (make_status(BatchState.COMPLETED, Counts(succeeded=2)), "succeeded; 2 succeeded; 5 s"),
        (make_status(BatchState.CANCELLED, Counts(not_executed=2)), "cancelled; 2 not executed"),
        (
            make_status(BatchState.CANCELLED, Counts(succeeded=1, not_executed=1)),
            "cancelled (partial); 1 succeeded, 1 not executed, of 2",
        ),
        (make_status(BatchState.LOST, Counts(unknown=2)), "lost (indeterminate); 2 unknown"),
        (make_status(BatchState.UNCONFIRMED), "held; 10 pending"),
        (make_status(BatchState.QUEUED), "queued; 10 pending"),
    ],
)
def test_the_headline_says_what_came_of_it(status: BatchStatus, text: str) -> None:
    """A job's end is told by its outcome, and first by its state where that is unusual."""
    assert headline(status).plain.startswith(f"job 260101-abc (shop): {text}")


def test_the_list_has_a_line_for_each_job() -> None:
    """A job's line has its id, state, outcome, counts, age and label, as text and not as markup."""
    statuses = [
        make_status(contact=Contact.UNREACHABLE, label="[b]my[/b]"),
        make_status(BatchState.COMPLETED, PARTIAL, job_id="2"),
    ]
    text = draw(jobs_table(statuses, page(), now=AT + timedelta(hours=3)))
    headers, first, second = text.splitlines()
    assert headers.split() == ["job", "account", "state", "done", "failed", "age", "label"]
    assert first.split() == [
        *("260101-abc", "shop", "in", "progress,", "unreachable", "0/10", "3", "h"),
        "[b]my[/b]",
    ]
    assert second.split() == ["2", "shop", "indeterminate", "10/10", "2", "3", "h"]


def test_a_narrow_list_loses_nothing_but_width() -> None:
    """At 80 columns no column is cut off: labels go below accounts, states into two lines."""
    finding = Finding(code="odd", message="odd things")
    statuses = [
        make_status(BatchState.COMPLETED, PARTIAL, job_id="260101-abcdefgh", findings=(finding,)),
        make_status(
            job_id="260101-bcdefghi",
            account="an account with a long name",
            contact=Contact.UNREACHABLE,
            label="日本語 " * 10,
        ),
    ]
    lines = draw(jobs_table(statuses, page(80), now=AT + timedelta(hours=3)), 80).splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    headers = lines[0].split()
    assert headers == ["job", "account", "state", "done", "failed", "findings", "age"]
    assert lines[1].split()[-3:] == ["1", "3", "h"]
    assert lines[2].split()[-3:] == ["0/10", "3", "h"]
    assert lines[3].split()[0].startswith("日本語")
    assert lines[3].split()[-1] == "unreachable"


@pytest.mark.parametrize("width", [40, 50, 60, 66, 70, 80, 100, 120])
def test_no_width_costs_a_figure(width: int) -> None:
    """However narrow, and however long names and labels are, every figure is whole."""
    finding = Finding(code="odd", message="odd things")
    statuses = [
        make_status(
            BatchState.COMPLETED,
            Counts(succeeded=1_123_456, failed=7_890),
            job_id="260101-abcdefgh",
            account="a-name-without-any-space-in-it",
            label="a-label-without-any-space-in-it-to-break",
            findings=(finding,),
        ),
        make_status(job_id="260101-bcdefghi", contact=Contact.UNREACHABLE, label="label " * 7),
    ]
    text = draw(jobs_table(statuses, page(width), now=AT + timedelta(hours=3)), width)
    words = text.split()
    assert {"260101-abcdefgh", "260101-bcdefghi", "1,131,346/1,131,346", "7,890", "0/10"} < {*words}
    assert words.count("h") + words.count("h,") == 2
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_what_was_not_executed_is_not_done() -> None:
    """A job that was cancelled has done what it did before."""
    status = make_status(BatchState.CANCELLED, Counts(succeeded=2, not_executed=8))
    assert done_text(status) == "2/10"


def test_ids_go_below_the_message_where_room_is_short() -> None:
    """The closing table is one line a kind if it fits, and loses no word if it doesn't."""
    failures = [
        FailureGroup(
            state=ItemState.NOT_EXECUTED,
            code=422,
            message="too cheap by far",
            count=4,
            ids=tuple(f"商品-{n}-" + "x" * 20 for n in range(4)),
        ),
        FailureGroup(state=ItemState.FAILED, code=None, message="no", count=1, ids=("a",)),
    ]
    wide = draw(failures_table(failures, page(200))).splitlines()
    assert [len(wide), wide[0].split()[-2:]] == [3, ["first", "ids"]]
    narrow = draw(failures_table(failures, page(80)), 80)
    assert max(cell_len(line) for line in narrow.splitlines()) <= 80
    assert "too cheap by far" in narrow
    assert all(f"商品-{n}-" in narrow for n in range(3))
    assert narrow.splitlines()[-1].split() == ["1", "failed", "-", "no:", "a"]


def test_few_reasons_are_shown_and_the_others_counted() -> None:
    """The largest ones are shown, in a line each; the others are one line."""
    failures = [
        FailureGroup(state=ItemState.FAILED, code=400 + n, message="\x1b[1mno", count=20 - n)
        for n in range(MOST_GROUPS + 3)
    ]
    lines = draw(failures_table(failures, page())).splitlines()
    assert len(lines) == 1 + MOST_GROUPS + 1
    assert lines[-1].strip() == "… and 27 items of other kinds"
    assert "\x1b" not in "".join(lines)
    assert codes_text(failures[:2]) == "400: 20, 401: 19"
    assert codes_text(failures).endswith("407: 13, …")


def test_what_can_be_repeated_is_told_from_what_must_be_corrected() -> None:
    """By the items' codes; what a retry has already is neither."""
    status = make_status(BatchState.COMPLETED, Counts(succeeded=1, failed=8, not_executed=1))
    groups = [
        FailureGroup(state=ItemState.FAILED, code=400, message="no", count=4, retried=1),
        FailureGroup(state=ItemState.FAILED, code=503, message="busy", count=3, retried=2),
        FailureGroup(state=ItemState.FAILED, code=422, message="no", count=1),
        FailureGroup(state=ItemState.NOT_EXECUTED, code=None, message=None, count=1),
        FailureGroup(state=ItemState.UNKNOWN, code=None, message=None, count=1),
    ]
    retries = Retries(failed="260102-def", original="260101-0ld")
    job = status.job_id
    assert list(advise(status, COMMON, retries=retries, failures=groups)) == [
        ("all results", f"batchhub results {job} --with-retries --out results.jsonl"),
        ("results of both jobs", "batchhub results 260101-0ld --with-retries --out results.jsonl"),
        ("what did not succeed", f"batchhub results {job} --only failed,not_executed"),
        ("3 items retried", "batchhub status 260102-def"),
        ("retry 2 items", f"batchhub retry {job}"),
        ("4 items to correct first", f"batchhub results {job} --only failed --code 400,422"),
    ]


def test_a_status_page_has_all_there_is_to_know() -> None:
    """State, outcome, counts, tickets, messages, findings and times are on the page."""
    status = make_status(
        BatchState.FAILED,
        Counts(failed=10),
        message="\x1b[1mthe vendor said no",
        vendor_refs=("v-1",),
        label="my label",
        findings=(Finding(code="odd", message="odd things", count=2, examples=("a", "b")),),
        observed_at=AT,
    )
    text = draw(status_page(status, now=AT + timedelta(minutes=5)))
    for part in (
        "shop (ecwid batch)",
        "my label",
        "failed",
        "10: 10 failed",
        "1: 1 failed",
        "ticket 1",
        "at the vendor v-1",
        "?[1mthe vendor said no",
        "odd (2 times): odd things: a, b",
        "(5 min ago)",
    ):
        assert part in text


def test_an_open_jobs_page_has_progress_and_contact() -> None:
    """What is going on: how far it is, the vendor's word, and how well the vendor is heard."""
    status = make_status(
        progress=0.4, vendor_state="PONDERING", contact=Contact.STALE, contact_note="no answer"
    )
    text = draw(status_page(status, now=AT))
    for part in (
        "40%, 4 of 10 by the vendor's count",
        "the vendor says PONDERING",
        "stale: no answer",
    ):
        assert part in text


def test_of_many_tickets_those_to_look_at_are_shown() -> None:
    """A page stays a page: ten tickets are shown, those with trouble before those without."""
    tickets = [
        Ticket(position=n, state=BatchState.COMPLETED, counts=Counts(succeeded=10))
        for n in range(1, 31)
    ]
    tickets[28] = Ticket(position=29, state=BatchState.FAILED, counts=Counts(failed=10))
    text = draw(status_page(make_status(tickets=tuple(tickets)), now=AT))
    assert "30: 29 completed, 1 failed" in text
    assert "ticket 29" in text
    assert "… and 20 tickets more" in text


@pytest.mark.parametrize(
    ("until_s", "text"),
    [(48.2, "49 s more"), (300.0, "5 min more"), (90_000.0, "1 d more")],
)
def test_a_cool_down_says_until_when(until_s: float, text: str) -> None:
    """The time is the reader's own, with the date if it is another day, and what is left of it."""
    until = AT + timedelta(seconds=until_s)
    shown = cooling_text(until, AT)
    assert shown.startswith("cooling down until ")
    assert f"{until.astimezone():%H:%M:%S}, {text}" in shown
    assert (f"{until.astimezone():%Y-%m-%d}" in shown) is (until_s > 86_400)


def test_a_terminal_without_the_characters_gets_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an encoding lacks a character there are three dots or an escape, and no crash."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    prepare_streams()
    say("a, b, … of 日本")
    assert raw.getvalue() == b"a, b, ... of \\u65e5\\u672c\n"


def test_the_comparison_of_five_vendors_fits_a_narrow_terminal() -> None:
    """What is zero for all is left out there; elsewhere it is shown, since it says something."""
    counts = Counts(succeeded=1152, failed=48)
    kinds = {"woocommerce": "update", "mircate": "receive-price", "trendyol": "price-stock"}
    statuses = [
        make_status(BatchState.COMPLETED, counts, adapter=adapter, operation=operation)
        for adapter, operation in kinds.items()
    ]

    wide = draw(comparison_table(statuses, page()))
    narrow = draw(comparison_table(statuses, page(80)), 80)

    assert "not executed" in wide
    assert "unknown" in wide
    assert "not executed" not in narrow
    assert [line.split() for line in narrow.splitlines()[1:]] == [
        [adapter, operation, "partial", "1", "1,200", "1,152", "48", "5", "s"]
        for adapter, operation in kinds.items()
    ]


def test_a_comparison_leaves_out_nothing_that_happened() -> None:
    """Not even where the terminal is too narrow for it."""
    status = make_status(BatchState.COMPLETED, Counts(succeeded=1, not_executed=1, unknown=1))
    shown = draw(comparison_table([status], page(40)))
    assert "not executed" in shown
    assert "unknown" in shown
    assert "failed" not in shown
