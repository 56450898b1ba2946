"""Which engine a worker has: what its store is decides."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from batchhub._alerts.settings import read_alerts
from batchhub._cluster.making import init_cluster
from batchhub._worker.engine import make_engine
from batchhub._worker.settings_source import Reading
from batchhub.cluster import Procrastinate
from batchhub.errors import StoreError, UsageError
from batchhub.settings import load_settings


def reading(tmp_path: Path, store: str, cluster: str | None = None) -> Reading:
    """Read settings with a store and the name of a cluster."""
    file = tmp_path / "batchhub.toml"
    file.write_text("" if cluster is None else f'[cluster]\nname = "{cluster}"\n')
    settings = load_settings(file, {})
    return Reading(
        settings=settings, store=store, accounts={}, alerts=read_alerts(settings), broken={}
    )


async def test_a_store_that_one_process_drives_has_none(tmp_path: Path) -> None:
    """It needs no package of an extra either."""
    assert await make_engine(reading(tmp_path, str(tmp_path / "jobs.db"), "prod")) is None


async def test_a_cluster_has_one_if_it_is_the_right_cluster(
    tmp_path: Path, database_url: str
) -> None:
    """A worker of another cluster does not begin."""
    with pytest.raises(StoreError, match="no tables for workers yet; make them with"):
        await make_engine(reading(tmp_path, database_url))
    await init_cluster(database_url, "prod")
    for cluster in (None, "prod"):
        assert isinstance(
            await make_engine(reading(tmp_path, database_url, cluster)), Procrastinate
        )
    with pytest.raises(UsageError, match="is cluster 'prod', not 'test'"):
        await make_engine(reading(tmp_path, database_url, "test"))


async def test_the_packages_for_a_cluster_are_named_when_they_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says what to install."""
    monkeypatch.delitem(sys.modules, "batchhub._cluster.schema", raising=False)
    monkeypatch.delattr("batchhub._cluster.schema", raising=False)
    monkeypatch.setitem(sys.modules, "procrastinate.schema", None)
    with pytest.raises(UsageError, match=r"pip install 'batchhub\[cluster\]'"):
        await make_engine(reading(tmp_path, "postgresql://nobody@127.0.0.1:1/jobs"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"store": "jobs.db"}, "only a store on PostgreSQL is driven by several processes"),
        ({"heartbeat_s": 5.0}, "silent_s must be at least twice heartbeat_s"),
        ({"slice_s": (2.0, 1.0)}, "slice_s is a shortest and a longest time"),
    ],
)
def test_mistakes(changed: dict[str, object], said: str) -> None:
    """Each is named where the engine is made, and no password is in it."""
    arguments = {"store": "postgresql://me:topsecretword@db/jobs", **changed}
    with pytest.raises(UsageError, match=said):
        Procrastinate(**arguments)  # type: ignore[arg-type]
    assert "topsecret" not in repr(Procrastinate("postgresql://me:topsecretword@db/jobs"))
