"""Only from the first request with an effect on is it uncertain what became of a submit."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

import pytest
from support.hosts import Answer, Host, open_host
from support.hubs import numbered
from support.vendor import Conversation, ScriptedAccount, ScriptedAdapter, Vendor, capable

from batchhub import BatchHub, BatchState, BatchStatus
from batchhub.adapter import Accepted, Attempt, Transport
from batchhub.errors import NoAnswerError, RefusedError, ReplyError
from batchhub.testing import FakeClock

TAKEN = Accepted(vendor_refs=("r1",))
DOWN = Answer(status=500)
FINE = Answer()


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """The vendor's own host."""
    async with open_host() as host:
        yield host


@pytest.fixture
async def storage() -> AsyncIterator[Host]:
    """A storage elsewhere."""
    async with open_host() as storage:
        yield storage


async def run(host: Host, *submits: Conversation) -> tuple[BatchStatus, int]:
    """Submit two items; what each submit asks is written by the test. Returns the sends as well."""
    clock, vendor = FakeClock(), Vendor(submits=deque(submits))
    account = ScriptedAccount(vendor=vendor, base_url=host.url)
    async with clock.running():
        with pytest.warns(UserWarning, match="memory"):
            hub = await BatchHub(None, {"shop": account}, clock=clock, seed=1).__aenter__()
        try:
            job = await hub.submit("shop", numbered(2))
            status = await job.wait(timeout_s=600)
        finally:
            await hub.aclose()
    return status, len(vendor.submissions)


async def reads_first(transport: Transport) -> Accepted:
    """Look something up, and raise what came of it."""
    await transport.request("GET", "/lookup")
    return TAKEN


async def prepares_first(transport: Transport) -> Accepted:
    """Make something that does nothing by itself."""
    await transport.request("POST", "/documents", body=b"{}", effect=False)
    return TAKEN


@pytest.mark.parametrize("talk", [reads_first, prepares_first])
async def test_an_error_before_the_first_effect_is_certain(host: Host, talk: Conversation) -> None:
    """An answer of 500 to a harmless step: the batch is sent again, and once."""
    host.answers(DOWN, FINE)
    status, sends = await run(host, talk, talk)

    assert status.state is BatchState.COMPLETED
    assert sends == 2


async def test_an_answer_that_makes_no_sense_before_the_first_effect_is_certain(host: Host) -> None:
    """Also what the adapter itself raises of it."""

    async def talk(transport: Transport) -> Accepted:
        await transport.request("GET", "/lookup")
        raise ReplyError("no upload address in the answer")

    status, sends = await run(host, talk)
    assert (status.state, sends) == (BatchState.COMPLETED, 2)


async def test_a_fault_of_the_adapter_before_the_first_effect_fails_nothing(host: Host) -> None:
    """It says nothing of the items: they are sent again."""

    async def talk(transport: Transport) -> Accepted:
        raise KeyError("upload_url")

    status, sends = await run(host, talk)
    assert (status.state, sends) == (BatchState.COMPLETED, 2)


async def test_a_fault_of_the_adapter_after_the_first_effect_is_in_doubt(host: Host) -> None:
    """The vendor took the batch, and the adapter stumbled over its answer: it is not sent again."""

    async def talk(transport: Transport) -> Accepted:
        await transport.request("POST", "/batches", body=b"{}")
        raise KeyError("id")

    status, sends = await run(host, talk)
    assert status.is_held
    assert sends == 1


async def test_a_batch_that_is_held_is_unknown_whatever_its_requests_were_called(
    host: Host,
) -> None:
    """The adapter said that the vendor took it, without an id: nobody knows of its items."""

    async def talk(transport: Transport) -> Accepted:
        await prepares_first(transport)
        return Accepted()

    clock, vendor = FakeClock(), Vendor(submits=deque([talk]))
    account = ScriptedAccount(vendor=vendor, base_url=host.url)
    async with clock.running():
        with pytest.warns(UserWarning, match="memory"):
            hub = await BatchHub(None, {"shop": account}, clock=clock, seed=1).__aenter__()
        try:
            job = await hub.submit("shop", numbered(2))
            assert (await job.wait(timeout_s=600)).is_held
            await job.cancel()
            status = await job.wait(timeout_s=600)
        finally:
            await hub.aclose()
    assert (status.state, status.counts.unknown) == (BatchState.CANCELLED, 2)


