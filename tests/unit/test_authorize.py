"""Credentials that are got, run out and are refused: asked for by the core, kept in memory."""

from __future__ import annotations

import asyncio
import gc
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support.hosts import Answer, Host, make_transport, open_host
from support.hubs import numbered, results_of
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, Contact, Outcome, errors
from batchhub._base import secrets, waits
from batchhub._engine.send_guard import SendGuard
from batchhub._http.guard import guarded
from batchhub.adapter import Accepted, Budget, Credentials
from batchhub.testing import FakeClock
from batchhub.transport import Session, Transport, open_session

REFUSED = Answer(status=401, body=b'{"message": "who are you?"}')
TOKEN = "tok-run-time-0123456789"


class World:
    """A transport that is authorised by tokens with a number; the test decides what they are."""

    def __init__(self, host: Host, session: Session, clock: FakeClock, **others: Any) -> None:
        self.host, self.session, self.clock = host, session, clock
        self.calls: list[bool] = []
        self.valid_s: float | None = None
        self.number = 0
        self.fails: deque[Exception] = deque()
        self.asks: Callable[[Transport], Any] | None = None
        self.renews = True
        self.transport = make_transport(session, clock, host.url, **others)
        self.transport.bind(self.authorize)

    async def authorize(self, *, again: bool) -> Credentials:
        """Give the next token."""
        self.calls.append(again)
        await asyncio.sleep(0)
        if self.fails:
            raise self.fails.popleft()
        if self.asks is not None:
            await self.asks(self.transport)
        if self.renews or not self.number:
            self.number += 1
        return Credentials(
            headers={"Authorization": f"Bearer {TOKEN}-{self.number}"}, valid_s=self.valid_s
        )

    async def get(self, **others: Any) -> Any:
        """Ask the own host."""
        return await self.transport.request("GET", "/", **others)

    @property
    def sent(self) -> list[str]:
        """What each request was authorised by: the number of the token."""
        found = (asked.headers.get("Authorization", "") for asked in self.host.asked)
        return [header.rpartition("-")[2] for header in found]


@pytest.fixture
async def clock() -> AsyncIterator[FakeClock]:
    """Time that passes whenever nothing else is going on."""
    clock = FakeClock()
    async with clock.running():
        yield clock


@pytest.fixture
async def world(clock: FakeClock) -> AsyncIterator[World]:
    """Open a world."""
    async with open_host() as host, open_session() as session:
        yield World(host, session, clock)


# When it is asked.


async def test_credentials_are_asked_for_once(world: World) -> None:
    """Also by requests that need them at the same time."""
    await asyncio.gather(*(world.get() for _ in range(8)))
    await world.get()

    assert world.calls == [False]
    assert world.sent == ["1"] * 9


async def test_only_the_own_host_gets_them(world: World) -> None:
    """And not a request that is made without; a header of the request's own wins."""
    async with open_host() as storage:
        await world.transport.request("GET", f"{storage.url}/")
        await world.get(auth=False)
        assert not world.calls
        await world.get(headers={"authorization": "Basic x-2"})
        assert "Authorization" not in storage.asked[0].headers
    assert world.sent == ["", "2"]


@pytest.mark.parametrize(
    ("valid_s", "renewed_at_s"), [(3600.0, 3540.0), (100.0, 90.0), (1.0, 0.9), (None, None)]
)
async def test_they_are_renewed_before_their_end(
    clock: FakeClock, valid_s: float | None, renewed_at_s: float | None
) -> None:
    """A minute before, or a tenth of their life."""
    async with open_host() as host, open_session() as session:
        world = World(host, session, clock)
        world.valid_s = valid_s
        began_s = clock.boot_s()
        await world.get()
        if renewed_at_s is None:
            await clock.sleep(1e7)
            await world.get()
            assert world.calls == [False]
            return
        await clock.sleep(began_s + renewed_at_s - 0.05 - clock.boot_s())
        await world.get()
        assert world.calls == [False]
        await clock.sleep(began_s + renewed_at_s + 0.05 - clock.boot_s())
        await world.get()
        assert world.calls == [False, False]
        assert world.sent == ["1", "1", "2"]


# After a refusal.


