"""Workers end: killed, stopped, replaced one after another; others go on, and nothing is lost."""

from __future__ import annotations

import signal

from attrs import evolve
from cluster.conftest import OpenCluster
from support.cluster.pace import QUICK
from support.crash_lab import wait_until


def test_the_lanes_of_one_that_is_killed_go_to_the_other(open_one: OpenCluster) -> None:
    """Those of a vendor that knows a batch again are done as if nothing had been."""
    cluster = open_one(shops=12, forgetful=1)
    one, _ = cluster.at_work()
    lost = cluster.shops_of(one)
    assert lost
    one.kill()
    cluster.hand_over(*lost)
    cluster.wait_for_asks(lost, but=one.pid)
    assert cluster.end_well().taken_over


def test_one_that_stood_still_sends_nothing_more(open_one: OpenCluster) -> None:
    """Its lanes are another's when it goes on; it writes nothing there, and takes some later."""
    cluster = open_one(shops=12)
    one, _ = cluster.at_work()
    lost = cluster.shops_of(one)
    assert lost
    one.pause()
    cluster.hand_over(*lost)
    cluster.wait_for_asks(lost, but=one.pid)
    one.go_on()
    cluster.hand_over(*cluster.shops)
    assert cluster.end_well().taken_over >= len(lost)


def test_one_that_stood_still_in_a_transaction(open_one: OpenCluster) -> None:
    """What it has locked in the database is free after seconds: the other one can take over."""
    cluster = open_one(shops=8)
    one = cluster.start(plan=evolve(QUICK, at="commit.begun", nth=25, action="stop"))
    cluster.hand_over(*cluster.shops)
    one.running.wait_stopped()
    cluster.stood_still.add(one.pid)
    cluster.start()
    cluster.hand_over(*cluster.shops)
    cluster.finish()
    one.running.send(signal.SIGCONT)
    cluster.hand_over(*cluster.shops)
    cluster.end_well()


def test_what_it_has_learned_meanwhile_is_kept(open_one: OpenCluster) -> None:
    """It stood still with the answer to a batch, which its vendor would not know again."""
    cluster = open_one(shops=0, forgetful=1)
    one = cluster.start(plan=evolve(QUICK, at="request.answered", action="stop"))
    cluster.hand_over("supplier0", count=3)
    one.running.wait_stopped()
    cluster.stood_still.add(one.pid)
    cluster.start()
    wait_until(lambda: cluster.states() == {"unconfirmed"}, "nobody can tell of it")
    one.running.send(signal.SIGCONT)
    wait_until(lambda: cluster.states() == {"completed"}, "its late ticket")
    figures = cluster.end_well()
    assert (figures.unknown, figures.submits) == (0, 1)


def test_one_after_another_is_replaced(open_one: OpenCluster) -> None:
    """As when a new version is installed: each hands over what it drives, and ends well."""
    cluster = open_one(shops=12, forgetful=1)
    for worker in cluster.at_work(count=24):
        cluster.start()
        worker.ask_to_stop()
        worker.wait()
        cluster.hand_over(*cluster.shops)
    figures = cluster.end_well()
    assert (figures.unknown, figures.repeated) == (0, 0)


def test_one_that_comes_takes_its_share(open_one: OpenCluster) -> None:
    """Without a word to the other one, and without anything being sent twice."""
    cluster = open_one(shops=12)
    cluster.at_work(1, count=24)
    other = cluster.start()

    def has_share() -> bool:
        # There is something to do for as long as it has none.
        cluster.keep_busy()
        return len(cluster.shops_of(other)) >= 3

    wait_until(has_share, "its share")
    cluster.end_well()
