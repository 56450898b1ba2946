"""Amazon's adapter by the vendor's documents: each step on the wire, and each lost answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from support.amazon_scripts import (
    DOCUMENTS,
    FEEDS,
    GERMANY,
    ITEMS,
    SECRETS,
    Amazon,
    issue,
    report,
    wait,
)

from batchhub import BatchState, Outcome
from batchhub.models import ItemState


@pytest.fixture
async def amazon(tmp_path: Path) -> AsyncIterator[Amazon]:
    """Run a scripted Amazon."""
    async with Amazon.running(tmp_path / "jobs.db") as running:
        yield running


def states(results: Any) -> list[str]:
    """Return the states of results."""
    return [str(result.state.value) for result in results]


# The three steps.


async def test_a_job_goes_through_three_steps_and_comes_back(amazon: Amazon) -> None:
    """A token, a place, the upload to another host, the feed; then its report."""
    login = amazon.login()
    places = amazon.documents()
    uploads = amazon.uploads()
    feeds = amazon.vendor.on("POST", FEEDS).reply({"feedId": "f-1"}, status=202)
    polls = amazon.feed("IN_QUEUE", "IN_PROGRESS", "DONE", resultFeedDocumentId="r-1")
    amazon.report(report([issue(2, attributeName="purchasable_offer")]))

    status, results = await amazon.run()

    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.PARTIAL)
    assert states(results) == ["succeeded", "failed", "succeeded"]
    assert results[1].id == "A-2"
    assert results[1].message == "90220: is required (purchasable_offer)"
    assert results[1].body == [issue(2, attributeName="purchasable_offer")]
    assert status.findings == ()
    assert {key: value[0] for key, value in parse_qs(login.requests[0].body.decode()).items()} == {
        "grant_type": "refresh_token",
        "refresh_token": SECRETS[0],
        "client_id": "amzn1.application-oa2-client.1",
        "client_secret": SECRETS[1],
    }
    assert places.requests[0].json() == {"contentType": "application/json; charset=UTF-8"}
    upload = uploads.requests[0]
    assert upload.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert upload.query["X-Amz-Signature"] == "s"
    assert upload.json()["header"] == {"sellerId": "A2SELLER", "version": "2.0"}
    assert [(m["messageId"], m["sku"]) for m in upload.json()["messages"]] == [
        (1, "A-1"),
        (2, "A-2"),
        (3, "A-3"),
    ]
    assert feeds.requests[0].json() == {
        "feedType": "JSON_LISTINGS_FEED",
        "marketplaceIds": [GERMANY],
        "inputFeedDocumentId": "d-1",
    }
    for asked in amazon.vendor.requests:
        own = asked.host == ""
        assert asked.headers.get("x-amz-access-token") == ("Atza|1" if own else None)
    assert len(polls.requests) == 3


async def test_a_price_and_a_quantity_become_patches(amazon: Amazon) -> None:
    """Digits stay digits."""
    amazon.runs(report(processed=1))
    await amazon.run([{"sku": "007", "price": "19.90", "currency": "EUR", "quantity": "5"}])
    body = next(asked.body for asked in amazon.vendor.requests if asked.method == "PUT")

    assert b'"value_with_tax":19.90' in body
    (message,) = json.loads(body)["messages"]
    assert message == {
        "messageId": 1,
        "sku": "007",
        "operationType": "PATCH",
        "productType": "PRODUCT",
        "patches": [
            {
                "op": "merge",
                "path": "/attributes/purchasable_offer",
                "value": [
                    {
                        "marketplace_id": GERMANY,
                        "currency": "EUR",
                        "audience": "ALL",
                        "our_price": [{"schedule": [{"value_with_tax": 19.9}]}],
                    }
                ],
            },
            {
                "op": "merge",
                "path": "/attributes/fulfillment_availability",
                "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 5}],
            },
        ],
    }


# How a feed ends.


async def test_a_fatal_feed_leaves_what_it_does_not_name_unknown(amazon: Amazon) -> None:
    """Some, none or all of it may have run."""
    amazon.runs(report([issue(1)]), "FATAL")
    status, results = await amazon.run()

    assert status.state is BatchState.FAILED
    assert states(results) == ["failed", "unknown", "unknown"]


async def test_a_fatal_feed_without_a_report(amazon: Amazon) -> None:
    """It says so of each item."""
    amazon.takes_feeds().reply({"feedId": "f-1"}, status=202)
    amazon.feed("FATAL")
    status, results = await amazon.run()

    assert status.state is BatchState.FAILED
    assert states(results) == ["unknown"] * 3
    assert results[0].message == "the feed is FATAL and has no report: it may have run in part"


@pytest.mark.parametrize(
    ("others", "expected"),
    [({}, "not_executed"), ({"processingStartTime": "2026-01-01T00:00:00Z"}, "unknown")],
)
async def test_a_cancelled_feed_did_not_run_unless_it_had_begun(
    amazon: Amazon, others: dict[str, str], expected: str
) -> None:
    """Amazon cancels feeds in the queue only; one that has begun may have run in part."""
    amazon.takes_feeds().reply({"feedId": "f-1"}, status=202)
    amazon.feed("CANCELLED", **others)
    status, results = await amazon.run()

    assert status.state is BatchState.CANCELLED
    assert states(results) == [expected] * 3


async def test_a_report_that_is_late_is_waited_for(amazon: Amazon) -> None:
    """A feed may be DONE a while before its report is there."""
    amazon.takes_feeds().reply({"feedId": "f-1"}, status=202)
    bare: dict[str, str] = {}
    full = {"resultFeedDocumentId": "r-1"}
    polls = amazon.vendor.on("GET", f"{FEEDS}/f-1")
    for others in (bare, bare, full):
        polls.reply(amazon.make_feed("f-1", "DONE", **others))
    amazon.report(report())
    _, results = await amazon.run()

    assert states(results) == ["succeeded"] * 3
    assert len(polls.requests) == 3


async def test_a_link_that_has_expired_is_asked_for_again(amazon: Amazon) -> None:
    """Of uploads as of reports; the account is not paused by it."""
    amazon.login()
    amazon.documents("d-1", "d-2")
    refused = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    uploads = amazon.vendor.on("PUT", "/up/{id}", host="files").reply(refused, status=403).reply()
    feeds = amazon.vendor.on("POST", FEEDS).reply({"feedId": "f-1"}, status=202)
    amazon.feed("DONE", resultFeedDocumentId="r-1")
    amazon.vendor.on("GET", "/down/r-1", host="files").reply(refused, status=403)
    links = amazon.report(report())
    _, results = await amazon.run()

    assert states(results) == ["succeeded"] * 3
    assert [asked.path for asked in uploads.requests] == ["/up/d-1", "/up/d-2"]
    assert feeds.requests[0].json()["inputFeedDocumentId"] == "d-2"
    assert len(links.requests) == 2


# Lost answers.


async def test_before_the_feed_everything_may_be_lost(amazon: Amazon) -> None:
    """A place and an upload do nothing by themselves: they are made anew."""
    amazon.login()
    places = amazon.vendor.on("POST", DOCUMENTS).lose_answer()
    amazon.documents("d-2", "d-3")
    amazon.vendor.on("PUT", "/up/{id}", host="files").lose_answer().reply()
    feeds = amazon.vendor.on("POST", FEEDS).reply({"feedId": "f-1"}, status=202)
    amazon.feed("DONE", resultFeedDocumentId="r-1")
    amazon.report(report())
    _, results = await amazon.run()

    assert states(results) == ["succeeded"] * 3
    assert len(places.requests) == 1
    assert [asked.json()["inputFeedDocumentId"] for asked in feeds.requests] == ["d-3"]


async def test_a_feed_that_never_came_is_made_anew_past_the_grace(amazon: Amazon) -> None:
    """Of the document that is there: no feed of the type since then was made by anybody."""
    feeds = amazon.takes_feeds().lose_answer().reply({"feedId": "f-1"}, status=202)
    looked = amazon.vendor.on("GET", FEEDS).reply({"feeds": []}).repeat()
    amazon.feed("DONE", resultFeedDocumentId="r-1")
    amazon.report(report())
    _, results = await amazon.run()

    assert states(results) == ["succeeded"] * 3
    assert [asked.json()["inputFeedDocumentId"] for asked in feeds.requests] == ["d-1", "d-1"]
    first, again = (asked.at for asked in feeds.requests)
    assert (again - first).total_seconds() >= amazon.account.visibility_grace_s
    asked = looked.requests[0]
    assert asked.query["feedTypes"] == "JSON_LISTINGS_FEED"
    since = (first - asked.at.fromisoformat(asked.query["createdSince"])).total_seconds()
    assert amazon.account.clock_skew_s <= since <= amazon.account.clock_skew_s + 2


@pytest.mark.parametrize("is_limited", [False, True])
async def test_a_document_that_is_refused_after_a_lost_answer_is_not_uploaded_anew(
    amazon: Amazon, is_limited: bool
) -> None:
    """It may be refused because a feed was made of it, which the list did not show in time."""
    feeds = amazon.takes_feeds().lose_answer()
    if is_limited:  # that nothing ran now says nothing of the first one
        feeds.reply({"errors": []}, status=429, headers={"Retry-After": "60"})
    used = {"errors": [{"code": "InvalidInput", "message": "Document was used"}]}
    feeds.reply(used, status=400)
    amazon.vendor.on("GET", FEEDS).reply({"feeds": []}).repeat()
    status, results = await amazon.run()

    assert status.state is BatchState.UNCONFIRMED
    assert states(results) == []
    assert "Document was used" in (status.tickets[0].message or "")
    made = [asked.json()["inputFeedDocumentId"] for asked in feeds.requests]
    assert made == ["d-1"] * (3 if is_limited else 2)
    assert len([asked for asked in amazon.vendor.requests if asked.method == "PUT"]) == 1


@pytest.mark.parametrize("more", [None, "page-2"])
async def test_any_feed_since_leaves_the_job_to_a_decision(
    amazon: Amazon, more: str | None
) -> None:
    """It may be this one or another program's: the ids are named, and nothing is sent again."""
    feeds = amazon.takes_feeds().lose_answer()
    found = [] if more else [amazon.make_feed("f-7", "DONE"), amazon.make_feed("f-8", "IN_QUEUE")]
    page = {"feeds": found, **({"nextToken": more} if more else {})}
    amazon.vendor.on("GET", FEEDS).reply(page)
    status, results = await amazon.run()

    assert status.state is BatchState.UNCONFIRMED
    assert states(results) == []
    said = status.tickets[0].message or ""
    assert more or "f-7, f-8" in said
    assert len(feeds.requests) == 1


