"""Two real commands at one store that can't see each other's locks: nothing is sent twice."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from support.crash_judge import judge
from support.crash_lab import Lab, Shop, open_shop, wait_until
from support.crashing import Plan

SOME_FAILED, UNFINISHED = 1, 4
ITEMS = 16
NEVER_S = 3600.0
"""Seconds without a sign of life that no test takes: whoever is silent is not yet missed."""

OpenShop = Callable[[], Shop]


@pytest.fixture
def open_one(lab: Lab, tmp_path: Path) -> Iterator[OpenShop]:
    """Open a shop with a stand-in of its own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_shop(lab, tmp_path, "ecwid", ITEMS))


def owner_of(shop: Shop) -> int:
    """Return the process that has the account, as the store says."""
    with closing(sqlite3.connect(shop.store)) as store:
        ((pid,),) = store.execute("SELECT owner_pid FROM lanes")
    return int(pid)


@pytest.mark.sqlite_only("one file with two names")
@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_store_reached_by_a_link_is_driven_once(
    open_one: OpenShop, tmp_path: Path, linked: str
) -> None:
    """One command has the store's own name, the other a symbolic link to it or its folder."""
    shop = open_one()
    link = tmp_path / "link"
    link.symlink_to(shop.store if linked == "file" else shop.folder)
    path = link if linked == "file" else link / shop.store.name

    one = shop.hand_over("run", plan=Plan(at="request.answered", action="stop", silent_s=0.5))
    one.wait_stopped()
    other = shop.start("watch", "--json", "--store", str(path), plan=Plan(silent_s=0.5))
    wait_until(lambda: f"process {one.pid} " in other.said(), "it waits for the owner")
    one.send(signal.SIGCONT)

    assert [one.wait().code, other.wait().code] == [SOME_FAILED, SOME_FAILED]
    figures = judge(shop)
    assert (figures.executed, figures.repeated) == (ITEMS, 0)


def test_lock_files_deleted_in_mid_run_let_nobody_in(open_one: OpenShop) -> None:
    """The owner gave a sign of life, so a missing lock makes it neither dead nor silent."""
    shop = open_one()
    one = shop.hand_over("run", plan=Plan(at="request.answered", action="stop", silent_s=NEVER_S))
    one.wait_stopped()
    shutil.rmtree(shop.folder / "jobs.db.lanes")
    other = shop.watch(Plan(silent_s=NEVER_S))
    wait_until(lambda: "commit.done" in other.reached(), "it has asked for the account")
    assert owner_of(shop) == one.pid
    one.send(signal.SIGCONT)

    assert [one.wait().code, other.wait().code] == [SOME_FAILED, SOME_FAILED]
    figures = judge(shop)
    assert (figures.executed, figures.repeated) == (ITEMS, 0)


def test_an_owner_that_stands_still_without_a_lock_is_replaced(open_one: OpenShop) -> None:
    """What it learned is evidence when it goes on; it sends nothing more."""
    shop = open_one()
    stopped = shop.hand_over("run", plan=Plan(at="request.answered", action="stop", silent_s=0.5))
    stopped.wait_stopped()
    shutil.rmtree(shop.folder / "jobs.db.lanes")
    assert shop.watch(Plan(silent_s=0.5)).wait().code == SOME_FAILED
    sent = shop.sends()
    stopped.send(signal.SIGCONT)

    assert stopped.wait().code == SOME_FAILED
    assert shop.sends() == sent
    figures = judge(shop)
    assert (figures.executed, figures.repeated) == (ITEMS, 1)


@pytest.mark.sqlite_only("a file")
def test_a_store_that_is_replaced_stops_the_command(open_one: OpenShop) -> None:
    """It says what happened, and the next one goes on with what is there."""
    shop = open_one()
    running = shop.hand_over("run", plan=Plan(at="request.answered", action="stop"))
    running.wait_stopped()
    shop.store.rename(shop.folder / "elsewhere.db")
    running.send(signal.SIGCONT)
    ended = running.wait()

    assert ended.code == UNFINISHED
    assert "the file was deleted or moved while it was in use; nothing more is sent" in ended.err
    assert shop.sends() == 1
