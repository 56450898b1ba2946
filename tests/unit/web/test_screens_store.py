"""The screens of the page: searches, what they cost, and stores that are odd."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool
from support.page_html import Html
from support.page_looks import NOW, PATHS, look, page
from support.page_store import (
    HELD_JOB,
    LARGE_JOB,
    Fill,
    fill_store,
)
from support.raw_stores import open_raw

from batchhub._web.screens import items as items_screen
from batchhub._web.statics import Statics
from batchhub.models import BatchState

# Items over all jobs.


async def test_items_are_found_by_id_and_by_target(filled: Path) -> None:
    """Newest jobs first, with what became of each; numbers that batchhub gave are not ids."""
    async with page(filled) as web:
        by_id = await look(web, "/items?q=sku-130")
        by_target = await look(web, "/items?q=sku%3D77")
        number = await look(web, "/items?q=3")

    assert "same id" in by_id.text
    assert by_id.find(LARGE_JOB) == f"/jobs/{LARGE_JOB}"
    assert "Looked at 2,000 items of 240 jobs, to the oldest job." in by_id.text
    assert "changes sku=77" in by_target.text
    assert "Nothing found" in number.text


async def test_a_search_goes_on_where_its_time_was_up(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little a part looks at, all parts together find each item once."""
    async with page(filled) as web:
        whole = await look(web, "/items?q=sku-2")
        monkeypatch.setattr(items_screen, "BOUND_S", -1.0)
        monkeypatch.setattr(items_screen, "PAGE", 7)
        found: list[str] = []
        path: str | None = "/items?q=sku-2"
        while path is not None:
            part = await look(web, path)
            found += [text for _, text in part.links if text.startswith("page-")]
            path = part.find("Search further") if part.has_link("Search further") else None

    assert len(found) == len(set(found)) > 200
    shown = [text for _, text in whole.links if text.startswith("page-")]
    assert found[: len(shown)] == shown


async def test_a_bad_search_is_a_sentence(filled: Path) -> None:
    """Too long a text, and a place that no link has."""
    async with page(filled) as web:
        for query in ("q=" + "x" * 600, "q=a&job=-1", "q=a&job=1&after=b"):
            got = await web.get(f"/items?{query}")
            assert got.status == 400, query
            assert Html(got.text).faults == [], query


# What it costs.


@pytest.fixture
def queries() -> Iterator[list[str]]:
    """Collect what the store is asked, with the values it is asked for."""
    found: list[str] = []

    def listen(connection: Any, _: Any) -> None:
        connection.set_trace_callback(found.append)

    event.listen(Pool, "connect", listen)
    yield found
    event.remove(Pool, "connect", listen)


async def test_no_screen_reads_all_of_a_table(filled: Path, queries: list[str]) -> None:
    """What a screen asks for is found by an index, or is a page of the newest jobs."""
    async with page(filled) as web:
        with closing(open_raw(filled)) as db:
            for path in [path for path in PATHS if not path.startswith("/failures")]:
                queries.clear()
                await web.get(path)
                asked = [query for query in queries if query.startswith("SELECT")]
                assert asked or path == "/items", path
                for query in asked:
                    for *_, plan in db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall():
                        assert not re.match(r"SCAN (tickets|items|results)\b", plan), (path, plan)
                        is_open = plan.startswith("SCAN jobs USING INDEX ix_jobs_open")
                        assert path != "/" or is_open or "SCAN jobs" not in plan, plan


async def test_a_first_visit_is_less_than_100_kb(filled: Path) -> None:
    """The first screen with all its files, not even compressed."""
    async with page(filled) as web:
        got = await web.get("/")

    used = re.findall(r'(?:src|href)="/static/[0-9a-f]+/([^"]+)"', got.text)
    files = [len(file.plain) for file in Statics() if file.path.split("/", 3)[3] in used]
    assert len(files) == len(used)
    assert len(got.text.encode()) + sum(files) < 100_000


# What is damaged.


async def test_damaged_rows_hide_nothing_else(tmp_path: Path) -> None:
    """A job, a ticket or a lane that can't be read is named, and everything else is shown."""
    path = tmp_path / "jobs.db"
    fill = Fill(jobs=40, items=300, now=NOW, tickets_of_large=60, open_share=0.5)
    await fill_store(path, fill)
    with closing(open_raw(path)) as db, db:
        db.execute("UPDATE jobs SET findings = '{' WHERE job_id = 'page-00030'")
        db.execute("UPDATE lanes SET seen_at = 'then' WHERE lane LIKE 'acme:%1003'")
        db.execute(
            "UPDATE tickets SET state = 'odd' WHERE position = 2 AND job_no = "
            "(SELECT job_no FROM jobs WHERE job_id = ?)",
            [LARGE_JOB],
        )
    async with page(path) as web:
        jobs, tickets = await look(web, "/jobs"), await look(web, f"/jobs/{LARGE_JOB}/tickets")
        accounts = await look(web, "/")
        job, lane = await web.get("/jobs/page-00030"), await web.get("/jobs/page-00033")

    assert "Table jobs, job page-00030" in jobs.text
    assert "page-00031" in jobs.text
    assert "Table tickets" in tickets.text
    assert tickets.has_link("3")
    assert "Table lanes" in accounts.text
    assert "warehouse" in accounts.text
    assert job.status == 503
    assert lane.status == 200


async def test_the_time_of_a_job_may_be_ahead(tmp_path: Path) -> None:
    """A store of a machine whose clock was ahead is shown, and nothing is negative."""
    path = tmp_path / "jobs.db"
    await fill_store(path, Fill(jobs=20, items=150, now=NOW, tickets_of_large=20))
    async with page(path, NOW - timedelta(days=2)) as web:
        for at in ("/", "/jobs", f"/jobs/{LARGE_JOB}", f"/jobs/{HELD_JOB}"):
            found = await look(web, at)
            assert found.faults == [], at
            assert not re.search(r"-\d+ (s|min|h|d)\b", found.text), at


def test_every_state_is_in_the_store_that_is_shown(filled: Path) -> None:
    """Else a screen might fail at one that no test has."""
    with closing(open_raw(filled)) as db:
        found = {state for (state,) in db.execute("SELECT DISTINCT state FROM jobs")}

    assert found == {state.value for state in BatchState}
