"""A stand-in with three hosts, made of parts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from support.globex import GlobexSandbox
from support.part_callers import REFRESH, GlobexCaller

from batchhub.sandbox import (
    KNOCK,
)
from batchhub.testing import FakeClock


class TestGlobex:
    """A vendor with a token host, a staged upload and a result file on another host."""

    async def test_story(self, globex: GlobexCaller, clock: FakeClock) -> None:
        """Token, document, upload, feed, polls, result file: each at its own place."""
        globex.token = (await globex.ask_token(**REFRESH)).json["access_token"]
        feed = (await globex.feed(await globex.upload(1.0, -1.0))).json["feedId"]
        words = []
        for _ in range(3):
            words.append((await globex("GET", f"/feeds/{feed}")).json["status"])
            await clock.advance(1.0)
        assert words == ["IN_QUEUE", "IN_PROGRESS", "DONE"]
        result = (await globex("GET", f"/feeds/{feed}/result")).json
        status, packed = await globex.download(result["url"])
        lines = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
        assert (status, lines) == (200, [{"sku": "G-0", "code": 200}, {"sku": "G-1", "code": 409}])
        assert (await globex("GET", "/feeds")).json == [{"feedId": feed, "status": "DONE"}]
        hosts = [(entry.host, entry.method) for entry in globex.sandbox.journal]
        assert hosts[:4] == [("tokens", "POST"), ("", "POST"), ("files", "PUT"), ("", "POST")]

    async def test_three_hosts(self, globex: GlobexCaller) -> None:
        """Each host is an address of its own, and stays that when the vendor was away."""
        sandbox = globex.sandbox
        urls = {sandbox.url_of(host) for host in ("", "tokens", "files")}
        assert len(urls) == 3
        kept = sandbox.url_of("tokens"), sandbox.url_of("files")
        await sandbox.aclose()
        with pytest.raises(RuntimeError, match="doesn't run"):
            sandbox.url_of("files")
        await sandbox.start()
        assert (sandbox.url_of("tokens"), sandbox.url_of("files")) == kept
        assert sandbox.settings_toml(sandbox.url_of(), "g").count(sandbox.tokens.url) == 1

    async def test_a_port_that_is_taken(self, globex: GlobexCaller) -> None:
        """Where one of the hosts can't start none does."""
        taken = int(globex.url.rpartition(":")[2])
        other = GlobexSandbox()
        other._ports["files"] = taken
        with pytest.raises(OSError, match=str(taken)):
            await other.start()
        other._ports.clear()
        async with other.running():
            pass

    async def test_no_secret_is_journaled(self, globex: GlobexCaller) -> None:
        """Neither a client's secret nor a signature is in the journal."""
        await globex.ask_token(**REFRESH)
        await globex.put(await globex.offer(), b"{}")
        text = json.dumps([entry.to_json() for entry in globex.sandbox.journal])
        assert "client-secret" not in text
        assert "refresh-0" not in text
        assert "signature" not in text

    async def test_an_answer_is_lost_on_any_route(self, globex: GlobexCaller) -> None:
        """Accepted, answer lost: the token host, the upload, the download, the list."""
        sandbox = globex.sandbox
        url = sandbox.files.make_url(sandbox.files.put(b"x").id)
        offer = await globex.offer()
        calls: dict[str, Callable[[], Any]] = {
            "token": lambda: globex.ask_token(**REFRESH),
            "document": globex.offer,
            "upload": lambda: globex.put(offer, b"here"),
            "download": lambda: globex.download(url),
            "list": lambda: globex("GET", "/feeds"),
        }
        for verb, call in calls.items():
            sandbox.change_switches({"lost_answers": 1, "network_verbs": verb})
            with pytest.raises(aiohttp.ClientError):
                await call()
            assert sandbox.switches.lost_answers == 0
            await call()
        uploaded = sandbox.files.find(offer["documentId"])
        assert uploaded is not None
        assert uploaded.read() == b"here"

    async def test_a_rate_of_one_route(self, globex: GlobexCaller, clock: FakeClock) -> None:
        """The fourth feed is one too many; what else is asked is not concerned."""
        answers = [await globex.feed(await globex.upload(float(n))) for n in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["x-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert (answers[3].headers["x-limit"], answers[3].headers["Retry-After"]) == ("1", "120")
        assert (await globex("GET", "/feeds")).status == 200
        assert globex.sandbox.knocks == 0
        await clock.advance(119.0)
        document = await globex.upload(9.0)
        assert (await globex.feed(document)).status == 429
        assert globex.sandbox.journal[-1].note == KNOCK
        globex.sandbox.rates["feeds"].silent_statuses = (429,)
        assert "x-limit" not in (await globex.feed(document)).headers
        await clock.advance(1.0)
        assert "x-limit" in (await globex.feed(document)).headers

    async def test_a_repeated_document(self, globex: GlobexCaller, clock: FakeClock) -> None:
        """The same lines again within 15 minutes are refused, whatever they are called."""
        assert (await globex.feed(await globex.upload(1.0))).status == 200
        again = await globex.upload(1.0)
        assert (await globex.feed(again)).status == 400
        await clock.advance(900.0)
        assert (await globex.feed(again)).status == 200

    async def test_cancel_and_retention(self, globex: GlobexCaller, clock: FakeClock) -> None:
        """A feed can be stopped while it waits; an hour after its end it is gone."""
        feed = (await globex.feed(await globex.upload(1.0, 2.0))).json["feedId"]
        assert (await globex("DELETE", f"/feeds/{feed}")).json == {"cancelled": True}
        assert (await globex("GET", f"/feeds/{feed}")).json["status"] == "CANCELLED"
        await clock.advance(3600.0)
        globex.token = globex.sandbox.tokens.issue()
        assert (await globex("GET", f"/feeds/{feed}")).status == 410
        assert (await globex("GET", "/feeds")).json == []
