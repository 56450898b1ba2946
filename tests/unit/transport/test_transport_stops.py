"""What a vendor's refusal stops: the lane for a while, or until credentials are tried again."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest
from support.hosts import Answer, Host, MakeTransport

from batchhub import errors
from batchhub._http.guard import guarded
from batchhub.adapter import Budget
from batchhub.testing import FakeClock
from batchhub.transport import Transport


async def test_429_cools_the_whole_lane_for_as_long_as_the_vendor_asks(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """The next request, whoever makes it, waits for Retry-After."""
    vendor.answers(Answer(status=429, headers={"Retry-After": "40"}), Answer())
    transport = make_transport()

    with pytest.raises(errors.RateLimitedError) as caught:
        await transport.request("GET", "/")
    assert caught.value.retry_after_s == 40.0
    assert transport.cooled_until == datetime(2026, 1, 1, 0, 0, 40, tzinfo=UTC)
    await transport.request("GET", "/")

    assert clock.monotonic() >= 40.0
    assert len(vendor.asked) == 2
    assert transport.cooled_until is None


@pytest.mark.parametrize("retry_after", [None, "0", "soon", "-3"])
async def test_429_without_a_sensible_time_cools_the_lane_all_the_same(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock, retry_after: str | None
) -> None:
    """Half a second to one, at the first time."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    vendor.answers(Answer(status=429, headers=headers), Answer())
    transport = make_transport()

    with pytest.raises(errors.RateLimitedError):
        await transport.request("GET", "/")
    await transport.request("GET", "/")

    assert 0.5 <= clock.monotonic() <= 1.01


async def test_a_success_makes_the_next_cool_down_short_again(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """Five refusals in a row make the sixth wait long; after a success it is the first again."""
    vendor.answers(*[Answer(status=429)] * 5, Answer(), Answer(status=429), Answer())
    transport = make_transport()

    for _ in range(8):
        with contextlib.suppress(errors.RateLimitedError):
            await transport.request("GET", "/")
        if len(vendor.asked) == 6:
            after_success_s = clock.monotonic()

    assert clock.monotonic() - after_success_s <= 1.01


async def test_503_cools_the_lane_only_if_the_vendor_says_for_how_long(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """A 503 without Retry-After is trouble like any other."""
    date = "Thu, 01 Jan 2026 00:00:20 GMT"
    vendor.answers(Answer(status=503), Answer(status=503, headers={"Retry-After": date}))
    transport = make_transport()

    with pytest.raises(errors.ServerError):
        await transport.request("GET", "/")
    assert transport.cooled_until is None
    with pytest.raises(errors.ServerError):
        await transport.request("GET", "/")
    assert transport.cooled_until == datetime(2026, 1, 1, 0, 0, 20, tzinfo=UTC)


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_end_all_traffic_of_the_lane(
    make_transport: MakeTransport, vendor: Host, status: int
) -> None:
    """One refusal is enough: nothing more is sent, and every later call says why."""
    vendor.answers(Answer(status=status, body=b'{"message":"no such token"}'), Answer())
    transport = make_transport()
    assert transport.paused is None

    for _ in range(3):
        with pytest.raises(errors.CredentialsError, match=r"no such token; fix .* shop:7"):
            await transport.request("GET", "/")

    assert len(vendor.asked) == 1
    assert transport.paused is not None
    assert transport.paused.status == status


CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (CHALLENGE, "text/html; charset=UTF-8"),
        (b"\xef\xbb\xbf\n  " + CHALLENGE, "application/octet-stream"),
        (b"<h1>403 Forbidden</h1>Request forbidden by administrative rules.", ""),
        (b"please sign in", "text/html"),
        (b"RBAC: access denied", "text/plain"),
    ],
)
async def test_a_page_in_between_is_lost_contact_and_stops_nothing(
    make_transport: MakeTransport, vendor: Host, status: int, body: bytes, kind: str
) -> None:
    """Something on the way refused: that says nothing of the credentials, and nothing ran."""
    vendor.answers(
        Answer(status=status, body=body, headers={"Content-Type": kind} if kind else {}), Answer()
    )
    transport = make_transport()

    with pytest.raises(errors.BlockedError, match="something on the way answered") as caught:
        await transport.request("POST", "/", body=b"[1]")

    assert (caught.value.status, caught.value.may_have_run) == (status, False)
    assert "credentials" not in str(caught.value)
    assert ("Just a moment" in str(caught.value)) is (CHALLENGE in body)
    assert transport.paused is None
    assert (await transport.request("GET", "/")).status == 200


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"message":"no such token"}', "application/json"),
        (b'{"message":"no such token"}', "text/html"),
        (b'"no"', "text/plain"),
        (b"", "text/html"),
        (b"", "text/plain"),
    ],
)
async def test_what_the_vendor_may_have_said_are_refused_credentials(
    make_transport: MakeTransport, vendor: Host, status: int, body: bytes, kind: str
) -> None:
    """JSON, and an answer without a body, are the vendor's, whatever it calls them."""
    vendor.answers(Answer(status=status, body=body, headers={"Content-Type": kind}))

    with pytest.raises(errors.CredentialsError):
        await make_transport().request("GET", "/")


