"""What an adapter gets of its transport: replies, and errors that hold no secret."""

from __future__ import annotations

import traceback

import msgspec
import pytest
from aioresponses import aioresponses
from support.hosts import FAST, TOKEN, Answer, Host, MakeTransport, ShopAccount

from batchhub import errors
from batchhub.adapter import Adapter
from batchhub.testing import FakeClock
from batchhub.transport import Reply, Session, Transport


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
