"""
One browser for all tests; each test has a window and cookies of its own.

After each test the browser must have had nothing to complain about: no error or warning on the
console, nothing that the page's policy refused, and nothing asked of another server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver import Chrome
from support.browsing.chrome import running_chrome
from support.browsing.page import Page, running_page
from support.browsing.visitor import WIDE, Visitor
from support.page_store import fill_page_store

SETTINGS = """
store = "jobs.db"
"""

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """The browser."""
    with running_chrome(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="session")
def full_page(tmp_path_factory: pytest.TempPathFactory, chrome: Chrome) -> Iterator[Page]:
    """The page of a store with 10,000 jobs and 100,000 items."""
    del chrome  # without one nothing is made
    folder = tmp_path_factory.mktemp("full")
    fill_page_store(folder / "jobs.db")
    (folder / "batchhub.toml").write_text(SETTINGS)
    with running_page(folder) as page:
        yield page


@pytest.fixture
def visit(chrome: Chrome) -> Iterator[Visit]:
    """Begin a visit of a page: signed in, in a wide window with light colours."""
    visitors: list[Visitor] = []

    def begin(page: Page, role: str | None = "operator", width: int = WIDE) -> Visitor:
        visitor = Visitor(chrome, page)
        visitor.start_anew()
        visitor.resize(width)
        visitor.prefer("light")
        if role is not None:
            visitor.sign_in(role)
        visitors.append(visitor)
        return visitor

    yield begin
    assert [problem for each in visitors for problem in each.find_problems()] == []
