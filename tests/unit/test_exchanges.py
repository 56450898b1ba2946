"""What was exchanged with a vendor: recorded beside the store, and read by who argues with it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered
from support.recorded import is_sound, open_shop, read_raw, told
from support.stand_ins import STAND_INS
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, sync
from batchhub.adapter import (
    Accepted,
    Capabilities,
    Credentials,
    FilePart,
    Multipart,
    Observation,
    TicketRef,
    Transport,
)
from batchhub.errors import RefusedError, SettingsError, UsageError
from batchhub.sandbox import Sandbox
from batchhub.testing import FakeClock, ScriptedVendor


async def test_submit_and_fetch_are_recorded_and_polls_that_go_well_are_not(
    tmp_path: Path,
) -> None:
    """Of each the head: when, what, how large, how it went; bodies are off."""
    async with open_shop(tmp_path) as shop:
        job = await shop.run()
        found = await job.exchanges(bodies=True)
    assert told(found) == [("submit", 200), ("fetch_results", 200)]
    submit = found[0]
    assert (submit.job_id, submit.ticket, submit.tickets) == (job.id, 1, 1)
    assert (submit.account, submit.adapter, submit.method) == ("shop", "ecwid", "POST")
    assert (submit.host, submit.path, submit.message) == ("", "/api/v3/1003/batch", "")
    assert submit.sent_bytes > 1000 > submit.received_bytes > 0
    assert submit.sent_body is submit.body is None
    assert not submit.has_bodies
    assert sum(entry.path.endswith("/batch") for entry in shop.sandbox.journal) > len(found)


async def test_bodies_are_kept_where_the_account_says_so(tmp_path: Path) -> None:
    """Of the same exchanges; whoever does not ask for them does not get them."""
    async with open_shop(tmp_path, exchanges="bodies") as shop:
        job = await shop.run()
        with_bodies, heads = await job.exchanges(bodies=True), await job.exchanges()
    assert all(each.sent_body is each.body is None and each.has_bodies for each in heads)
    submit, fetch = with_bodies
    assert submit.sent_body is not None
    assert submit.sent_body.startswith(b'[{"id":"p1","method":"PUT"')
    assert submit.body is not None
    assert b'"ticket"' in submit.body
    assert fetch.body is not None
    assert b'"responses"' in fetch.body


@pytest.mark.parametrize("vendor", STAND_INS)
async def test_every_vendor_is_recorded_without_its_secrets(vendor: str, tmp_path: Path) -> None:
    """With bodies, and what was got to authorise requests; addresses have no query."""
    given: list[str] = []
    note = Transport.bind

    def bind(self: Transport, authorize: Any, pace: Any = None) -> None:
        async def spy(*, again: bool) -> Credentials:
            made: Credentials = await authorize(again=again)
            given.extend(value.rpartition(" ")[2] for value in made.headers.values())
            return made

        note(self, spy, pace)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transport, "bind", bind)
        async with open_shop(tmp_path, vendor, exchanges="bodies") as shop:
            job = await shop.run(vendor)
            found = await job.exchanges(bodies=True)
            secrets = shop.hub.accounts["shop"].secrets
    assert {"submit"} <= {each.verb for each in found}
    assert all(each.has_bodies for each in found)
    assert all(each.ticket == 1 for each in found)
    raw = read_raw(shop.record)
    assert is_sound(shop.record)
    for secret in (*secrets, *given):
        assert len(secret) > 3
        assert secret.encode() not in raw
    assert b"X-Amz-Signature" not in raw


async def test_what_is_refused_is_recorded_of_polls_too(tmp_path: Path) -> None:
    """With the vendor's words, or why there was no answer."""
    switches = {"submit_5xx": 1, "cut_polls": 1, "answer_5xx": 1, "html_error": 1}
    async with open_shop(tmp_path, switches=switches, exchanges="bodies") as shop:
        found = await (await shop.run()).exchanges(bodies=True)
    assert told(found) == [
        ("submit", 502),
        ("submit", 500),
        ("submit", 200),
        ("poll", None),
        ("poll", 500),
        ("fetch_results", 200),
    ]
    page, refused, _, cut, poll, _ = found
    assert "a page of HTML" in page.message
    assert page.body == b"<html><head><title>Error</title></head><body>proxy error</body></html>"
    assert "ecwid answered 500 Internal Server Error: Internal error" in refused.message
    assert "the connection was cut" in cut.message
    assert cut.body is None
    assert b"INTERNAL_ERROR" in (poll.body or b"")
    assert all(each.duration_s >= 0.0 for each in found)
    assert [each.at for each in found] == sorted(each.at for each in found)


