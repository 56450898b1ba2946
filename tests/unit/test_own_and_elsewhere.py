"""Where a request goes decides what it carries, and what its answer says of the account."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator

import pytest
from attrs import frozen
from support.hosts import TOKEN, Answer, Host, ShopAccount, make_transport, open_host

from batchhub import errors
from batchhub._http.target import TargetFinder
from batchhub.testing import FakeClock
from batchhub.transport import Session, Transport, open_session

SIGNED = "X-Signature=d34db33fd34db33f&X-Expires=300"


@frozen(kw_only=True)
class World:
    """A transport, its own host, and a storage elsewhere."""

    own: Host
    storage: Host
    transport: Transport
    session: Session
    clock: FakeClock


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Open both hosts, and time that passes whenever nothing else is going on."""
    clock = FakeClock()
    async with (
        clock.running(),
        open_host() as own,
        open_host() as storage,
        open_session() as session,
    ):
        transport = make_transport(session, clock, own.url)
        yield World(own=own, storage=storage, transport=transport, session=session, clock=clock)


# Which is which.


@frozen(kw_only=True)
class FolderAccount(ShopAccount):
    """An account whose vendor is in a folder of its site."""

    has_path = True


@pytest.mark.parametrize(
    "target",
    ["/de/a?b=1", "https://api.shop.example/de/a?b=1", "https://api.shop.example:443/de/a?b=1"],
)
def test_the_path_of_an_address_is_the_adapters_to_put_before_a_target(target: str) -> None:
    """Of `base_url` it is only scheme, host and port that say which host is the own one."""
    finder = TargetFinder("shop", FolderAccount(base_url=f"{BASE}/de"))
    found = finder.find(target, None, auth=None)
    assert (found.address, found.is_own) == (f"{BASE}/de/a?b=1", True)


BASE = "https://api.shop.example"


@pytest.mark.parametrize(
    "target",
    [
        "/a?b=1",
        "https://api.shop.example/a?b=1",
        "HTTPS://API.Shop.Example/a?b=1",
        "https://api.shop.example:443/a?b=1",
        "https://api.shop.example./a?b=1",
    ],
)
def test_the_own_host_is_recognised_however_it_is_written(target: str) -> None:
    """Default port, capitals, a dot at the end: and it is asked under its usual address."""
    found = TargetFinder("shop", ShopAccount(base_url=BASE)).find(target, None, auth=None)

    assert found.is_own
    assert str(found.url) == f"{BASE}/a?b=1"


@pytest.mark.parametrize(
    "target",
    [
        "https://api.shop.example:8443/a",
        "https://shop.example/a",
        "https://api.shop.example.evil.example/a",
        "https://evil.example/https://api.shop.example/",
        "https://evil.example/?https://api.shop.example/",
        "https://api.shop.example%2eevil.example/a",
        "https://[::1]/a",
        "https://127.0.0.1/a",
    ],
)
def test_another_host_is_elsewhere(target: str) -> None:
    """However much it looks like the own one."""
    finder = TargetFinder("shop", ShopAccount(base_url=BASE))

    assert not finder.find(target, None, auth=None).is_own
    with pytest.raises(errors.AdapterError, match="credentials for another host"):
        finder.find(target, None, auth=True)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("https://api.shop.example@evil.example/a", "user name"),
        ("https://api.shop.example:pw@evil.example/a", "user name"),
        ("https://api.shop.example\\@evil.example/a", "percent-encoded"),
        ("https://evil.example/a#b", "percent-encoded"),
        ("https://evil.example/a b", "percent-encoded"),
        ("https://évil.example/a", "percent-encoded"),
        ("//evil.example", None),  # a path, on the own host
        ("https:///a", "without a host"),
        ("https://evil.example:99999/", "not valid"),
        ("ftp://evil.example/", "percent-encoded"),
        ("javascript:alert(1)", "percent-encoded"),
        ("http://evil.example/a", "over http://"),
        ("http://api.shop.example/a", "over http://"),
    ],
)
def test_an_address_that_can_be_read_in_two_ways_is_refused(target: str, why: str | None) -> None:
    """Nothing is sent; an address without encryption only where the own one has none."""
    finder = TargetFinder("shop", ShopAccount(base_url=BASE))
    if why is None:
        assert finder.find(target, None, auth=None).url.host == "api.shop.example"
        return
    with pytest.raises(errors.AdapterError, match=why):
        finder.find(target, None, auth=None)


