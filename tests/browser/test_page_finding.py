"""Finding things: filters and pages are links and forms, and the address says all of it."""

from __future__ import annotations

from typing import Final

import pytest
from selenium.webdriver.support.ui import Select
from support.browsing.page import Page
from support.browsing.visitor import Visit, Visitor
from support.page_store import LARGE_JOB, NASTY_JOB

MOST_BYTES: Final = 100_000
"""Of the first screen, with all it needs, as it is transferred."""


def filter_by(visitor: Visitor, **values: str) -> None:
    """Fill in the form of filters, and press its button."""
    for name, value in values.items():
        field = visitor.one(f"form.filters [name={name}]")
        if field.tag_name == "select":
            Select(field).select_by_value(value)
        else:
            field.send_keys(value)
    visitor.press_button("Filter", within="form.filters")


def test_the_first_screen_is_small(visit: Visit, full_page: Page) -> None:
    """Somebody who was never here before gets 100 kB at most, scripts and styles included."""
    visitor = visit(full_page)
    visitor.open("/")
    received = visitor.read_traffic().received_bytes
    assert any(url.endswith(".css") for url in received)
    assert sum(url.endswith(".js") for url in received) >= 4
    assert sum(received.values()) <= MOST_BYTES, received


def test_jobs_are_filtered(visit: Visit, full_page: Page) -> None:
    """What is chosen is in the address, and stays chosen in the form."""
    visitor = visit(full_page, "viewer")
    visitor.open("/jobs")
    visitor.follow("Jobs", within="header")
    filter_by(visitor, state="held", account="north-shop")
    assert "state=held" in visitor.path
    assert "account=north-shop" in visitor.path
    assert set(visitor.texts("tbody td[data-label=State]")) == {"held"}
    assert len(visitor.texts("tbody tr")) == 6
    assert Select(visitor.one("[name=state]")).first_selected_option.text == "held"
    assert visitor.texts(".tabs [aria-current]") == ["Held"]
    filter_by(visitor, label="review")
    visitor.follow("Clear")
    assert visitor.path == "/jobs"
    assert len(visitor.texts("tbody tr")) == 50


def test_jobs_have_pages(visit: Visit, full_page: Page) -> None:
    """The filters go along, and no job is on two pages."""
    visitor = visit(full_page, "viewer")
    visitor.open("/jobs?account=warehouse&state=ended")
    first = visitor.texts("tbody th a")
    visitor.follow("Older")
    second = visitor.texts("tbody th a")
    assert "account=warehouse" in visitor.path
    assert len(first) == len(second) == 50
    assert not set(first) & set(second)
    visitor.driver.back()
    assert visitor.texts("tbody th a") == first
    visitor.driver.forward()
    visitor.follow("Newest")
    assert visitor.texts("tbody th a") == first


@pytest.mark.parametrize("what", ["tickets", "items"])
def test_what_a_large_job_has_comes_in_pages(visit: Visit, full_page: Page, what: str) -> None:
    """Three thousand of them are no page of three thousand."""
    visitor = visit(full_page, "viewer")
    visitor.open(f"/jobs/{LARGE_JOB}")
    visitor.follow(f"All 3,000 {what}")
    first = visitor.texts("tbody tr")
    visitor.follow("Next")
    assert len(first) < 300
    assert not set(first) & set(visitor.texts("tbody tr"))
    visitor.follow("First")
    assert visitor.texts("tbody tr") == first


def test_failures_lead_to_the_job(visit: Visit, full_page: Page) -> None:
    """The reasons of all jobs, those of one account, and a job that has one."""
    visitor = visit(full_page, "viewer")
    visitor.open("/failures")
    filter_by(visitor, account="south-shop")
    assert set(visitor.texts("tbody td[data-label=Account]")) == {"south-shop"}
    visitor.follow(NASTY_JOB, within="tbody")
    assert visitor.heading == f"Job {NASTY_JOB}"


def test_an_item_is_found_by_its_id(visit: Visit, full_page: Page) -> None:
    """In all jobs, the newest first."""
    visitor = visit(full_page, "viewer")
    visitor.open("/items")
    visitor.one("[name=q]").send_keys("sku-1700")
    visitor.press_button("Search")
    assert visitor.texts("tbody th") == ["sku-1700 same id"]
    visitor.follow(LARGE_JOB)
    assert visitor.heading == f"Job {LARGE_JOB}"


def test_what_a_vendor_says_is_only_text(visit: Visit, full_page: Page) -> None:
    """No element comes of it, no link, no script."""
    visitor = visit(full_page)
    for path in ("", "/items", "/tickets", "/tickets/1"):
        visitor.open(f"/jobs/{NASTY_JOB}{path}")
        assert "<img src=x onerror=alert(1)>" in visitor.main
        assert visitor.all("main img, main script") == []
        hrefs = [each.get_attribute("href") or "" for each in visitor.all("a")]
        assert [href for href in hrefs if not href.startswith(f"{full_page.url}/")] == []