async def test_the_same_headers_once_more_pause_the_account(world: World) -> None:
    """There are no others, so no second request goes."""
    world.renews = False
    world.host.answers(REFUSED)
    with pytest.raises(errors.CredentialsError, match="who are you"):
        await world.get()

    assert world.calls == [False, True]
    assert len(world.host.asked) == 1
    assert world.transport.paused is not None
    with pytest.raises(errors.CredentialsError):
        await world.get()
    assert world.calls == [False, True]
    assert len(world.host.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_other_headers_are_tried_once(world: World, status: int) -> None:
    """The request did not run, so it goes once more, as it was."""
    world.host.answers(Answer(status=status, body=b'{"message": "old"}'), Answer())
    reply = await world.transport.request("POST", "/a", params={"b": "1"}, body=b"[1]")

    assert reply.status == 200
    assert world.calls == [False, True]
    assert world.sent == ["1", "2"]
    assert world.host.asked[0].target == world.host.asked[1].target == "/a?b=1"
    assert world.host.asked[0].body == world.host.asked[1].body == b"[1]"
    assert world.transport.paused is None


async def test_other_headers_that_are_refused_too_pause_the_account(world: World) -> None:
    """It is asked once, not for ever."""
    world.host.answers(REFUSED)
    with pytest.raises(errors.CredentialsError):
        await world.get()

    assert world.calls == [False, True]
    assert world.sent == ["1", "2"]
    assert world.transport.paused is not None


@pytest.mark.parametrize("renews", [True, False])
async def test_requests_that_are_refused_together_ask_once(world: World, renews: bool) -> None:
    """All of them had the same old token."""
    world.renews = renews
    world.host.answers(*[REFUSED] * 5, Answer() if renews else REFUSED)
    world.asks = lambda _: world.clock.sleep(1.0)  # by then all of them have been refused
    answers = await asyncio.gather(*(world.get() for _ in range(5)), return_exceptions=True)

    assert world.calls == [False, True]
    assert any(isinstance(answer, BaseException) for answer in answers) != renews
    assert (world.transport.paused is None) == renews


async def test_a_trial_that_gets_new_credentials_goes_on(world: World, clock: FakeClock) -> None:
    """Who tries again after a pause need not wait for the next trial."""
    world.renews = False
    world.host.answers(REFUSED)
    with pytest.raises(errors.CredentialsError):
        await world.get()
    world.renews = True
    world.host.answers(REFUSED, Answer())
    world.transport.try_again()
    before_s = clock.monotonic()
    await world.get()

    assert clock.monotonic() - before_s < 1.0
    assert world.calls == [False, True, True]


async def test_a_refused_submit_that_went_again_is_in_doubt_once(
    world: World, clock: FakeClock
) -> None:
    """The first request did not run; whether the second one did only its answer says."""

    async def confirm(more_sends: int) -> float | None:
        del more_sends
        return clock.boot_s()

    world.host.answers(REFUSED, Answer(status=500))
    guard = SendGuard(clock, clock.boot_s(), confirm)
    with guarded(guard), pytest.raises(errors.ServerError) as caught:
        await world.transport.request("POST", "/", body=b"1")
    assert not guard.is_certain(caught.value)

    world.host.answers(REFUSED)
    guard = SendGuard(clock, clock.boot_s(), confirm)
    with guarded(guard), pytest.raises(errors.CredentialsError) as refused:
        await world.transport.request("POST", "/", body=b"1")
    assert guard.is_certain(refused.value)


# What it asks itself.


async def test_what_it_asks_goes_without_credentials_and_counts(
    clock: FakeClock,
) -> None:
    """It would ask itself for ever; the vendor counts it all the same."""
    async with open_host() as host, open_session() as session:
        world = World(host, session, clock, budget=Budget(requests=1, per_s=100.0, burst=1))
        world.asks = lambda transport: transport.request("POST", "/token", body=b"{}")
        await world.get()

        assert [(asked.method, asked.target) for asked in host.asked] == [
            ("POST", "/token"),
            ("GET", "/"),
        ]
        assert world.sent == ["", "1"]
        assert 100.0 <= clock.monotonic() < 101.0


async def test_it_cannot_ask_for_its_own_credentials(world: World) -> None:
    """That is a mistake in the adapter, and named."""
    world.asks = lambda transport: transport.request("POST", "/token", auth=True)
    with pytest.raises(errors.AdapterError, match="authorize asks for credentials"):
        await world.get()

    assert not world.host.asked


async def test_what_it_asks_is_no_effect_of_a_submit(world: World, clock: FakeClock) -> None:
    """A token host that is down leaves no batch in doubt."""

    async def confirm(more_sends: int) -> float | None:
        assert more_sends == -1  # it is written that nothing has gone yet
        return clock.boot_s()

    world.asks = lambda transport: transport.request("POST", "/token")
    world.host.answers(Answer(status=500))
    guard = SendGuard(clock, clock.boot_s(), confirm)
    with guarded(guard), pytest.raises(errors.ServerError) as caught:
        await world.transport.request("POST", "/", body=b"1")
    assert guard.is_certain(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("is_elsewhere", [True, False])
async def test_a_refusal_to_give_any_pauses_the_account(
    world: World, status: int, is_elsewhere: bool
) -> None:
    """Wherever it comes from, and by whatever status: without them nothing can be done."""
    async with open_host() as other:
        host = other if is_elsewhere else world.host
        host.answers(Answer(status=status, body=b'{"message": "invalid_client"}'))
        world.asks = lambda transport: transport.request("POST", f"{host.url}/token", auth=False)
        with pytest.raises(errors.CredentialsError, match="invalid_client"):
            await world.get()
        assert world.transport.paused is not None
        with pytest.raises(errors.CredentialsError):
            await world.get()
        assert world.calls == [False]
        assert len(host.asked) == 1

        host.answers(Answer())
        world.transport.try_again()
        await world.get()
    assert world.transport.paused is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=429), errors.OtherHostError),
        (Answer(status=503), errors.ServerError),
        (Answer(status=403, body=b"<html>no</html>"), errors.BlockedError),
        (None, errors.ConnectError),
    ],
)
async def test_trouble_on_the_way_to_them_pauses_nothing(
    world: World, answer: Answer | None, error: type[Exception]
) -> None:
    """The next request asks again; those that wait for one call share its end."""
    url = "http://127.0.0.1:9" if answer is None else world.host.url
    world.host.answers(answer or Answer())
    world.asks = lambda transport: transport.request("POST", f"{url}/token", auth=False)
    came = await asyncio.gather(*(world.get() for _ in range(4)), return_exceptions=True)
    assert all(isinstance(each, error) for each in came)
    assert world.calls == [False]
    assert world.transport.paused is None

    world.asks = None
    world.host.answers(Answer())
    await world.get()
    assert world.calls == [False, False]