def test_an_address_loses_its_query_where_it_is_shown() -> None:
    """What is in it may be what gives access."""
    found = TargetFinder("shop", ShopAccount(base_url=BASE)).find(
        "https://files.example/a", {"sig": "d34db33f"}, auth=None
    )

    assert str(found.url) == "https://files.example/a?sig=d34db33f"
    assert "d34db33f" not in repr(found)


# What an answer from elsewhere says.


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429])
@pytest.mark.parametrize("is_presigned", [False, True])
async def test_a_refusal_elsewhere_pauses_and_cools_nothing(
    world: World, status: int, is_presigned: bool
) -> None:
    """It is an error of that request: the step is tried again, with a new link."""
    host = world.own if is_presigned else world.storage
    host.answers(Answer(status=status, body=b"<Error><Code>Expired</Code></Error>"), Answer())
    with pytest.raises(errors.OtherHostError) as caught:
        await world.transport.request(
            "GET", f"{host.url}/file?{SIGNED}", auth=False if is_presigned else None
        )

    error = caught.value
    assert (error.status, error.retryable, error.may_have_run) == (status, True, False)
    assert not isinstance(error, errors.RefusedError | errors.RateLimitedError)
    assert world.transport.paused is None
    assert world.transport.cooled_until is None
    before_s = world.clock.monotonic()
    await world.transport.request("GET", "/")
    assert world.clock.monotonic() - before_s < 0.1


async def test_an_unavailable_storage_cools_nothing(world: World) -> None:
    """Whatever time it names."""
    world.storage.answers(Answer(status=503, headers={"Retry-After": "600"}))
    with pytest.raises(errors.ServerError):
        await world.transport.request("PUT", f"{world.storage.url}/file", body=b"1")

    assert world.transport.cooled_until is None


async def test_the_time_a_storage_asks_for_is_on_its_error(world: World) -> None:
    """The step waits for it; nobody else does."""
    world.storage.answers(Answer(status=429, headers={"Retry-After": "600"}))
    with pytest.raises(errors.OtherHostError) as caught:
        await world.transport.request("GET", f"{world.storage.url}/file")

    assert caught.value.retry_after_s == 600.0


async def test_a_status_for_not_executed_means_nothing_elsewhere(world: World) -> None:
    """It is the vendor's word, and a storage may mean anything by it."""
    transport = make_transport(
        world.session,
        world.clock,
        world.own.url,
        not_executed_statuses=frozenset({503}),
    )
    world.storage.answers(Answer(status=503))
    with pytest.raises(errors.ServerError):
        await transport.request("POST", f"{world.storage.url}/a", body=b"1", effect=True)

    assert len(world.storage.asked) == 1


async def test_a_page_in_between_is_no_answer_elsewhere_either(world: World) -> None:
    """A firewall's page says nothing of the link."""
    world.storage.answers(Answer(status=403, body=b"<!doctype html><title>No</title>"))
    with pytest.raises(errors.BlockedError):
        await world.transport.request("GET", f"{world.storage.url}/file")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(world: World, status: int) -> None:
    """Neither from the own host, with its credentials, nor from elsewhere."""
    away = Answer(status=status, headers={"Location": f"{world.storage.url}/file?{SIGNED}"})
    world.own.answers(away)
    with pytest.raises(errors.RefusedError, match="it points to"):
        await world.transport.request("GET", "/file", headers={"Authorization": f"Bearer {TOKEN}"})
    assert not world.storage.asked
    world.storage.answers(away)
    with pytest.raises(errors.RefusedError, match="redirects are not followed") as caught:
        await world.transport.request("GET", f"{world.storage.url}/a")
    assert len(world.storage.asked) == 1
    assert "d34db33f" not in str(caught.value)