@pytest.mark.parametrize("days", [27, 29, 91])
async def test_after_weeks_nobody_can_tell(amazon: Amazon, days: int) -> None:
    """A feed may be gone from the list then; what Amazon refuses to say is not asked for ever."""
    feeds = amazon.takes_feeds().lose_answer()
    async with amazon.hub() as hub:
        job = await hub.submit("shop", ITEMS)
        await amazon.drive(job, until=lambda: len(feeds.requests) > 0)
    await amazon.clock.sleep(days * 86_400.0)
    looks = amazon.vendor.on("GET", FEEDS)
    if days > 90:
        wrong = {"errors": [{"code": "InvalidInput", "message": "createdSince is too old"}]}
        looks.reply(wrong, status=400)
    else:
        looks.reply({"feeds": []}).repeat()
    if is_known := days < 28:
        feeds.reply({"feedId": "f-1"}, status=202)
        amazon.feed("DONE", resultFeedDocumentId="r-1")
        amazon.report(report())
    async with amazon.hub() as hub:
        await hub.resume()
        status, _ = await wait(await hub.job(job.id))

    assert (status.state is BatchState.UNCONFIRMED) is not is_known
    assert len(feeds.requests) == 1 + is_known
    said = "createdSince is too old" if days > 90 else "lists feeds for 28 days"
    assert is_known or said in (status.tickets[0].message or "")


