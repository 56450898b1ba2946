"""Signing in with a token, and out again."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys
from support.browsing.page import Page
from support.browsing.visitor import Visit


def test_a_token_leads_to_where_one_wanted_to_go(visit: Visit, full_page: Page) -> None:
    """The field has the focus: a token is pasted, Enter does the rest."""
    visitor = visit(full_page, role=None)
    visitor.open("/jobs?state=open")
    assert visitor.heading == "Sign in"
    assert visitor.focused()["id"] == "token"
    assert visitor.focused()["shown"]
    visitor.press(full_page.read_token("viewer"), Keys.ENTER)
    visitor.wait(lambda: visitor.heading == "Jobs", "signing in does not lead to the jobs")
    assert visitor.path == "/jobs?state=open"
    assert visitor.texts(".who span") == ["viewer"]


def test_a_wrong_token_is_told_so(visit: Visit, full_page: Page) -> None:
    """One line says it, and a screen reader reads it."""
    visitor = visit(full_page, role=None)
    visitor.expect_complaint("status of 403")
    visitor.open("/")
    visitor.press("not-a-token-of-this-page", Keys.ENTER)
    visitor.wait_for("This is not one of the tokens.")
    assert visitor.texts("[role=alert]") == ["This is not one of the tokens."]


def test_the_address_that_is_printed_signs_in(visit: Visit, full_page: Page) -> None:
    """The token is gone from the address bar, and no server has seen it there."""
    visitor = visit(full_page, role=None)
    token = full_page.read_token("operator")
    visitor.open(f"/sign-in#token={token}")
    visitor.wait(lambda: visitor.heading == "Accounts", "the address does not sign in")
    assert visitor.path == "/"
    assert not [url for url in visitor.read_traffic().urls if token in url]
    visitor.driver.back()
    assert token not in visitor.driver.current_url


def test_who_has_signed_out_sees_nothing(visit: Visit, full_page: Page) -> None:
    """Nor does the way back in the browser show what was there."""
    visitor = visit(full_page)
    visitor.open("/jobs")
    visitor.press_button("Sign out", within="header")
    assert visitor.heading == "Sign in"
    visitor.driver.back()
    visitor.wait(lambda: visitor.heading == "Sign in", "the way back shows the jobs")
    visitor.open("/jobs")
    assert visitor.heading == "Sign in"


def test_it_goes_without_scripts(visit: Visit, full_page: Page) -> None:
    """Forms are forms: signing in, filtering and signing out need no script."""
    visitor = visit(full_page, role=None)
    visitor.refuse_scripts()
    visitor.open("/")
    visitor.one("#token").send_keys(full_page.read_token("viewer"), Keys.ENTER)
    visitor.wait(lambda: visitor.heading == "Accounts", "the form does not sign in")
    visitor.follow("Jobs", within="header")
    assert visitor.heading == "Jobs"
    visitor.press_button("Sign out", within="header")
    assert visitor.heading == "Sign in"
