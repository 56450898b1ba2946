"""Budget and cool-down hold over all processes of a store, however each of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import define, field
from support.clocks import SetClock
from support.hubs import numbered
from support.owners import other_process
from support.vendor import ScriptedAccount, ScriptedAdapter

from batchhub import BatchHub
from batchhub._engine.process_lock import Verdict
from batchhub._http.spent import Spent
from batchhub._store import Traffic
from batchhub.adapter import Accepted, Budget, Steps, Submission
from batchhub.testing import FakeClock


@define
class Server:
    """
    A vendor's server that answers 429 at first.

    Attributes:
        clock: The test's.
        refusals: How many requests it refuses.
        asked_s: When each request came.
        port: Where it listens.
        may_refuse: Set unless it keeps whom it refuses waiting.
    """

    clock: FakeClock
    refusals: int = 0
    asked_s: list[float] = field(factory=list)
    port: int = 0
    may_refuse: asyncio.Event = field(factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        """Run it on loopback."""
        self.may_refuse.set()
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked_s.append(self.clock.monotonic())
            lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
            await reader.readexactly(int({k: v for k, _, v in lines}[b"content-length"]))
            if len(self.asked_s) <= self.refusals:
                await self.may_refuse.wait()
                status, more = b"429 Too Many Requests", b"Retry-After: 120\r\n"
            else:
                status, more = b"200 OK", b""
            head = b"HTTP/1.1 %s\r\nContent-Length: 2\r\nConnection: close\r\n%s\r\n{}"
            writer.write(head % (status, more))
            await writer.drain()
        finally:
            writer.close()


class Kept(ScriptedAccount):
    """An account with a budget."""

    @property
    def budget(self) -> Budget:
        """Few requests in ten seconds."""
        return Budget(requests=4, per_s=10.0, burst=1)


class Bucket(ScriptedAccount):
    """An account whose vendor has a bucket."""

    @property
    def budget(self) -> Budget:
        """Three at once, and one more every two minutes."""
        return Budget(requests=1, per_s=120.0, burst=3)


@pytest.fixture(autouse=True)
def over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scripted vendor be asked over HTTP when a ticket is submitted."""
    submit = ScriptedAdapter.submit

    async def post(self: ScriptedAdapter, submission: Submission, steps: Steps) -> Accepted:
        await self.transport.request("POST", "/batches", body=b"{}")
        return await submit(self, submission, steps)

    monkeypatch.setattr(ScriptedAdapter, "submit", post)


async def live(hub: BatchHub, clock: FakeClock, for_s: float, *, killed: bool) -> None:
    """Be one process for a while, and end it, or have it killed."""
    await hub.__aenter__()
    resuming = asyncio.ensure_future(hub.resume())
    await clock.sleep(for_s)
    resuming.cancel()
    if killed:
        assert hub._opened is not None
        await kill(hub)
    else:
        await hub.aclose()


async def kill(hub: BatchHub) -> None:
    """End a hub without a word to the store: its lock is all that tells."""
    opened = hub._opened
    assert opened is not None
    opened.process.forget()

    async def say_nothing(*_: object) -> None:
        return None

    for name in ("let_go", "let_all_go", "beat"):
        setattr(opened.store.lanes, name, say_nothing)
    opened.store.tickets.save = say_nothing  # type: ignore[method-assign, assignment]
    await hub.aclose()


@pytest.mark.parametrize("killed", [False, True])
async def test_a_cool_down_holds_for_the_next_four_processes(tmp_path: Path, killed: bool) -> None:
    """After ``Retry-After: 120`` nobody sends for 120 seconds, whatever process it is."""
    clock = FakeClock()
    server = Server(clock, refusals=1)
    async with clock.running(), server.running():
        account = Kept(base_url=f"http://127.0.0.1:{server.port}")
        first = BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock)
        async with BatchHub(tmp_path / "jobs.db") as other:
            await other.jobs()
        await first.__aenter__()
        await first.submit("shop", numbered(2))
        while not server.asked_s:
            await clock.sleep(0.1)
        await clock.sleep(0.5)
        await (kill(first) if killed else first.aclose())
        for _ in range(4):
            hub = BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock)
            await live(hub, clock, 3.0, killed=killed)
        async with BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock) as last:
            await last.resume()

    assert len(server.asked_s) == 2
    assert server.asked_s[1] - server.asked_s[0] >= 119.0


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("set_by_s", [4000.0, -4000.0])
async def test_a_cool_down_holds_after_the_machine_was_started_anew(
    tmp_path: Path, killed: bool, set_by_s: float
) -> None:
    """Whatever its wall clock says then: it may have been set while the machine was off."""
    clock = SetClock()
    server = Server(clock, refusals=1)
    async with clock.running(), server.running():
        account = Kept(base_url=f"http://127.0.0.1:{server.port}")
        first = BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock)
        await first.__aenter__()
        await first.submit("shop", numbered(2))
        while not server.asked_s:
            await clock.sleep(0.1)
        await clock.sleep(0.5)
        await (kill(first) if killed else first.aclose())
        clock.set_by(set_by_s)
        clock.start_anew()
        async with BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock) as last:
            await last.resume()

    assert len(server.asked_s) == 2
    assert server.asked_s[1] - server.asked_s[0] >= 119.0


