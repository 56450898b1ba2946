"""Processes at one PostgreSQL database at the same moment: each row is written by one of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Final

import psycopg
import pytest
from attrs import evolve
from support.stores import (
    LATER,
    NOW,
    add_job,
    completed,
    count_rows,
    end_all,
    make_chunk,
    make_chunks,
    make_job,
    make_plans,
    rows,
    tickets_of,
)

from batchhub._store import Candidate, LaneOwner, Store
from batchhub._store.tables import deliveries, items, jobs, lanes, metadata, tickets
from batchhub.errors import KeyConflictError
from batchhub.models import BatchState, ItemState

ROUNDS: Final = 10


@pytest.fixture
async def stores(cluster_url: str) -> AsyncIterator[Sequence[Store]]:
    """Open one database by four, each as a process does."""
    opened = [await Store.open(cluster_url) for _ in range(4)]
    yield opened
    for store in opened:
        await store.aclose()


async def test_a_key_that_is_submitted_by_all_is_one_job(stores: Sequence[Store]) -> None:
    """Whoever comes later gets the job of the first, whichever that is."""
    chunk = make_chunk(make_plans(2), make_chunks(2))
    for n in range(ROUNDS):
        added = await asyncio.gather(
            *(
                store.loads.add(make_job(f"job-{n}-{at}", key=f"key-{n}"), chunk)
                for at, store in enumerate(stores)
            )
        )
        assert [each.is_new for each in added].count(True) == 1
        assert len({each.job.job_id for each in added}) == 1

    assert await count_rows(stores[0], (jobs, tickets, items)) == [ROUNDS, ROUNDS, 2 * ROUNDS]


async def test_a_key_with_other_items_is_refused_to_all_but_one(stores: Sequence[Store]) -> None:
    """It is an error that says which job has the key, and not one of the database."""
    chunk = make_chunk(make_plans(2), make_chunks(2))
    added = await asyncio.gather(
        *(
            store.loads.add(make_job(f"job-{at}", key="key", fingerprint=str(at) * 64), chunk)
            for at, store in enumerate(stores)
        ),
        return_exceptions=True,
    )

    (taken,) = (each for each in added if not isinstance(each, BaseException))
    refused = [each for each in added if isinstance(each, KeyConflictError)]
    assert [error.job_id for error in refused] == [taken.job.job_id] * 3


async def test_jobs_stand_in_one_line(stores: Sequence[Store]) -> None:
    """However many submit, to a lane or to several, each job has a place of its own there."""
    names = [f"lane-{n % 3}" for n in range(24)]
    added = await asyncio.gather(
        *(
            add_job(stores[n % 4], 1, job_id=f"job-{n}", lane=lane, key=f"key-{n}")
            for n, lane in enumerate(names)
        )
    )

    assert len({job.job_no for job in added}) == len(names)
    for lane in set(names):
        places = sorted(job.place or 0 for job in added if job.lane == lane)
        assert places == list(range(1, 9))


async def test_a_delivery_is_claimed_by_one(stores: Sequence[Store]) -> None:
    """Those that looked at the same moment hear that it has changed."""
    await stores[0].deliveries.register("default", NOW)
    for n in range(ROUNDS):
        await add_job(stores[0], 1, job_id=f"job-{n}")
        await end_all(stores[0], f"job-{n}", ItemState.SUCCEEDED)
    claims: Counter[int] = Counter()
    while candidates := await stores[0].deliveries.look("default", LATER):
        if all(each.claimed_by is not None for each in candidates):
            break
        (free,) = (each for each in candidates if each.claimed_by is None)
        claimed = await asyncio.gather(
            *(_claim(store, free, f"token-{at}") for at, store in enumerate(stores))
        )
        claims[free.job_no] += claimed.count(True)

    assert sorted(claims.values()) == [1] * ROUNDS


async def _claim(store: Store, candidate: Candidate, token: str) -> bool:
    return await store.deliveries.claim("default", candidate, token, LATER) is not None


async def test_a_consumer_that_all_register_hears_of_each_job_once(
    stores: Sequence[Store],
) -> None:
    """Of a job that ends at that moment too."""
    for n in range(8):
        await add_job(stores[0], 1, job_id=f"job-{n}", lane=f"lane-{n}")
    found = [(await stores[0].jobs.find_open(f"lane-{n}"))[0] for n in range(8)]

    async def end(n: int) -> None:
        job, (ticket,) = found[n]
        ended = rows(1, ItemState.SUCCEEDED)
        await stores[n % 4].tickets.end(job, completed(ticket), ended, ItemState.UNKNOWN, at=NOW)

    await asyncio.gather(
        *(end(n) for n in range(4)),
        *(store.deliveries.register("default", NOW) for store in stores),
        *(end(n) for n in range(4, 8)),
    )

    assert await count_rows(stores[0], (deliveries,)) == [8]


async def test_a_lane_is_taken_by_one(stores: Sequence[Store]) -> None:
    """The others see who has it."""
    for n in range(ROUNDS):
        taken = await asyncio.gather(
            *(
                store.lanes.take(
                    f"lane-{n}",
                    LaneOwner(token=f"token-{at}", pid=at, host="here"),
                    NOW,
                    lambda row: row.owner is None,
                )
                for at, store in enumerate(stores)
            )
        )
        holds = [hold for _, hold in taken if hold is not None]
        assert len(holds) == 1
        assert [row.owner is None for row, _ in taken].count(True) == 1

    assert await count_rows(stores[0], (lanes,)) == [ROUNDS]


async def test_a_cancel_beside_the_driver_is_not_lost(stores: Sequence[Store]) -> None:
    """Whoever drives a job writes what it learns of it, and not that nobody cancelled it."""
    driving, cancelling = stores[:2]
    for n in range(ROUNDS):
        job = await add_job(driving, 1, 1, job_id=f"job-{n}")
        first, second = await tickets_of(driving, job)
        queued = [evolve(each, state=BatchState.QUEUED) for each in (first, second)]
        await asyncio.gather(
            driving.tickets.save([(job, queued)]),
            cancelling.jobs.save_cancel(job.job_id, LATER),
            driving.tickets.save([(job, [evolve(queued[1], state=BatchState.IN_PROGRESS)])]),
        )
        stored, status = await cancelling.jobs.get(job.job_id)
        assert stored.cancelled_at == LATER
        assert [ticket.state for ticket in status.tickets] == ["queued", "in_progress"]


async def test_two_tickets_of_a_job_that_end_at_once_are_both_counted(
    stores: Sequence[Store],
) -> None:
    """Its figures are those of both, and it has ended."""
    for n in range(ROUNDS):
        job = await add_job(stores[0], 2, 2, job_id=f"job-{n}")
        both = await tickets_of(stores[0], job)
        states = (ItemState.SUCCEEDED, ItemState.FAILED)
        await asyncio.gather(
            *(
                store.tickets.end(
                    job, completed(ticket), rows(1 + 2 * at, *states), ItemState.UNKNOWN, at=NOW
                )
                for at, (store, ticket) in enumerate(zip(stores, both, strict=False))
            )
        )
        stored, status = await stores[0].jobs.get(job.job_id)
        assert (status.counts.succeeded, status.counts.failed) == (2, 2)
        assert stored.ended_at == NOW


async def test_a_job_that_comes_behind_a_later_number_is_seen(
    stores: Sequence[Store], cluster_url: str
) -> None:
    """Alerts look for what is new by numbers, which are given before they are committed."""
    store = stores[0]
    await add_job(store, 1, job_id="first", account="one")
    set_next(cluster_url, 12)
    await add_job(store, 1, job_id="newer", account="two")
    _, seen = await store.alert_looks.submitted(0)
    set_next(cluster_url, 11)
    await add_job(store, 1, job_id="older", account="three")

    found, seen = await store.alert_looks.submitted(seen)
    assert found["three"] == NOW

    set_next(cluster_url, 1_000)
    await add_job(store, 1, job_id="newest", account="four")
    _, seen = await store.alert_looks.submitted(seen)
    assert set((await store.alert_looks.submitted(seen))[0]) == {"four"}


def set_next(url: str, job_no: int) -> None:
    """Say which number the next job gets."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT setval('batchhub.jobs_job_no_seq', %s, false)", (job_no,))


async def test_the_size_of_a_store_is_that_of_its_tables(
    stores: Sequence[Store], cluster_url: str
) -> None:
    """Those of other programs in the database don't count."""
    before = (await stores[0].vitals.figures(NOW)).size_bytes
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE public.others AS SELECT repeat('x', 1000) FROM generate_series(1, 3000)"
        )
    same = (await stores[0].vitals.figures(NOW)).size_bytes
    await add_job(stores[0], *[500] * 20)
    after = (await stores[0].vitals.figures(NOW)).size_bytes

    assert before is not None
    assert before == same
    assert after is not None
    assert before < after < before + 2**22


async def test_every_text_is_compared_by_its_characters(cluster_url: str) -> None:
    """As SQLite does it, whatever language the database is in."""
    with psycopg.connect(cluster_url) as connection:
        found = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'batchhub' AND table_name = ANY(%s)"
            " AND data_type IN ('text', 'character varying')"
            " AND collation_name IS DISTINCT FROM 'C'",
            (list(metadata.tables),),
        )
        assert found.fetchall() == []
