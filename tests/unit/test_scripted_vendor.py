"""A vendor that does what a test says, and says so when it is asked something else."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from support.calls import Answer, open_client, send

from batchhub.errors import NotKnownError, UsageError
from batchhub.testing import FakeClock, ScriptedVendor, ScriptError, SeenRequest, make_answer

CUT = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)

Block = Callable[[ScriptedVendor, aiohttp.ClientSession], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that repeats nothing."""
    async with open_client() as session:
        yield session


@pytest.fixture
def play() -> Play:
    """Play a block as a program of its own, which ends with nothing left undone."""

    async def main(block: Block, **kwargs: Any) -> None:
        async with open_client() as session:
            try:
                async with ScriptedVendor(**kwargs) as vendor:
                    await block(vendor, session)
            finally:
                task = asyncio.current_task()
                assert task is not None
                assert task.cancelling() == 0
                await asyncio.sleep(0)  # whoever is still cancelled is so here

    return lambda block, **kwargs: asyncio.run(main(block, **kwargs))


# What is answered.


async def test_answers_come_in_their_order(client: aiohttp.ClientSession) -> None:
    """Each answer is given once, in order; JSON, bytes, text and nothing go as they should."""
    async with ScriptedVendor() as vendor:
        vendor.on("POST", "/batches").reply({"id": "b1"}, status=201, headers={"X-A": "1"})
        polls = vendor.on("GET", "/batches/{ref}").reply({"state": "running"}).reply(b"\x00\xff")
        polls.reply("text").reply()
        url = vendor.base_url
        created = await send(client, "POST", f"{url}/batches", json=[1])
        assert (created.status, created.json) == (201, {"id": "b1"})
        assert created.headers["X-A"] == "1"
        assert created.headers["Content-Type"] == "application/json"
        seen = []
        for _ in range(4):
            async with client.get(f"{url}/batches/b%201") as answer:
                seen.append((answer.headers.get("Content-Type"), await answer.read()))
    assert [body for _, body in seen] == [b'{"state":"running"}', b"\x00\xff", b"text", b""]
    assert seen[2][0] == "text/plain; charset=utf-8"
    assert polls.requests[0].path_params == {"ref": "b 1"}


async def test_what_came_is_recorded(client: aiohttp.ClientSession) -> None:
    """Method, path, query, headers and body; the body as JSON when asked for."""
    clock = FakeClock()
    async with ScriptedVendor(clock=clock) as vendor:
        vendor.on("PUT", "/a%20b").reply()
        vendor.on("POST", "/c").reply()
        url = vendor.base_url
        params = [("x", "1"), ("x", "2"), ("y", "ü")]
        await send(
            client, "PUT", f"{url}/a%20b", params=params, json={"p": 1}, headers={"Key": "v"}
        )
        await send(client, "POST", f"{url}/c", data=b"{")
    put, post = vendor.requests
    assert (put.method, put.path, put.json()) == ("PUT", "/a%20b", {"p": 1})
    assert put.query.getall("x") == ["1", "2"]
    assert put.query["y"] == "ü"
    assert put.headers["key"] == "v"
    assert put.at == clock.now()
    with pytest.raises(AssertionError, match="POST /c has a body that is not JSON"):
        post.json()


async def test_a_body_of_megabytes_is_taken(client: aiohttp.ClientSession) -> None:
    """No limit of the server's own stands in the way."""
    async with ScriptedVendor() as vendor:
        vendor.on("POST", "/").reply(lambda request: request.body)
        body = b"x" * 5_000_000
        answer = await send(client, "POST", f"{vendor.base_url}/", data=io.BytesIO(body))
    assert vendor.requests[0].body == answer.text.encode() == body


async def test_a_function_makes_the_answer(client: aiohttp.ClientSession) -> None:
    """A function, plain or async, gets the request and gives a body or a whole answer."""

    async def count(request: SeenRequest) -> Any:
        return make_answer({"items": len(request.json())}, status=202)

    async with ScriptedVendor() as vendor:
        vendor.on("POST", "/n").reply(count)
        vendor.on("GET", "/echo/{word}").reply(lambda request: request.path_params).repeat()
        assert (await send(client, "POST", f"{vendor.base_url}/n", json=[1, 2])).status == 202
        for word in ("a", "b"):
            answer = await send(client, "GET", f"{vendor.base_url}/echo/{word}")
            assert answer.json == {"word": word}


