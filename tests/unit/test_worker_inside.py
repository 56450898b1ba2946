"""A worker within a process: its settings, its services, and what it tells of itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import evolve
from support.hubs import numbered
from support.patience import PATIENCE_S
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, Outcome
from batchhub._alerts.settings import AlertSettings
from batchhub._worker import settings_watch
from batchhub._worker.settings_source import Reading
from batchhub._worker.worker import Worker
from batchhub.errors import SettingsError, StoreError, UsageError
from batchhub.settings import Settings
from batchhub.testing import FakeClock, capture_events


class Source:
    """Settings that a test decides on."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.error: Exception | None = None
        self.times = 0
        self.before: Callable[[], object] = lambda: None

    def read_again(self) -> Reading:
        """Return what there is now."""
        self.times += 1
        self.before()
        if self.error is not None:
            raise self.error
        return self.reading


class Listening:
    """A service that takes note of what it is told."""

    name = "listening"

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.is_running = False
        self.start_error: Exception | None = None
        self.reload_error: Exception | None = None

    async def start(self) -> None:
        """Begin, or not."""
        if self.start_error is not None:
            raise self.start_error

    async def run(self) -> None:
        """Run until cancelled."""
        self.is_running = True
        try:
            await asyncio.Event().wait()
        finally:
            self.is_running = False

    def reload(self, reading: Reading) -> None:
        """Take other settings, or not."""
        if self.reload_error is not None:
            raise self.reload_error
        self.readings.append(reading)


class Lab:
    """A worker, and all around it."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.vendor = Vendor()
        self.store = str(folder / "jobs.db")
        accounts = {"shop": ScriptedAccount(vendor=self.vendor)}
        settings = Settings(store=self.store, accounts={}, path="batchhub.toml")
        self.reading = Reading(
            settings=settings,
            store=self.store,
            accounts=accounts,
            alerts=AlertSettings(),
            broken={},
        )
        self.source = Source(self.reading)
        self.hub = BatchHub(self.store, accounts, clock=clock, seed=1)
        self.service = Listening()
        self.worker = Worker(self.hub, self.source, self.reading, grace_s=1.0, clock=clock)
        self.worker.add_service(self.service)
        self.clock = clock

    async def reload(self) -> None:
        """Have the settings read again, and wait until they are taken."""
        await self.ask_again()
        await self.clock.sleep(5.0)

    async def ask_again(self) -> None:
        """Have the settings read again, and wait until they are read."""
        times = self.source.times
        self.worker.reload()
        async with asyncio.timeout(PATIENCE_S):
            while self.source.times == times:  # noqa: ASYNC110  # a thread reads them
                await asyncio.sleep(0.001)


@asynccontextmanager
async def working(folder: Path) -> AsyncIterator[Lab]:
    """Run a worker on a clock that runs by itself; it comes to its end."""
    clock = FakeClock()
    lab = Lab(folder, clock)
    async with clock.running(), lab.worker:
        running = asyncio.create_task(lab.worker.run())
        yield lab
        lab.worker.stop()
        await running
    assert not lab.service.is_running


async def test_it_drives_what_another_hub_hands_over(tmp_path: Path) -> None:
    """And tells since when, for which accounts, and whether it is about to end."""
    async with working(tmp_path) as lab:
        accounts = {"any": ScriptedAccount(vendor=Vendor())}
        async with BatchHub(lab.store, accounts, clock=lab.clock, drives=False) as front:
            job = await front.submit("any", numbered(3))
            assert (await job.wait()).outcome is Outcome.SUCCEEDED
        facts = lab.worker.facts()
        assert len(lab.vendor.submissions) == 1
        assert lab.service.is_running
    assert facts["driving_since"] is not None
    assert (facts["accounts"], facts["settings_error"]) == (["shop"], None)
    assert (facts["is_stopping"], lab.worker.facts()["is_stopping"]) == (False, True)


async def test_new_settings_reach_the_hub_and_the_services(tmp_path: Path) -> None:
    """Once each time, whatever they are."""
    async with working(tmp_path) as lab:
        other = ScriptedAccount(vendor=Vendor(), name="two")
        lab.source.reading = evolve(lab.reading, accounts={**lab.reading.accounts, "other": other})
        with capture_events() as events:
            await lab.reload()
        assert lab.service.readings == [lab.source.reading]
        assert lab.worker.facts()["accounts"] == ["other", "shop"]
        assert events.find("settings.taken", added=["other"], removed=[])


async def test_wrong_settings_change_nothing(tmp_path: Path) -> None:
    """It is logged, told, and forgotten with the next ones that are right."""
    async with working(tmp_path) as lab:
        lab.source.error = SettingsError("batchhub.toml: no\nmore of it")
        with capture_events() as events:
            await lab.reload()
        assert events.find("settings.refused", error="batchhub.toml: no more of it")
        assert lab.worker.facts()["settings_error"] == "batchhub.toml: no more of it"
        assert lab.service.readings == []

        lab.source.error = ZeroDivisionError("a plug-in's")
        await lab.reload()
        assert "ZeroDivisionError" in lab.worker.facts()["settings_error"]

        lab.source.error = None
        await lab.reload()
        assert lab.worker.facts()["settings_error"] is None


async def test_what_takes_a_restart_is_said_as_long_as_it_differs(tmp_path: Path) -> None:
    """The rest of it is taken; another store is not, since its jobs are in this one."""
    async with working(tmp_path) as lab:
        settings = evolve(lab.reading.settings, store_mode="group")
        lab.source.reading = evolve(lab.reading, store="other.db", settings=settings)
        for _ in range(2):
            await lab.reload()
            assert lab.worker.facts()["settings_error"] == (
                "store and store_mode changed, which takes a restart of the worker"
            )
        assert len(lab.service.readings) == 2
        lab.source.reading = lab.reading
        await lab.reload()
        assert lab.worker.facts()["settings_error"] is None


async def test_a_service_that_refuses_settings_keeps_nothing_else_from_them(
    tmp_path: Path,
) -> None:
    """It is named."""
    async with working(tmp_path) as lab:
        lab.service.reload_error = UsageError("not these")
        await lab.reload()
        assert lab.worker.facts()["settings_error"] == "listening: not these"


async def test_a_storm_of_signals_is_one_look(tmp_path: Path) -> None:
    """And one more for what came while it looked; two looks are a second apart."""
    async with working(tmp_path) as lab:
        go_on = threading.Event()
        lab.source.before = lambda: go_on.wait(PATIENCE_S)
        for _ in range(100):
            lab.worker.reload()
            await asyncio.sleep(0)
        go_on.set()
        await lab.reload()
        await lab.clock.sleep(60.0)
        assert lab.source.times == 2

        began_s = lab.clock.monotonic()
        lab.source.before = lambda: at.append(lab.clock.monotonic() - began_s)
        at: list[float] = []
        await lab.ask_again()
        await lab.ask_again()
        assert at[1] - at[0] >= 1.0


async def test_settings_that_are_never_read_to_their_end_hold_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keyring, or a disk on a network, may not answer."""
    monkeypatch.setattr(settings_watch, "_READING_S", 0.05)
    go_on = threading.Event()
    async with working(tmp_path) as lab:
        lab.source.before = lambda: go_on.wait(PATIENCE_S)
        lab.worker.reload()
        async with asyncio.timeout(PATIENCE_S):
            while lab.worker.facts()["settings_error"] is None:  # noqa: ASYNC110  # of a thread
                await asyncio.sleep(0.01)
        assert "could not be read within" in lab.worker.facts()["settings_error"]
        go_on.set()


