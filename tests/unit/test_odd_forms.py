"""Answers in a form they should not have, at each vendor: jobs end as ever, with a finding."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable

import pytest
from support.front import Change, Changed, Passed, standing_before
from support.hubs import numbered, scripted_world
from support.stand_ins import STAND_INS
from support.vendor import Vendor

from batchhub import BatchHub, BatchStatus, Contact, Finding
from batchhub.adapter import Accepted, Observation
from batchhub.errors import CredentialsError
from batchhub.testing import FakeClock

PAGE = b"<html><head><title>Just a moment...</title></head></html>"
pytestmark = pytest.mark.filterwarnings("ignore:BatchHub keeps its jobs in memory")


def _replace(make: Callable[[bytes], bytes], **headers: str) -> Change:
    """Change each answer of JSON that is no error."""

    def change(passed: Passed) -> Changed | None:
        if not 200 <= passed.status < 300 or not passed.body.lstrip().startswith((b"{", b"[")):
            return None
        kept = {n: passed.headers[n] for n in ("Link",) if n in passed.headers}
        named = {n.replace("_", "-"): value for n, value in headers.items()}
        return Changed(
            status=passed.status,
            body=make(passed.body),
            headers={"Content-Type": "application/json", **kept, **named},
        )

    return change


def _add_nan(body: bytes) -> bytes:
    start = body.find(b"{") + 1
    comma = b"" if body[start:].lstrip().startswith(b"}") else b","
    return body if not start else body[:start] + b'"load":NaN' + comma + body[start:]


FORMS = {
    "a byte order mark (UTF-8)": _replace(lambda body: codecs.BOM_UTF8 + body),
    "a byte order mark (UTF-16)": _replace(lambda body: body.decode().encode("utf-16")),
    "gzip, without a Content-Encoding": _replace(gzip.compress),
    "Content-Encoding: utf-8, which names no compression": _replace(
        lambda body: body, Content_Encoding="utf-8"
    ),
    "Content-Encoding: gzip, on a body that is not compressed": _replace(
        lambda body: body, Content_Encoding="gzip"
    ),
    "NaN, which JSON does not have; read as null": _replace(_add_nan),
}


async def play(vendor: str, change: Change) -> BatchStatus:
    """Run a job at a vendor's stand-in behind something that changes its answers."""
    each, clock = STAND_INS[vendor], FakeClock()
    sandbox = each.sandbox(clock=clock)
    async with clock.running(), sandbox.running() as url, standing_before(url, change) as front:
        account = sandbox.account(front)
        async with BatchHub(None, {"a": account}, clock=clock, seed=1) as hub:
            job = await hub.submit("a", each.make_items(20), operation=each.operation)
            await job.wait(timeout_s=7200.0)
            return await job.refresh()


@pytest.mark.parametrize("form", [*FORMS])
@pytest.mark.parametrize("vendor", [*STAND_INS])
async def test_what_can_be_read_is_read_and_said(vendor: str, form: str) -> None:
    """With the same outcome as ever, whichever adapter asks."""
    plain = await play(vendor, lambda _: None)
    status = await play(vendor, FORMS[form])
    assert (status.outcome, status.counts) == (plain.outcome, plain.counts)
    findings = {finding.code: finding for finding in status.findings}
    assert form in findings.pop("odd_answer").examples
    assert findings.keys() == {finding.code for finding in plain.findings}


async def test_each_oddity_is_said_once_however_often_it_comes() -> None:
    """One finding, which counts each kind of oddity."""
    status = await play("ecwid", FORMS["a byte order mark (UTF-8)"])
    (finding,) = [found for found in status.findings if found.code == "odd_answer"]
    assert (finding.count, finding.examples) == (1, ("a byte order mark (UTF-8)",))


async def test_what_an_adapter_finds_odd_in_an_acceptance_is_on_the_status() -> None:
    """As what it finds in polls and reports."""
    found = Finding(code="odd_id", message="an id as a number", examples=("7",))
    vendor = Vendor()
    vendor.submits.append(Accepted(vendor_refs=("t-1",), findings=(found,)))
    vendor.polls.append(Observation(words=("Completed",)))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
    assert found in status.findings


def _page(method: str, status: int, times: int) -> Change:
    """Answer some requests of a method by a page, after the account was checked."""
    left = [times]

    def change(passed: Passed) -> Changed | None:
        if passed.method != method or not left[0]:
            return None
        left[0] -= 1
        return Changed(status=status, body=PAGE, headers={"Content-Type": "text/html"})

    return change


@pytest.mark.parametrize("status", [401, 403, 404, 503, 200])
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_page_that_passes_changes_nothing(method: str, status: int) -> None:
    """Neither the credentials nor the batch are doubted: it is asked again."""
    seen = await play("ecwid", _page(method, status, 4))
    plain = await play("ecwid", lambda _: None)
    assert (seen.outcome, seen.counts, seen.contact) == (plain.outcome, plain.counts, Contact.OK)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 503, 200])
async def test_a_page_that_lasts_is_lost_contact_and_ends_nothing(status: int) -> None:
    """With its title, asked for ever less often; no batch is called lost, no token wrong."""
    clock, sandbox = FakeClock(), STAND_INS["ecwid"].sandbox()
    asked: list[float] = []

    def change(passed: Passed) -> Changed | None:
        if passed.method != "GET":
            return None
        asked.append(clock.monotonic())
        return Changed(status=status, body=PAGE, headers={"Content-Type": "text/html"})

    async with (
        clock.running(),
        sandbox.running() as url,
        standing_before(url, change) as front,
        BatchHub(None, {"a": sandbox.account(front)}, clock=clock, seed=1) as hub,
    ):
        job = await hub.submit("a", STAND_INS["ecwid"].make_items(3))
        with pytest.raises(TimeoutError):
            await job.wait(timeout_s=3 * 3600.0)
        seen = await job.refresh()
    assert not seen.state.is_terminal
    expected = Contact.STALE if status in {200, 503} else Contact.UNREACHABLE
    assert seen.contact is expected
    assert "Just a moment..." in (seen.contact_note or "")
    assert 5 < len(asked) < 200
    assert asked[-1] - asked[-2] >= 60.0


async def test_a_refusal_of_the_vendors_own_form_is_still_one() -> None:
    """Not everything with a 403 is a page."""

    def change(passed: Passed) -> Changed | None:
        if passed.method != "GET":
            return None
        body = codecs.BOM_UTF8 + b'{"errorMessage": "Token expired"}'
        return Changed(status=403, body=body, headers={"Content-Type": "text/html"})

    with pytest.raises(CredentialsError, match="Token expired"):
        await play("ecwid", change)