async def test_requests_are_told_apart(client: aiohttp.ClientSession) -> None:
    """By query, by body and by whatever else a function looks at; the first that fits answers."""
    async with ScriptedVendor() as vendor:
        url = vendor.base_url
        vendor.on("GET", "/l", query={"page": "2", "all": None}).reply(2)
        vendor.on("GET", "/l").reply(1)
        vendor.on("POST", "/b", body={"n": 1}).reply("one")
        vendor.on("POST", "/b", body=b"raw").reply("raw")
        vendor.on("POST", "/b", when=lambda request: request.headers["Key"] == "k").reply("key")
        vendor.on("POST", "/b").reply("rest").repeat(2)

        async def post(**kwargs: Any) -> Answer:
            return await send(client, "POST", f"{url}/b", **kwargs)

        assert (await send(client, "GET", f"{url}/l?page=2&all=1")).json == 1
        assert (await send(client, "GET", f"{url}/l?page=2&other=1")).json == 2
        assert (await post(json={"n": 1})).text == "one"
        assert (await post(data=b"raw")).text == "raw"
        assert (await post(json={"n": 2})).text == "rest"
        assert (await post(headers={"Key": "k"})).text == "key"
        assert (await post(headers={"Key": "k"})).text == "rest"


async def test_another_host_has_an_address_of_its_own(client: aiohttp.ClientSession) -> None:
    """The same path at two hosts is two things; hosts are known by name."""
    async with ScriptedVendor(other_hosts=["uploads"]) as vendor:
        vendor.on("PUT", "/f").reply("own")
        vendor.on("PUT", "/f", host="uploads").reply("up")
        assert vendor.url("uploads") != vendor.base_url
        assert (await send(client, "PUT", f"{vendor.url('uploads')}/f")).text == "up"
        assert (await send(client, "PUT", f"{vendor.base_url}/f")).text == "own"
        with pytest.raises(NotKnownError, match="no host named 'up'; known: uploads"):
            vendor.url("up")
    assert [request.host for request in vendor.requests] == ["uploads", ""]


# What goes wrong on purpose.


async def test_an_answer_is_lost(client: aiohttp.ClientSession) -> None:
    """The request is taken, the connection cut before a byte; the next one is answered."""
    async with ScriptedVendor() as vendor:
        vendor.on("POST", "/").lose_answer().reply("again")
        with pytest.raises(CUT):
            await send(client, "POST", f"{vendor.base_url}/", json=1)
        assert (await send(client, "POST", f"{vendor.base_url}/")).text == "again"
    assert [request.body for request in vendor.requests] == [b"1", b""]


@pytest.mark.parametrize("after_bytes", [0, 3])
async def test_an_answer_breaks_off(client: aiohttp.ClientSession, after_bytes: int) -> None:
    """Status and headers come, and as much of the body as was said."""
    async with ScriptedVendor() as vendor:
        vendor.on("GET", "/").break_off("0123456789", after_bytes=after_bytes, status=203)
        async with client.get(f"{vendor.base_url}/") as answer:
            assert (answer.status, answer.content_length) == (203, 10)
            assert await answer.content.read(after_bytes) == b"0123456789"[:after_bytes]
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.content.read()


