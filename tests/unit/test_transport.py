"""What adapters may expect of their transport; answers come from a scripted vendor."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from aioresponses import aioresponses
from attrs import field, frozen

from batchhub import errors
from batchhub.adapter import Account, Adapter, Budget, secret
from batchhub.testing import FakeClock
from batchhub.transport import Limits, Reply, Transport, open_session

TOKEN = "secret_t0ken/42"
FAST = Budget(requests=100_000, per_s=1.0, burst=50_000)


@frozen(kw_only=True)
class ShopAccount(Account):
    """An account at a vendor that is none."""

    adapter: ClassVar[str] = "shop"
    base_url: str = "https://shop.example"
    token: str = secret(default=TOKEN)

    @property
    def identity(self) -> str:
        """Always the same store."""
        return "7"

    @property
    def budget(self) -> Budget:
        """More than a test sends."""
        return FAST


@frozen(kw_only=True)
class Answer:
    """One line of a vendor's script."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Asked:
    """A request as the vendor got it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Vendor:
    """A server that answers from a script (its last line for ever) and keeps what it was asked."""

    def __init__(self) -> None:
        self.script = deque([Answer()])
        self.asked: list[Asked] = []
        self.url = ""

    def answers(self, *script: Answer) -> None:
        """Give the vendor a new script."""
        self.script = deque(script)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        self.asked.append(
            Asked(
                method=request.method,
                target=request.raw_path,
                headers=request.headers,
                body=await request.read(),
            )
        )
        answer = self.script.popleft() if len(self.script) > 1 else self.script[0]
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


MakeTransport = Callable[..., Transport]


@pytest.fixture
async def clock() -> AsyncIterator[FakeClock]:
    """Time that passes whenever nothing else is going on."""
    clock = FakeClock()
    async with clock.running():
        yield clock


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """A vendor on loopback."""
    vendor = Vendor()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{tail:.*}", vendor.handle)
    async with TestServer(app) as server:
        vendor.url = str(server.make_url("")).rstrip("/")
        yield vendor


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """The session of a hub."""
    async with open_session() as session:
        yield session


@pytest.fixture
def make_transport(vendor: Vendor, session: ClientSession, clock: FakeClock) -> MakeTransport:
    """Make a transport to the scripted vendor; keywords replace what it usually gets."""

    def make(*, account: Account | None = None, **others: Any) -> Transport:
        usual: dict[str, Any] = {
            "session": session,
            "clock": clock,
            "vendor": "shop",
            "account": account or ShopAccount(base_url=vendor.url),
            "budget": FAST,
            "explain": Adapter.explain,
            "rng": random.Random(5),
        }
        return Transport(**{**usual, **others})

    return make


# -- what goes out -------------------------------------------------------------------------------


async def test_a_request_carries_the_usual_headers(
    make_transport: MakeTransport, vendor: Vendor
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
    make_transport: MakeTransport, vendor: Vendor
) -> None:
    """What the adapter says replaces what is usual, once and not twice."""
    await make_transport().request("GET", "/", headers={"accept": "text/csv"})

    assert vendor.asked[0].headers["Accept"] == "text/csv"


@pytest.mark.parametrize(
    "path",
    ["/", "/a%2Fb/%C3%A4/..%2f", "/a/../b/./c", "/x?q=a+b%2Bc&&=", "//other.example/x", "/@"],
)
async def test_a_path_goes_out_exactly_as_it_is(
    make_transport: MakeTransport, vendor: Vendor, path: str
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
    make_transport: MakeTransport, vendor: Vendor, path: str, target: str
) -> None:
    """A plus, a blank, an ampersand and a letter with dots arrive as they were given."""
    await make_transport().request("GET", path, params={"k&": "1 2+3/&ä", "e": ""})

    assert vendor.asked[0].target == target


@pytest.mark.parametrize(
    "path", ["", "a", "http://other.example/", "/a b", "/ä", "/a#b", "/a\r\nX: y"]
)
async def test_what_is_no_encoded_path_is_not_sent(
    make_transport: MakeTransport, vendor: Vendor, path: str
) -> None:
    """A path that could be read in two ways is the adapter's error."""
    with pytest.raises(errors.AdapterError, match="percent-encoded"):
        await make_transport().request("GET", path)

    assert not vendor.asked


async def test_a_header_with_a_line_break_is_not_sent_and_not_shown(
    make_transport: MakeTransport, vendor: Vendor
) -> None:
    """A token read with its line break is a wrong setting."""
    with pytest.raises(
        errors.SettingsError, match="header Authorization of shop account 7"
    ) as caught:
        await make_transport().request("GET", "/", headers={"Authorization": f"{TOKEN}\n"})

    assert TOKEN not in str(caught.value)
    assert not vendor.asked


async def test_a_large_body_arrives_whole(make_transport: MakeTransport, vendor: Vendor) -> None:
    """A body of several MiB goes out without a warning and without losing a byte."""
    body = bytes(range(256)) * 12_000

    await make_transport().request("PUT", "/", body=body)

    assert vendor.asked[0].body == body
    assert vendor.asked[0].headers["Content-Length"] == str(len(body))


