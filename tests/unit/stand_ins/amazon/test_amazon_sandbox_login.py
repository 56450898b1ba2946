"""The Amazon stand-in gives out tokens, and takes no others."""

from __future__ import annotations

import pytest
from support.feed_calls import FEEDS, FeedCaller

from batchhub.testing import FakeClock
from batchhub_amazon.sandbox import AmazonSandbox

PROBE = "/sellers/v1/marketplaceParticipations"


class TestLogin:
    async def test_a_token_for_an_hour(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A refresh token is exchanged for an access token, which is good for an hour."""
        answer = await call.login()
        assert answer.status == 200
        call.token = answer.json["access_token"]
        assert answer.json == {
            "access_token": call.token,
            "refresh_token": sandbox.refresh_token,
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        await clock.advance(3599.9)
        assert (await call("GET", PROBE)).status == 200
        await clock.advance(0.1)
        assert (await call("GET", PROBE)).status == 403

    @pytest.mark.parametrize(
        ("field", "value", "status", "error"),
        [
            ("client_id", "other", 401, "invalid_client"),
            ("client_secret", "wrong", 401, "invalid_client"),
            ("client_secret", None, 401, "invalid_client"),
            ("refresh_token", "Atzr|other", 400, "invalid_grant"),
            ("refresh_token", None, 400, "invalid_grant"),
            ("grant_type", None, 400, "invalid_request"),
            ("grant_type", "password", 400, "unsupported_grant_type"),
        ],
    )
    async def test_refused(
        self, call: FeedCaller, field: str, value: str | None, status: int, error: str
    ) -> None:
        """Each wrong field has an error of its own, in the form of OAuth."""
        answer = await call.login(**{field: value})
        assert (answer.status, answer.json["error"]) == (status, error)
        assert answer.json["error_description"]

    async def test_no_secret_in_the_journal(self, call: FeedCaller, sandbox: AmazonSandbox) -> None:
        """The journal has that somebody logged in, not with what."""
        await call.login()
        [entry] = sandbox.journal
        assert (entry.path, entry.status, entry.body) == ("/auth/o2/token", 200, None)


class TestTokens:
    @pytest.mark.parametrize(
        ("end", "details"),
        [
            ("expire", "The access token you provided has expired."),
            ("revoke", "The access token you provided is revoked, malformed or invalid."),
        ],
    )
    async def test_ended_early(
        self, call: FeedCaller, sandbox: AmazonSandbox, end: str, details: str
    ) -> None:
        """A token that has ended is refused with 403, and the reason; a new one is taken."""
        getattr(sandbox.tokens, end)()
        answer = await call("GET", PROBE)
        [error] = answer.json["errors"]
        assert (answer.status, error["code"]) == (403, "Unauthorized")
        assert error["details"] == details
        call.token = (await call.login()).json["access_token"]
        assert (await call("GET", PROBE)).status == 200

    async def test_no_token(self, call: FeedCaller) -> None:
        """A call without a token is refused, and so is one with it in another header."""
        for headers in ({}, {"Authorization": f"Bearer {call.token}"}):
            async with call.session.get(f"{call.url}{PROBE}", headers=headers) as response:
                assert response.status == 403
                [error] = (await response.json())["errors"]
                assert "missing" in error["details"]

    @pytest.mark.parametrize("fault", ["tokens_revoked", "tokens_expired"])
    async def test_in_mid_job(self, call: FeedCaller, sandbox: AmazonSandbox, fault: str) -> None:
        """All tokens can end just before a call, once."""
        feed = await call.submit([{}])
        sandbox.change_switches({fault: 1})
        assert (await call("GET", f"{FEEDS}/{feed}")).status == 403
        assert (await call("GET", f"{FEEDS}/{feed}")).status == 403
        call.token = (await call.login()).json["access_token"]
        assert (await call("GET", f"{FEEDS}/{feed}")).status == 200

    async def test_short_tokens(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """How long a token is good for is a switch, and the answer says it."""
        sandbox.switches.token_valid_s = 5.0
        answer = await call.login()
        assert answer.json["expires_in"] == 5
        call.token = answer.json["access_token"]
        await clock.advance(5.0)
        assert (await call("GET", PROBE)).status == 403

    async def test_where_the_seller_is(self, call: FeedCaller) -> None:
        """The harmless call names the seller's marketplaces."""
        [found] = (await call("GET", PROBE)).json["payload"]
        assert found["marketplace"]["id"] == "A1PA6795UKMFR9"
        assert found["participation"]["isParticipating"] is True
