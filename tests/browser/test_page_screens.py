"""Every screen, as a stranger and a screen reader find it: wide and narrow, light and dark."""

from __future__ import annotations

from typing import Final

import pytest
from support.browsing.accessibility import find_barriers
from support.browsing.page import Page
from support.browsing.visitor import NARROW, WIDE, Visit, Visitor
from support.page_store import HELD_JOB, LARGE_JOB, NASTY_JOB

SCREENS: Final = {
    "accounts": "/",
    "jobs": "/jobs",
    "open jobs": "/jobs?state=open",
    "no job fits": "/jobs?state=open&label=nothing+has+this",
    "a wrong filter": "/jobs?since=yesterday-ish",
    "a large job": f"/jobs/{LARGE_JOB}",
    "a held job": f"/jobs/{HELD_JOB}",
    "a hostile job": f"/jobs/{NASTY_JOB}",
    "tickets": f"/jobs/{LARGE_JOB}/tickets",
    "a ticket": f"/jobs/{NASTY_JOB}/tickets/1",
    "items": f"/jobs/{NASTY_JOB}/items",
    "failures": "/failures",
    "what to search": "/items",
    "items found": "/items?q=sku-7",
    "nothing found": "/items?q=nothing-has-this",
    "no such job": "/jobs/page-never-was",
    "no such page": "/nowhere",
    "retry": f"/jobs/{NASTY_JOB}/retry",
    "cancel": f"/jobs/{LARGE_JOB}/cancel",
    "adopt": f"/jobs/{HELD_JOB}/tickets/1/adopt",
}

REFUSED: Final = {"a wrong filter": "400", "no such job": "404", "no such page": "404"}


def look_over(visitor: Visitor) -> list[str]:
    """Return what is wrong with the screen that is open, in both widths and both schemes."""
    wrong: list[str] = []
    for width in (WIDE, NARROW):
        visitor.resize(width)
        visitor.prefer("light")
        wrong += visitor.find_overflow()
        wrong += [f"{width} light: {each}" for each in find_barriers(visitor.driver)]
        visitor.prefer("dark")  # what differs is the colours
        found = find_barriers(visitor.driver, "color-contrast")
        wrong += [f"{width} dark: {each}" for each in found]
    return wrong


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_keeps_nobody_out(visit: Visit, full_page: Page, screen: str) -> None:
    """It has a heading, is as wide as the window, and axe-core finds nothing serious."""
    visitor = visit(full_page)
    if screen in REFUSED:
        visitor.expect_complaint(f"status of {REFUSED[screen]}")
    visitor.open(SCREENS[screen])
    assert len(visitor.all("h1")) == 1
    assert visitor.driver.title.endswith(" · batchhub")
    assert look_over(visitor) == []


def test_nobody_is_kept_out_of_signing_in(visit: Visit, full_page: Page) -> None:
    """The form to sign in is the first that anybody sees."""
    visitor = visit(full_page, role=None)
    visitor.open("/")
    assert visitor.heading == "Sign in"
    assert look_over(visitor) == []
