"""What adapters may expect of their transport; answers come from a scripted vendor."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aioresponses import aioresponses
from support import hosts
from support.hosts import FAST, TOKEN, Answer, Host, ShopAccount, open_host

from batchhub import errors
from batchhub._http.guard import guarded
from batchhub.adapter import Adapter, Budget
from batchhub.testing import FakeClock
from batchhub.transport import Limits, Reply, Session, Transport, open_session

MakeTransport = Callable[..., Transport]


@pytest.fixture
async def clock() -> AsyncIterator[FakeClock]:
    """Time that passes whenever nothing else is going on."""
    clock = FakeClock()
    async with clock.running():
        yield clock


@pytest.fixture
async def vendor() -> AsyncIterator[Host]:
    """A vendor on loopback."""
    async with open_host() as vendor:
        yield vendor


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    """The session of a hub."""
    async with open_session() as session:
        yield session


@pytest.fixture
def make_transport(vendor: Host, session: Session, clock: FakeClock) -> MakeTransport:
    """Make a transport to the scripted vendor; keywords replace what it usually gets."""

    def make(**others: Any) -> Transport:
        return hosts.make_transport(session, clock, vendor.url, **others)

    return make


# -- what goes out -------------------------------------------------------------------------------


async def test_a_request_carries_the_usual_headers(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Who we are, that we want JSON, and what we can decompress; a type only with a body."""
    transport = make_transport()
    await transport.request("GET", "/a", headers={"Authorization": f"Bearer {TOKEN}"})
    await transport.request("POST", "/a", body=b"[1]")
    await transport.request("POST", "/a")

    bare, with_body, empty = (asked.headers for asked in vendor.asked)
    assert bare["User-Agent"].startswith("batchhub/")
    assert bare["Accept"] == "application/json"
    assert bare["Accept-Encoding"] == "gzip, deflate"
    assert bare["Authorization"] == f"Bearer {TOKEN}"
    assert with_body["Content-Type"] == "application/json"
    assert vendor.asked[1].body == b"[1]"
    assert "Content-Type" not in bare
    assert "Content-Type" not in empty


async def test_an_adapters_header_wins_in_any_case(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """What the adapter says replaces what is usual, once and not twice."""
    await make_transport().request("GET", "/", headers={"accept": "text/csv"})

    assert vendor.asked[0].headers["Accept"] == "text/csv"


@pytest.mark.parametrize(
    "path",
    ["/", "/a%2Fb/%C3%A4/..%2f", "/a/../b/./c", "/x?q=a+b%2Bc&&=", "//other.example/x", "/@"],
)
async def test_a_path_goes_out_exactly_as_it_is(
    make_transport: MakeTransport, vendor: Host, path: str
) -> None:
    """No byte of an encoded path is changed, and it never leads to another host."""
    await make_transport().request("GET", path)

    assert [asked.target for asked in vendor.asked] == [path]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/a", "/a?k%26=1%202%2B3%2F%26%C3%A4&e="),
        ("/a?b=1", "/a?b=1&k%26=1%202%2B3%2F%26%C3%A4&e="),
    ],
)
async def test_params_are_encoded_so_that_nothing_is_lost(
    make_transport: MakeTransport, vendor: Host, path: str, target: str
) -> None:
    """A plus, a blank, an ampersand and a letter with dots arrive as they were given."""
    await make_transport().request("GET", path, params={"k&": "1 2+3/&ä", "e": ""})

    assert vendor.asked[0].target == target


@pytest.mark.parametrize(
    "path", ["", "a", "ftp://other.example/", "/a b", "/ä", "/a#b", "/a\r\nX: y"]
)
async def test_what_is_no_encoded_path_is_not_sent(
    make_transport: MakeTransport, vendor: Host, path: str
) -> None:
    """A path that could be read in two ways is the adapter's error."""
    with pytest.raises(errors.AdapterError, match="percent-encoded"):
        await make_transport().request("GET", path)

    assert not vendor.asked


@pytest.mark.parametrize("end", ["\n", "\x7f", "\udcff"], ids=ascii)
async def test_a_header_with_a_line_break_is_not_sent_and_not_shown(
    make_transport: MakeTransport, vendor: Host, end: str
) -> None:
    """A token read with its line break, or with bytes that are no text, is a wrong setting."""
    with pytest.raises(
        errors.SettingsError, match="header Authorization of shop account 7"
    ) as caught:
        await make_transport().request("GET", "/", headers={"Authorization": f"{TOKEN}{end}"})

    assert TOKEN not in str(caught.value)
    assert not vendor.asked


async def test_a_large_body_arrives_whole(make_transport: MakeTransport, vendor: Host) -> None:
    """A body of several MiB goes out without a warning and without losing a byte."""
    body = bytes(range(256)) * 12_000

    await make_transport().request("PUT", "/", body=body)

    assert vendor.asked[0].body == body
    assert vendor.asked[0].headers["Content-Length"] == str(len(body))


