"""Which worker drives which lanes, and that none suffers from another one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cluster.conftest import OpenCluster
from support.cluster.poison import write_poison
from support.crash_lab import wait_until

from batchhub._store.shards import shard_of
from batchhub.sync import BatchHub


@pytest.mark.parametrize("kind", ["raises", "blocks"])
def test_a_poisoned_job_harms_no_other_lane(
    open_one: OpenCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Its adapter raises in every verb, or keeps the whole process for a second each time."""
    site = tmp_path / "site"
    site.mkdir()
    module = write_poison(site, kind)
    monkeypatch.syspath_prepend(site)
    cluster = open_one(shops=6)
    cluster.env["PYTHONPATH"] = str(site)
    cluster.more = f'[accounts.poison]\nadapter = "{kind}"\n'
    for _ in range(2):
        cluster.start()
    plugin = __import__(module)
    try:
        with BatchHub(
            cluster.url,
            {"poison": plugin.PluginAccount()},
            adapters=[plugin.PluginAdapter],
            drives=False,
        ) as hub:
            poisoned = hub.submit("poison", [{"id": "a"}, {"id": "b"}]).id
        wait_until(lambda: "poison" in cluster.said(), "somebody has tried")
        cluster.hand_over(*cluster.shops, count=24)
        wait_until(lambda: cluster.count_open() == 1, "the end of all others")
        cluster.judge()
        ((state,),) = cluster.ask("SELECT state FROM batchhub.jobs WHERE job_id = %s", poisoned)
        assert state not in {"completed", "lost"}
    finally:
        del sys.modules[module]


def test_a_worker_takes_only_what_it_knows(open_one: OpenCluster) -> None:
    """Two workers with other accounts; neither asks for the other's."""
    cluster = open_one(shops=12)
    # A shard goes to one worker as a whole.
    halves: list[set[str]] = [set(), set()]
    for name, lane in cluster.lanes.items():
        halves[shard_of(lane) % 2].add(name)
    workers = [cluster.start(half) for half in halves]
    cluster.hand_over(*cluster.shops)
    cluster.end_well()
    for worker, half in zip(workers, halves, strict=True):
        asked = {each.shop for each in cluster.street.asked if each.pid == worker.pid}
        assert asked == half
