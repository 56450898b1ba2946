"""What the command shows: lines, bars, tables and advice."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from batchhub import (
    BatchState,
    BatchStatus,
    Contact,
    Counts,
    Finding,
    ItemResult,
    ItemState,
    Ticket,
)
from batchhub.cli._advice import advise, command_line, write_advice
from batchhub.cli._closing import MOST_GROUPS, find_failures, headline
from batchhub.cli._options import Common
from batchhub.cli._progress import LiveBars, PlainLines, Silence, make_display, name_rows
from batchhub.cli._tables import jobs_table, status_page
from batchhub.cli._words import clean, counts_text, done_count, duration, vendor_words

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


def draw(drawing: Any) -> str:
    """Draw on a wide page."""
    console = Console(width=200, record=True, highlight=False, markup=False, quiet=False)
    with console.capture() as capture:
        console.print(drawing)
    return capture.get()


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
    assert advice_of(make_status(), may_drive=False) == []
    assert advice_of(make_status(BatchState.COMPLETED, PARTIAL), has_results=True) == [
        f"batchhub results {job} --only failed,unknown",
        f"batchhub retry {job}",
        f"batchhub retry {job} --unknown",
    ]
    assert advice_of(make_status(BatchState.UNCONFIRMED)) == [
        f"batchhub retry {job} --unknown",
        f"batchhub cancel {job}",
        f"batchhub results {job}",
    ]
    refused = make_status(BatchState.FAILED, Counts(failed=10))
    assert advice_of(refused, has_results=True) == [f"batchhub retry {job}"]
    assert list(write_advice(iter([]))) == []


async def test_failures_are_grouped() -> None:
    """Failures of one kind are one line, even where the vendor names the item in its message."""

    async def results() -> AsyncIterator[ItemResult]:
        for n in range(5):
            message = f"Product {n} is not found"
            yield ItemResult(id=f"a{n}", state=ItemState.FAILED, code=404, message=message)
        for n in range(9):
            yield ItemResult(id=f"b{n}", state=ItemState.FAILED, code=400, message="bad\nprice")
        yield ItemResult(id="c", state=ItemState.UNKNOWN)

    failures = await find_failures(results())
    shown = [(key[:2], g.message, g.number, g.ids) for key, g in failures.largest()]
    assert shown == [
        ((ItemState.FAILED, 400), "bad price", 9, ["b0", "b1", "b2"]),
        ((ItemState.FAILED, 404), "Product … is not found", 5, ["a0", "a1", "a2"]),
        ((ItemState.UNKNOWN, None), "-", 1, ["c"]),
    ]
    assert (failures.scanned, failures.is_partial) == (15, False)


async def test_failures_take_bounded_memory() -> None:
    """However many kinds of failure there are, a thousand are kept and few are shown."""

    async def results() -> AsyncIterator[ItemResult]:
        for n in range(5000):
            message = "x" * 20 + "".join(chr(97 + int(d)) for d in str(n))
            yield ItemResult(id=str(n), state=ItemState.FAILED, message=message)

    failures = await find_failures(results(), most=4000)
    assert len(failures.groups) == 1000
    assert len(failures.largest()) == MOST_GROUPS
    assert (failures.scanned, failures.is_partial) == (4000, True)


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


def test_plain_lines_come_at_changes_and_not_too_often() -> None:
    """One line at each change of state, none twice, three seconds between them at least."""
    now_s, lines = 100.0, list[str]()
    display = PlainLines({"260101-abc": "job x"}, clock=lambda: now_s, write=lines.append)
    with display:
        display.show(make_status(BatchState.PENDING))
        display.show(make_status(BatchState.QUEUED))
        assert lines == ["job x: pending, 0/10 done"]
        now_s += 3.0
        display.show(make_status(BatchState.QUEUED))
        now_s += 3.0
        display.show(make_status(BatchState.QUEUED))
        display.show(
            make_status(BatchState.QUEUED, contact=Contact.UNREACHABLE, contact_note="gone")
        )
        display.show(make_status(BatchState.COMPLETED, Counts(succeeded=10)))
    assert lines[1:] == [
        "job x: queued, 0/10 done",
        "job x: queued, 0/10 done; unreachable: gone",
    ]


def test_bars_show_what_is_done_and_why_nobody_answers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A bar has done and total, failures, the state and the vendor's word; notes are below."""
    with LiveBars({"260101-abc": "[red]shop"}) as bars:
        bars.show(
            make_status(
                counts=Counts(succeeded=3, failed=2, pending=5),
                vendor_state="PONDERING",
                contact=Contact.STALE,
                contact_note="[b]no[/b] answer",
            )
        )
    shown = capsys.readouterr().err
    assert "[red]shop" in shown
    assert "5/10" in shown
    assert "2 failed" in shown
    assert "in progress (PONDERING)" in shown
    assert "stale: [b]no[/b] answer" in shown


def test_many_bars_fit_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """Of more jobs than the screen has lines, those that are finished make room."""
    with LiveBars({}) as bars:
        for n in range(200):
            bars.show(make_status(BatchState.COMPLETED, Counts(succeeded=1), job_id=f"old{n}"))
        bars.show(make_status(job_id="running"))
    shown = capsys.readouterr().err
    assert "running" in shown
    assert " more" in shown
    assert len(shown.splitlines()) < 200


def test_rows_are_named_so_that_they_differ() -> None:
    """The account is enough, unless two jobs share it."""
    one, two = make_status(), make_status(job_id="2", account="other")
    assert name_rows([one, two]) == {"260101-abc": "shop", "2": "other"}
    same = make_status(job_id="2")
    assert name_rows([one, same]) == {"260101-abc": "260101-abc shop", "2": "2 shop"}


def test_quiet_shows_nothing() -> None:
    """With --quiet there is no progress at all."""
    assert isinstance(make_display(Common(quiet=True), [make_status()]), Silence)


def test_the_list_has_a_line_for_each_job() -> None:
    """A job's line has its id, state, outcome, counts, age and label, as text and not as markup."""
    statuses = [
        make_status(contact=Contact.UNREACHABLE, label="[b]my[/b]"),
        make_status(BatchState.COMPLETED, PARTIAL, job_id="2"),
    ]
    text = draw(jobs_table(statuses, now=AT + timedelta(hours=3)))
    _, first, second = text.splitlines()
    assert first.split() == [
        *("260101-abc", "shop", "in", "progress,", "unreachable", "-", "0/10", "0", "3", "h"),
        "[b]my[/b]",
    ]
    assert second.split() == ["2", "shop", "completed", "indeterminate", "10/10", "2", "3", "h"]


def test_a_status_page_has_all_there_is_to_know() -> None:
    """State, outcome, counts, tickets, messages, findings and times are on the page."""
    status = make_status(
        BatchState.FAILED,
        Counts(failed=10),
        message="\x1b[1mthe vendor said no",
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
        "?[1mthe vendor said no",
        "odd (2 times): odd things: a, b",
        "(5 min ago)",
    ):
        assert part in text