async def test_an_answer_that_is_of_no_use_is_recorded_of_polls_too(tmp_path: Path) -> None:
    """Although its status is 200: with what the adapter makes of it."""
    transports: list[Transport] = []

    async def submit(transport: Transport) -> Accepted:
        transports.append(transport)
        return Accepted(vendor_refs=("r1",))

    async def poll(_: Sequence[TicketRef]) -> list[Observation]:
        (await transports[0].request("GET", "/status")).json()
        return [Observation(words=("Done",))]

    vendor = talk(submit)
    vendor.answer_poll = poll
    async with ScriptedVendor() as script:
        script.on("GET", "/status").reply(b'{"sta').reply({}).repeat()
        [found] = await run_scripted(tmp_path, script, vendor, exchanges="bodies")
    assert (found.verb, found.status, found.body) == ("poll", 200, b'{"sta')
    assert "answered 200 without valid JSON" in found.message


async def test_a_refusal_that_an_adapter_reads_in_an_answer_is_its_message(tmp_path: Path) -> None:
    """Some vendors answer 200 and refuse in words; the requests before it went well."""

    async def submit(transport: Transport) -> Accepted:
        await transport.request("POST", "/upload", body=b"{}")
        await transport.request("POST", "/batches", body=b"{}")
        raise RefusedError("the vendor says: no such shop")

    async with ScriptedVendor() as script:
        script.on("POST", "/upload").reply({})
        script.on("POST", "/batches").reply({"ok": False})
        upload, batch = await run_scripted(tmp_path, script, talk(submit))
    assert (upload.path, upload.status, upload.message) == ("/upload", 200, "")
    assert (batch.path, batch.status) == ("/batches", 200)
    assert batch.message == "the vendor says: no such shop"


async def test_a_vendor_that_is_not_there_is_recorded(tmp_path: Path) -> None:
    """Nothing was sent, and that is said."""
    async with open_shop(tmp_path, base_url="http://127.0.0.1:9") as shop:
        job = await shop.hub.submit("shop", STAND_INS["ecwid"].items)
        found = await _wait_for(job)
    assert told(found[:1]) == [("submit", None)]
    assert "nothing was sent" in found[0].message
    assert (found[0].sent_bytes, found[0].sent_body) == (0, None)
    assert (found[0].received_bytes, found[0].body) == (0, None)


async def _wait_for(job: Any) -> Any:
    while not (found := await job.exchanges()):  # noqa: ASYNC110  # another thread writes it
        await asyncio.sleep(0.01)
    return found


async def test_what_is_sent_elsewhere_has_its_host(tmp_path: Path) -> None:
    """A presigned address loses its query: in the head, in bodies, in messages."""
    async with open_shop(tmp_path, "amazon", exchanges="bodies") as shop:
        found = await (await shop.run("amazon")).exchanges(bodies=True)
    elsewhere = [each for each in found if each.host]
    assert {each.method for each in elsewhere} == {"PUT", "GET"}
    assert all(each.host.startswith("127.0.0.1:") for each in elsewhere)
    assert all("?" not in each.path for each in found)
    [document] = [each for each in found if each.path.endswith("/documents")]
    assert b"?***" in (document.body or b"")


def talk(*steps: Any) -> Vendor:
    """Make a vendor at which a submit does what a test says over HTTP."""
    vendor = Vendor()
    vendor.submits.extend(steps)
    return vendor


async def run_scripted(
    folder: Path, script: ScriptedVendor, vendor: Vendor, **settings: Any
) -> Any:
    """Run a job of one ticket at it; return what was recorded."""
    clock = FakeClock()
    account = ScriptedAccount(vendor=vendor, base_url=script.url(), **settings)
    async with (
        clock.running(),
        BatchHub(folder / "jobs.db", {"shop": account}, clock=clock, seed=1) as hub,
    ):
        job = await hub.submit("shop", numbered(1))
        await job.wait(timeout_s=3600)
        return await job.exchanges(bodies=True)


async def test_an_undeclared_secret_is_known_by_its_form(tmp_path: Path) -> None:
    """A password in a form, a token that an answer gives: blanked in both bodies."""

    async def submit(transport: Transport) -> Accepted:
        await transport.request("POST", "/x?sig=q1w2e3r4t5", body=b'{"password":"hunter2hunter2"}')
        return Accepted(vendor_refs=("r1",))

    async with ScriptedVendor() as script:
        script.on("POST", "/x").reply(
            {"access_token": "tok-1234567890", "echo": "hunter2hunter2 and tok-1234567890"}
        )
        [found] = await run_scripted(tmp_path, script, talk(submit), exchanges="bodies")
    assert found.sent_body == b'{"password":"***"}'
    assert b"tok-1234567890" not in found.body
    assert found.path == "/x"
    raw = read_raw(tmp_path / "jobs.exchanges.db")
    for secret in (b"hunter2hunter2", b"tok-1234567890", b"q1w2e3r4t5"):
        assert secret not in raw