async def test_who_waits_for_them_may_be_cancelled(world: World) -> None:
    """The others get theirs all the same."""
    tasks = [asyncio.create_task(world.get()) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    came = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(each, BaseException) for each in came] == [True, False, False, False]


@pytest.mark.parametrize(
    "made",
    [
        None,
        {"Authorization": "x"},
        Credentials(headers=["a"]),  # type: ignore[arg-type]
        Credentials(headers={"a": 1}),  # type: ignore[dict-item]
        Credentials(valid_s=0.0),
        Credentials(valid_s=float("nan")),
        Credentials(valid_s="60"),  # type: ignore[arg-type]
        Credentials(valid_s=True),
    ],
)
async def test_what_is_no_credentials_is_a_mistake_of_the_adapter(world: World, made: Any) -> None:
    """It is named, and nothing is sent."""

    async def authorize(*, again: bool) -> Any:
        return made

    world.transport.bind(authorize)
    with pytest.raises(errors.AdapterError, match="it gave "):
        await world.get()
    assert not world.host.asked


# Secrets.


async def test_what_it_gave_shows_nowhere(world: World) -> None:
    """As it was sent, bare, and as base64; in answers, errors and what is redacted."""
    token = f"{TOKEN}-1"
    forms = [
        token,
        b64encode(token.encode()).decode(),
        b64encode(f"Bearer {token}".encode()).decode(),
    ]
    await world.get()
    world.host.answers(Answer(body=" ".join(forms).encode()))
    assert (await world.get()).body.replace(b"***", b"").strip(b" =") == b""
    assert TOKEN not in repr(world.transport.redact({"a": [f"x{token}y"]}))
    assert TOKEN not in secrets.blank(f"log line with {token}")
    assert TOKEN not in repr(Credentials(headers={"Authorization": token}))
    world.host.answers(Answer(status=400, body=b'{"message": "' + token.encode() + b'"}'))
    with pytest.raises(errors.RefusedError) as caught:
        await world.get()
    assert TOKEN not in str(caught.value)


