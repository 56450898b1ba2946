"""What a service manager is told of a worker, and when it gets a sign of life."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.notify_socket import NotifySocket, notify_socket

from batchhub._base.secrets import remember
from batchhub._worker.notify import Notifier
from batchhub._worker.watchdog import keep_alive
from batchhub.errors import StoreError
from batchhub.testing import FakeClock


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    """The socket of a service manager."""
    name = tmp_path / "notify" if request.param == "path" else f"@batchhub/{tmp_path.name}"
    with notify_socket(name) as listening:
        yield listening


def test_it_says_how_the_worker_is(manager: NotifySocket) -> None:
    """As `sd_notify(3)` wants it: one message for each, a line for each value."""
    notifier = Notifier(manager.address)
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

    notifier.ready("drives shop")
    notifier.reloading()
    notifier.status("ok\nREADY=0")
    notifier.keep_alive()
    notifier.stopping(45.0)

    assert manager.receive() == {"READY": "1", "STATUS": "drives shop"}
    reloading = manager.receive()
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= now
    assert manager.receive() == {"STATUS": "ok READY=0"}
    assert manager.receive() == {"WATCHDOG": "1"}
    stopping = manager.receive()
    assert (stopping["STOPPING"], stopping["EXTEND_TIMEOUT_USEC"]) == ("1", "45000000")


def test_no_secret_is_told(tmp_path: Path) -> None:
    """What it says is shown by `systemctl status` to everybody."""
    remember(["secret_3cVb8NmK"])
    with notify_socket(tmp_path / "notify") as manager:
        Notifier(manager.address).status("refused: secret_3cVb8NmK")

        assert manager.receive() == {"STATUS": "refused: ***"}


def test_without_a_service_manager_nothing_happens() -> None:
    """A shell sets no such variable."""
    notifier = Notifier.from_environment({"WATCHDOG_USEC": "1000"})

    notifier.ready("drives shop")
    notifier.keep_alive()

    assert notifier.watchdog_s is None


@pytest.mark.parametrize("address", ["/no/such/socket", "vsock:2:1234", "relative"])
def test_a_manager_that_can_not_be_told_is_said_once(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker goes on driving."""
    notifier = Notifier(address)

    with caplog.at_level(logging.WARNING, "batchhub"):
        notifier.ready("drives shop")
        notifier.keep_alive()

    assert [record.getMessage().split()[0] for record in caplog.records] == ["notify.failed"]


def test_its_children_do_not_speak_in_its_name(
    manager: NotifySocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables are gone as soon as they are read."""
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))

    notifier = Notifier.from_environment()

    assert notifier.watchdog_s == 20.0
    code = "import os; print([n for n in os.environ if n.startswith(('NOTIFY', 'WATCHDOG'))])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
    notifier.ready("drives shop")
    assert "READY" in manager.receive()


@pytest.mark.parametrize(
    ("variables", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_a_watchdog_is_for_the_process_it_names(
    variables: dict[str, str], watchdog_s: float | None
) -> None:
    """It may be meant for the parent of this process, whose environment this one has."""
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": "/x", **variables})

    assert notifier.watchdog_s == watchdog_s


async def turn(clock: FakeClock, seconds: float) -> None:
    """Let time pass, and whatever it wakes do its work."""
    await clock.advance(seconds)
    for _ in range(20):
        await asyncio.sleep(0)


async def watching(
    manager: NotifySocket, clock: FakeClock, ask_store: Callable[[], object]
) -> asyncio.Task[None]:
    """Start to give signs of life."""

    async def ask() -> None:
        if asyncio.iscoroutine(asked := ask_store()):
            await asked

    notifier = Notifier(manager.address, watchdog_s=1.0)
    return asyncio.create_task(keep_alive(notifier, clock, ask))


async def test_signs_of_life_come_at_half_the_time(tmp_path: Path) -> None:
    """One at once, then one each half; a store that fails is no reason to restart."""
    clock, answers = FakeClock(), iter([None, StoreError("full"), None])

    def ask() -> None:
        if (error := next(answers)) is not None:
            raise error

    with notify_socket(tmp_path / "notify") as manager:
        task = await watching(manager, clock, ask)
        for _ in range(3):
            await turn(clock, 0.0)
            assert manager.receive() == {"WATCHDOG": "1"}
            await turn(clock, 0.4)
            assert manager.is_silent
            await turn(clock, 0.1)
        task.cancel()
        await asyncio.wait({task})


async def test_a_store_that_hangs_gives_no_sign_of_life(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop turns, and nothing can be sent: only a new process helps."""
    clock, answers = FakeClock(), asyncio.Event()
    with notify_socket(tmp_path / "notify") as manager:
        with caplog.at_level(logging.ERROR, "batchhub"):
            task = await watching(manager, clock, answers.wait)
            await asyncio.sleep(0.3)
        assert manager.is_silent

        answers.set()
        await turn(clock, 0.5)
        assert manager.receive() == {"WATCHDOG": "1"}
        task.cancel()
        await asyncio.wait({task})
    assert [record.getMessage().split()[0] for record in caplog.records] == ["store.hung"]
