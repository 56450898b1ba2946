"""What is sent and received is recorded, and given again: several hosts, lost answers, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen

from batchhub.adapter import Account, Adapter, Budget, Credentials, secret
from batchhub.errors import NoAnswerError, OtherHostError, ReplyError
from batchhub.testing import (
    Case,
    FakeClock,
    ScriptedVendor,
    ScriptError,
    read_case,
    replay,
    write_case,
)
from batchhub.transport import RecordedExchange, Transport, open_session, record_exchanges

SIGNED = "Zm9vYmFyCg5817"
RUN_TIME = "run-time-4fJ81xY"


@frozen(kw_only=True)
class AcmeAccount(Account):
    """An account."""

    adapter: ClassVar[str] = "acme"
    base_url: str
    token: str = secret(default="tok_9vQKq2LxT7Zw")

    @property
    def identity(self) -> str:
        """Any."""
        return "1"

    @property
    def budget(self) -> Budget:
        """Never the bottleneck."""
        return Budget(requests=1_000, per_s=1.0)


async def upload(base_url: str, token_url: str) -> list[Any]:
    """Use a vendor as an adapter does: a token, an address to upload to, on other hosts; a list."""
    account = AcmeAccount(base_url=base_url)
    seen: list[Any] = []
    clock = FakeClock()
    async with clock.running(), open_session() as session:
        transport = Transport(
            session=session,
            clock=clock,
            vendor="acme",
            account=account,
            budget=account.budget,
            explain=Adapter.explain,
        )

        async def authorize(*, again: bool) -> Credentials:
            given = await transport.request("POST", f"{token_url}/give", body=b"{}")
            return Credentials(headers={"X-Acme-Entry": given.json()["entry"]})

        transport.bind(authorize)
        made = (await transport.request("POST", "/files")).json()
        put = await transport.request("PUT", made["url"], body=b"sku;price\nA-1;9,90\n")
        seen += made["name"], put.status, put.headers["Retry-After"]
        with suppress(NoAnswerError):
            await transport.request("GET", made["list"])
        try:
            await transport.request("GET", made["report"])
        except OtherHostError as error:
            seen += error.status, error.code
    return seen


async def record_upload() -> tuple[list[Any], Case]:
    """Record it."""
    async with ScriptedVendor(other_hosts=["up", "token"]) as vendor:
        up = vendor.url("up")
        vendor.on("POST", "/give", host="token").reply({"entry": RUN_TIME})
        made = {
            "name": "f1",
            "for": RUN_TIME,
            "url": f"{up}/f1?X-Amz-Signature={SIGNED}",
            "list": f"{vendor.base_url}/files?cursor={RUN_TIME}&page=2",
            "report": f"{up}/report?h={SIGNED}&n=1",
        }
        vendor.on("POST", "/files").reply(made)
        vendor.on("PUT", "/f1", host="up").reply(status=201, headers={"Retry-After": "9"})
        vendor.on("GET", "/files", query={"page": "2"}).lose_answer()
        vendor.on("GET", "/report", host="up").reply({"code": "gone"}, status=404)
        with record_exchanges() as recording:
            seen = await upload(vendor.base_url, vendor.url("token"))
    case = Case(
        adapter="acme",
        account="1",
        base_url=recording.base_url,
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        exchanges=recording.exchanges,
    )
    return seen, case


async def test_several_hosts_and_a_lost_answer_come_again(tmp_path: Path) -> None:
    """Code that follows addresses out of answers sees the same, and reaches no vendor."""
    seen, case = await record_upload()
    assert seen == ["f1", 201, "9", 404, "gone"]
    write_case(tmp_path / "case.toml", case)
    text = (tmp_path / "case.toml").read_text()
    assert not [part for part in ("4fJ81xY", "9vYmFy", "2LxT") if part in text]
    async with replay(tmp_path / "case.toml") as vendor:
        token_url = vendor.url(case.exchanges[0].host)
        assert await upload(vendor.base_url, token_url) == seen
    assert [(each.host != "", each.method, each.path) for each in vendor.requests] == [
        (True, "POST", "/give"),
        (False, "POST", "/files"),
        (True, "PUT", "/f1"),
        (False, "GET", "/files"),
        (True, "GET", "/report"),
    ]
    assert [each.status for each in read_case(tmp_path / "case.toml").exchanges] == [
        *(200, 200, 201, None, 404)
    ]


async def test_a_replay_expects_what_was_recorded() -> None:
    """Another query, or one request fewer, is not what was recorded, and the reason is said."""
    exchange = RecordedExchange(method="GET", path="/a{b}/***/c", query="x=1&y=***", status=200)
    case = Case(
        adapter="acme",
        account="1",
        base_url="https://api.example.com",
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        exchanges=[exchange],
    )

    async def ask(*paths: str) -> None:
        async with replay(case) as vendor, open_session() as session:
            for path in paths:
                account = AcmeAccount(base_url=vendor.base_url)
                transport = Transport(
                    session=session,
                    clock=FakeClock(),
                    vendor="acme",
                    account=account,
                    budget=account.budget,
                    explain=Adapter.explain,
                )
                await transport.request("GET", path)

    await ask("/a%7Bb%7D/anything/c?y=2&x=1")
    with pytest.raises(ScriptError, match="never asked for: GET /a%7Bb%7D/"):
        await ask()
    for path in ("/a%7Bb%7D/1/c?x=2&y=2", "/a%7Bb%7D/1/c?x=1", "/a%7Bb%7D/1/c?x=1&y=1&z=1"):
        with pytest.raises(ScriptError, match=r"the recorded query 'x=1&y=.*' says no"):
            await ask(path)
    with pytest.raises(ScriptError, match="another path"):
        await ask("/a%7Bb%7D/1/2/c?x=1&y=2")


async def test_what_nobody_can_read_is_lost_in_a_replay() -> None:
    """An answer whose compression is broken, or that is no HTTP, was none."""
    clock = FakeClock()
    async with ScriptedVendor() as vendor, clock.running(), open_session() as session:
        vendor.on("GET", "/").reply(b"no", headers={"Content-Encoding": "gzip"}).garbage()
        account = AcmeAccount(base_url=vendor.base_url)
        transport = Transport(
            session=session,
            clock=clock,
            vendor="acme",
            account=account,
            budget=account.budget,
            explain=Adapter.explain,
        )
        with record_exchanges() as recording:
            for _ in range(2):
                with pytest.raises(ReplyError):
                    await transport.request("GET", "/")
    assert [(each.path, each.status) for each in recording.exchanges] == [("/", None)] * 2


async def test_each_records_its_own() -> None:
    """Two at once do not see one another's requests; tasks that one starts are its own."""
    async with ScriptedVendor(other_hosts=["up"]) as vendor:
        url = vendor.url("up")
        vendor.on("POST", "/give", host="up").reply({"entry": RUN_TIME}).repeat()
        made = {"name": "n", "url": f"{url}/f", "list": "/l", "report": f"{url}/r"}
        vendor.on("POST", "/files").reply(made).repeat()
        vendor.on("PUT", "/f", host="up").reply(headers={"Retry-After": "1"}).repeat()
        vendor.on("GET", "/l").reply().repeat()
        vendor.on("GET", "/r", host="up").reply().repeat()

        async def record(times: int) -> Sequence[RecordedExchange]:
            with record_exchanges() as recording:
                await asyncio.gather(*(upload(vendor.base_url, url) for _ in range(times)))
            return recording.exchanges

        one, two, _ = await asyncio.gather(record(1), record(2), upload(vendor.base_url, url))
    assert (len(one), len(two)) == (5, 10)
    assert len(vendor.requests) == 20
