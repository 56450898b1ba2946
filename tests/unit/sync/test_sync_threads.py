"""The sync hub among threads, interruptions and forks, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered
from support.patience import PATIENCE_S
from support.sync_hubs import make_hub
from support.vendor import Vendor

from batchhub import BatchStatus, Outcome
from batchhub._sync.iterators import iterate
from batchhub.adapter import Observation
from batchhub.errors import StoreError, UsageError

TESTS = Path(__file__).parents[2]
RUNNING = Observation(words=("Running",))


def test_a_generator_left_early_closes_the_async_one(store: Path) -> None:
    """What iterates over statuses or results in the loop is let go at once."""
    with make_hub(store) as hub:
        job = hub.submit("shop", numbered(2))
        source = job._job.watch()
        watch = iterate(job._bridge, source, 1)
        next(watch)
        assert source.ag_frame is not None  # type: ignore[attr-defined]
        watch.close()  # type: ignore[attr-defined]
        job.wait()
        assert source.ag_frame is None  # type: ignore[attr-defined]


def test_two_threads_use_one_hub(store: Path) -> None:
    """Each gets its own job's results, though both are under way at the same time."""
    start = threading.Barrier(4)

    def work(n: int) -> list[str]:
        start.wait()
        items = [{"id": f"{n}-{i}", "n": i} for i in range(5)]
        job = hub.submit("shop", (item for item in items))
        job.wait()
        return [result.id for result in job.results()]

    with make_hub(store) as hub, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    assert found == [[f"{n}-{i}" for i in range(5)] for n in range(4)]


class Interrupts(deque[Exception | Observation]):
    """A vendor that never finishes; once somebody waits, the user presses Ctrl-C at a poll."""

    def __init__(self, somebody_waits: threading.Event) -> None:
        super().__init__([RUNNING])
        self._somebody_waits = somebody_waits

    def popleft(self) -> Exception | Observation:
        """Answer that it runs."""
        if self._somebody_waits.is_set():
            self._somebody_waits.clear()
            os.kill(os.getpid(), signal.SIGINT)
        return RUNNING


@pytest.fixture
def interruptible() -> Iterator[None]:
    """An interrupt is an exception, though a shell that runs tests in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_the_waiting_only(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes out of `wait`; the job goes on, and the hub can be used and closed."""
    waits = threading.Event()
    vendor = Vendor(polls=Interrupts(waits))
    with make_hub(store, vendor) as hub:
        job = hub.submit("shop", numbered(1))
        wait = job._job.wait

        async def wait_and_say_so(_: object, timeout_s: float | None) -> BatchStatus:
            waits.set()
            return await wait(timeout_s)

        monkeypatch.setattr(type(job._job), "wait", wait_and_say_so)
        with pytest.raises(KeyboardInterrupt):
            job.wait()
        assert not job.refresh().state.is_terminal
        assert not hub._bridge._calls
        monkeypatch.undo()
        vendor.polls = deque()
        assert job.wait().outcome is Outcome.SUCCEEDED


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_call_may_clean_up(store: Path) -> None:
    """It is cancelled once, so that it can still roll back; the hub can be used afterwards."""
    done: list[str] = []

    async def items() -> AsyncIterator[dict[str, object]]:
        try:
            yield {"n": 1}
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            done.append("rolled back")

    with make_hub(store) as hub:
        with pytest.raises(KeyboardInterrupt):
            hub.submit("shop", items())
        assert hub.jobs() == []
    assert done == ["rolled back"]


def test_closing_lets_calls_end_before_the_hub(store: Path) -> None:
    """A call that is cancelled still finds the hub open while it cleans up."""
    found: list[object] = []
    began = threading.Event()

    async def items() -> AsyncIterator[dict[str, object]]:
        try:
            yield {"n": 1}
            began.set()
            await asyncio.Event().wait()
        finally:
            found.append(await hub._hub.jobs())

    hub = make_hub(store)
    with ThreadPoolExecutor(1) as pool:
        submitting = pool.submit(hub.submit, "shop", items())
        assert began.wait(PATIENCE_S)
        hub.close()
        with pytest.raises(UsageError, match="the hub is closed"):
            submitting.result(PATIENCE_S)
    assert found == [[]]