async def test_a_link_that_has_expired_is_asked_for_again(host: Host, storage: Host) -> None:
    """A storage refuses the upload: nothing has run, nothing is paused, all of it is sent again."""
    storage.answers(Answer(status=403), FINE)

    async def talk(transport: Transport) -> Accepted:
        await transport.request("PUT", f"{storage.url}/up?sig=d34db33fd34db33f", body=b"1")
        await transport.request("POST", "/batches", body=b"{}")
        return TAKEN

    status, sends = await run(host, talk, talk)
    assert (status.state, sends) == (BatchState.COMPLETED, 2)
    assert [asked.target for asked in host.asked] == ["/batches"]


async def test_an_error_of_the_first_effect_is_in_doubt(host: Host) -> None:
    """A write that was answered by a 500 may have run."""
    host.answers(FINE, DOWN)

    async def talk(transport: Transport) -> Accepted:
        await transport.request("GET", "/lookup")
        await transport.request("POST", "/batches", body=b"{}")
        return TAKEN

    status, sends = await run(host, talk)
    assert status.is_held
    assert sends == 1


async def test_a_read_with_an_effect_is_in_doubt(host: Host) -> None:
    """Some vendors begin a batch by a GET; the adapter says so."""
    host.answers(DOWN)

    async def talk(transport: Transport) -> Accepted:
        await transport.request("GET", "/start", effect=True)
        return TAKEN

    status, sends = await run(host, talk)
    assert status.is_held
    assert sends == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status_code", [400, 500])
async def test_an_error_after_an_effect_is_in_doubt(
    host: Host, method: str, status_code: int
) -> None:
    """What the vendor says of a later request says nothing of the first one."""
    host.answers(FINE, Answer(status=status_code))

    async def talk(transport: Transport) -> Accepted:
        await transport.request("POST", "/batches", body=b"{}")
        await transport.request(method, "/batches/r1/start")
        return TAKEN

    status, sends = await run(host, talk)
    assert status.is_held
    assert sends == 1


async def test_a_refusal_of_the_first_effect_is_certain(host: Host) -> None:
    """It did not run, so the items have failed."""
    host.answers(Answer(status=400))

    async def talk(transport: Transport) -> Accepted:
        await transport.request("POST", "/batches", body=b"{}")
        return TAKEN

    status, sends = await run(host, talk)
    assert (status.state, sends) == (BatchState.FAILED, 1)


async def test_an_adapter_may_say_that_an_answer_means_nothing_ran(host: Host) -> None:
    """Some vendors refuse with a 200."""

    async def talk(transport: Transport) -> Accepted:
        await transport.request("POST", "/graphql", body=b"{}")
        raise RefusedError("userErrors: too many batches")

    status, sends = await run(host, talk)
    assert (status.state, sends) == (BatchState.FAILED, 1)


async def test_who_goes_past_the_transport_is_believed(host: Host) -> None:
    """An adapter with a client of its own says itself that its request may have run."""

    async def talk(transport: Transport) -> Accepted:
        raise NoAnswerError("the library timed out")

    status, sends = await run(host, talk)
    assert status.is_held
    assert sends == 1


async def test_the_time_until_a_batch_is_listed_begins_when_it_left(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when it was intended: what comes first may wait for longer than that for its turn."""
    host.answers(FINE, DOWN, FINE)
    clock, left_at, sought = FakeClock(), [], []

    async def talk(transport: Transport) -> Accepted:
        await prepares_first(transport)
        await clock.sleep(50.0)
        left_at.append(clock.now())
        await transport.request("POST", "/batches", body=b"{}")
        return TAKEN

    async def find(self: ScriptedAdapter, attempt: Attempt) -> None:
        sought.append((clock.now(), attempt.attempted_at))

    monkeypatch.setattr(ScriptedAdapter, "find_attempt", find)
    vendor = capable(Vendor(), finds_attempts=True, visibility_grace_s=60.0)
    vendor.submits = deque([talk, TAKEN])
    account = ScriptedAccount(vendor=vendor, base_url=host.url)
    hub = BatchHub(":memory:", {"shop": account}, clock=clock, seed=1)
    async with clock.running(), hub:
        status = await (await hub.submit("shop", numbered(2))).wait(timeout_s=600)

    assert (status.state, len(vendor.submissions)) == (BatchState.COMPLETED, 2)
    assert (sought[-1][0] - left_at[0]).total_seconds() >= 60.0
    assert {attempted_at for _, attempted_at in sought} == {left_at[0]}
