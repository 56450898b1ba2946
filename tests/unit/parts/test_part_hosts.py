"""Parts of a stand-in that are hosts: tokens, and files."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from support.acme import AcmeSandbox
from support.calls import send
from support.globex import JSON_LINES
from support.part_callers import CLIENT, REFRESH, GlobexCaller

from batchhub.sandbox import (
    FileHost,
    Tokens,
)
from batchhub.testing import FakeClock


class TestTokens:
    async def test_expiry(self, globex: GlobexCaller, clock: FakeClock) -> None:
        """A token is valid as long as it says, then the vendor refuses it."""
        answer = await globex.ask_token(**CLIENT, grant_type="client_credentials")
        assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 3600)
        globex.token = answer.json["access_token"]
        await clock.advance(3599.9)
        assert (await globex("GET", "/feeds")).status == 200
        await clock.advance(0.1)
        assert (await globex("GET", "/feeds")).status == 403

    async def test_revoked(self, globex: GlobexCaller) -> None:
        """Tokens can be revoked before their end; a new one is valid."""
        globex.sandbox.tokens.revoke()
        assert (await globex("GET", "/feeds")).status == 403
        globex.token = (await globex.ask_token(**REFRESH)).json["access_token"]
        assert (await globex("GET", "/feeds")).status == 200
        globex.sandbox.tokens.revoke_refresh_token()
        assert (await globex.ask_token(**REFRESH)).json == {"error": "invalid_grant"}

    @pytest.mark.parametrize(
        ("change", "status", "error"),
        [
            ({"client_secret": "other"}, 401, "invalid_client"),
            ({"client_id": "other"}, 401, "invalid_client"),
            ({"refresh_token": "other"}, 400, "invalid_grant"),
            ({"grant_type": ""}, 400, "invalid_request"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ],
    )
    async def test_refused(
        self, globex: GlobexCaller, change: dict[str, str], status: int, error: str
    ) -> None:
        """What is wrong is said in OAuth's words."""
        before = globex.sandbox.tokens.issued
        answer = await globex.ask_token(**{**REFRESH, **change})
        assert (answer.status, answer.json) == (status, {"error": error})
        assert globex.sandbox.tokens.issued == before

    async def test_other_forms(self, globex: GlobexCaller) -> None:
        """The client may be named in a header, and the form may be JSON."""
        url = globex.sandbox.tokens.url
        auth = aiohttp.encode_basic_auth("app", "client-secret")
        wrong = {"Authorization": "Basic x"}
        grant = {"grant_type": "client_credentials"}
        asked: list[tuple[int, dict[str, Any]]] = [
            (200, {"data": grant, "headers": {"Authorization": auth}}),
            (200, {"json": {**CLIENT, **grant}}),
            (401, {"data": grant, "headers": wrong}),
            (400, {"json": []}),
            (415, {"data": b"x", "headers": {"Content-Type": "text/plain"}}),
        ]
        for status, kwargs in asked:
            assert (await send(globex.session, "POST", url, **kwargs)).status == status

    async def test_same_again_and_rotation(
        self, session: aiohttp.ClientSession, clock: FakeClock
    ) -> None:
        """A host may give the same token until it expires, and a refresh token only once."""
        sandbox = AcmeSandbox(clock=clock)
        tokens = Tokens(
            sandbox,
            client_id=CLIENT["client_id"],
            client_secret=CLIENT["client_secret"],
            refresh_token="refresh-0",
            valid_s=60.0,
            reuses=True,
            rotates=True,
        )

        async def ask(refresh_token: str) -> Any:
            data = {**REFRESH, "refresh_token": refresh_token}
            return (await send(session, "POST", tokens.url, data=data)).json

        async with sandbox.running():
            first = await ask("refresh-0")
            await clock.advance(20.0)
            assert await ask("refresh-0") == {"error": "invalid_grant"}
            second = await ask(first["refresh_token"])
            assert second["access_token"] == first["access_token"]
            assert (first["expires_in"], second["expires_in"]) == (60, 40)
            await clock.advance(40.0)
            third = await ask(second["refresh_token"])
            assert third["access_token"] != first["access_token"]

    async def test_ends_early_and_says_why(
        self, session: aiohttp.ClientSession, clock: FakeClock
    ) -> None:
        """A token that expired is told from one that was revoked; an error may have a text."""
        sandbox = AcmeSandbox(clock=clock)
        valid_s = 60.0
        tokens = Tokens(
            sandbox,
            client_id=CLIENT["client_id"],
            client_secret=CLIENT["client_secret"],
            valid_s=lambda: valid_s,
            descriptions={"invalid_client": "Who are you?"},
        )
        first = tokens.issue()
        valid_s = 30.0
        second = tokens.issue()
        await clock.advance(30.0)
        assert [tokens.admits(each) for each in (first, second)] == [True, False]
        tokens.expire()
        ended = [tokens.has_expired(each) for each in (first, second, "other")]
        assert ended == [True, True, False]
        tokens.revoke()
        assert not tokens.has_expired(first)
        async with sandbox.running():
            answer = await send(session, "POST", tokens.url, data={"client_id": "x"})
        assert answer.json == {"error": "invalid_client", "error_description": "Who are you?"}