async def test_a_cool_down_that_is_heard_after_the_lane_was_lost_holds_for_its_owner(
    tmp_path: Path,
) -> None:
    """A process is taken for dead while a request of its own is under way."""
    clock = FakeClock()
    server = Server(clock, refusals=1)
    async with clock.running(), server.running():
        server.may_refuse.clear()
        accounts = {"shop": Kept(base_url=f"http://127.0.0.1:{server.port}")}
        hubs = [BatchHub(tmp_path / "jobs.db", accounts, clock=clock, seed=n) for n in (1, 2)]
        async with hubs[0] as lost, hubs[1] as owner:
            await lost.submit("shop", numbered(30))
            while not server.asked_s:
                await clock.sleep(0.1)
            await owner.jobs()
            assert owner._opened is not None
            owner._opened.process.judge = lambda _: Verdict.DEAD
            await owner.submit("shop", numbered(30))
            while len(server.asked_s) < 4:
                await clock.sleep(0.1)
            refused_s = clock.monotonic()
            server.may_refuse.set()
            await clock.sleep(125.0)

    # Until its next sign of life the owner can't know.
    assert not [at_s for at_s in server.asked_s if refused_s + 6.0 < at_s < refused_s + 119.0]
    assert server.asked_s[-1] >= refused_s + 119.0


async def test_a_process_that_takes_a_lane_back_writes_its_cool_down_at_once(
    tmp_path: Path,
) -> None:
    """Who had the lane meanwhile knew of none, and who takes it next has to."""
    clock, store = FakeClock(), tmp_path / "jobs.db"
    server = Server(clock, refusals=1)
    async with clock.running(), server.running(), other_process(store) as other:
        account = Kept(base_url=f"http://127.0.0.1:{server.port}")
        async with BatchHub(store, {"shop": account}, clock=clock) as hub:
            await hub.submit("shop", numbered(2))
            while (await other.look(account.lane)).cooled is None:
                await clock.sleep(0.1)
            hold = await other.take(account.lane, clock.now())
            await clock.sleep(6.0)
            await other.let_go(hold, clock.now())
            assert (await other.look(account.lane)).cooled is None
            while (await other.look(account.lane)).owner is None:
                await clock.sleep(0.1)
            await clock.sleep(0.5)
            row = await other.look(account.lane)

    assert row.cooled


@pytest.mark.parametrize("killed", [False, True])
async def test_what_a_killed_process_may_have_sent_counts_as_sent(
    tmp_path: Path, killed: bool
) -> None:
    """Nobody saw its last seconds; one that let its lane go has said all."""
    clock, store = FakeClock(), tmp_path / "jobs.db"
    server = Server(clock)
    async with clock.running(), server.running(), other_process(store) as other:
        account = Kept(base_url=f"http://127.0.0.1:{server.port}")
        hold = await other.take(account.lane, clock.now())
        await clock.sleep(20.0)
        if killed:
            other.lock.release(is_let_go=False)
        else:
            nothing = Spent(at=clock.now())
            traffic = Traffic(sent=nothing.sent_json(), cooled=nothing.cooled_json())
            await other.let_go(hold, clock.now(), traffic)
        began_s = clock.monotonic()
        async with BatchHub(store, {"shop": account}, clock=clock) as hub:
            await hub.submit("shop", numbered(2))
            while not server.asked_s:
                await clock.sleep(0.1)

    assert (server.asked_s[0] - began_s > 1.0) == killed


@pytest.mark.parametrize("killed", [False, True])
async def test_a_budget_holds_over_processes(tmp_path: Path, killed: bool) -> None:
    """Ten processes, one after another, send no more in any window than one may."""
    clock = FakeClock()
    server = Server(clock)
    async with clock.running(), server.running():
        account = Kept(base_url=f"http://127.0.0.1:{server.port}")
        async with BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock) as first:
            await first.submit("shop", numbered(45))
            await clock.sleep(1.0)
        for _ in range(9):
            hub = BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock)
            await live(hub, clock, 6.0 if killed else 2.5, killed=killed)

    assert len(server.asked_s) >= 3
    for at_s in server.asked_s:
        assert sum(at_s <= other_s < at_s + 10.0 for other_s in server.asked_s) <= 4


async def asked_in(store: Path | None, clock: FakeClock, server: Server, for_s: float) -> list[int]:
    """Return how many seconds after its begin a process sends, of more than it may."""
    del server.asked_s[:]
    account, began_s = Bucket(base_url=f"http://127.0.0.1:{server.port}"), clock.monotonic()
    async with BatchHub(store, {"shop": account}, clock=clock) as hub:
        await hub.submit("shop", numbered(45))
        await clock.sleep(for_s)
    return [round(at_s - began_s) for at_s in server.asked_s]


async def test_a_lane_that_a_store_never_had_has_sent_nothing(tmp_path: Path) -> None:
    """Its first process may use the whole burst, and the next one what that has left."""
    clock = FakeClock()
    server = Server(clock)
    async with clock.running(), server.running():
        first = await asked_in(tmp_path / "jobs.db", clock, server, 100.0)
        second = await asked_in(tmp_path / "jobs.db", clock, server, 130.0)

    assert first == [0, 0, 0]
    assert len(second) == 1
    assert second[0] >= 20


async def test_nobody_knows_what_was_sent_before_a_store_in_memory() -> None:
    """A script without a store may run every minute: each begins with one request."""
    clock = FakeClock()
    server = Server(clock)
    async with clock.running(), server.running():
        with pytest.warns(UserWarning, match="in memory"):
            assert await asked_in(None, clock, server, 100.0) == [0]


async def test_the_first_owner_of_a_lane_may_have_been_killed(tmp_path: Path) -> None:
    """It may have sent its whole burst before it said anything of it."""
    clock, store = FakeClock(), tmp_path / "jobs.db"
    server = Server(clock)
    async with clock.running(), server.running(), other_process(store) as other:
        await other.take(Bucket(base_url=f"http://127.0.0.1:{server.port}").lane, clock.now())
        other.lock.release(is_let_go=False)
        assert await asked_in(store, clock, server, 100.0) == []