async def test_no_cookie_is_kept(make_transport: MakeTransport, vendor: Host) -> None:
    """One account's cookie never goes out with another's request."""
    vendor.answers(Answer(headers={"Set-Cookie": "session=1; Path=/"}))
    transport = make_transport()
    await transport.request("GET", "/")
    await transport.request("GET", "/")

    assert "Cookie" not in vendor.asked[1].headers


# -- what comes back -----------------------------------------------------------------------------


async def test_a_success_comes_back_as_it_was(make_transport: MakeTransport, vendor: Host) -> None:
    """Status, headers in any case, body and age."""
    vendor.answers(Answer(status=202, body=b'{"a":[1,2]}', headers={"Age": "30", "X-Id": "q"}))

    reply = await make_transport().request("GET", "/")

    assert (reply.status, reply.age_s, reply.headers["x-id"]) == (202, 30.0, "q")
    assert reply.json() == {"a": [1, 2]}


async def test_a_repr_shows_neither_headers_nor_body(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """What a vendor sends may be private."""
    vendor.answers(Answer(body=b'{"buyer":"Ann"}', headers={"X-Buyer": "Ann"}))

    reply = await make_transport().request("GET", "/")

    assert repr(reply) == (
        "Reply(status=200, body=<15 bytes>, age_s=None, vendor='shop', account='7')"
    )


@pytest.mark.parametrize("body", [b"", b"<html>Ann</html>", b'{"a":', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_is_a_reply_error(body: bytes) -> None:
    """It names vendor and status, and shows nothing of the body."""
    with pytest.raises(errors.ReplyError, match="shop answered 200 without valid JSON") as caught:
        Reply(status=200, body=body, vendor="shop", account="7").json()

    assert (caught.value.vendor, caught.value.account, caught.value.status) == ("shop", "7", 200)
    assert "Ann" not in str(caught.value)


class Order(msgspec.Struct):
    """What an adapter reads."""

    id: str
    sum: float = 0.0


def test_a_body_is_read_as_a_type() -> None:
    """Fields nobody asks for are ignored, halves of characters mended."""
    body = rb'{"id": "a\ud83d", "buyer": "Ann"}'
    assert Reply(status=200, body=body).as_(Order) == Order(id="a\ufffd")
    assert Reply(status=200, body=b'[{"id": "a"}]').as_(list[Order]) == [Order(id="a")]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "truncated"),
        (b"<html>Ann</html>", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 100_000, ""),
        (b"null", "Expected `object`, got `null`"),
        (b'{"buyer": "Ann"}', "missing required field `id`"),
        (b'{"id": "a", "sum": "Ann"}', r"Expected `float`, got `str` @ \$\.sum"),
    ],
)
def test_a_body_of_another_type_is_a_reply_error(body: bytes, why: str) -> None:
    """It names vendor, status and what is wrong, and shows nothing of the body."""
    with pytest.raises(errors.ReplyError, match=rf"shop answered 200.*Order: .*{why}") as caught:
        Reply(status=200, body=body, vendor="shop", account="7").as_(Order)

    assert (caught.value.vendor, caught.value.account, caught.value.status) == ("shop", "7", 200)
    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_secret_that_comes_back_is_blanked(
    make_transport: MakeTransport, vendor: Host, method: str
) -> None:
    """A vendor that echoes the token does not get it into the store, whichever way is asked."""
    vendor.answers(Answer(body=f'{{"your token":"{TOKEN}"}}'.encode()))

    reply = await make_transport().request(method, "/")

    assert reply.json() == {"your token": "***"}


async def test_a_refusal_that_echoes_the_token_shows_it_nowhere(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Neither the text nor the traceback of an error holds a secret."""
    vendor.answers(
        Answer(status=400, body=f'{{"code":"{TOKEN}","message":"bad: {TOKEN}"}}'.encode())
    )

    with pytest.raises(errors.RefusedError) as caught:
        await make_transport().request("GET", "/", headers={"Authorization": f"Bearer {TOKEN}"})

    assert str(caught.value) == "shop answered 400 Bad Request: bad: ***"
    assert caught.value.code == "***"
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 206, 226, 299])
async def test_every_2xx_is_a_success(
    make_transport: MakeTransport, vendor: Host, status: int
) -> None:
    """What it means is the adapter's to say."""
    vendor.answers(Answer(status=status, body=b""))

    assert (await make_transport().request("GET", "/")).status == status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (303, errors.ReplyError),
        (304, errors.RefusedError),
        (400, errors.RefusedError),
        (404, errors.NotFoundError),
        (409, errors.RefusedError),
        (500, errors.ServerError),
        (570, errors.ServerError),
    ],
)
async def test_a_refusal_is_sent_once_and_tells_whose_it_is(
    session: Session, clock: FakeClock, status: int, kind: type[errors.VendorError]
) -> None:
    """One request, one error, with vendor, account, status and code (against a mocked session)."""
    transport = Transport(
        session=session,
        clock=clock,
        vendor="shop",
        account=ShopAccount(),
        budget=FAST,
        explain=Adapter.explain,
    )
    with aioresponses() as mocked:
        payload = {"code": "E1", "message": "no such thing"}
        mocked.put("https://shop.example/a?b=1", status=status, payload=payload)
        with pytest.raises(kind, match=f"shop answered {status}.*: no such thing") as caught:
            await transport.request("PUT", "/a", params={"b": "1"}, body=b"{}")

    error = caught.value
    assert type(error) is kind
    assert (error.vendor, error.account, error.status, error.code) == ("shop", "7", status, "E1")