@pytest.mark.parametrize("page", [{}, {"feeds": {}}, {"feeds": ""}, {"feeds": None}, []])
async def test_an_answer_without_a_list_of_feeds_says_nothing(amazon: Amazon, page: Any) -> None:
    """Least of all that there are none: it is asked for again, and nothing is sent."""
    feeds = amazon.takes_feeds().lose_answer()
    looks = amazon.vendor.on("GET", FEEDS).reply(page).repeat()

    def is_past_grace() -> bool:
        asked = looks.requests[-1:]
        waited = [(each.at - feeds.requests[0].at).total_seconds() for each in asked]
        return any(waited_s > amazon.account.visibility_grace_s for waited_s in waited)

    async with amazon.hub() as hub:
        await amazon.drive(await hub.submit("shop", ITEMS), until=is_past_grace)
        await amazon.clock.sleep(5.0)
    assert len(feeds.requests) == 1


async def test_the_next_process_goes_on_where_the_last_one_ended(amazon: Amazon) -> None:
    """What was uploaded is not uploaded again; what is gone by then is."""
    amazon.login()
    amazon.documents("d-1", "d-2")
    uploads = amazon.uploads(2)
    gone = {"errors": [{"code": "InvalidInput", "message": "Invalid document", "details": ""}]}
    feeds = amazon.vendor.on("POST", FEEDS).reply(
        {"errors": [{"code": "QuotaExceeded", "message": "quota"}]},
        status=429,
        headers={"Retry-After": "60"},
    )
    async with amazon.hub() as hub:
        job = await hub.submit("shop", ITEMS)
        await amazon.drive(job, until=lambda: len(feeds.requests) > 0)
        job_id = job.id
    feeds.reply(gone, status=400).reply({"feedId": "f-1"}, status=202)
    amazon.feed("DONE", resultFeedDocumentId="r-1")
    amazon.report(report())
    async with amazon.hub() as hub:
        await hub.resume()
        _, results = await wait(await hub.job(job_id))

    assert states(results) == ["succeeded"] * 3
    assert [asked.path for asked in uploads.requests] == ["/up/d-1", "/up/d-2"]
    used = [asked.json()["inputFeedDocumentId"] for asked in feeds.requests]
    assert used == ["d-1", "d-1", "d-2"]