async def test_old_ones_are_forgotten(world: World) -> None:
    """A process that runs for months does not look for every token it ever had."""
    before = len(secrets._known._known)
    world.valid_s = 10.0
    for _ in range(200):
        await world.get()
        await world.clock.sleep(10.0)
    assert world.number == 200
    assert len(secrets._known._known) - before < 300
    assert f"{TOKEN}-200" not in secrets.blank(f"{TOKEN}-200")

    world.transport = None  # type: ignore[assignment]
    gc.collect()
    assert len(secrets._known._known) - before < 10


# Through a hub.


def _find(token: str, folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if token.encode() in path.read_bytes()]


async def test_a_job_is_authorised_before_its_intent(tmp_path: Path) -> None:
    """While the token host is down no ticket is in doubt; what it gives is not in the store."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    downs = deque([Answer(status=500), Answer(status=500)])
    async with open_host() as host:

        async def authorize(transport: Transport, again: bool) -> Credentials:
            if downs:
                host.answers(downs.popleft(), Answer())
            await transport.request("POST", "/token")
            return Credentials(headers={"X-Token": TOKEN}, valid_s=60.0)

        async def talk(transport: Transport) -> Accepted:
            reply = await transport.request("POST", "/batches", body=b"{}")
            return Accepted(vendor_refs=("r1",), vendor={"echo": f"{TOKEN} {reply.status}"})

        vendor = Vendor(submits=deque([talk]), authorize=authorize)
        account = ScriptedAccount(vendor=vendor, base_url=host.url)
        async with (
            clock.running(),
            BatchHub(store, {"shop": account}, clock=clock, seed=1) as hub,
        ):
            job = await hub.submit("shop", numbered(2))
            status = await job.wait(timeout_s=600)
            assert status.outcome is Outcome.SUCCEEDED
            assert len(await results_of(job)) == 2

    assert len(vendor.submissions) == 1
    assert [a.headers.get("X-Token") for a in host.asked if a.target == "/batches"] == [TOKEN]
    assert not _find(TOKEN, tmp_path)


async def test_a_job_whose_account_gets_no_credentials_is_paused(tmp_path: Path) -> None:
    """`wait` says so, and the ticket was never sent."""
    clock = FakeClock()
    async with open_host() as host:
        host.answers(Answer(status=400, body=b'{"message": "invalid_grant"}'))

        async def authorize(transport: Transport, again: bool) -> Credentials:
            await transport.request("POST", "/token")
            raise AssertionError

        vendor = Vendor(authorize=authorize)
        account = ScriptedAccount(vendor=vendor, base_url=host.url)
        async with (
            clock.running(),
            BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock, seed=1) as hub,
        ):
            job = await hub.submit("shop", numbered(2))
            with pytest.raises(errors.CredentialsError, match="invalid_grant"):
                await job.wait(timeout_s=600)
            status = job.status
    assert status.contact is Contact.PAUSED
    assert status.tickets[0].attempt_id is None
    assert not vendor.submissions


async def test_getting_them_is_no_time_of_who_needs_them(world: World) -> None:
    """Of whoever asks for them, and of those who wait for that: it has a limit of its own."""
    seen: list[waits.Waits] = []

    async def look(_: Transport) -> None:
        await asyncio.sleep(0)  # the others have come by now
        assert all(each.is_waiting for each in seen)

    async def get() -> Any:
        seen.append(waits.Waits())
        waits.current.set(seen[-1])
        return await world.get()

    world.asks = look
    await asyncio.gather(*(asyncio.create_task(get()) for _ in range(3)))
    assert len(world.calls) == 1
    assert not any(each.is_waiting for each in seen)