# -- stopping the lane ---------------------------------------------------------------------------


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


async def test_a_turn_is_used_once(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """Requests that an adapter makes at the same time wait for the budget, all but one."""
    transport = make_transport(budget=Budget(requests=6, per_s=50.0, burst=1))
    went: list[float] = []

    async def ask() -> None:
        await transport.request("POST", "/", body=b"{}")
        went.append(round(clock.monotonic()))

    await transport.wait_turn()
    await asyncio.gather(*(ask() for _ in range(5)))
    await asyncio.create_task(ask())

    assert went == [0, 10, 20, 30, 40, 50]


async def test_a_turn_that_was_waited_for_long_ago_is_no_good(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """The store may have been full for hours: another request went in its place meanwhile."""
    transport = make_transport(budget=Budget(requests=1, per_s=100.0, burst=1))
    await transport.wait_turn()
    await clock.sleep(100.0)
    await asyncio.create_task(transport.request("GET", "/"))
    assert round(clock.monotonic()) == 100
    await transport.request("POST", "/", body=b"{}")
    assert round(clock.monotonic()) == 200


class _Slow:
    """Has a last word that takes long; meanwhile the vendor asks for silence."""

    def __init__(self, transport: Transport) -> None:
        self.let_go = 0
        self._transport = transport

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


async def test_requests_wait_for_the_budget(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """Eleven requests at one a second take ten seconds."""
    transport = make_transport(budget=Budget(requests=61, per_s=60.0, burst=1))

    await asyncio.gather(*(transport.request("GET", "/") for _ in range(11)))

    assert clock.monotonic() == pytest.approx(10.0)
    assert len(vendor.asked) == 11


# -- what the vendor did not run -----------------------------------------------------------------


async def test_a_request_that_was_not_executed_is_repeated_fast_and_few_times(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """Three repeats after 50 ms and more, growing; the write arrives unchanged each time."""
    vendor.answers(*[Answer(status=570)] * 3, Answer(status=201))
    transport = make_transport(not_executed_statuses=frozenset({570}))

    reply = await transport.request("POST", "/", body=b"[1]")

    assert reply.status == 201
    assert [asked.body for asked in vendor.asked] == [b"[1]"] * 4
    assert 0.05 + 0.075 + 0.1125 <= clock.monotonic() <= 2 * (0.05 + 0.075 + 0.1125) + 0.001


async def test_a_vendor_that_stays_busy_is_left_alone(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """After three repeats the caller decides; it is certain that nothing ran."""
    vendor.answers(Answer(status=570))
    transport = make_transport(not_executed_statuses=frozenset({570}))

    with pytest.raises(errors.BusyError, match="can be sent again") as caught:
        await transport.request("POST", "/", body=b"[1]")

    assert len(vendor.asked) == 4
    assert not caught.value.may_have_run


async def test_a_busy_vendor_that_says_when_is_not_asked_before(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Retry-After ends the fast repeats."""
    vendor.answers(Answer(status=503, headers={"Retry-After": "9"}))
    transport = make_transport(not_executed_statuses=frozenset({503}))

    with pytest.raises(errors.BusyError) as caught:
        await transport.request("POST", "/", body=b"[1]")

    assert len(vendor.asked) == 1
    assert caught.value.retry_after_s == 9.0
    assert transport.cooled_until is not None


async def test_repeats_go_through_the_budget_too(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """A repeat is a request like any other."""
    vendor.answers(Answer(status=570), Answer())
    transport = make_transport(
        not_executed_statuses=frozenset({570}), budget=Budget(requests=2, per_s=30.0, burst=1)
    )

    await transport.request("GET", "/")

    assert clock.monotonic() == pytest.approx(30.0)


async def test_an_unlisted_status_is_never_repeated(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Whether a write ran is unknown after a 500: the loop above decides."""
    vendor.answers(Answer(status=500))

    with pytest.raises(errors.ServerError) as caught:
        await make_transport(not_executed_statuses=frozenset({570})).request("POST", "/")

    assert len(vendor.asked) == 1
    assert caught.value.may_have_run


@pytest.mark.parametrize("name", ["connect_s", "read_s", "total_s", "max_answer_bytes"])
def test_limits_are_positive(name: str) -> None:
    """A limit of nothing is a slip, not a wish."""
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


def test_aiohttp_is_loaded_only_when_something_is_sent() -> None:
    """Adapters and the hub are imported without it, so that commands that only read are quick."""
    code = "import sys, batchhub.adapter, batchhub.hub; print('aiohttp' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"