async def test_a_refused_feed_fails_in_amazons_words(amazon: Amazon) -> None:
    """Once, and nothing ran."""
    feeds = amazon.takes_feeds().reply(
        {"errors": [{"code": "InvalidInput", "message": "Invalid marketplace", "details": "A1"}]},
        status=400,
    )
    status, results = await amazon.run()

    assert status.state is BatchState.FAILED
    assert states(results) == ["failed"] * 3
    assert "Invalid marketplace: A1" in (status.tickets[0].message or "")
    assert len(feeds.requests) == 1


# Cancel.


@pytest.mark.parametrize("is_queued", [True, False])
async def test_only_a_feed_in_the_queue_can_be_cancelled(amazon: Amazon, is_queued: bool) -> None:
    """One that runs is refused, goes on, and says so."""
    amazon.takes_feeds().reply({"feedId": "f-1"}, status=202)
    cancel = amazon.vendor.on("DELETE", f"{FEEDS}/f-1")
    if is_queued:
        cancel.reply(status=200)
        polls = amazon.feed("IN_QUEUE", "CANCELLED")
    else:
        wrong = {"errors": [{"code": "InvalidInput", "message": "feed is IN_PROGRESS"}]}
        cancel.reply(wrong, status=400)
        polls = amazon.feed("IN_PROGRESS", "DONE", resultFeedDocumentId="r-1")
        amazon.report(report())
    async with amazon.hub() as hub:
        job = await hub.submit("shop", ITEMS)
        await amazon.drive(job, until=lambda: len(polls.requests) > 0)
        await job.cancel()
        status, results = await wait(job)

    expected = ItemState.NOT_EXECUTED if is_queued else ItemState.SUCCEEDED
    assert {result.state for result in results} == {expected}
    codes = {finding.code for finding in status.findings}
    assert ("not_cancelled" in codes) is not is_queued
