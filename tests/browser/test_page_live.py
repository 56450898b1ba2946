"""A page that stays open: it shows what changes, without being loaded again."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from support.browsing.page import Page, running_page
from support.browsing.visitor import Visit, Visitor
from support.browsing.world import World, make_prices
from support.page_store import fill_page_store
from support.patience import PATIENCE_S
from support.ports import silent_port
from support.processes import batchhub

_STREAMS: Final = 20


def mark(visitor: Visitor) -> None:
    """Put a mark into the page, which is gone when it is loaded again."""
    visitor.driver.execute_script("window.sameAsBefore = true")


def is_marked(visitor: Visitor) -> bool:
    """Whether the page is the one that was marked."""
    return bool(visitor.driver.execute_script("return window.sameAsBefore === true"))


def is_listening(visitor: Visitor) -> bool:
    """Whether the page has asked to be told of changes, and was answered."""
    statuses = visitor.read_traffic().statuses
    return any("/changes" in url and status == 200 for url, status in statuses.items())


def test_a_job_runs_before_ones_eyes(visit: Visit, full_page: Page, world: World) -> None:
    """It is submitted, sent, half done and done, while the page stays as it was opened."""
    world.switch("shop", item_time_s=0.05, never_ends=True)
    world.start_driving()
    job_id = world.submit("shop", make_prices(60, "live", missing=[7]))
    visitor = visit(full_page, "viewer")
    visitor.open(f"/jobs/{job_id}")
    mark(visitor)
    visitor.wait_for("in progress")
    world.switch("shop", never_ends=False)  # not before it was seen, however slow the page is
    visitor.wait_for("59 succeeded")
    assert "1 failed" in visitor.main
    assert "partial" in visitor.one(".head").text
    assert visitor.driver.title == f"Job {job_id}, partial · batchhub"
    assert is_marked(visitor)


def test_a_new_job_comes_by_itself(visit: Visit, full_page: Page, world: World) -> None:
    """What somebody types into a filter meanwhile stays, and so does what has the focus."""
    visitor = visit(full_page, "viewer")
    visitor.open("/jobs?account=shop")
    mark(visitor)
    label = visitor.one("input[name=label]")
    label.send_keys("spring")
    job_id = world.submit("shop", make_prices(1, "new"))
    visitor.wait_for(job_id)
    assert is_marked(visitor)
    assert label.get_attribute("value") == "spring"
    assert visitor.focused()["name"] == "label"


def test_the_accounts_count_what_is_open(visit: Visit, full_page: Page, world: World) -> None:
    """The first screen is no picture of the moment it was opened either."""
    world.switch("shop", item_time_s=0.0, never_ends=True)
    visitor = visit(full_page, "viewer")
    visitor.open("/")
    mark(visitor)
    world.start_driving()
    world.submit("shop", make_prices(10, "count"))
    row = "tbody tr:has(a[href='/jobs?account=shop'])"
    visitor.wait(lambda: "in progress" in visitor.one(row).text, "the open job is not counted")
    world.switch("shop", never_ends=False)
    visitor.wait(lambda: "none" in visitor.one(row).text, "the job that has ended is still open")
    assert is_marked(visitor)


def test_the_one_too_many_is_told_so(visit: Visit, full_page: Page) -> None:
    """Twenty pages hear of changes; one more looks for itself, and says so."""
    visitor = visit(full_page, "viewer")
    name, value = full_page.make_session("viewer")
    where = urlsplit(full_page.url)
    with ExitStack() as stack:
        for _ in range(_STREAMS):
            stream = stack.enter_context(
                socket.create_connection((where.hostname, where.port), timeout=PATIENCE_S)
            )
            head = f"GET /changes HTTP/1.1\r\nHost: {where.netloc}\r\nCookie: {name}={value}\r\n"
            stream.sendall(f"{head}\r\n".encode())
            assert stream.recv(100).startswith(b"HTTP/1.1 200")
        visitor.open("/")
        visitor.wait(
            lambda: "every 15 seconds" in visitor.one("#contact").text,
            "nobody says that it is full",
        )
        assert visitor.heading == "Accounts"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Page]:
    """The page of a folder without a store."""
    (tmp_path / "batchhub.toml").write_text('store = "jobs.db"\n')
    with running_page(tmp_path) as page:
        yield page


def test_a_store_comes_goes_and_comes_back(visit: Visit, small: Page) -> None:
    """Each state has a sentence; the page that is open goes through all of them by itself."""
    visitor = visit(small)
    visitor.open("/")
    mark(visitor)
    visitor.wait_for("There is no store at")
    fill_page_store(small.folder / "new.db", jobs=50, items=200, tickets_of_large=10)
    shutil.move(small.folder / "new.db", small.store)
    visitor.wait(lambda: visitor.heading == "Accounts", "the store that came is not seen")
    assert visitor.texts("tbody th a")[:1]
    small.store.unlink()
    visitor.wait_for("There is no store at")
    small.store.write_bytes(b"this is no store at all" * 1000)
    visitor.expect_complaint("status of 503")
    visitor.wait_for("The store can't be read")
    small.store.unlink()
    visitor.wait_for("There is no store at")
    assert is_marked(visitor)


def test_the_server_goes_and_comes_back(visit: Visit, tmp_path: Path) -> None:
    """The page says so, keeps what it shows, and goes on by itself: nobody signs in again."""
    fill_page_store(tmp_path / "jobs.db", jobs=50, items=200, tickets_of_large=10)
    (tmp_path / "batchhub.toml").write_text('store = "jobs.db"\n')
    with silent_port() as port:
        with running_page(tmp_path, port=port) as page:
            visitor = visit(page)
            visitor.open("/jobs")
            mark(visitor)
            visitor.wait(lambda: is_listening(visitor), "the page does not listen")
        visitor.expect_complaint("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING")
        visitor.wait_for("No contact with the page's server; trying again.")
        assert len(visitor.texts("tbody tr")) == 50
        with running_page(tmp_path, port=port):
            visitor.wait(
                lambda: "No contact" not in visitor.main, "the page does not find the server again"
            )
            assert visitor.heading == "Jobs"
            assert is_marked(visitor)
            visitor.open("/")  # nothing is asked any more of a server that is gone
            visitor.start_anew()


def test_a_store_without_a_job_says_what_to_do(visit: Visit, small: Page) -> None:
    """It is not blank: each screen says what it will show."""
    done = batchhub(small.folder, "prune", "--older-than", "1d")
    assert done.code in {0, 2}
    visitor = visit(small)
    for path in ("/", "/jobs", "/failures"):
        visitor.open(path)
        assert visitor.texts(".state"), path


def test_a_job_is_pruned_while_somebody_looks(visit: Visit, small: Page) -> None:
    """The page says so; it is no error of the page."""
    fill_page_store(small.store, jobs=50, items=200, tickets_of_large=10)
    visitor = visit(small)
    visitor.open("/jobs?state=ended")
    job_id = visitor.one("tbody th a").text
    visitor.open(f"/jobs/{job_id}")
    mark(visitor)
    assert visitor.heading == f"Job {job_id}"
    visitor.expect_complaint("status of 404")
    done = batchhub(small.folder, "prune", "--older-than", "0s")
    assert done.code == 0, done.err
    visitor.wait_for("Not here any more, or never was")
    assert is_marked(visitor)