def test_a_hub_may_be_collected_in_the_thread_of_one_that_begins(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before that thread has said that it has begun, which somebody waits for."""
    left = make_hub(store)
    closed: list[bool] = []

    start = threading.Thread.start

    def collect_first(thread: threading.Thread) -> None:
        if not closed:
            collector = threading.Thread(target=left._bridge.close_soon, daemon=True)
            start(collector)
            collector.join(PATIENCE_S)
            closed.append(not collector.is_alive())
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", collect_first)
    with make_hub(store) as hub:
        assert hub.jobs() == []
    assert closed == [True]


def test_an_iterator_may_be_collected_in_the_hubs_thread(store: Path) -> None:
    """The garbage collector runs where it likes; what was left early is closed all the same."""
    with make_hub(store) as hub:
        job = hub.submit("shop", numbered(2))
        source = job._job.watch()
        left = [iterate(job._bridge, source, 1)]
        next(left[0])

        async def items() -> AsyncIterator[dict[str, object]]:
            left.clear()
            yield {"n": 1}

        hub.submit("shop", items()).wait()
        assert source.ag_frame is None  # type: ignore[attr-defined]


def test_a_closed_hub_says_so(store: Path) -> None:
    """Every call of a closed hub is a clear error; closing again is none."""
    hub = make_hub(store)
    job = hub.submit("shop", numbered(1))
    last = job.wait()
    watch = job.watch()
    next(watch)
    hub.close()
    hub.close()
    calls: list[Any] = [
        lambda: hub.submit("shop", numbered(1)),
        hub.jobs,
        hub.__enter__,
        job.refresh,
        job.wait,
        lambda: list(job.results()),
        lambda: next(watch),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="the hub is closed"):
            call()
    assert job.status == last
    never_used = make_hub(store)
    never_used.close()
    with pytest.raises(UsageError, match="the hub is closed"):
        never_used.jobs()


def test_closing_ends_the_waiting_of_other_threads(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that waits is told that the hub was closed; nothing hangs."""
    vendor = Vendor(polls=deque([RUNNING] * 100))
    hub = make_hub(store, vendor)
    job = hub.submit("shop", numbered(1))
    began, wait = threading.Event(), job._job.wait

    async def wait_and_say_so(_: object, timeout_s: float | None) -> BatchStatus:
        began.set()
        return await wait(timeout_s)

    monkeypatch.setattr(type(job._job), "wait", wait_and_say_so)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(job.wait)
        assert began.wait(PATIENCE_S)
        hub.close()
        with pytest.raises(UsageError, match="the hub is closed"):
            waiting.result(PATIENCE_S)


def test_a_store_that_cannot_be_opened_leaves_nothing_behind(tmp_path: Path) -> None:
    """`with` raises the store's error and ends the thread it began."""
    hub = make_hub(tmp_path)
    with pytest.raises(StoreError, match="folder"):
        hub.__enter__()
    with pytest.raises(UsageError, match="the hub is closed"):
        hub.jobs()


def test_a_hub_that_nothing_refers_to_is_closed(store: Path) -> None:
    """A job keeps its hub; when both are gone, so is the thread (the fixture looks)."""
    job = make_hub(store).submit("shop", numbered(1))
    gc.collect()
    assert job.wait().outcome is Outcome.SUCCEEDED


SCRIPT = """
import os, sys
from pathlib import Path
from support.hubs import numbered
from support.sync_hubs import make_hub
from support.vendor import ScriptedAdapter

async def aclose(adapter):
    print("closed")

ScriptedAdapter.aclose = aclose
store = Path(sys.argv[1])
hub, unused = make_hub(store), make_hub(store)
job = hub.submit("shop", numbered(1))
if os.fork() == 0:
    for call in (job.wait, hub.jobs, lambda: next(job.watch())):
        try:
            call()
        except ValueError as error:
            print("child:", error)
    print("child:", job.status.state, len(unused.jobs()), flush=True)
    unused.submit("shop", numbered(1)).hand_over()
    hub.close()
    sys.exit()
os.wait()
print("parent:", job.wait().outcome)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_and_ends_of_processes(store: Path) -> None:
    """A used hub is refused in a child, an unused one works; what is left open is closed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", SCRIPT, store],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS / 'plugins'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if "[" not in line]
    *refused, child, closed_in_child, parent, closed_in_parent = lines
    assert len(refused) == 3
    assert all("before the process forked; make a hub in each process" in line for line in refused)
    assert re.fullmatch(r"child: \w+ 1", child)
    assert parent == "parent: succeeded"
    assert closed_in_child == closed_in_parent == "closed"
