"""The database is away, cut off or another one; the workers wait for it, and nothing is lost."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from cluster.conftest import OpenCluster
from support.cluster.laws import UNDER_WAY_S
from support.cluster.pace import SILENT_S
from support.crash_lab import wait_until
from support.postgres import PostgresServer, running_server


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_it_is_stopped_for_seconds(open_one: OpenCluster, mode: str) -> None:
    """In good order, or as after a crash."""
    cluster = open_one(shops=8, forgetful=1)
    cluster.at_work(count=24)
    cluster.server.stop(mode)
    wait_until(lambda: "store.failed" in cluster.said(), "somebody has missed it")
    cluster.server.start()
    cluster.hand_over(*cluster.shops)
    cluster.end_well()


def test_its_standby_takes_over(open_one: OpenCluster) -> None:
    """The workers find it by themselves: both are in the address."""
    with ExitStack() as stack:
        primary = stack.enter_context(running_server(durable=True, settings={"fsync": "off"}))
        standby = primary.make_standby("second", is_waited_for=True)
        stack.callback(standby.discard)
        cluster = open_one(server=primary, standby=standby, shops=8, forgetful=1)
        cluster.at_work(count=24)
        _fail_over(primary, standby)
        cluster.server = standby
        cluster.hand_over(*cluster.shops)
        cluster.end_well()


def _fail_over(primary: PostgresServer, standby: PostgresServer) -> None:
    primary.stop("immediate")
    standby.promote()


def test_each_connection_is_cut(open_one: OpenCluster) -> None:
    """One after another and again and again, whatever it is used for."""
    cluster = open_one(shops=8, forgetful=1)
    cluster.at_work(count=24)
    names = cluster.cut_one_by_one(rounds=3)
    assert {"batchhub", "batchhub bell"} <= names
    assert all(name.startswith("batchhub") for name in names), names
    cluster.hand_over(*cluster.shops)
    cluster.end_well()


def test_one_worker_is_cut_off(open_one: OpenCluster) -> None:
    """It reaches the shops all the same; it asks them nothing once others have its lanes."""
    cluster = open_one(shops=8, forgetful=1)
    one, _ = cluster.at_work(count=24)
    lost = cluster.shops_of(one)
    assert lost
    one.wire.cut()
    cluster.hand_over(*lost)
    cluster.wait_for_asks(lost, but=one.pid)
    # For longer than anything that was begun before takes.
    wait_until(lambda: cluster.has_been_quiet(one, UNDER_WAY_S), "it is quiet")
    one.wire.mend()
    cluster.hand_over(*cluster.shops)
    cluster.end_well()


def test_it_hangs_for_longer_than_workers_may_be_silent(open_one: OpenCluster) -> None:
    """Nobody can say who lives: nobody sends anything that it may not, and all goes on then."""
    cluster = open_one(shops=8, forgetful=1)
    workers = cluster.at_work(count=24)
    cluster.server.pause()
    wait_until(
        lambda: all(cluster.has_been_quiet(each, SILENT_S) for each in workers), "all are quiet"
    )
    cluster.server.unpause()
    cluster.hand_over(*cluster.shops)
    cluster.end_well()


def test_a_worker_is_stopped_while_it_is_away(open_one: OpenCluster) -> None:
    """It ends all the same; what it had is driven on by the other one."""
    cluster = open_one(shops=8, forgetful=1)
    one, _ = cluster.at_work(count=24)
    cluster.server.stop("immediate")
    one.ask_to_stop()
    one.wait()
    cluster.server.start()
    cluster.end_well()
