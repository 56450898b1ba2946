"""How a job shows itself: in `repr`, in a notebook, with Rich."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from property.test_model_laws import tickets_strategy
from rich.console import Console
from support.hubs import numbered, scripted_world

from batchhub import BatchState, BatchStatus, Contact, Counts, Finding, Ticket, sync
from batchhub._base.show import draw_html, moment
from batchhub.models.status import facts

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MARK = "<b onclick='x'>\"&amp;\x1b[31m\n"
"""Text from outside that would do harm anywhere it is shown as it is."""


def make_status(tickets: Sequence[Ticket] = (), **changes: Any) -> BatchStatus:
    """Make a status; by default of one ticket that waits."""
    one = Ticket(position=1, counts=Counts(pending=3))
    status = BatchStatus(
        job_id="260101-abc",
        account="shop",
        adapter="scripted",
        operation="work",
        tickets=tuple(tickets) or (one,),
        created_at=NOW,
        updated_at=NOW,
    )
    return evolve(status, **changes)


TICKETS = {f"  ticket {n}" for n in range(1, 31)}


class Page(HTMLParser):
    """Reads a page, and refuses one whose tags are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.cells: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes.update(attrs)
        if tag in {"th", "td"}:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        """Close the last tag, and no other."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take note of a text, which is in a cell."""
        assert self.open[-1] in {"th", "td"}
        self.cells[-1] += data


texts = st.text(max_size=20) | st.just(MARK) | st.text("<>&\"'\x1b\n\u2028\ud800", max_size=9)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
findings = st.builds(
    Finding, code=texts, message=texts, count=st.integers(1, 9), examples=st.lists(texts)
)


@st.composite
def statuses(draw: st.DrawFn) -> BatchStatus:
    """Draw any status, with anything in the places of text from outside."""
    tickets = [
        evolve(ticket, message=draw(st.none() | texts), vendor_state=draw(st.none() | texts))
        for ticket in draw(tickets_strategy())
    ]
    return BatchStatus(
        job_id=draw(texts),
        account=draw(texts),
        adapter=draw(texts),
        operation=draw(texts),
        key=draw(st.none() | texts),
        label=draw(st.none() | texts),
        retry_of=draw(st.none() | texts),
        contact=draw(st.sampled_from(Contact)),
        contact_note=draw(st.none() | texts),
        tickets=tuple(tickets),
        findings=tuple(draw(st.lists(findings, max_size=3))),
        created_at=draw(times),
        updated_at=draw(times),
        observed_at=draw(st.none() | times),
    )


@settings(max_examples=40)
@given(statuses())
def test_any_status_is_a_page_of_its_own(status: BatchStatus) -> None:
    """The page is well formed, has our tags only, and says the facts and nothing else."""
    page = Page(status._repr_html_())

    assert page.tags == {"table", "tbody", "tr", "th", "td"}
    assert page.attributes == {("style", "text-align: left")}
    assert page.cells == [text for fact in facts(status) for text in fact]


@settings(max_examples=40)
@given(statuses())
def test_any_status_is_one_line(status: BatchStatus) -> None:
    """Nothing from outside breaks the line or moves the cursor, in `repr` and in every fact."""
    shown = [repr(status), *(text for fact in facts(status, NOW) for text in fact)]

    assert all(text.isprintable() for text in shown)
    assert repr(status).startswith("<BatchStatus ")


@settings(max_examples=30)
@given(statuses())
def test_any_status_is_drawn_by_rich(status: BatchStatus) -> None:
    """Rich draws a table; what looks like its markup or like a colour is text."""
    into = io.StringIO()
    Console(file=into, width=200, force_terminal=True, color_system=None).print(status)

    assert status.state.value.replace("_", " ") in into.getvalue()
    assert "\x1b[31m" not in into.getvalue()


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (make_status(), "<BatchStatus 260101-abc: pending; 3 pending, of 3>"),
        (
            make_status(contact=Contact.UNREACHABLE, contact_note="no answer\nfor 3 min"),
            (
                "<BatchStatus 260101-abc: pending; 3 pending, of 3; "
                "contact unreachable: no answer for 3 min>"
            ),
        ),
        (
            make_status(
                [Ticket(position=1, state=BatchState.COMPLETED, counts=Counts(failed=1200))],
                contact=Contact.STALE,
            ),
            "<BatchStatus 260101-abc: completed, failed; 1,200 failed, of 1,200>",
        ),
    ],
)
def test_the_line_of_a_status(status: BatchStatus, line: str) -> None:
    """Id, state, outcome, counts, and the contact where it matters."""
    assert repr(status) == line