async def test_a_service_that_can_not_begin_is_heard_of(tmp_path: Path) -> None:
    """By whoever starts the worker, before anything is sent; the store is closed again."""
    lab = Lab(tmp_path, FakeClock())
    lab.service.start_error = UsageError("the port is taken")

    with pytest.raises(UsageError, match="the port is taken"):
        await lab.worker.__aenter__()

    with pytest.raises(UsageError, match="closed"):
        await lab.hub.jobs()


async def test_a_store_that_can_only_be_read_is_heard_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker on it would do nothing for ever."""
    lab = Lab(tmp_path, FakeClock())
    async with lab.hub:
        pass

    def refuse(_: object) -> None:
        raise StoreError("it is read-only")

    monkeypatch.setattr("batchhub._store.loads.Loads.check_writable", refuse)
    with pytest.raises(StoreError, match="read-only"):
        await lab.worker.__aenter__()


async def test_a_fault_of_ours_ends_no_driving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins again a little later."""
    drive, times = BatchHub.drive, 0

    async def fail(hub: BatchHub, engine: object) -> None:
        assert engine is None
        nonlocal times
        times += 1
        if times < 3:
            raise ZeroDivisionError("ours")
        await drive(hub)

    monkeypatch.setattr(BatchHub, "drive", fail)
    with capture_events() as events:
        async with working(tmp_path) as lab:
            job = await lab.hub.submit("shop", numbered(1))
            await lab.clock.sleep(30.0)
            assert (await job.refresh()).outcome is Outcome.SUCCEEDED
    assert [each.facts["again_in_s"] for each in events.find("worker.failed")] == [1.0, 2.0]


async def test_requests_under_way_get_its_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not what a hub gives them by default."""
    aclose, graces = BatchHub.aclose, list[float]()

    async def note(hub: BatchHub, grace_s: float = 5.0) -> None:
        graces.append(grace_s)
        await aclose(hub, grace_s)

    monkeypatch.setattr(BatchHub, "aclose", note)
    async with working(tmp_path) as lab:
        assert lab.worker.most_s > 1.0
    assert graces == [1.0]
