"""The database is away, cut off or another one; the workers wait for it, and nothing is lost."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from cluster.conftest import OpenCluster
from support.postgres import PostgresServer, running_server


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_it_is_stopped_for_seconds(open_one: OpenCluster, mode: str) -> None:
    """In good order, or as after a crash."""
    cluster = open_one(shops=8, forgetful=1)
    workers = [cluster.start(), cluster.start()]
    cluster.hand_over(*cluster.shops, count=24)
    cluster.wait_for_work()
    cluster.server.stop(mode)
    time.sleep(2.0)  # what is tried meanwhile fails
    cluster.server.start()
    cluster.hand_over(*cluster.shops)
    cluster.finish()
    cluster.judge()
    for worker in workers:
        worker.ask_to_stop()
        worker.wait()


def test_its_standby_takes_over(open_one: OpenCluster) -> None:
    """The workers find it by themselves: both are in the address."""
    with ExitStack() as stack:
        primary = stack.enter_context(running_server(durable=True, settings={"fsync": "off"}))
        standby = primary.make_standby("second", is_waited_for=True)
        stack.callback(standby.discard)
        cluster = open_one(server=primary, standby=standby, shops=8, forgetful=1)
        for _ in range(2):
            cluster.start()
        cluster.hand_over(*cluster.shops, count=24)
        cluster.wait_for_work()
        _fail_over(primary, standby)
        cluster.server = standby
        cluster.hand_over(*cluster.shops)
        cluster.finish()
        cluster.judge()


def _fail_over(primary: PostgresServer, standby: PostgresServer) -> None:
    primary.stop("immediate")
    standby.promote()


def test_each_connection_is_cut(open_one: OpenCluster) -> None:
    """One after another and again and again, whatever it is used for."""
    cluster = open_one(shops=8, forgetful=1)
    for _ in range(2):
        cluster.start()
    cluster.hand_over(*cluster.shops, count=24)
    cluster.wait_for_work()
    names = cluster.cut_one_by_one(rounds=3)
    assert all(name.startswith("batchhub") for name in names), names
    cluster.hand_over(*cluster.shops)
    cluster.finish()
    cluster.judge()
