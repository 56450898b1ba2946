"""Amazon's account: what settings it takes, and what `check` says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.amazon_scripts import FEEDS, FRANCE, GERMANY, MARKETPLACES, SECRETS, Amazon
from support.amazon_scripts import make_account as make

from batchhub.errors import CredentialsError, RateLimitedError, RefusedError, SettingsError
from batchhub.testing import Expectation

LOGIN = "/auth/o2/token"


@pytest.fixture
async def amazon(tmp_path: Path) -> AsyncIterator[Amazon]:
    """Run a scripted Amazon."""
    async with Amazon.running(tmp_path / "jobs.db") as running:
        yield running


# Settings.


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("seller_id", " ", "seller_id must be text"),
        ("marketplace_ids", [], "a list of marketplace ids, such as A1PA6795UKMFR9"),
        ("marketplace_ids", [7], "a list of marketplace ids"),
        ("marketplace_ids", ["DE"], "'DE' is no marketplace id"),
        ("marketplace_ids", [GERMANY, GERMANY], "25 ids, each once"),
        ("marketplace_ids", [f"A{n:013}" for n in range(26)], "25 ids, each once"),
        ("marketplace_ids", ["ATVPDKIKX0DER"], "base_url must be .*-na.amazon.com"),
        ("client_id", "", "client_id must be text"),
        ("client_secret", " x", "client_secret must be text"),
        ("refresh_token", 7, "refresh_token must be text"),
        ("token_url", "api.amazon.com", "token_url must be a URL"),
        ("base_url", "https://x.example/path", "base_url must end after the host"),
        ("issue_locale", "de", "a language and a country, as in en_US"),
        ("price_op", "drop", "price_op must be merge or replace"),
        ("feeds_at_once", 0, "feeds_at_once must be a whole number above zero"),
        ("clock_skew_s", "soon", "clock_skew_s must be a whole number"),
    ],
)
def test_a_wrong_setting_is_named(setting: str, value: Any, says: str) -> None:
    """With what it must be; a secret is not shown."""
    with pytest.raises(SettingsError, match=says) as caught:
        make(**{setting: value})
    assert caught.value.key in {setting, "base_url"}
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_marketplaces_may_be_text_and_new_ones() -> None:
    """As a variable of the environment has them; one that nobody knows yet is no mistake."""
    account = make(marketplace_ids=f"{GERMANY}, {FRANCE} A9NEWPLACE1234")
    assert account.marketplace_ids == (GERMANY, FRANCE, "A9NEWPLACE1234")
    assert make(base_url="https://sandbox.sellingpartnerapi-na.amazon.com").base_url


def test_secrets_show_nowhere() -> None:
    """Neither the application's nor the seller's."""
    assert set(make().secrets) == set(SECRETS)
    assert not any(secret in repr(make()) for secret in SECRETS)


def test_five_feeds_in_five_minutes_are_never_exceeded() -> None:
    """Those at once, and those of the next five minutes."""
    budget = make().rates["createFeed"]
    assert budget.burst + 300 // budget.per_s <= 5


# Login with Amazon.


def refuse(login: Expectation, code: str, words: str, status: int) -> None:
    """Have Login with Amazon refuse, in its own form."""
    login.reply({"error": code, "error_description": words}, status=status).repeat()


@pytest.mark.parametrize(
    ("code", "status", "hint"),
    [
        ("invalid_client", 401, "the client's id or secret is not right"),
        ("invalid_grant", 400, "a refresh token, is not right"),
        ("unauthorized_client", 400, "the client may not use this grant"),
        ("unsupported_grant_type", 400, "fix those of amazon:A2SELLER"),
    ],
)
async def test_credentials_of_the_wrong_kind_are_said_in_amazons_words(
    amazon: Amazon, code: str, status: int, hint: str
) -> None:
    """And what to check; nothing else is asked for."""
    login = amazon.vendor.on("POST", LOGIN, host="login")
    refuse(login, code, f"why it is {code} with {SECRETS[0]}", status)
    async with amazon.hub() as hub:
        with pytest.raises(CredentialsError, match=f"why it is {code}") as caught:
            await hub.probe("shop")
    assert (caught.value.code, caught.value.status) == (code, status)
    assert hint in str(caught.value)
    assert SECRETS[0] not in str(caught.value)
    assert {asked.host for asked in amazon.vendor.requests} == {"login"}


async def test_login_that_is_asked_too_often_is_no_refusal(amazon: Amazon) -> None:
    """It is asked again later."""
    login = amazon.vendor.on("POST", LOGIN, host="login").reply(status=429).reply(status=503)
    login.reply({"access_token": "Atza|1", "expires_in": 3600})
    amazon.documents()
    amazon.uploads()
    amazon.vendor.on("POST", FEEDS).reply({"feedId": "f-1"}, status=202)
    amazon.feed("CANCELLED")
    status, _ = await amazon.run()

    assert status.counts.not_executed == 3
    assert len(login.requests) == 3


async def test_a_token_is_renewed_before_its_end_and_after_a_403(amazon: Amazon) -> None:
    """In the middle of a job, and the requests go on."""
    login = amazon.login("Atza|1", "Atza|2", "Atza|3", expires_in=120)
    amazon.documents()
    amazon.uploads()
    amazon.vendor.on("POST", FEEDS).reply({"feedId": "f-1"}, status=202)
    gone = {"errors": [{"code": "Unauthorized", "message": "denied", "details": "expired"}]}
    polls = amazon.vendor.on("GET", f"{FEEDS}/f-1").reply(gone, status=403)
    running = amazon.make_feed("f-1", "IN_PROGRESS")
    polls.reply(running).repeat(50).reply(amazon.make_feed("f-1", "CANCELLED")).repeat()
    await amazon.run()

    tokens = [asked.headers["x-amz-access-token"] for asked in polls.requests]
    assert tokens[:2] == ["Atza|1", "Atza|2"]
    assert tokens[-1] == "Atza|3"
    times = [asked.at for asked in login.requests]
    assert (times[2] - times[1]).total_seconds() < 120


async def test_a_403_that_stays_pauses_in_amazons_words(amazon: Amazon) -> None:
    """With another token it is tried once."""
    login = amazon.login("Atza|1", "Atza|2")
    role = {"code": "Unauthorized", "message": "Access is denied.", "details": "role missing"}
    amazon.vendor.on("GET", FEEDS).reply({"errors": [role]}, status=403).repeat()
    async with amazon.hub() as hub:
        with pytest.raises(CredentialsError, match=r"Access is denied\.: role missing"):
            await hub.probe("shop")
    assert len(login.requests) == 2


# What `check` asks.


def participation(marketplace: str, *, is_in: bool = True) -> dict[str, Any]:
    """Write whether the seller sells in a marketplace."""
    taking_part = {"isParticipating": is_in, "hasSuspendedListings": False}
    return {"marketplace": {"id": marketplace, "name": "x"}, "participation": taking_part}


async def test_a_probe_shows_the_sellers_marketplaces(amazon: Amazon) -> None:
    """It reads, and makes no feed."""
    amazon.login()
    amazon.vendor.on("GET", FEEDS).reply({"feeds": []})
    places = [participation(GERMANY), participation(FRANCE, is_in=False)]
    asked = amazon.vendor.on("GET", MARKETPLACES).reply({"payload": places})
    async with amazon.hub() as hub:
        probe = await hub.probe("shop")

    assert probe.reading == {"marketplaces": [GERMANY]}
    assert asked.requests[0].headers["x-amz-access-token"] == "Atza|1"


async def test_a_marketplace_the_seller_does_not_sell_in_is_named(amazon: Amazon) -> None:
    """With those it does."""
    amazon.login()
    amazon.vendor.on("GET", FEEDS).reply({"feeds": []})
    places = [participation(FRANCE), participation(GERMANY, is_in=False)]
    amazon.vendor.on("GET", MARKETPLACES).reply({"payload": places})
    async with amazon.hub() as hub:
        with pytest.raises(RefusedError, match=f"not sell in marketplace {GERMANY}, only in"):
            await hub.probe("shop")


async def test_an_application_may_lack_the_role_for_marketplaces(amazon: Amazon) -> None:
    """It may make feeds all the same: nothing is paused."""
    amazon.login()
    amazon.vendor.on("GET", FEEDS).reply({"feeds": []}).repeat()
    denied = {"errors": [{"code": "Unauthorized", "message": "Access is denied."}]}
    amazon.vendor.on("GET", MARKETPLACES).reply(denied, status=403).repeat()
    async with amazon.hub() as hub:
        for _ in range(2):
            probe = await hub.probe("shop")
            assert str(probe.reading["marketplaces"]).startswith("not shown: ")


async def test_a_probe_of_a_feed_shows_its_word(amazon: Amazon) -> None:
    """Whatever characters its id has."""
    amazon.login()
    amazon.vendor.on("GET", f"{FEEDS}/f%2F1").reply(amazon.make_feed("f/1", "FATAL"))
    async with amazon.hub() as hub:
        assert (await hub.probe("shop", "f/1")).reading == {"word": "FATAL"}


# Rates.


async def test_a_429_holds_up_its_own_operation_only(amazon: Amazon) -> None:
    """And a learnt rate is that of the operation that was called."""
    amazon.login()
    amazon.vendor.on("GET", FEEDS).reply(
        {"errors": [{"code": "QuotaExceeded", "message": "quota"}]},
        status=429,
        headers={"Retry-After": "600"},
    )
    amazon.vendor.on("GET", f"{FEEDS}/f-1").reply(
        amazon.make_feed("f-1", "DONE"), headers={"x-amzn-RateLimit-Limit": "0.01"}
    ).repeat()
    async with amazon.hub() as hub:
        with pytest.raises(RateLimitedError, match="quota"):
            await hub.probe("shop")
        times = []
        for _ in range(17):
            await hub.probe("shop", "f-1")
            times.append(amazon.clock.monotonic())
    assert times[1] - times[0] < 60.0
    assert times[16] - times[15] >= 90.0
