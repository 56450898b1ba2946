"""What is shown while jobs are followed: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import define
from rich.cells import cell_len
from rich.console import Console
from rich.live import Live

from batchhub import BatchState, BatchStatus, Contact, Counts, Finding, Ticket
from batchhub.cli.screen import progress as _progress
from batchhub.cli.screen.bars import LiveBars
from batchhub.cli.screen.display import Display, Pace, rate_text
from batchhub.cli.screen.progress import PlainLines, make_display
from batchhub.cli.shell.options import Common
from batchhub.testing import FakeClock

AT = datetime(2026, 1, 1, tzinfo=UTC)
ODD = Finding(code="odd", message="odd things", examples=("x",))


@define
class FakeJob:
    """A job as a display sees it."""

    status: BatchStatus
    cooling_until: datetime | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return self.status.job_id


def make_job(status: BatchStatus, cooling_until: datetime | None = None) -> Any:
    """Make what stands for a `BatchJob`."""
    return FakeJob(status, cooling_until)


def make_status(
    done: int = 0, state: BatchState = BatchState.IN_PROGRESS, at_s: float = 0.0, **facts: Any
) -> BatchStatus:
    """Make a job of one ticket with a hundred items, as the vendor told of it at a time."""
    counts = Counts(succeeded=100) if state.is_terminal else Counts(pending=100)
    ticket = Ticket(
        position=1,
        state=state,
        counts=facts.pop("counts", counts),
        progress=done / 100,
        vendor_state=facts.pop("vendor_state", None),
    )
    defaults: dict[str, Any] = {
        "job_id": "260101-abc",
        "account": "shop",
        "adapter": "ecwid",
        "operation": "batch",
        "tickets": (ticket,),
        "created_at": AT,
        "updated_at": AT + timedelta(seconds=5),
        "observed_at": AT + timedelta(seconds=at_s),
    }
    return BatchStatus(**{**defaults, **facts})


def seconds(value: float) -> datetime:
    """Return the time so many seconds later."""
    return AT + timedelta(seconds=value)


# The rate.


def test_the_rate_is_that_of_the_last_while() -> None:
    """A slow beginning says nothing of now."""
    pace = Pace()
    for at_s, done in [(0, 0), (1, 1), (50, 2), (60, 402), (70, 802)]:
        pace.note(seconds(at_s), done)
    assert pace.per_s(seconds(70)) == pytest.approx(40.0)


@pytest.mark.parametrize(
    ("seen", "now_s"),
    [
        ([], 0),
        ([(0, 5)], 1),
        ([(0, 5), (0.2, 90)], 1),
        ([(0, 5), (10, 50), (20, 50)], 45),
        ([(0, 5), (7200, 90)], 7200),
        ([(0, 0), (100, 0), (100.5, 90)], 101),
    ],
    ids=["nothing", "once", "too-short", "stands-still", "left-alone", "waited-its-turn"],
)
def test_there_is_no_rate_that_is_not_known(seen: list[tuple[float, int]], now_s: float) -> None:
    """Where too little was seen, or nothing of late, there is no figure."""
    pace = Pace()
    for at_s, done in seen:
        pace.note(seconds(at_s), done)
    assert pace.per_s(seconds(now_s)) is None


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(None, ""), (1234.4, "1,234/s"), (4.52, "4.5/s"), (0.2, "12/min"), (0.001, "3.6/h")],
)
def test_rates_are_short(per_s: float | None, text: str) -> None:
    """A rate is told in the unit that makes a handy number of it."""
    assert rate_text(per_s) == text


# Lines.


async def test_a_job_that_moves_has_a_line_every_three_seconds() -> None:
    """However fast it gets on, three seconds lie between two lines, each with the newest figure."""
    clock, lines = FakeClock(), list[str]()
    display = PlainLines(clock, lines.append)
    display.add(make_job(make_status()))
    for second in range(1, 10):
        await clock.advance(1.0)
        display.show(make_status(second * 5, at_s=second))
        display.tick()
    assert lines == [
        "job 260101-abc: in progress, 5/100 done, 5.0/s",
        "job 260101-abc: in progress, 20/100 done, 5.0/s",
        "job 260101-abc: in progress, 35/100 done, 5.0/s",
    ]


async def test_a_job_that_stands_still_says_so() -> None:
    """Half a minute without a change is a line, and so is the next one."""
    clock, lines = FakeClock(), list[str]()
    display = PlainLines(clock, lines.append)
    display.add(make_job(make_status(40, vendor_state="PONDERING")))
    for _ in range(70):
        display.tick()
        await clock.advance(1.0)
    assert lines == [
        "job 260101-abc: in progress (PONDERING), 40/100 done",
        "job 260101-abc: in progress (PONDERING), 40/100 done; nothing new for 30 s",
        "job 260101-abc: in progress (PONDERING), 40/100 done; nothing new for 1 min",
    ]


async def test_what_keeps_a_job_is_news() -> None:
    """A cool-down and a vendor that is not heard have a line when they begin, without a rate."""
    clock, lines = FakeClock(), list[str]()
    display = PlainLines(clock, lines.append)
    job = make_job(make_status())
    display.add(job)
    display.show(make_status(10, at_s=2.0))
    job.cooling_until = seconds(51.5)
    await clock.advance(3.0)
    display.tick()
    job.cooling_until = None
    await clock.advance(3.0)
    display.show(make_status(contact=Contact.UNREACHABLE, contact_note="nobody\nthere"))
    until = f"{seconds(51.5).astimezone():%H:%M:%S}"
    assert lines[1:] == [
        f"job 260101-abc: in progress, 10/100 done; cooling down until {until}, 49 s more",
        "job 260101-abc: in progress, 0/100 done; unreachable: nobody there",
    ]


async def test_findings_are_told_once_as_they_are_found() -> None:
    """Each finding has a line of its own at once, and no second one."""
    clock, lines = FakeClock(), list[str]()
    display = PlainLines(clock, lines.append)
    display.add(make_job(make_status()))
    for _ in range(5):
        display.show(make_status(findings=(ODD,)))
        await clock.advance(1.0)
    assert [line for line in lines if "finding" in line] == [
        "job 260101-abc: finding odd: odd things: x"
    ]


async def test_an_end_is_told_unless_the_closing_follows() -> None:
    """Of one job the closing table tells the end; of several each has a line, once."""
    ended = make_status(100, BatchState.COMPLETED, findings=(ODD,))
    for others, expected in [
        ([], []),
        (
            [make_job(make_status(job_id="other", account="depot"))],
            [
                "job 260101-abc (shop): finding odd: odd things: x",
                "job 260101-abc (shop): succeeded, 100/100 done",
            ],
        ),
    ]:
        lines: list[str] = []
        display = PlainLines(FakeClock(), lines.append)
        for job in (make_job(make_status()), *others):
            display.add(job)
        display.show(ended)
        display.tick()
        assert [line for line in lines if "260101" in line] == expected


# Bars.


def draw(width: int, *jobs: Any, height: int = 24) -> list[str]:
    """Show jobs on a terminal of a size; return the lines as they were left."""
    page = io.StringIO()
    console = Console(file=page, width=width, height=height, highlight=False, markup=False)
    clock = FakeClock()
    with LiveBars(clock, console) as bars:
        for job in jobs:
            bars.add(job)
            bars.show(job.status)
        bars.tick()
        shown = list(bars.screen())
    with console.capture() as capture:
        for drawing in shown:
            console.print(drawing)
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_bar_is_one_line_however_narrow(width: int) -> None:
    """Long names and words give way; figures stay whole."""
    status = make_status(
        account="[red]a-shop-with-a-rather-long-name",
        vendor_state="VALIDATING_ALL_THE_PRICES",
        counts=Counts(succeeded=48, failed=2, pending=50),
    )
    (line,) = draw(width, make_job(status))
    assert cell_len(line) <= width
    assert "50/100" in line
    assert "2 failed" in line
    if width == 140:
        assert "[red]a-shop-with-a-rather-l…" in line
        assert "in progress (VALIDATING_ALL_THE_PRICES)" in line


def test_notes_are_below_the_bars_once() -> None:
    """Why nobody answers, and until when nothing is sent, is said once for an account."""
    silent: dict[str, Any] = {"contact": Contact.STALE, "contact_note": "[b]no[/b] answer"}
    jobs = [
        make_job(make_status(job_id=name, **silent), seconds(48))
        for name in ("260101-a", "260101-b")
    ]
    until = f"{seconds(48).astimezone():%H:%M:%S}"
    lines = draw(80, *jobs)
    assert [line.split()[0] for line in lines[:2]] == ["260101-a", "260101-b"]
    assert lines[2:] == [
        "shop: stale: [b]no[/b] answer",
        f"shop: cooling down until {until}, 48 s more",
    ]


def test_many_bars_fit_the_screen() -> None:
    """Of more jobs than the screen has lines, those that are finished make room."""
    jobs = [
        make_job(make_status(100, BatchState.COMPLETED, job_id=f"old{n}", account=f"a{n}"))
        for n in range(200)
    ]
    lines = draw(80, *jobs, make_job(make_status(job_id="new", account="runs")))
    assert "runs" in [line.split()[0] for line in lines]
    assert lines[-1] == "… and 183 more"
    assert len(lines) < 24


@pytest.mark.parametrize(
    ("facts", "colour"),
    [
        ({}, "32"),
        ({"contact": Contact.STALE}, "33"),
        ({"findings": (ODD,)}, "33"),
        ({"counts": Counts(succeeded=48, failed=2, pending=50)}, "31"),
    ],
    ids=["all-well", "no-contact", "finding", "failures"],
)
def test_a_bar_is_green_while_all_is_well(facts: dict[str, Any], colour: str) -> None:
    """Yellow is what holds a job up or is odd, red are failures."""
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="standard", width=80, highlight=False
    )
    bars = LiveBars(FakeClock(), console)
    bars.add(make_job(make_status(50, **facts)))
    with console.capture() as capture:
        for drawing in bars.screen():
            console.print(drawing)
    assert f"\x1b[{colour}m━" in capture.get()


async def test_bars_are_drawn_four_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many statuses come, drawing takes little time; without any it is once a second."""
    drawn: list[None] = []
    monkeypatch.setattr(Live, "refresh", lambda _: drawn.append(None))
    clock = FakeClock()
    console = Console(file=io.StringIO(), width=100)
    with LiveBars(clock, console) as bars:
        bars.add(make_job(make_status()))
        for step in range(200):
            bars.show(make_status(step % 100))
            await clock.advance(0.01)
        busy = len(drawn)
        bars.tick()
        drawn.clear()
        for _ in range(8):
            await clock.advance(0.25)
            bars.tick()
        still = len(drawn)
    assert busy == pytest.approx(8, abs=1)
    assert still == 2