async def test_what_authorises_is_recorded_only_if_it_is_refused(tmp_path: Path) -> None:
    """With the job that needed it; what it gave is nowhere, wherever the vendor echoes it."""
    calls = 0

    async def authorize(transport: Transport, again: bool) -> Credentials:
        nonlocal calls
        calls += 1
        reply = await transport.request("POST", "/token", body=b'{"grant":"x"}')
        return Credentials(headers={"X-Key": reply.json()["key"]})

    async def submit(transport: Transport) -> Accepted:
        key = "given-key-0123456789"
        await transport.request("PUT", f"/keys/{key}", body=f'{{"mine": "{key}"}}'.encode())
        with pytest.raises(RefusedError):
            await transport.request("GET", "/echo")
        await transport.request("POST", "/batches", body=b"{}")
        return Accepted(vendor_refs=("r1",))

    vendor = talk(submit, submit)
    vendor.authorize = authorize
    async with ScriptedVendor() as script:
        refused = script.on("POST", "/token").reply({"e": "later"}, status=503)
        refused.reply({"key": "given-key-0123456789"})
        script.on("PUT", "/keys/{key}").reply({})
        script.on("GET", "/echo").reply({"message": "bad given-key-0123456789"}, status=409)
        script.on("POST", "/batches").reply({"you": "sent given-key-0123456789"})
        found = await run_scripted(tmp_path, script, vendor, exchanges="bodies")
    refused, key, echo, taken = found
    assert told(found)[:2] == [("authorize", 503), ("submit", 200)]
    assert refused.ticket == 1
    assert (key.path, key.sent_body) == ("/keys/***", b'{"mine": "***"}')
    assert echo.body == b'{"message":"bad ***"}'
    assert taken.body == b'{"you":"sent ***"}'
    assert b"given-key" not in read_raw(tmp_path / "jobs.exchanges.db")


async def test_of_files_only_their_size_is_kept(tmp_path: Path) -> None:
    """And the parts around them as they were; the head has the size of all."""
    file = tmp_path / "sheet.csv"
    file.write_bytes(b"x" * 700_000)

    async def submit(transport: Transport) -> Accepted:
        body = Multipart(
            fields={"note": "for you"}, files=[FilePart(name="s", content=file, filename="s.csv")]
        )
        await transport.request("POST", "/x", body=body)
        return Accepted(vendor_refs=("r1",))

    async with ScriptedVendor() as script:
        script.on("POST", "/x").reply({})
        [found] = await run_scripted(tmp_path, script, talk(submit), exchanges="bodies")
    assert found.sent_bytes > 700_000
    assert b"for you" in found.sent_body
    assert b"<700000 bytes>" in found.sent_body


async def test_a_long_body_is_cut_and_says_so(tmp_path: Path) -> None:
    """At 256 KiB; a secret across the cut is not left in half."""
    secret = "s" + "ecret0123" * 20
    body = b'{"a":"' + b"x" * (256 * 1024 - 60) + secret.encode() + b"y" * 300_000 + b'"}'

    async def authorize(_: Transport, again: bool) -> Credentials:
        return Credentials(headers={"X-Key": secret})

    async def submit(transport: Transport) -> Accepted:
        await transport.request("POST", "/x", body=body)
        return Accepted(vendor_refs=("r1",))

    vendor = talk(submit)
    vendor.authorize = authorize
    async with ScriptedVendor() as script:
        script.on("POST", "/x").reply({})
        [found] = await run_scripted(tmp_path, script, vendor, exchanges="bodies")
    assert found.sent_bytes == len(body)
    assert found.sent_body.endswith(f"\n<cut: {len(body)} bytes in all>".encode())
    assert 255 * 1024 <= len(found.sent_body) < 257 * 1024
    assert b"ecret0123" not in found.sent_body