def test_the_facts_of_a_status() -> None:
    """All a reader must know, a fact a line; how long ago only for who reads it now."""
    ticket = Ticket(
        position=1,
        state=BatchState.IN_PROGRESS,
        counts=Counts(succeeded=1, pending=1),
        vendor_state="Grinding",
        progress=0.5,
        message="slow today",
    )
    found = [Finding(code="stall", message="nothing moved", count=2, examples=("a", "b"))]
    status = make_status([ticket], label="spring", contact=Contact.STALE, findings=tuple(found))
    shown = dict(facts(status))

    assert shown | {"created": "", "changed": ""} == {
        "job": "260101-abc",
        "account": "shop (scripted work)",
        "label": "spring",
        "state": "in progress, the vendor says Grinding",
        "contact": "stale",
        "progress": "50%, 1/2 done",
        "items": "2: 1 succeeded, 1 pending",
        "tickets": "1: 1 in progress",
        "  ticket 1": "in progress, 1 succeeded, 1 pending, 50%; slow today",
        "finding": "stall (2 times): nothing moved: a, b",
        "created": "",
        "changed": "",
    }
    assert "ago" not in shown["created"]
    assert "(3 min ago)" in dict(facts(status, NOW + timedelta(minutes=3)))["created"]


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC0", "2026-01-01 12:00:00 +00:00 (3 min ago)"),
        ("XXX-5:45", "2026-01-01 17:45:00 +05:45 (3 min ago)"),
        ("YYY8", "2026-01-01 04:00:00 -08:00 (3 min ago)"),
    ],
)
def test_a_moment_says_its_zone(zone: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the reader's own time, and whoever it is sent to can tell which that is."""
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            assert moment(at, at + timedelta(minutes=3)) == shown
    finally:
        time.tzset()


def test_of_many_tickets_the_few_that_matter_are_shown() -> None:
    """At most ten tickets have a line, refused ones before clean ones, in their order."""
    tickets = [
        Ticket(
            position=n,
            state=BatchState.COMPLETED,
            counts=Counts(succeeded=1),
            vendor_refs=("a", "b", "c", "d"),
            message="no room" if n in {7, 30} else None,
        )
        for n in range(1, 31)
    ]
    shown = [fact for fact in facts(make_status(tickets)) if fact[0] in {"", *TICKETS}]

    assert len(shown) == 11
    assert shown[0] == ("  ticket 1", "completed, 1 succeeded; at the vendor a, b, c, …")
    line = "completed, 1 succeeded; at the vendor a, b, c, …; no room"
    assert shown[-3:-1] == [("  ticket 9", shown[0][1]), ("  ticket 30", line)]
    assert ("  ticket 7", line) in shown
    assert shown[-1] == ("", "… and 20 tickets more")


async def test_a_job_shows_its_status(tmp_path: Path) -> None:
    """Both kinds of handles show what the status shows."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        line, html = repr(job), job._repr_html_()
        assert (line, html) == (
            repr(job.status).replace("BatchStatus", "BatchJob"),
            draw_html(facts(job.status)),
        )
        into = io.StringIO()
        Console(file=into, width=200, color_system=None).print(job)
        assert "2: 2 succeeded" in into.getvalue()
    with sync.BatchHub(store) as hub:
        same = hub.job(job.id)
        assert (repr(same), same._repr_html_()) == (line, html)
        again = io.StringIO()
        Console(file=again, width=200, color_system=None).print(same)
        assert again.getvalue() == into.getvalue()
