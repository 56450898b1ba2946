"""The screens of the page: what each shows of a store, whatever is in it."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from support.page_html import Html
from support.page_looks import NOW, PATHS, look, page
from support.page_store import (
    HELD_JOB,
    LARGE_JOB,
    NASTY,
    NASTY_JOB,
    Fill,
    fill_store,
)
from support.raw_stores import open_raw

from batchhub import BatchHub
from batchhub._base.show import clean
from batchhub.models.filters import STATE_WORDS, fits
from batchhub.testing import FakeClock


async def test_every_screen_is_sound_html(filled: Path) -> None:
    """Elements are closed, tables have headers, and nothing leads or calls elsewhere."""
    async with page(filled) as web:
        for path in PATHS:
            got = await web.get(path)
            found = Html(got.text)
            assert found.faults == [], path
            assert len(found.headings) == 1, path
            assert got.status in {200, 400}, path
            assert "None" not in found.text, path


async def test_what_vendors_and_users_say_is_text(filled: Path) -> None:
    """Every hostile text is shown letter by letter, and makes no element, link or second line."""
    paths = [f"/jobs/{NASTY_JOB}{rest}" for rest in ("", "/tickets/1", "/items", "/tickets")]
    async with page(filled) as web:
        whole = [await look(web, path) for path in (*paths, "/jobs", "/failures")]

    for found in whole:
        assert found.faults == []
    job, ticket, items, *_, jobs, failures = (found.text for found in whole)
    for text in NASTY:
        shown = " ".join(clean(text, 60).rstrip("…").split())
        assert shown in items, text
        assert shown in failures, text
    assert NASTY[0] in job
    assert NASTY[1] in job
    assert NASTY[0] in ticket
    assert NASTY[2] in jobs


async def test_a_fragment_has_what_changes(filled: Path) -> None:
    """The part of a screen that refreshes itself is the same as in the page."""
    async with page(filled) as web:
        for path in ("/", "/jobs?state=open", f"/jobs/{LARGE_JOB}"):
            whole, part = await web.get(path), await web.operator.fragment(path)
            assert Html(part.text).faults == []
            assert part.text.split("</title>")[1].strip() in whole.text


# Accounts.


async def test_accounts_say_who_drives_them_and_what_they_have_open(filled: Path) -> None:
    """One that nobody drives comes first, and is flagged; the others have driver, budget, pause."""
    async with page(filled) as web:
        text = (await look(web, "/")).text

    assert "nobody drives 1 account" in text
    assert "marketplace : no process drives its account" in text
    assert "process 4242 on worker-1.example" in text
    assert "36 of 100 allowed in 1 min" in text
    assert "cooling down until 16:04:00 UTC, in 4 min" in text
    order = [text.rindex(f" {name} ") for name in ("marketplace", "north-shop", "south-shop")]
    assert order == sorted(order)


async def test_trouble_is_said_as_health_says_it(filled: Path) -> None:
    """Each kind of trouble has its jobs, since when, and what to do."""
    async with page(filled) as web:
        text = (await look(web, "/")).text
        async with BatchHub(filled, clock=FakeClock(NOW)) as hub:
            problems = (await hub.health()).problems

    for problem in problems:
        if problem.code != "unattended":
            assert f" {problem.code} " in text
    held = [each for each in problems if each.code == "held"]
    assert f"held {len(held)} jobs" in text
    assert "Find it at the vendor and adopt it; or retry it" in text


async def test_the_first_screen_says_what_failed_lately(filled: Path) -> None:
    """Whoever looks in the morning hears of the night, also where nothing stands still."""
    since = (NOW - timedelta(days=1)).isoformat()
    with closing(open_raw(filled)) as db:
        ((number,),) = db.execute(
            "SELECT count(DISTINCT job_no) FROM jobs JOIN results USING (job_no) WHERE ended_at >= "
            "? AND results.state <> 'succeeded' AND retried_in IS NULL",
            (since,),
        )
    async with page(filled) as web:
        found = await look(web, "/")

    assert 1 < number < 100
    assert f"{number} jobs with failures of the last 24 hours" in found.text
    assert found.find("of the last 24 hours") == "/failures?since=1d"


async def test_no_screen_is_said_to_be_open_where_none_is(filled: Path) -> None:
    """A page that is none of the menu's is not the accounts'."""
    async with page(filled) as web:
        assert 'aria-current="page"' not in (await web.get("/nowhere")).text
        assert (await web.get("/jobs/nowhere")).text.count('aria-current="page"') == 1


async def test_a_driver_that_has_ended_decides_nothing(filled: Path) -> None:
    """The page of a job says what is wrong with who drove it, as the first screen does."""
    async with page(filled) as web:
        await web.get("/")
        ids = [
            text
            for _, text in Html((await web.get("/jobs?account=marketplace&state=open")).text).links
        ]
        text = (
            await look(web, f"/jobs/{next(each for each in ids if each.startswith('page-'))}")
        ).text

    assert "no process drives its account" in text
    assert "it decides when to ask next" not in text


async def test_a_first_visitor_is_told_what_to_do(store: Path) -> None:
    """Screens of an empty store say that it is empty, and how a first job comes into it."""
    async with page(store) as web:
        for path in ("/", "/jobs"):
            text = (await look(web, path)).text
            assert "batchhub submit ITEMS.jsonl --account NAME" in text, path
        assert "No open failures" in (await look(web, "/failures")).text
        assert "No item has this id" in (await look(web, "/items?q=a")).text


# Jobs.


async def test_filters_are_in_the_address(filled: Path) -> None:
    """What the form was given it still has, and all links of the list keep it."""
    query = "state=ended&account=north-shop&label=NIGHTLY&since=60d"
    async with page(filled) as web:
        got = await web.get(f"/jobs?{query}")
        found = Html(got.text)

    assert '<option selected value="ended">' in got.text
    assert '<option selected value="north-shop">' in got.text
    assert 'value="NIGHTLY"' in got.text
    assert 'value="60d"' in got.text
    assert found.find("Open") == "/jobs?state=open&account=north-shop&label=NIGHTLY&since=60d"
    jobs = [href for href, text in found.links if text.startswith("page-")]
    assert jobs
    assert len(jobs) == got.text.count("<small>nightly prices</small>")


async def test_a_state_or_outcome_finds_its_jobs(filled: Path) -> None:
    """Each word finds the jobs that `list --state` finds."""
    async with BatchHub(filled) as hub:
        jobs = [job.status for job in await hub.jobs(limit=1_000, tickets=False)]
    async with page(filled) as web:
        for word in STATE_WORDS:
            wanted = [status.job_id for status in jobs if fits(status, frozenset({word}))]
            found = await look(web, f"/jobs?state={word}")
            assert [text for _, text in found.links if text.startswith("page-")] == wanted[:50], (
                word
            )


async def test_a_bad_filter_is_a_sentence(filled: Path) -> None:
    """It is said beside the form, which keeps what was given."""
    async with page(filled) as web:
        for query, said in {
            "state=opn": "State takes open, held, ended",
            "since=yesterday": "Since takes a time span such as 30min, 2h or 3d",
            "before=x": "Before takes a number that a link of this page has",
            f"label={'x' * 600}": "Label is longer than 500 characters",
        }.items():
            got = await web.get(f"/jobs?{query}")
            assert got.status == 400, query
            assert said in Html(got.text).text, query
        failures = await web.get("/failures?since=yesterday")

    assert failures.status == 400
    assert "Since takes a time span" in failures.text


async def test_pages_of_jobs_have_each_job_once(filled: Path) -> None:
    """From the newest on, page after page, also over a job that is deleted meanwhile."""
    seen: list[str] = []
    path: str | None = "/jobs"
    async with page(filled) as web:
        while path is not None:
            found = await look(web, path)
            seen += [text for _, text in found.links if text.startswith("page-")]
            path = found.find("Older") if found.has_link("Older") else None

    assert len(seen) == len(set(seen)) == 240
    assert seen[3:] == sorted(seen[3:], reverse=True)  # as they are numbered


# A job.


async def test_a_job_shows_what_is_known_of_it(filled: Path) -> None:
    """State, counts, findings in sentences, reasons of failures, tickets, results and commands."""
    async with page(filled) as web:
        large = (await look(web, f"/jobs/{LARGE_JOB}")).text
        nasty = (await look(web, f"/jobs/{NASTY_JOB}")).text

    assert "130 tickets" in large
    assert "These are the first with trouble." in large
    assert "product 41 not found" in large
    assert "Can be retried once the job has ended." in large
    assert "Such batches usually take not known yet" in large
    assert "process 4242 on worker-1.example goes on with it; follow it batchhub watch" in large
    assert "Words for a state that nobody documented; they end nothing (3 times)." in nasty
    assert "Correct it first: the same again fails the same." in nasty
    assert "batchhub results page-nasty --out results.jsonl" in nasty


async def test_only_operators_see_what_acts(filled: Path) -> None:
    """A viewer reads the commands; an operator has the same as buttons, each asked once more."""
    async with page(filled) as web:
        held = await look(web, f"/jobs/{HELD_JOB}")
        nasty = await look(web, f"/jobs/{NASTY_JOB}")
        for path in (f"/jobs/{HELD_JOB}", f"/jobs/{NASTY_JOB}", f"/jobs/{HELD_JOB}/tickets/1"):
            seen = Html((await web.viewer.get(path)).text)
            assert not [text for _, text in seen.links if text.endswith("…")], path

    assert held.find("Adopt ticket 1…") == f"/jobs/{HELD_JOB}/tickets/1/adopt"
    assert held.find("Give up…") == f"/jobs/{HELD_JOB}/cancel"
    assert nasty.find("Retry 3 items…") == f"/jobs/{NASTY_JOB}/retry"
    assert nasty.find("Retry code 404…") == f"/jobs/{NASTY_JOB}/retry?code=404"
    assert not nasty.has_link("Retry code 422")


async def test_a_job_that_waits_for_another_leads_there(tmp_path: Path) -> None:
    """Nothing of it is sent before somebody has decided about the older one."""
    path = tmp_path / "jobs.db"
    await fill_store(path, Fill(jobs=10, items=100, now=NOW, tickets_of_large=20))
    finding = '[{"code": "held_by", "message": "waits", "count": 1, "examples": ["page-held"]}]'
    with closing(open_raw(path)) as db, db:
        db.execute(
            "UPDATE jobs SET findings = ?, tickets_in_progress = 0, tickets_pending = 1, "
            "ended_at = NULL, outcome = NULL, state = 'unconfirmed', succeeded = 0, failed = 0, "
            "not_executed = 0, unknown = 0, tickets_completed = 0 WHERE job_id = 'page-00001'",
            [finding],
        )
    async with page(path) as web:
        found = await look(web, "/jobs/page-00001")

    assert "Nothing of it is sent before a decision about job page-held." in found.text
    assert found.find("Job page-held") == "/jobs/page-held"
    assert not found.has_link("Give up")


async def test_what_was_deleted_is_said_to_be(filled: Path) -> None:
    """A job, a ticket or a page of it that is not there any more is a page with a sentence."""
    async with page(filled) as web:
        for path in ("", "/tickets", "/items", "/tickets/1"):
            got = await web.get(f"/jobs/page-gone{path}")
            assert got.status == 404, path
            assert "It may have been deleted since" in Html(got.text).text, path
        for position in ("9", "0", "x", "9" * 30):
            got = await web.get(f"/jobs/{HELD_JOB}/tickets/{position}")
            assert got.status == 404, position
        older = await look(web, "/jobs?before=1")

    assert "No older jobs" in older.text


async def test_tickets_are_shown_by_pages(filled: Path) -> None:
    """All of them, those with trouble, and those at the vendor, on a time line that they share."""
    numbers: list[str] = []
    path: str | None = f"/jobs/{LARGE_JOB}/tickets"
    async with page(filled) as web:
        while path is not None:
            found = await look(web, path)
            numbers += [text for href, text in found.links if re.search(r"/tickets/\d+$", href)]
            path = found.find("Next") if found.has_link("Next") else None
        odd = await look(web, f"/jobs/{LARGE_JOB}/tickets?show=odd")
        wrong = await web.get(f"/jobs/{LARGE_JOB}/tickets?show=some")

    assert numbers == [str(n) for n in range(1, 131)]
    assert [text for href, text in odd.links if re.search(r"/tickets/\d+$", href)] == ["41"]
    assert wrong.status == 400


async def test_items_are_shown_by_pages_and_by_result(filled: Path) -> None:
    """Those with a result and those without, in their order."""
    async with page(filled) as web:
        failed = await look(web, f"/jobs/{LARGE_JOB}/items?state=failed")
        waiting = await look(web, f"/jobs/{LARGE_JOB}/items?state=pending")
        then = await look(web, waiting.find("Next"))
        wrong = await web.get(f"/jobs/{LARGE_JOB}/items?state=fine")

    assert "1 failed" in failed.text
    assert "product 41 not found" in failed.text
    assert re.search(r" 79 sku-79 pending ", waiting.text)
    assert "These are the last." in then.text
    assert "sku-130" in then.text
    assert wrong.status == 400
