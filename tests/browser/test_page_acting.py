"""What an operator may do: each is asked once more, done once, and shown with what came of it."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys
from support.browsing.page import Page
from support.browsing.visitor import Visit, Visitor
from support.browsing.world import World, make_prices
from support.page_store import HELD_JOB, LARGE_JOB, NASTY_JOB
from support.stand_ins import STAND_INS

with_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


def begin(visit: Visit, page: Page, *, scripts: bool) -> Visitor:
    """Begin a visit, with or without scripts."""
    visitor = visit(page)
    if not scripts:
        visitor.refuse_scripts()
    return visitor


def wait_until(world: World, job_id: str, word: str) -> None:
    """Wait until a job is in a state, or has an outcome."""

    def is_so() -> bool:
        status = world.status(job_id)
        return word in {status.state, status.outcome}

    world.wait(is_so, f"{job_id} is never {word}")


@with_scripts
def test_retry_by_code(visit: Visit, full_page: Page, world: World, *, scripts: bool) -> None:
    """The items of one reason go into a new job; the same button again leads to the same job."""
    world.switch("shop", item_time_s=0.0)
    world.start_driving()
    job_id = world.submit("shop", make_prices(6, f"retry-{scripts}", missing=[2, 5]))
    wait_until(world, job_id, "partial")
    visitor = begin(visit, full_page, scripts=scripts)
    visitor.open(f"/jobs/{job_id}")
    visitor.follow("Retry code 404…")
    assert visitor.heading == f"Retry 2 items of job {job_id}?"
    assert f"batchhub retry {job_id} --code 404" in visitor.main
    visitor.press_button("Retry 2 items")
    assert visitor.texts("[role=status].notice") == ["This new job sends the items again."]
    new = visitor.heading.removeprefix("Job ")
    assert new != job_id
    assert world.status(new).retry_of == job_id
    visitor.driver.back()
    visitor.wait(lambda: visitor.heading.startswith("Retry"), "the way back leads elsewhere")
    visitor.press_button("Retry 2 items")
    assert visitor.heading == f"Job {new}"
    visitor.follow(job_id)
    assert "2 retried already." in visitor.main
    wait_until(world, new, "failed")
    sent = [each["item_id"] for each in world.journal("shop")["executions"]]
    assert sent.count(f"retry-{scripts}-2") == 2


@with_scripts
def test_cancel(visit: Visit, full_page: Page, world: World, *, scripts: bool) -> None:
    """A job that runs is stopped at the vendor; whoever presses "Don't" has done nothing."""
    world.switch("shop", item_time_s=0.5)
    world.start_driving()
    job_id = world.submit("shop", make_prices(400, f"cancel-{scripts}"))
    wait_until(world, job_id, "in_progress")
    visitor = begin(visit, full_page, scripts=scripts)
    visitor.open(f"/jobs/{job_id}")
    visitor.follow("Cancel…")
    assert visitor.heading == f"Cancel job {job_id}?"
    visitor.follow("Don't")
    assert visitor.path == f"/jobs/{job_id}"
    visitor.follow("Cancel…")
    visitor.press_button("Cancel the job")
    assert visitor.texts("[role=status].notice") == [
        "The job was asked to stop: nothing more of it is sent."
    ]
    wait_until(world, job_id, "cancelled")
    if scripts:
        visitor.wait(lambda: "cancelled" in visitor.one(".head").text, "the end is not shown")
    visitor.open(f"/jobs/{job_id}/cancel")
    assert f"Job {job_id} has already ended" in visitor.main
    assert visitor.texts("main button") == []


@with_scripts
def test_adopt(visit: Visit, full_page: Page, world: World, *, scripts: bool) -> None:
    """Somebody finds a batch at the vendor, and gives its id for a ticket that is held."""
    world.switch("supplier", lost_submit_answers=1)
    world.start_driving()
    job_id = world.submit("supplier", STAND_INS["mircate"].make_items(3))
    wait_until(world, job_id, "unconfirmed")
    visitor = begin(visit, full_page, scripts=scripts)
    visitor.open(f"/jobs/{job_id}")
    assert "This job needs a person" in visitor.main
    visitor.follow("Adopt ticket 1…")
    assert visitor.heading == f"Adopt ticket 1 of job {job_id}?"
    visitor.one("#ref").send_keys("nobody-knows-it")
    visitor.expect_complaint("status of 409")
    visitor.press_button("Adopt the ticket")
    visitor.wait(lambda: visitor.heading == "That did not work", "a wrong id is taken")
    assert "nobody-knows-it" in visitor.main
    visitor.follow("Back to the job")
    visitor.follow("Adopt ticket 1…")
    ref = world.journal("supplier")["executions"][-1]["ticket"]
    visitor.one("#ref").send_keys(ref)
    visitor.press_button("Adopt the ticket")
    visitor.wait(lambda: visitor.heading == f"Job {job_id}", "the button leads nowhere")
    assert "The vendor knows the batch" in visitor.main
    wait_until(world, job_id, "completed")


def test_a_button_is_reached_and_pressed_by_keyboard(
    visit: Visit, full_page: Page, world: World
) -> None:
    """From the job to the new one nobody needs a mouse."""
    world.switch("shop", item_time_s=0.0)
    world.start_driving()
    job_id = world.submit("shop", make_prices(2, "keys", missing=[1]))
    wait_until(world, job_id, "partial")
    visitor = visit(full_page)
    visitor.open(f"/jobs/{job_id}")
    visitor.tab_to("Retry 1 item…")
    visitor.press(Keys.ENTER)
    visitor.wait(lambda: visitor.heading.startswith("Retry 1 item"), "Enter follows no link")
    visitor.tab_to("Retry 1 item")
    visitor.press(Keys.SPACE)
    visitor.wait_for("This new job sends the items again.")


@pytest.mark.parametrize("path", [f"/jobs/{HELD_JOB}", f"/jobs/{LARGE_JOB}", f"/jobs/{NASTY_JOB}"])
def test_a_viewer_sees_no_action(visit: Visit, full_page: Page, path: str) -> None:
    """Nor does one who guesses the address get further than a sentence."""
    visitor = visit(full_page, "viewer")
    visitor.open(path)
    assert not [text for text in visitor.texts("main a, main button") if text.endswith("…")]
    assert visitor.texts("main button") == []
    visitor.expect_complaint("status of 403")
    visitor.open(f"{path}/cancel")
    assert visitor.heading == "Only for operators"


def test_an_action_without_its_account_says_so(visit: Visit, full_page: Page) -> None:
    """The settings have no account of this job: nothing is done, and the page names what lacks."""
    visitor = visit(full_page)
    visitor.open(f"/jobs/{NASTY_JOB}/retry")
    visitor.expect_complaint("status of 409")
    visitor.press_button("Retry 3 items")
    assert visitor.heading == "That did not work"
    assert "south-shop" in visitor.main