async def test_a_text_that_the_adapter_understands_is_the_vendors(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Not every vendor speaks JSON; its adapter knows its form."""
    vendor.answers(Answer(status=403, body=b"ERR 17 no entry"))
    transport = make_transport(explain=lambda status, headers, body: ("17", "no entry"))

    with pytest.raises(errors.CredentialsError, match="no entry"):
        await transport.request("GET", "/")


@pytest.mark.parametrize(("status", "kind"), [(200, None), (404, errors.NotFoundError)])
async def test_a_trial_is_one_request_and_opens_the_lane(
    make_transport: MakeTransport, vendor: Host, status: int, kind: type[Exception] | None
) -> None:
    """However many wait, one goes; when the vendor takes the credentials, all others follow."""
    vendor.answers(Answer(status=401), Answer(status=status), Answer())
    transport = make_transport()
    with pytest.raises(errors.CredentialsError):
        await transport.request("GET", "/")

    transport.try_again()
    answers = await asyncio.gather(
        *(transport.request("GET", "/") for _ in range(5)), return_exceptions=True
    )

    assert len(vendor.asked) == 6
    assert [type(a) for a in answers if isinstance(a, Exception)] == ([kind] if kind else [])
    assert transport.paused is None


async def test_a_trial_that_is_refused_is_one_request(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Those that wait for its answer are refused without being sent."""
    vendor.answers(Answer(status=401))
    transport = make_transport()
    for _ in range(3):
        transport.try_again()
        answers = await asyncio.gather(
            *(transport.request("GET", "/") for _ in range(5)), return_exceptions=True
        )
        assert all(isinstance(answer, errors.CredentialsError) for answer in answers)

    assert len(vendor.asked) == 3


async def test_a_trial_without_an_answer_does_not_close_the_lane_for_ever(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """A turn that is taken and never used decides nothing; after two minutes another one goes."""
    vendor.answers(Answer(status=401), Answer())
    transport = make_transport()
    with pytest.raises(errors.CredentialsError):
        await transport.request("GET", "/")
    transport.try_again()
    await asyncio.create_task(transport.wait_turn())  # and then its ticket is cancelled

    assert (await transport.request("GET", "/")).status == 200
    assert 120.0 <= clock.monotonic() < 130.0


class _Slow:
    """Has a last word that takes long; meanwhile the vendor asks for silence."""

    def __init__(self, transport: Transport) -> None:
        self.let_go = 0
        self._transport = transport

    def check(self) -> None:
        """Let everything wait for its turn."""

    async def before_send(self, *, effect: bool) -> None:
        if not effect:
            return
        self.let_go += 1
        with pytest.raises(errors.RateLimitedError):
            await self._transport.request("GET", "/")

    def take_back(self, error: errors.BatchHubError, *, effect: bool) -> None:
        self.let_go -= effect


async def test_nothing_goes_in_a_cool_down_that_began_during_the_last_look(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Whoever looks may have to write to a store that is slow."""
    vendor.answers(Answer(status=429, headers={"Retry-After": "120"}), Answer())
    transport = make_transport()
    guard = _Slow(transport)
    with guarded(guard), pytest.raises(errors.RateLimitedError, match="nothing was sent"):
        await transport.request("POST", "/", body=b"{}")
    assert [asked.method for asked in vendor.asked] == ["GET"]
    assert guard.let_go == 0


async def test_refused_credentials_reach_who_waits_for_the_budget(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """Calls that stand in the queue are not sent either."""
    vendor.answers(Answer(status=401))
    transport = make_transport(budget=Budget(requests=2, per_s=1e6, burst=1))

    answers = await asyncio.gather(
        *(transport.request("GET", "/") for _ in range(5)), return_exceptions=True
    )

    assert len(vendor.asked) == 1
    assert all(isinstance(answer, errors.CredentialsError) for answer in answers)
    assert clock.monotonic() < 1e6


async def test_one_lanes_trouble_does_not_touch_another(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Lanes share a session and nothing else."""
    vendor.answers(Answer(status=401), Answer(status=429), Answer())
    refused, cooled, fine = make_transport(), make_transport(), make_transport()

    with pytest.raises(errors.CredentialsError):
        await refused.request("GET", "/")
    with pytest.raises(errors.RateLimitedError):
        await cooled.request("GET", "/")

    assert (await fine.request("GET", "/")).status == 200
    assert fine.paused is None
    assert fine.cooled_until is None