async def test_what_a_storage_echoes_of_a_link_is_blanked(world: World) -> None:
    """Its error may hold the query, or the whole address, also of another file."""
    echo = f"no such key: https://x.example/y?sig=feedfacefeedface and {SIGNED}".encode()
    world.storage.answers(
        Answer(status=400, body=b'{"message": "' + echo + b'", "token": "' + TOKEN.encode() + b'"}')
    )
    with pytest.raises(errors.RefusedError) as caught:
        await world.transport.request("GET", f"{world.storage.url}/file?{SIGNED}")

    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.raw)
    assert "d34db33f" not in shown
    assert TOKEN not in shown
    assert "feedface" not in str(caught.value)
    assert "x.example/y?***" in str(caught.value)


async def test_no_error_shows_a_link(world: World) -> None:
    """Also where nobody answers, and where the answer is no HTTP."""
    for target in (f"http://127.0.0.1:9/file?{SIGNED}", f"{world.storage.url}/file?{SIGNED}"):
        world.storage.answers(Answer(headers={"Content-Encoding": "br"}))
        with pytest.raises((errors.ConnectError, errors.ReplyError)) as caught:
            await world.transport.request("GET", target)
        assert "d34db33f" not in "".join(traceback.format_exception(caught.value))


async def test_an_answer_from_elsewhere_has_no_secrets_either(world: World) -> None:
    """A file may hold what authorised the request for it."""
    world.storage.answers(Answer(body=TOKEN.encode()))
    reply = await world.transport.request("GET", f"{world.storage.url}/file?{SIGNED}")

    assert reply.body == b"***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://files.example/a?sig=feed", "https://files.example/a?***"),
        ("get HTTPS://f.example/?a=1&b=2, or http://g.example/x?y", None),
        (
            r'{"url": "https:\/\/f.example\/a?sig=feed\/1"}',
            r'{"url": "https:\/\/f.example\/a?***"}',
        ),
        ("https://files.example/a", "https://files.example/a"),
        ("is it https://files.example/a ? no", "is it https://files.example/a ? no"),
        ("sku=1?2", "sku=1?2"),
    ],
)
async def test_what_is_kept_of_an_answer_has_no_links_with_a_query(
    world: World, text: str, shown: str | None
) -> None:
    """They may be what gives access, and would be in the store for ever."""
    shown = shown or "get HTTPS://f.example/?*** or http://g.example/x?***"

    assert world.transport.redact({text: [text, {"a": text}, 7]}) == {
        shown: [shown, {"a": shown}, 7]
    }


async def test_no_cookie_is_kept(world: World) -> None:
    """Neither host gets back what it, or the other one, has set."""
    world.own.answers(Answer(headers={"Set-Cookie": "session=1; Path=/"}))
    world.storage.answers(Answer(headers={"Set-Cookie": "session=1; Path=/"}))
    for _ in range(2):
        await world.transport.request("GET", "/a")
        await world.transport.request("GET", f"{world.storage.url}/a")

    assert not any("Cookie" in asked.headers for asked in world.own.asked + world.storage.asked)


async def test_a_trial_is_not_used_up_elsewhere(world: World) -> None:
    """Only a request with the credentials shows whether they are taken again."""
    world.own.answers(Answer(status=401, body=b'{"message": "no"}'), Answer())
    with pytest.raises(errors.CredentialsError):
        await world.transport.request("GET", "/")
    world.transport.try_again()
    before_s = world.clock.monotonic()
    await world.transport.request("GET", f"{world.storage.url}/a")
    await asyncio.gather(
        world.transport.request("GET", "/"),
        world.transport.request("GET", f"{world.storage.url}/a"),
    )

    assert world.clock.monotonic() - before_s < 0.1
