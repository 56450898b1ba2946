"""The engine on Procrastinate: who drives which shard, whatever becomes of processes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import shard_leases
from support.patience import PATIENCE_S, wait_until
from support.postgres import PostgresServer, name_in, running_server
from support.shard_leases import Shards, engine, make_shards

from batchhub._base.log import LOGGER_NAME

TEN = range(10)


@pytest.fixture
async def url(database_url: str) -> str:
    await make_shards(database_url)
    return database_url


@pytest.fixture
def query(database_server: PostgresServer, url: str) -> Callable[[str], list[tuple[Any, ...]]]:
    return lambda sql: database_server.execute(sql, database=name_in(url))


@contextmanager
def other_process(url: str, name: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "support.shard_leases", url, name, "10"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(shard_leases.__file__).parents[1])},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_one_process_drives_all(url: str) -> None:
    shards = Shards(url, "a", TEN)
    async with engine(shards, url):
        await wait_until(lambda: shards.driven == set(TEN))


async def test_processes_share_alike_also_one_that_comes_late(url: str) -> None:
    a, b, c = (Shards(url, name, TEN) for name in "abc")
    async with engine(a, url):
        await wait_until(lambda: len(a.driven) == 10)
        async with engine(b, url):
            await wait_until(lambda: len(a.driven) == len(b.driven) == 5)
            async with engine(c, url):
                await wait_until(
                    lambda: sorted(len(each.driven) for each in (a, b, c)) == [3, 3, 4]
                )


async def test_only_what_a_process_can_drive_is_taken_by_it(url: str) -> None:
    a, b = Shards(url, "a", [1, 2, 3]), Shards(url, "b", [3, 4, 5, 6, 7, 8])
    async with engine(a, url), engine(b, url):
        await wait_until(lambda: a.driven | b.driven == {1, 2, 3, 4, 5, 6, 7, 8})
        assert a.driven >= {1, 2}
        assert b.driven >= {4, 5, 6, 7, 8}


async def test_a_process_that_can_drive_nothing_takes_no_share_of_others(url: str) -> None:
    a, b = Shards(url, "a", TEN), Shards(url, "b", [])
    async with engine(b, url), engine(a, url):
        await wait_until(lambda: len(a.driven) == 10)


async def test_who_is_stopped_hands_over_and_leaves_no_trace(
    url: str, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    a, b = Shards(url, "a", TEN), Shards(url, "b", TEN)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(engine(a, url))
        async with engine(b, url):
            await wait_until(lambda: len(a.driven) == len(b.driven) == 5)
        assert not b.driven
        await wait_until(lambda: len(a.driven) == 10)
    assert not a.driven
    assert query("SELECT id FROM batchhub.procrastinate_workers") == []
    assert query("SELECT id FROM batchhub.procrastinate_jobs WHERE status = 'doing'") == []


async def test_a_killed_process_is_taken_over(url: str) -> None:
    shards = Shards(url, "here", TEN)
    with other_process(url, "there") as process:
        async with engine(shards, url):
            await wait_until(lambda: len(shards.driven) == 5)
            process.kill()
            await wait_until(lambda: len(shards.driven) == 10)


async def test_a_process_that_stood_still_drives_on_with_what_is_its_share(
    url: str, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    shards = Shards(url, "here", TEN)
    with other_process(url, "there") as process:
        async with engine(shards, url):
            await wait_until(lambda: len(shards.driven) == 5)
            process.send_signal(signal.SIGSTOP)
            await wait_until(lambda: len(shards.driven) == 10)
            process.send_signal(signal.SIGCONT)

            def find_owners() -> Counter[str]:
                return Counter(owner for (owner,) in query("SELECT owner FROM batchhub.leases"))

            await wait_until(lambda: find_owners() == {"here": 5, "there": 5})


async def test_a_database_that_is_restarted_changes_nothing_of_who_drives_what(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER_NAME)
    with running_server(durable=True) as server:
        url = server.url(server.create_database())
        await make_shards(url)
        a, b = Shards(url, "a", TEN), Shards(url, "b", TEN)
        # However busy the machine is, nobody is taken for dead.
        times = {"silent_s": PATIENCE_S}
        async with engine(a, url, **times), engine(b, url, **times):
            await wait_until(lambda: len(a.driven) == len(b.driven) == 5)
            before = set(a.driven), set(b.driven)
            count = "SELECT count(*) FROM batchhub.taken"
            taken = server.execute(count, database=name_in(url))
            await asyncio.to_thread(server.stop)
            await wait_until(lambda: caplog.text.count("cluster.unreachable") >= 2)
            await asyncio.to_thread(server.start)
            await wait_until(lambda: caplog.text.count("cluster.reached") >= 2)
            await asyncio.to_thread(_wait_for_beats, server, name_in(url))
            assert (a.driven, b.driven) == before
            assert taken == server.execute(count, database=name_in(url))


async def test_a_process_ends_also_while_the_database_is_away() -> None:
    with running_server() as server:
        url = server.url(server.create_database())
        await make_shards(url)
        shards = Shards(url, "a", TEN)
        async with engine(shards, url):
            await wait_until(lambda: len(shards.driven) == 10)
            await asyncio.to_thread(server.stop)
        assert not shards.driven


async def test_a_shard_that_cannot_be_driven_stops_no_other(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    shards = Shards(url, "a", TEN)
    shards.broken = {3, 4}
    async with engine(shards, url):
        await wait_until(lambda: shards.driven == set(TEN) - {3, 4})
        await wait_until(lambda: Counter(shards.raised).most_common()[-1][1] > 1)
        shards.broken = set()
        await wait_until(lambda: shards.driven == set(TEN))
    assert "shard.failed shard=3 error='RuntimeError: a poisoned lane'" in caplog.text
    assert {record.name for record in caplog.records} == {LOGGER_NAME}
    assert "Traceback" not in caplog.text


async def test_work_that_comes_and_goes_is_followed(url: str) -> None:
    a, b = Shards(url, "a", []), Shards(url, "b", [])
    async with engine(a, url), engine(b, url):
        for shards in ([1], [1, 2, 3], [], [200, 7]):
            a.open = set(shards)
            b.open = set(shards)
            await wait_until(_drive(a, b, shards))


async def test_signs_of_a_taken_job_that_nobody_here_knows_are_ended(
    url: str, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    """A job may be taken although the connection was lost before anybody heard of it."""
    shards = Shards(url, "a", [])
    async with engine(shards, url):
        await wait_until(lambda: bool(query("SELECT id FROM batchhub.procrastinate_workers")))
        query(
            "INSERT INTO batchhub.procrastinate_jobs"
            " (queue_name, task_name, lock, queueing_lock, args, status, worker_id)"
            " SELECT 'shard-1', 'batchhub.drive_shard', 'shard-1', 'shard-1', '{\"shard\": 1}',"
            " 'doing', id FROM batchhub.procrastinate_workers"
        )
        shards.open = {1}
        await wait_until(lambda: shards.driven == {1})


async def test_a_clock_that_was_set_back_keeps_nobody_alive(
    url: str, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    """A standby that takes over may be behind: whoever died before it did is dead all the same."""
    query(
        "WITH dead AS (INSERT INTO batchhub.procrastinate_workers (last_heartbeat)"
        " VALUES (now() + interval '1 hour') RETURNING id)"
        " INSERT INTO batchhub.procrastinate_jobs"
        " (queue_name, task_name, lock, queueing_lock, args, status, worker_id)"
        " SELECT 'shard-1', 'batchhub.drive_shard', 'shard-1', 'shard-1', '{\"shard\": 1}',"
        " 'doing', id FROM dead"
    )
    shards = Shards(url, "a", [1])
    async with engine(shards, url):
        await wait_until(lambda: shards.driven == {1})
    assert query("SELECT count(*) FROM batchhub.procrastinate_workers") == [(0,)]


def _drive(a: Shards, b: Shards, shards: Collection[int]) -> Callable[[], bool]:
    return lambda: a.driven | b.driven == set(shards) and not a.driven & b.driven


def _wait_for_beats(server: PostgresServer, database: str) -> None:
    """Wait until each worker has given signs of life for as long as some slices take."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        (found,) = server.execute(
            "SELECT min(last_heartbeat) - pg_postmaster_start_time() > interval '2 s'"
            " FROM batchhub.procrastinate_workers",
            database=database,
        )
        if found[0]:
            return
        time.sleep(0.1)
    raise AssertionError("no signs of life")