class TestFileHost:
    async def test_refused_uploads(self, globex: GlobexCaller, clock: FakeClock) -> None:
        """Credentials, another type, a changed signature and a late upload are refused."""
        offer = await globex.offer()
        refused = [
            await globex.put(offer, b"x", **{"x-access-token": globex.token}),
            await globex.put(offer, b"x", **{"Content-Type": "text/csv"}),
            await globex.put({"url": offer["url"][:-1]}, b"x"),
            await globex.put({"url": offer["url"].partition("?")[0]}, b"x"),
        ]
        assert [answer.status for answer in refused] == [400, 403, 403, 403]
        assert all(answer.headers["Content-Type"] == "application/xml" for answer in refused)
        assert globex.sandbox.journal[-4].note == "credentials came to another host: x-access-token"
        await clock.advance(299.9)
        assert (await globex.put(offer, b"x")).status == 200
        await clock.advance(0.1)
        late = await globex.put(offer, b"y")
        assert (late.status, "expired" in late.text) == (403, True)
        assert [file.read() for file in globex.sandbox.files] == [b"x"]

    async def test_a_url_is_for_one_thing(self, globex: GlobexCaller) -> None:
        """With the URL of an upload nothing can be downloaded, and the other way round."""
        offer = await globex.offer()
        await globex.put(offer, b"x")
        assert (await globex.download(offer["url"]))[0] == 403
        url = globex.sandbox.files.make_url(offer["documentId"])
        assert await globex.download(url) == (200, b"x")
        assert (await globex.put({"url": url}, b"y")).status == 403

    async def test_two_hosts(self, session: aiohttp.ClientSession, clock: FakeClock) -> None:
        """A URL of one host opens nothing on another one."""
        sandbox = AcmeSandbox(clock=clock)
        here, there = FileHost(sandbox, host="here"), FileHost(sandbox, host="there")
        here.put(b"x", file_id="same")
        there.put(b"y", file_id="same")
        async with sandbox.running():
            url = here.make_url("same")
            other = url.replace(sandbox.url_of("here"), sandbox.url_of("there"))
            answers = [await send(session, "GET", address) for address in (url, other)]
        assert [answer.status for answer in answers] == [200, 403]

    async def test_a_feed_of_nothing(self, globex: GlobexCaller) -> None:
        """A document that nobody uploaded makes no feed."""
        answer = await globex.feed((await globex.offer())["documentId"])
        assert answer.json == {"error": "The document was not uploaded"}

    async def test_posted(self, globex: GlobexCaller) -> None:
        """A form is taken with its fields, its type, and the file at its end."""

        async def post(offer: Any, **change: Any) -> int:
            form = aiohttp.FormData()
            for name, value in {**offer["fields"], **change.pop("fields", {})}.items():
                form.add_field(name, value)
            kind = change.pop("type", JSON_LINES)
            form.add_field("file", b"\r\n--x\x00\xff", filename="f.jsonl", content_type=kind)
            for name, value in change.items():
                form.add_field(name, value)
            return (await send(globex.session, "POST", offer["url"], data=form)).status

        offer = await globex.offer("POST")
        assert await post(offer, last="x") == 400
        assert await post(offer, type="text/csv") == 403
        assert await post(offer, fields={"Content-Type": "text/csv"}) == 403
        assert await post(offer, fields={"key": "other"}) == 403
        assert [*globex.sandbox.files] == []
        assert await post(offer) == 204
        [file] = globex.sandbox.files
        assert file.read() == b"\r\n--x\x00\xff"
        assert file.content_type == JSON_LINES

    @pytest.mark.parametrize("packing", ["plain", "gzip", "encoded"])
    @pytest.mark.parametrize("is_streamed", [False, True])
    async def test_packing(self, globex: GlobexCaller, packing: Any, is_streamed: bool) -> None:
        """A file comes plain, as a gzip file, or encoded on the way; whole or piece by piece."""
        files = globex.sandbox.files
        text = b"0123456789" * 1000

        def stream() -> Iterator[bytes]:
            yield from (text[:5000], text[5000:])

        file = files.put(stream if is_streamed else text, packing=packing, content_type="text/x")
        assert file.read() == text
        for _ in range(2):
            async with globex.session.get(files.make_url(file.id)) as response:
                body = await response.read()
                encoding = response.headers.get("Content-Encoding")
                assert response.headers["Content-Type"] == "text/x"
            assert (gzip.decompress(body) if packing == "gzip" else body) == text
            assert encoding == ("gzip" if packing == "encoded" else None)

    async def test_expiry(self, globex: GlobexCaller, clock: FakeClock) -> None:
        """A URL ends before its file, and a file before a URL that is valid longer."""
        files = globex.sandbox.files
        file = files.put(b"x")
        short, long = files.make_url(file.id), files.make_url(file.id, valid_s=1e6)
        await clock.advance(300.0)
        assert [(await globex.download(url))[0] for url in (short, long)] == [403, 200]
        await clock.advance(3300.0)
        assert (await globex.download(long))[0] == 404

    async def test_a_large_file_needs_no_memory(self, globex: GlobexCaller) -> None:
        """What is made while it is sent is never whole in memory, and can break off."""
        made = 0

        def stream() -> Iterator[bytes]:
            nonlocal made
            for _ in range(10_000):
                made += 1
                yield b"x" * 65_536

        url = globex.sandbox.files.make_url(globex.sandbox.files.put(stream).id)
        async with globex.session.get(url) as response:
            assert len(await response.content.readexactly(100_000)) == 100_000
        assert made < 1000
