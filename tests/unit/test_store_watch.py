"""Whether other processes have written: what a look at the store tells, and one that fails."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from batchhub._engine.store_watch import StoreWatch
from batchhub._store import Store
from batchhub.errors import StoreError
from batchhub.testing import FakeClock


async def test_a_store_that_is_away_disturbs_no_lane_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Thousands of lanes would ask it at once when it is back; what is new is told then."""
    path, clock, told = tmp_path / "jobs.db", FakeClock(), list[str]()
    store, other = await Store.open(path), await Store.open(path)
    watch = StoreWatch(
        store,
        clock,
        lanes=lambda: ["shop", "idle"],
        doubtful=list,
        on_lane=told.append,
        on_job=told.append,
    )
    async with clock.running():
        for lane in ("shop", "idle"):
            await other.pushes.add(lane, ["ref-1"], clock.now())
        watch.start()
        while len(told) < 2:
            await clock.sleep(1.0)
        told.clear()
        with patch.object(store, "foreign_version", side_effect=StoreError("it is away")) as look:
            await clock.sleep(60.0)
            await other.pushes.add("shop", ["ref-2"], clock.now())
            await clock.sleep(60.0)
            assert 60 < look.call_count <= 130
            assert told == []
        await clock.sleep(5.0)
        await watch.aclose()
    await store.aclose()
    await other.aclose()

    assert told == ["shop"]
    assert caplog.text.count("store.failed") == 1
