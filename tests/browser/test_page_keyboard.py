"""The keyboard alone: everything is reached, in the order one reads, and the focus shows."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys
from support.browsing.page import Page
from support.browsing.visitor import NARROW, Visit
from support.page_store import HELD_JOB

_PLACES = """
return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")]
  .filter((each) => each.offsetParent !== null).length;
"""


def test_the_header_comes_first_and_can_be_skipped(visit: Visit, full_page: Page) -> None:
    """The first Tab shows a link to the content; Enter goes there, past the header."""
    visitor = visit(full_page)
    visitor.open("/")
    visitor.press(Keys.TAB)
    skip = visitor.focused()
    assert (skip["text"], skip["shown"]) == ("Skip to the content", True)
    assert visitor.one(".skip").rect["width"] > 50
    visitor.press(Keys.ENTER)
    assert visitor.focused()["id"] == "main"
    visitor.press(Keys.TAB)
    assert visitor.focused()["text"] not in {"batchhub", "Accounts", "Sign out"}


@pytest.mark.parametrize("path", ["/", "/jobs?state=held", f"/jobs/{HELD_JOB}", "/items"])
@pytest.mark.parametrize("width", [1400, NARROW])
def test_tab_goes_everywhere(visit: Visit, full_page: Page, path: str, width: int) -> None:
    """Each link, button and field has its turn, each shows that it has, and none is a trap."""
    visitor = visit(full_page, width=width)
    visitor.open(path)
    places = visitor.driver.execute_script(_PLACES)
    assert places > 5
    seen = []
    for _ in range(min(places, 40)):
        visitor.press(Keys.TAB)
        at = visitor.focused()
        assert at["shown"], at
        assert at["tag"] in {"a", "button", "input", "select", "summary"}
        seen.append((at["tag"], at["href"], at["name"], at["text"]))
    assert seen[0][3] == "Skip to the content"
    assert seen.count(seen[0]) == 1


def test_screens_are_reached_by_enter(visit: Visit, full_page: Page) -> None:
    """From the accounts to the jobs of one that are held."""
    visitor = visit(full_page)
    visitor.open("/")
    visitor.tab_to("Jobs")
    visitor.press(Keys.ENTER)
    visitor.wait(lambda: visitor.heading == "Jobs", "Enter follows no link")
    visitor.tab_to("Held")
    visitor.press(Keys.ENTER)
    visitor.wait(lambda: visitor.path == "/jobs?state=held", "Enter follows no tab")


def test_a_filter_is_filled_in_and_sent(visit: Visit, full_page: Page) -> None:
    """Enter in a field sends the form."""
    visitor = visit(full_page)
    visitor.open("/jobs")
    while visitor.focused()["name"] != "label":
        visitor.press(Keys.TAB)
    visitor.press("winter", Keys.ENTER)
    visitor.wait(lambda: "label=winter" in visitor.path, "Enter sends nothing")
    assert visitor.texts("tbody th small")