async def test_a_poll_of_several_is_recorded_with_each(tmp_path: Path) -> None:
    """One request, and whoever asks for a ticket, or a job, of them sees it."""
    transports: list[Transport] = []

    async def submit(transport: Transport) -> Accepted:
        transports.append(transport)
        return Accepted(vendor_refs=(f"r{len(transports)}",))

    async def poll(tickets: Sequence[TicketRef]) -> list[Observation]:
        await transports[0].request("GET", "/status")
        return [Observation(words=("Done",)) for _ in tickets]

    vendor, clock = talk(submit, submit, submit), FakeClock()
    vendor.capabilities = Capabilities(
        max_items=1, tickets_per_job=2, max_polled_at_once=10, poll_s=60.0, min_poll_s=30.0
    )
    vendor.answer_poll = poll
    async with ScriptedVendor() as script:
        script.on("GET", "/status").reply({}, status=400).reply({}).repeat()
        account = ScriptedAccount(vendor=vendor, base_url=script.url())
        async with (
            clock.running(),
            BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock, seed=1) as hub,
        ):
            jobs = [await hub.submit("shop", numbered(count)) for count in (2, 1)]
            for job in jobs:
                await job.wait(timeout_s=3600)
            ours, other = [await job.exchanges() for job in jobs]
            of_ticket = await jobs[0].exchanges(ticket=2)
    assert len(vendor.asked[0]) == 3
    [refused] = ours
    assert (refused.verb, refused.status, refused.job_id) == ("poll", 400, jobs[0].id)
    assert (refused.ticket, refused.tickets) == (None, 2)
    assert [(each.number, each.ticket) for each in other] == [(refused.number, 1)]
    assert [(each.number, each.ticket) for each in of_ticket] == [(refused.number, 2)]


async def test_a_submit_that_is_called_off_is_recorded(tmp_path: Path) -> None:
    """Its answer never came; that a poll is, when a hub is closed, is nothing to be told."""
    async with open_shop(tmp_path, switches={"answer_delay_s": 1e6}) as shop:
        job = await shop.hub.submit("shop", STAND_INS["ecwid"].items)
        while not shop.sandbox.journal:  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0.01)
        await shop.hub.aclose(grace_s=0.1)
    async with BatchHub(tmp_path / "jobs.db") as hub:
        found = await (await hub.job(job.id)).exchanges()
    assert told(found) == [("submit", None)]
    assert found[0].message == "given up before the answer came"


async def test_pages_are_read_from_the_newest_on(tmp_path: Path) -> None:
    """As many as are wanted, in the order they came, and then those before."""
    async with open_shop(tmp_path, switches={"answer_5xx": 5}) as shop:
        job = await shop.run()
        whole = await job.exchanges(limit=None)
        newest = await job.exchanges(limit=3)
        before = await job.exchanges(limit=3, before=newest[0].number)
        assert await job.exchanges(ticket=2) == []
        for wrong in ({"ticket": 0}, {"limit": 0}, {"limit": True}):
            with pytest.raises(UsageError, match="must be a number from 1 on"):
                await job.exchanges(**wrong)
    assert len(whole) == 7
    assert [*before, *newest] == whole[1:]


async def test_a_store_in_memory_has_no_record(tmp_path: Path) -> None:
    """And nothing is written anywhere."""
    clock = FakeClock()
    sandbox: Sandbox = STAND_INS["ecwid"].sandbox(clock=clock)
    async with clock.running(), sandbox.running() as url:
        hub = BatchHub(None, {"shop": sandbox.account(url)}, clock=clock, seed=1)
        with pytest.warns(UserWarning, match="memory"):
            job = await hub.submit("shop", STAND_INS["ecwid"].items)
        await job.wait(timeout_s=3600)
        assert await job.exchanges() == []
        await hub.aclose()
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_plain_threads_read_it_too(tmp_path: Path) -> None:
    """`batchhub.sync` has the same."""

    async def make() -> str:
        async with open_shop(tmp_path) as shop:
            return (await shop.run()).id

    job_id = asyncio.run(make())
    with sync.BatchHub(tmp_path / "jobs.db") as hub:
        found = hub.job(job_id).exchanges(limit=1)
    assert told(found) == [("fetch_results", 200)]
    plain = found[0].to_dict()
    assert (plain["at"][:5], plain["sent_body"], plain["status"]) == ("2026-", None, 200)


@pytest.mark.parametrize("value", ["all", "headers", 1, True, "bodies "])
def test_another_setting_is_refused(value: object) -> None:
    """With what it may be."""
    with pytest.raises(SettingsError, match="exchanges is heads or bodies, not"):
        ScriptedAccount(exchanges=value)


@pytest.mark.parametrize(("value", "kept"), [("Bodies", "bodies"), ("", "heads"), (None, "heads")])
def test_the_setting_in_its_forms(value: Any, kept: str) -> None:
    """In any case; an empty one, as of a variable, is the default."""
    assert ScriptedAccount(exchanges=value).exchanges == kept