async def test_no_cookie_is_kept(make_transport: MakeTransport, vendor: Vendor) -> None:
    """One account's cookie never goes out with another's request."""
    vendor.answers(Answer(headers={"Set-Cookie": "session=1; Path=/"}))
    transport = make_transport()
    await transport.request("GET", "/")
    await transport.request("GET", "/")

    assert "Cookie" not in vendor.asked[1].headers


# -- what comes back -----------------------------------------------------------------------------


async def test_a_success_comes_back_as_it_was(
    make_transport: MakeTransport, vendor: Vendor
) -> None:
    """Status, headers in any case, body and age."""
    vendor.answers(Answer(status=202, body=b'{"a":[1,2]}', headers={"Age": "30", "X-Id": "q"}))

    reply = await make_transport().request("GET", "/")

    assert (reply.status, reply.age_s, reply.headers["x-id"]) == (202, 30.0, "q")
    assert reply.json() == {"a": [1, 2]}


async def test_a_repr_shows_neither_headers_nor_body(
    make_transport: MakeTransport, vendor: Vendor
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


async def test_a_secret_that_comes_back_is_blanked(
    make_transport: MakeTransport, vendor: Vendor
) -> None:
    """A vendor that echoes the token does not get it into the store."""
    vendor.answers(Answer(body=f'{{"your token":"{TOKEN}"}}'.encode()))

    reply = await make_transport().request("GET", "/")

    assert reply.json() == {"your token": "***"}


async def test_a_refusal_that_echoes_the_token_shows_it_nowhere(
    make_transport: MakeTransport, vendor: Vendor
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
    make_transport: MakeTransport, vendor: Vendor, status: int
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
    session: ClientSession, clock: FakeClock, status: int, kind: type[errors.VendorError]
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
    make_transport: MakeTransport, vendor: Vendor, clock: FakeClock
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
    make_transport: MakeTransport, vendor: Vendor, clock: FakeClock, retry_after: str | None
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
    make_transport: MakeTransport, vendor: Vendor, clock: FakeClock
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
    make_transport: MakeTransport, vendor: Vendor
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
    make_transport: MakeTransport, vendor: Vendor, status: int
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


async def test_refused_credentials_reach_who_waits_for_the_budget(
    make_transport: MakeTransport, vendor: Vendor, clock: FakeClock
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
    make_transport: MakeTransport, vendor: Vendor
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
    make_transport: MakeTransport, vendor: Vendor, clock: FakeClock
) -> None:
    """Eleven requests at one a second take ten seconds."""
    transport = make_transport(budget=Budget(requests=61, per_s=60.0, burst=1))

    await asyncio.gather(*(transport.request("GET", "/") for _ in range(11)))

    assert clock.monotonic() == pytest.approx(10.0)
    assert len(vendor.asked) == 11


# -- what the vendor did not run -----------------------------------------------------------------


async def test_a_request_that_was_not_executed_is_repeated_fast_and_few_times(
    make_transport: MakeTransport, vendor: Vendor, clock: FakeClock
) -> None:
    """Three repeats after 50 ms and more, growing; the write arrives unchanged each time."""
    vendor.answers(*[Answer(status=570)] * 3, Answer(status=201))
    transport = make_transport(not_executed_statuses=frozenset({570}))

    reply = await transport.request("POST", "/", body=b"[1]")

    assert reply.status == 201
    assert [asked.body for asked in vendor.asked] == [b"[1]"] * 4
    assert 0.05 + 0.075 + 0.1125 <= clock.monotonic() <= 2 * (0.05 + 0.075 + 0.1125) + 0.001


async def test_a_vendor_that_stays_busy_is_left_alone(
    make_transport: MakeTransport, vendor: Vendor
) -> None:
    """After three repeats the caller decides; it is certain that nothing ran."""
    vendor.answers(Answer(status=570))
    transport = make_transport(not_executed_statuses=frozenset({570}))

    with pytest.raises(errors.BusyError, match="can be sent again") as caught:
        await transport.request("POST", "/", body=b"[1]")

    assert len(vendor.asked) == 4
    assert not caught.value.may_have_run


async def test_a_busy_vendor_that_says_when_is_not_asked_before(
    make_transport: MakeTransport, vendor: Vendor
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
    make_transport: MakeTransport, vendor: Vendor, clock: FakeClock
) -> None:
    """A repeat is a request like any other."""
    vendor.answers(Answer(status=570), Answer())
    transport = make_transport(
        not_executed_statuses=frozenset({570}), budget=Budget(requests=2, per_s=30.0, burst=1)
    )

    await transport.request("GET", "/")

    assert clock.monotonic() == pytest.approx(30.0)


async def test_an_unlisted_status_is_never_repeated(
    make_transport: MakeTransport, vendor: Vendor
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
