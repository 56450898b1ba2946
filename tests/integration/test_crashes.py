"""The real command, killed at every step, stopped, and with a store that fails: nothing is lost."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from support.crash_judge import judge, tell
from support.crash_lab import (
    KEYS,
    KILLED,
    HeldAnswer,
    Lab,
    Shop,
    open_shop,
    submits,
    wait_until,
)
from support.crash_storm import raise_storm
from support.crashing import Plan
from support.raw_stores import open_raw

from batchhub import BatchState
from batchhub._store.chunks import CHUNK_ITEMS
from batchhub._store.row_blocks import MOST_ROWS

ALL_WELL, SOME_FAILED, UNFINISHED, HELD = 0, 1, 4, 5
ITEMS, TICKETS = 16, 3
TABLES = ("jobs", "tickets", "items", "results")

OpenShop = Callable[..., Shop]


@pytest.fixture
def open_one(lab: Lab, tmp_path: Path) -> Iterator[OpenShop]:
    """Open a shop with a stand-in of its own."""
    with ExitStack() as stack:

        def open_(vendor: str = "ecwid", items: int = ITEMS) -> Shop:
            return stack.enter_context(open_shop(lab, tmp_path, vendor, items))

        yield open_


def kill_at(at: str, nth: int = 1) -> Plan:
    """Plan a kill."""
    return Plan(at=at, nth=nth)


# Killed at a step.

STEPS = [
    *[(name, nth) for name in ("commit.begun", "commit.done") for nth in (1, 2, 5)],
    ("items.kept", 1),
    *[
        (name, nth)
        for name in (
            *("intent.kept", "request.answered", "ticket.kept", "results.fetched", "results.kept"),
        )
        for nth in (1, 3)
    ],
]


@pytest.mark.parametrize(("at", "nth"), STEPS)
def test_run_killed_at_a_step(open_one: OpenShop, at: str, nth: int) -> None:
    """Run again with its key: each item ran once and has one result, each batch is known."""
    shop = open_one()
    killed = shop.hand_over("run", plan=kill_at(at, nth)).wait()
    assert killed.code == KILLED
    assert killed.reached[-1] == at

    ended = shop.finish()

    assert ended.code == SOME_FAILED, ended.err
    figures = judge(shop)
    assert (figures.items, figures.executed, figures.tickets) == (ITEMS, ITEMS, TICKETS)
    assert figures.unconfirmed == 0
    if at == "request.answered":
        assert figures.repeated > 0  # the vendor had it, and recognised it


@pytest.mark.parametrize("at", ["intent.kept", "request.answered", "results.kept"])
def test_resume_killed_at_a_step(open_one: OpenShop, at: str) -> None:
    """A process that went on after a kill may be killed as well, at the same step."""
    shop = open_one()
    shop.hand_over("run", plan=kill_at("items.kept")).wait()

    assert shop.resume(plan=kill_at(at)).code == KILLED
    # Tickets that end at the same moment share a commit, so that nothing may be left.
    assert shop.resume(plan=kill_at(at)).code in {KILLED, ALL_WELL}
    ended = shop.finish()

    assert ended.code == SOME_FAILED, ended.err
    assert judge(shop).executed == ITEMS


@pytest.mark.parametrize("at", ["commit.done", "request.answered"])
def test_submit_killed_at_a_step(open_one: OpenShop, at: str) -> None:
    """Submitted again with its key it is the same job, though nobody was told its id."""
    shop = open_one()
    killed = shop.hand_over("submit", plan=kill_at(at)).wait()
    assert (killed.code, killed.out) == (KILLED, "")

    again = shop.hand_over("submit").wait()
    shop.resume()

    assert again.code == ALL_WELL, again.err
    (job,) = tell(shop)
    assert again.out.strip() == job.status.job_id
    assert judge(shop).executed == ITEMS


@pytest.mark.parametrize("at", ["rejects.kept", "commit.begun", "commit.done", "items.kept"])
def test_a_run_killed_while_it_sets_rows_aside(open_one: OpenShop, at: str) -> None:
    """Run again with its key: the same job, and the same file; a row set aside is never sent."""
    shop = open_one()
    items = shop.folder / "one.jsonl"
    items.write_text(items.read_text() + '{"id": "broken"\n')
    killed = shop.hand_over("run", "--rejects=bad.jsonl", plan=kill_at(at)).wait()
    assert killed.code == KILLED
    bad = shop.folder / "bad.jsonl"
    before = bad.read_bytes()
    assert b"_batchhub_line" in before

    ended = shop.hand_over("run", "--rejects=bad.jsonl").wait()

    assert ended.code == SOME_FAILED, ended.err
    assert "1 row set aside in bad.jsonl" in ended.err
    assert bad.read_bytes() == before
    assert judge(shop).executed == ITEMS
    assert list(shop.folder.glob(".bad*")) == []


@pytest.mark.parametrize("nth", [1, 2])
def test_a_large_submit_killed_between_its_chunks(open_one: OpenShop, nth: int) -> None:
    """Nobody sees the part that is there, and the next submit with the key puts it right."""
    count = 2 * CHUNK_ITEMS + 1
    shop = open_one(items=count)
    assert shop.hand_over("submit", plan=kill_at("chunk.kept", nth)).wait().code == KILLED

    assert tell(shop) == []
    jobs, _, items, _ = count_rows(shop)
    assert (jobs, items) == (1, nth * CHUNK_ITEMS)
    assert count_blocks(shop) == [nth * CHUNK_ITEMS // MOST_ROWS, 0]
    assert shop.sends() == 0

    assert shop.hand_over("submit").wait().code == ALL_WELL
    (job,) = tell(shop)
    assert job.status.counts.total == count
    jobs, _, items, _ = count_rows(shop)
    assert (jobs, items) == (1, count)
    assert count_blocks(shop) == [-(-count // MOST_ROWS), 1]


@pytest.mark.parametrize("at", ["commit.done", "request.answered"])
def test_retry_killed_at_a_step(open_one: OpenShop, at: str) -> None:
    """Retried again it is one new job of the items that failed, each of which ran once more."""
    shop = open_one()
    shop.finish()
    (job,) = tell(shop)
    assert (
        shop.start("retry", job.status.job_id, "--any-code", plan=kill_at(at)).wait().code == KILLED
    )

    again = shop.start("retry", job.status.job_id, "--any-code").wait()
    shop.resume()

    assert again.code in {ALL_WELL, SOME_FAILED}, again.err
    _, new = tell(shop)
    assert again.out.strip() == new.status.job_id
    assert new.status.counts.total == job.status.counts.failed
    figures = judge(shop)
    assert figures.executed == ITEMS + new.status.counts.total


@pytest.mark.parametrize(("at", "is_kept"), [("commit.begun", False), ("commit.done", True)])
def test_cancel_killed_at_a_step(open_one: OpenShop, at: str, is_kept: bool) -> None:
    """The wish is kept or it is not; if it is, whoever drives next acts on it."""
    shop = open_one()
    shop.switch(item_time_s=3600.0)
    submitted = shop.hand_over("submit").wait()
    job_id = submitted.out.strip()
    assert shop.start("cancel", job_id, plan=kill_at(at)).wait().code == KILLED
    if not is_kept:
        assert shop.start("cancel", job_id).wait().code == ALL_WELL

    shop.resume()

    (job,) = tell(shop)
    assert job.status.state is BatchState.CANCELLED
    assert job.status.counts.not_executed == ITEMS
    assert judge(shop).executed == 0


@pytest.mark.parametrize(
    ("at", "jobs"), [("commit.begun", 1), ("commit.done", 0), ("jobs.hidden", 0)]
)
def test_prune_killed_at_a_step(open_one: OpenShop, at: str, jobs: int) -> None:
    """A job is there with all that belongs to it, or out of sight and deleted by the next one."""
    shop = open_one()
    shop.finish()

    assert shop.start("prune", "--older-than=0s", plan=kill_at(at)).wait().code == KILLED

    assert len(tell(shop)) == jobs
    if jobs:
        judge(shop)
    assert count_rows(shop) == [1, TICKETS, ITEMS, ITEMS]
    assert shop.start("prune", "--older-than=0s").wait().code == ALL_WELL
    assert tell(shop) == []
    assert count_rows(shop) == [0, 0, 0, 0]


def count_rows(shop: Shop) -> list[int]:
    """Count what is in the store, visible or not."""
    with closing(open_raw(shop.store)) as connection:
        return [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES]


def count_blocks(shop: Shop) -> list[int]:
    """Count the blocks of rows in the store, and the jobs that have some."""
    with closing(open_raw(shop.store)) as connection:
        return [
            connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("input_blocks", "inputs")
        ]


# A vendor that does not recognise what it has.


@pytest.mark.parametrize(
    ("at", "decision"),
    [("intent.kept", "retry"), ("request.answered", "cancel"), ("request.answered", "retry")],
)
def test_a_kill_around_the_request_waits_for_a_decision(
    open_one: OpenShop, at: str, decision: str
) -> None:
    """Whether the vendor has it is unknown, so it is sent again only if somebody says so."""
    shop = open_one("mircate", ITEMS // TICKETS)  # one ticket: others may go at any time
    assert shop.hand_over("run", plan=kill_at(at)).wait().code == KILLED
    sends = 0 if at == "intent.kept" else 1  # it is killed before the request, or after its answer
    assert shop.sends() == sends

    assert shop.finish().code == HELD
    assert shop.resume().code == HELD
    assert shop.sends() == sends
    judge(shop, ended=False)

    (job,) = tell(shop)
    words = {
        "retry": ("retry", job.status.job_id, "--unknown"),
        "cancel": ("cancel", job.status.job_id),
    }
    decided = shop.start(*words[decision]).wait()
    shop.resume()

    assert decided.code in {ALL_WELL, SOME_FAILED}, decided.err
    figures = judge(shop)
    assert figures.unconfirmed > 0
    jobs = tell(shop)
    assert len(jobs) == (2 if decision == "retry" else 1)
    if decision == "retry":
        assert jobs[1].status.counts.succeeded > 0


@pytest.mark.parametrize(
    ("at", "nth"), [(name, nth) for name in ("commit.begun", "commit.done") for nth in (1, 2)]
)
def test_adopt_killed_at_a_step(open_one: OpenShop, at: str, nth: int) -> None:
    """It is held as before, or adopted; the same again is well, and nothing is sent again."""
    shop = open_one("mircate", ITEMS // TICKETS)
    assert shop.hand_over("run", plan=kill_at("request.answered")).wait().code == KILLED
    assert shop.finish().code == HELD
    (job,) = tell(shop)
    words = ("adopt", job.status.job_id, "--ref", str(shop.sandbox.executions[0].ticket))

    assert shop.start(*words, plan=kill_at(at, nth)).wait().code == KILLED
    is_kept = (at, nth) == ("commit.done", 2)
    (job,) = tell(shop)
    assert job.status.is_held is not is_kept

    adopted = shop.start(*words).wait()
    assert adopted.code == ALL_WELL, adopted.err
    assert shop.resume().code == SOME_FAILED
    figures = judge(shop)
    assert (shop.sends(), figures.unconfirmed) == (1, 0)


def test_a_kill_after_the_ticket_needs_no_decision(open_one: OpenShop) -> None:
    """What the store has the answer for goes on by itself at any vendor."""
    shop = open_one("mircate")
    assert shop.hand_over("run", plan=kill_at("ticket.kept", 2)).wait().code == KILLED

    assert shop.finish().code == SOME_FAILED

    figures = judge(shop)
    assert (figures.executed, figures.unconfirmed) == (ITEMS, 0)


# Killed at any moment.


@pytest.mark.parametrize("seed", [16, 34])
def test_processes_killed_at_random_moments(lab: Lab, tmp_path: Path, seed: int) -> None:
    """One to four at once, the vendor faulty too; `make soak` does it for longer."""
    storm = raise_storm(lab, tmp_path, seed, kills=3)

    assert storm.kills >= 3


def test_four_processes_killed_in_turn(open_one: OpenShop) -> None:
    """Who waits for the account takes over; one of them is enough to come to the end."""
    shop = open_one()
    shop.switch(never_ends=True)
    first = shop.hand_over("run")
    wait_until(lambda: "items.kept" in first.reached(), "the job is kept")
    others = [shop.start("resume"), shop.start("watch"), shop.hand_over("run")]
    for running in (first, *others[:2]):
        asked = shop.asks()
        wait_until(lambda asked=asked: shop.asks() > asked, "somebody drives")  # type: ignore[misc]
        assert running.kill().code == KILLED
    shop.switch(never_ends=False)

    ended = others[2].wait()

    assert ended.code == SOME_FAILED, ended.err
    assert len(tell(shop)) == 1
    assert judge(shop).executed == ITEMS


def test_two_processes_with_one_key_are_one_job(open_one: OpenShop) -> None:
    """One drives, the other watches; both tell the same end."""
    shop = open_one()
    pair = [shop.hand_over("run"), shop.hand_over("run")]

    ended = [running.wait() for running in pair]

    assert [done.code for done in ended] == [SOME_FAILED, SOME_FAILED]
    assert len(tell(shop)) == 1
    figures = judge(shop)
    assert (figures.executed, figures.repeated) == (ITEMS, 0)


# Stopped, and continued.


def test_who_waits_for_a_stopped_process_names_it(open_one: OpenShop) -> None:
    """It sends nothing meanwhile; continued, the stopped one goes on where it stood."""
    shop = open_one()
    stopped = shop.hand_over("run", plan=Plan(at="request.answered", action="stop", silent_s=0.5))
    stopped.wait_stopped()
    sends = shop.sends()
    waiting = shop.watch(Plan(silent_s=0.5))

    wait_until(lambda: "continue it or end it" in waiting.said(), "the owner is named")

    assert f"process {stopped.pid} " in waiting.said()
    assert "no sign of life since" in waiting.said()
    assert shop.sends() == sends
    stopped.send(signal.SIGCONT)
    assert [stopped.wait().code, waiting.wait().code] == [SOME_FAILED, SOME_FAILED]
    figures = judge(shop)
    assert (figures.executed, figures.repeated) == (ITEMS, 0)


@pytest.mark.parametrize("then", ["continued", "killed"])
def test_stopped_while_the_answer_waits(open_one: OpenShop, then: str) -> None:
    """Continued it reads the answer; killed another process asks the vendor, which knows it."""
    shop = open_one()
    shop.sandbox.interceptor = second = HeldAnswer(2)
    stopped = shop.hand_over("run")
    wait_until(second.is_held.is_set, "the second request is answered")
    stopped.send(signal.SIGSTOP)
    stopped.wait_stopped()
    second.may_go.set()
    waiting = shop.watch(Plan(silent_s=0.5))
    wait_until(lambda: all(s["status"] for s in submits(shop.journal())), "both are answered")
    wait_until(lambda: f"process {stopped.pid} " in waiting.said(), "it waits for the owner")
    assert shop.sends() == 2

    if then == "continued":
        stopped.send(signal.SIGCONT)
        assert stopped.wait().code == SOME_FAILED
    else:
        stopped.kill()

    assert waiting.wait().code == SOME_FAILED
    figures = judge(shop)
    # The second goes out once the first is answered: only its own answer waits.
    assert (figures.executed, figures.repeated) == (ITEMS, 0 if then == "continued" else 1)


# A store that can't be written.


@pytest.mark.sqlite_only("fails as SQLite does")
def test_a_job_that_cannot_be_kept_is_not_sent(open_one: OpenShop) -> None:
    """The command says so and ends; with room again it is handed over as if for the first time."""
    shop = open_one()

    refused = shop.hand_over("run", plan=Plan(at="commit.begun", action="fail")).wait()

    assert refused.code == UNFINISHED
    assert "disk is full; make room" in refused.err
    assert (shop.sends(), tell(shop)) == (0, [])
    assert shop.finish().code == SOME_FAILED
    judge(shop)


@pytest.mark.sqlite_only("fails as SQLite does")
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_store_that_fails_for_a_while_stops_nothing(open_one: OpenShop, nth: int) -> None:
    """No state changes, the contact tells, and the same process goes on when it can write."""
    shop = open_one()
    shop.hand_over("run", plan=kill_at("items.kept")).wait()

    ended = shop.watch(Plan(at="commit.begun", nth=nth, action="fail", times=2)).wait()

    assert ended.code == SOME_FAILED, ended.err
    statuses = [json.loads(line) for line in ended.out.splitlines()]
    notes = {s["contact_note"] for s in statuses if s["contact"] == "paused"}
    assert notes == {f"store {shop.store}: the disk is full; make room, then go on"}
    assert {s["state"] for s in statuses} <= {"pending", "queued", "in_progress", "completed"}
    assert statuses[-1]["contact"] == "ok"
    figures = judge(shop)
    assert (figures.executed, figures.repeated) == (ITEMS, 0)


@pytest.mark.sqlite_only("one writer at a time")
def test_a_store_that_another_program_holds_is_waited_for(open_one: OpenShop) -> None:
    """Held for longer than a transaction waits, it is paused, and goes on when it is let go."""
    shop = open_one()
    shop.hand_over("run", plan=kill_at("items.kept")).wait()
    running = shop.watch(Plan(at="intent.kept", action="stop", busy_s=0.2))
    running.wait_stopped()
    with closing(sqlite3.connect(shop.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        running.send(signal.SIGCONT)
        wait_until(lambda: "another process has held it" in running.said(), "it is told")
        other.execute("ROLLBACK")

    assert running.wait().code == SOME_FAILED
    figures = judge(shop)
    assert (figures.executed, figures.repeated) == (ITEMS, 0)


@pytest.mark.sqlite_only("the disk is the server's")
def test_a_disk_that_fills_up(open_one: OpenShop) -> None:
    """The system itself refuses more bytes: what is in the store can go on when there is room."""
    shop = open_one()
    shop.hand_over("run", plan=kill_at("items.kept")).wait()
    full = shop.watch(Plan(file_bytes=40_000))
    wait_until(lambda: '"contact":"paused"' in full.said() or "error:" in full.said(), "it is told")
    full.kill()

    assert shop.finish().code == SOME_FAILED
    assert judge(shop).executed == ITEMS


# Telling of the ends.


@pytest.mark.parametrize(
    ("at", "nth", "repeats"),
    [
        ("commit.begun", 1, 0),
        ("commit.done", 1, 0),
        ("commit.begun", 2, 0),
        ("commit.done", 2, 0),
        ("event.handled", 2, 1),
    ],
)
def test_a_listener_killed_at_a_step(open_one: OpenShop, at: str, nth: int, repeats: int) -> None:
    """Each end is told, and a second time only to say that it is repeated."""
    shop = open_one()
    runs = [shop.hand_over("submit", key=key) for key in KEYS[:2]]
    assert {run.wait().code for run in runs} == {ALL_WELL}
    shop.resume()
    assert shop.listen(kill_at(at, nth)).wait().code == KILLED
    before = shop.told()

    assert shop.listen().wait().code == ALL_WELL

    told = shop.told()
    assert {job_id for job_id, _ in told} == {job.status.job_id for job in tell(shop)}
    assert len(told) == 2 + repeats
    again = {job_id for job_id, _ in before} & {job_id for job_id, _ in told[len(before) :]}
    assert len(again) == repeats
    assert all(is_repeated for job_id, is_repeated in told[len(before) :] if job_id in again)
    assert not any(is_repeated for _, is_repeated in before)
    judge(shop)


def test_killed_by_the_command_of_on_complete(open_one: OpenShop) -> None:
    """The next one runs the command again, and says that it is repeated; then never again."""
    shop = open_one()
    seen = shop.folder / "seen"
    note = f"echo $BATCHHUB_REPEATED >> {seen}"

    killed = shop.hand_over("run", "--on-complete", f"{note}; kill -9 $PPID")
    assert killed.wait().code == KILLED
    for _ in range(2):
        assert shop.resume("--on-complete", note).code == ALL_WELL

    assert seen.read_text().split() == ["0", "1"]
    judge(shop)
