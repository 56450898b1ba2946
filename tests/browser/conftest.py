"""
One browser for all tests; each test has a window and cookies of its own.

After each test the browser must have had nothing to complain about: no error or warning on the
console, nothing that the page's policy refused, and nothing asked of another server.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from support.browsing.chrome import running_chrome
from support.browsing.page import Page, running_page
from support.browsing.visitor import WIDE, Visit, Visitor
from support.browsing.world import World, living_in
from support.page_store import fill_page_store


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """The browser."""
    with running_chrome(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, chrome: Chrome) -> Iterator[World]:
    """A store with 10,000 jobs and 100,000 items, two vendors, and somebody who drives."""
    del chrome  # without one nothing is made
    folder = tmp_path_factory.mktemp("full")
    fill_page_store(folder / "jobs.db")
    with living_in(folder) as world:
        yield world


@pytest.fixture(scope="session")
def full_page(world: World) -> Iterator[Page]:
    """The page of that store, as users start it."""
    with running_page(world.folder) as page:
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