def test_findings_stay_above_the_bars() -> None:
    """On a terminal a finding is a line that stays, once."""
    page = io.StringIO()
    console = Console(file=page, width=100, highlight=False, markup=False)
    with LiveBars(FakeClock(), console) as bars:
        bars.add(make_job(make_status()))
        bars.show(make_status(findings=(ODD,)))
        bars.show(make_status(10, findings=(ODD,)))
    assert page.getvalue().count("shop: finding odd: odd things: x") == 1


@pytest.mark.parametrize(
    ("quiet", "may_draw", "kind"),
    [(True, True, Display), (False, False, PlainLines), (False, True, LiveBars)],
)
async def test_the_display_fits_where_it_is_seen(
    monkeypatch: pytest.MonkeyPatch, quiet: bool, may_draw: bool, kind: type
) -> None:
    """Bars for who looks at a terminal, lines for the others, nothing with --quiet."""
    monkeypatch.setattr(_progress, "_may_draw", lambda: may_draw)
    with make_display(Common(quiet=quiet), [make_job(make_status())]) as display:
        assert type(display) is kind
        display.show(make_status(10))


@pytest.mark.parametrize(
    ("variables", "encoding", "draws"),
    [
        ({"TERM": "xterm"}, "utf-8", True),
        ({"TERM": "xterm", "CI": "false"}, "utf-8", True),
        ({"TERM": "dumb"}, "utf-8", False),
        ({"TERM": "xterm", "CI": "true"}, "utf-8", False),
        ({"TERM": "xterm"}, "iso-8859-1", False),
    ],
)
def test_bars_need_a_terminal_that_can(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], encoding: str, draws: bool
) -> None:
    """Where the cursor can't move, nobody looks, or the characters are missing there are lines."""
    monkeypatch.delenv("CI", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", stream)
    assert _progress._may_draw() is draws