async def test_garbage_is_no_http(client: aiohttp.ClientSession) -> None:
    """Bytes in place of an answer; and an answer that says it is longer than it is."""
    async with ScriptedVendor() as vendor:
        vendor.on("GET", "/").garbage().garbage(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        with pytest.raises(aiohttp.ClientResponseError):
            await send(client, "GET", f"{vendor.base_url}/")
        with pytest.raises(aiohttp.ClientPayloadError):
            await send(client, "GET", f"{vendor.base_url}/")


async def test_an_answer_comes_twice() -> None:
    """Both are on the wire, one after the other, for one request."""
    async with ScriptedVendor() as vendor:
        vendor.on("GET", "/").reply_twice("same", status=202)
        host, port = vendor.base_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wire = await reader.read()
        writer.close()
    assert wire.count(b"HTTP/1.1 202 Accepted\r\n") == wire.count(b"\r\n\r\nsame") == 2


async def test_silence_lasts_until_the_client_hangs_up(client: aiohttp.ClientSession) -> None:
    """Nothing is sent; whoever waits gives up, or the vendor stops."""
    async with ScriptedVendor() as vendor:
        vendor.on("GET", "/").stay_silent().repeat(2)
        for count in (1, 2):
            waiting = asyncio.create_task(send(client, "GET", f"{vendor.base_url}/"))
            while len(vendor.requests) < count:  # noqa: ASYNC110  # the vendor has no event for it
                await asyncio.sleep(0)
            if count == 1:
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
    with pytest.raises(CUT):
        await waiting


async def test_slow_answers_take_the_clocks_time(client: aiohttp.ClientSession) -> None:
    """Late ones and slow ones are measured by the clock of the test."""
    clock = FakeClock()
    async with ScriptedVendor(clock=clock) as vendor, clock.running():
        vendor.on("GET", "/").reply("late", after_s=3600.0).reply("x" * 25, over_s=60.0)
        assert (await send(client, "GET", f"{vendor.base_url}/")).text == "late"
        assert clock.monotonic() == pytest.approx(3600.0)
        assert (await send(client, "GET", f"{vendor.base_url}/")).text == "x" * 25
        assert 3650.0 < clock.monotonic() <= 3660.0


# What the script does not expect.


def test_an_unexpected_request_ends_the_block(play: Play) -> None:
    """Also where the code under test would try for ever; the message says what was nearest."""

    async def block(vendor: ScriptedVendor, client: aiohttp.ClientSession) -> None:
        vendor.on("POST", "/batches", when=lambda request: request.json()["x"]).reply()
        vendor.on("GET", "/batches/{ref}", query={"full": "1"}).reply()
        vendor.on("GET", "/else").optional().reply()
        vendor.on("DELETE", "/far").optional().reply()
        while True:
            await send(client, "POST", f"{vendor.base_url}/batches", json={"y": "z" * 999})

    with pytest.raises(ScriptError) as caught:
        play(block)
    first, *others = str(caught.value).splitlines()[1:]
    assert first.startswith('  not expected: POST /batches (request 1), body {"y": "zzz')
    assert others == ["    POST /batches: `when` raised KeyError: 'x'", "    … and 3 more"]
    assert len(first) < 300


def test_what_is_nearest_is_explained(play: Play) -> None:
    """Another method, another path, another query, another body: each says which."""

    async def block(vendor: ScriptedVendor, client: aiohttp.ClientSession) -> None:
        vendor.on("GET", "/a").reply()
        vendor.on("POST", "/b").reply()
        vendor.on("POST", "/a", query={"q": "1", "no": None}).reply()
        vendor.on("POST", "/a", query={"r": "1"}).reply()
        vendor.on("POST", "/a", body={"n": 2}).reply()
        vendor.on("POST", "/a", when=lambda request: False).reply()
        vendor.on("POST", "/a", host="other").reply()
        vendor.on("POST", "/a")
        await send(client, "POST", f"{vendor.base_url}/a?q=2", json={"n": 1})

    with pytest.raises(ScriptError) as caught:
        play(block, other_hosts=["other"])
    assert str(caught.value).splitlines()[2:] == [
        "    GET /a: another method",
        "    POST /b: another path",
        "    POST /a?q=1&no=: its query has q=2",
        "    POST /a?r=1: it has no r",
        "    POST /a: another body",
        "    POST /a: `when` says no",
        "    POST /a at host 'other': another host",
        "    POST /a: it has no answer",
    ]


def test_an_unexpected_request_is_answered_400(play: Play) -> None:
    """Code that runs in another task sees at once that it is wrong, and why."""
    answers = []

    async def block(vendor: ScriptedVendor, client: aiohttp.ClientSession) -> None:
        async def ask() -> None:
            answers.append(await send(client, "GET", f"{vendor.base_url}/x?y=1"))

        asking = asyncio.create_task(ask())
        try:
            await asyncio.Event().wait()
        finally:
            await asking

    with pytest.raises(ScriptError, match="the script is empty"):
        play(block)
    assert (answers[0].status, answers[0].json["message"]) == (
        400,
        "the script expects no GET /x",
    )


def test_one_request_too_many_is_unexpected(play: Play) -> None:
    """A script that was used up says so."""

    async def block(vendor: ScriptedVendor, client: aiohttp.ClientSession) -> None:
        vendor.on("GET", "/").reply().repeat(2)
        for _ in range(3):
            await send(client, "GET", f"{vendor.base_url}/")

    with pytest.raises(ScriptError, match=r"GET /: all its answers are given \(2\)"):
        play(block)


def test_what_never_came_is_named(play: Play) -> None:
    """Each answer that was not asked for is a line; the optional ones are not."""

    async def block(vendor: ScriptedVendor, client: aiohttp.ClientSession) -> None:
        vendor.on("GET", "/a", query={"q": "1"}).reply({"n": 1}).reply({"n": 2}).repeat(3)
        vendor.on("GET", "/b").reply().repeat()
        vendor.on("GET", "/c").stay_silent()
        vendor.on("GET", "/d").reply().optional()
        vendor.on("GET", "/e")
        await send(client, "GET", f"{vendor.base_url}/a?q=1")
        await send(client, "GET", f"{vendor.base_url}/a?q=1")

    with pytest.raises(ScriptError) as caught:
        play(block)
    assert str(caught.value).splitlines()[1:] == [
        '  never asked for: GET /a?q=1: answer 2 of 2, 2 times more: 200 {"n":2}',
        "  never asked for: GET /b: answer 1 of 1: 200",
        "  never asked for: GET /c: answer 1 of 1: silence",
        "  never asked for: GET /e has no answer; add one, as by .reply(...)",
    ]


def test_an_error_of_the_block_stays(play: Play) -> None:
    """What was never asked for is a note on it."""

    async def block(vendor: ScriptedVendor, client: aiohttp.ClientSession) -> None:
        vendor.on("GET", "/").reply()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        play(block)
    assert "never asked for: GET /: answer 1 of 1" in caught.value.__notes__[0]


def test_an_unexpected_request_causes_errors(play: Play) -> None:
    """Whatever comes out of the block after it is not what is told first."""

    async def block(vendor: ScriptedVendor, client: aiohttp.ClientSession) -> None:
        try:
            await send(client, "GET", f"{vendor.base_url}/")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    with pytest.raises(ScriptError, match="not expected: GET /") as caught:
        play(block)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_block_that_ends_before_it_is_stopped(play: Play) -> None:
    """It fails all the same, and nobody after it is stopped in its place."""

    async def block(vendor: ScriptedVendor, client: aiohttp.ClientSession) -> None:
        vendor._script.note_fault("found in the last moment")
        vendor._refuse("found in the last moment")

    with pytest.raises(ScriptError, match="found in the last moment"):
        play(block)


async def test_being_cancelled_by_others_stays_that() -> None:
    """A time-out around the block is a time-out, whatever the script says."""

    async def wait() -> None:
        async with asyncio.timeout(None) as limit, ScriptedVendor() as vendor:
            vendor.on("GET", "/").reply()
            limit.reschedule(asyncio.get_running_loop().time())
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await wait()


async def test_a_block_in_a_fixture_fails_when_it_is_left(client: aiohttp.ClientSession) -> None:
    """Entered by one task and left by another: nobody is stopped, the error comes at the end."""
    vendor = ScriptedVendor()
    await asyncio.create_task(vendor.__aenter__())
    assert (await send(client, "GET", f"{vendor.base_url}/")).status == 400
    with pytest.raises(ScriptError, match="not expected"):
        vendor.verify()
    with pytest.raises(ScriptError, match="not expected"):
        await asyncio.create_task(vendor.__aexit__(None, None, None))


def test_a_function_that_fails_is_said(play: Play) -> None:
    """The error of a function that makes an answer ends the block like an unexpected request."""

    async def block(vendor: ScriptedVendor, client: aiohttp.ClientSession) -> None:
        vendor.on("GET", "/").reply(lambda request: 1 / 0)
        await send(client, "GET", f"{vendor.base_url}/")
        await asyncio.Event().wait()

    with pytest.raises(ScriptError, match="the answer to GET / failed: ZeroDivisionError"):
        play(block)


async def test_a_script_that_makes_no_sense_is_refused() -> None:
    """With the reason, where it was written."""
    vendor = ScriptedVendor()
    with pytest.raises(UsageError, match="inside 'async with'"):
        _ = vendor.base_url
    with pytest.raises(UsageError, match="begins with '/'"):
        vendor.on("GET", "x")
    with pytest.raises(UsageError, match="has no query"):
        vendor.on("GET", "/x?y=1")
    with pytest.raises(UsageError, match="a name twice"):
        vendor.on("GET", "/{a}/{a}")
    with pytest.raises(UsageError, match="no answer yet"):
        vendor.on("GET", "/x").repeat()
    with pytest.raises(UsageError, match="not 0 times"):
        vendor.on("GET", "/x").reply().repeat(0)
    with pytest.raises(UsageError, match="no answer follows"):
        vendor.on("GET", "/x").reply().repeat().reply()
    with pytest.raises(UsageError, match="break off before its end"):
        vendor.on("GET", "/x").break_off("abc", after_bytes=3)
    with pytest.raises(NotKnownError, match="no host named 'up'"):
        vendor.on("GET", "/x", host="up")
    with pytest.raises(TypeError, match="no form in JSON"):
        vendor.on("GET", "/x").reply([float("nan")])


async def test_a_vendor_runs_once() -> None:
    """Its script is told once; another run is another vendor."""
    vendor = ScriptedVendor()
    async with vendor:
        with pytest.raises(UsageError, match="make another one"):
            await vendor.__aenter__()
    with pytest.raises(UsageError, match="make another one"):
        await vendor.__aenter__()


def test_no_test_framework_is_needed() -> None:
    """Nothing of pytest is imported, nor anything that comes with the tests only."""
    code = (
        "import sys, batchhub.testing\n"
        "assert not {'pytest', 'aioresponses', 'hypothesis'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
