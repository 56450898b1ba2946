"""Transactions on PostgreSQL: as on SQLite, whoever else writes and whatever is cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, select, update
from support.patience import PATIENCE_S, wait_until
from support.postgres import PostgresServer, name_in, with_option
from support.stores import add_job

from batchhub._base import failpoints
from batchhub._base.store_place import find_store_place
from batchhub._store import Store
from batchhub._store.explain import explain_error
from batchhub._store.opening import init_database
from batchhub._store.postgres import connection_arguments
from batchhub._store.tables import facts, jobs, lanes
from batchhub.errors import StoreError, StoreVersionError

CUT = "server closed the connection unexpectedly"


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A store with one job."""
    await init_database(find_store_place(database_url))
    opened = await Store.open(database_url)
    await add_job(opened, 2)
    yield opened
    await opened.aclose()


def count_up(connection: Connection) -> int:
    """Read a number, and write the next one: lost if somebody else does the same meanwhile."""
    place = connection.execute(select(lanes.c.last_place)).scalar_one()
    connection.execute(update(lanes).values(last_place=place + 1))
    return int(place) + 1


async def test_writers_come_one_after_the_other(store: Store, database_url: str) -> None:
    """What one has read nobody changes before it has written."""
    others = [await Store.open(database_url) for _ in range(3)]
    try:
        counted = await asyncio.gather(
            *(each._db.write(count_up, bulk=True) for each in [store, *others] for _ in range(10))
        )
    finally:
        for each in others:
            await each.aclose()

    assert sorted(counted) == list(range(2, 42))


@pytest.mark.parametrize("lanes", [["lane-1"], None], ids=["its own", "all"])
async def test_a_write_about_a_lane_waits_for_those_that_may_be(
    store: Store, database_server: PostgresServer, database_url: str, lanes: list[str] | None
) -> None:
    """One that is about the same lane, and one about any; not one about another lane."""
    other, events = await Store.open(database_url), list[str]()
    is_in, may_go = threading.Event(), threading.Event()

    def stay(_: Connection) -> None:
        is_in.set()
        assert may_go.wait(PATIENCE_S)
        events.append("stayed")

    def one_waits() -> bool:
        query = (
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
            " WHERE locktype = 'advisory' AND NOT granted AND datname = %s"
        )
        return database_server.execute(query, name_in(database_url)) == [(1,)]

    try:
        staying = asyncio.create_task(store._db.write(stay, lanes=["lane-1"]))
        await asyncio.to_thread(is_in.wait, PATIENCE_S)
        if lanes is not None:  # ends, although the first one does not
            await other._db.write(lambda _: events.append("lane-2"), lanes=["lane-2"])
        last = asyncio.create_task(other._db.write(lambda _: events.append("last"), lanes=lanes))
        await wait_until(lambda: one_waits() or "last" in events)
        others = ["lane-2"] if lanes else []
        assert events == others
        may_go.set()
        await asyncio.gather(staying, last)
        assert events == [*others, "stayed", "last"]
    finally:
        may_go.set()
        await other.aclose()


async def test_one_of_two_adds_a_row(store: Store, database_url: str) -> None:
    """The other one sees it when it looks again."""
    other = await Store.open(database_url)

    def add(connection: Connection) -> bool:
        if connection.execute(select(facts)).first() is not None:
            return False
        connection.execute(facts.insert().values(name="cluster", value="night"))
        return True

    try:
        added = await asyncio.gather(*(each._db.write(add) for each in (store, other)))
    finally:
        await other.aclose()

    assert sorted(added) == [False, True]


async def test_a_row_that_is_there_spoils_no_other_write(store: Store) -> None:
    """Who wanted to add it hears so; the writes beside it are made."""

    def add(connection: Connection) -> None:
        connection.execute(facts.insert().values(name="cluster", value="night"))

    await store._db.write(add)
    found = await asyncio.gather(
        store._db.write(count_up), store._db.write(add), return_exceptions=True
    )

    assert found[0] == 2
    assert isinstance(found[1], StoreError)
    assert await store._db.write(count_up) == 3


def cut_at(monkeypatch: pytest.MonkeyPatch, server: PostgresServer, name: str, times: int) -> None:
    """Cut all connections of the store when a failpoint is reached."""
    left = times

    def reach(reached: str) -> None:
        nonlocal left
        if reached == name and left:
            left -= 1
            server.cut_connections("batchhub")

    monkeypatch.setattr(failpoints, "listener", reach)


@pytest.mark.parametrize("times", [1, 5])
async def test_a_connection_that_is_cut_before_the_commit(
    store: Store, database_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Nothing of it was written: it is made again, and nobody hears of it."""
    cut_at(monkeypatch, database_server, "commit.begun", times)

    assert await store._db.write(count_up) == 2
    assert await store._db.write(count_up) == 3


@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_connection_that_is_cut_during_the_commit(
    store: Store, monkeypatch: pytest.MonkeyPatch, is_committed: bool
) -> None:
    """The database knows what became of it: nothing is written twice, and nothing is lost."""
    cut: list[bool] = []
    dialect = store._db._writer.engine.dialect
    commit: Callable[[Any], None] = dialect.do_commit

    def do_commit(raw: Any) -> None:
        if cut:
            commit(raw)
            return
        cut.append(True)
        if is_committed:
            commit(raw)
        raw.close()
        raise psycopg.OperationalError(CUT)

    await store._db.write(lambda _: None)  # it is connected
    monkeypatch.setattr(dialect, "do_commit", do_commit)
    counted = await asyncio.gather(store._db.write(count_up), store._db.write(count_up))

    assert [*counted] == [2, 3]
    assert cut
    assert await store._db.write(count_up) == 4


async def test_a_database_that_stays_away(
    store: Store, database_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said in one line, and once it is back all goes on; a crowd that asks tries it once."""
    monkeypatch.setattr("batchhub._store.postgres.OUTAGE_S", 0.0)
    monkeypatch.setattr("batchhub._store.postgres._AGAIN_S", PATIENCE_S)
    near = store._db._writer._arguments  # type: ignore[attr-defined]
    away = {"host": "/nowhere"}
    for worker in (store._db._writer, store._db._reader):
        monkeypatch.setattr(worker, "_arguments", {**worker._arguments, **away})  # type: ignore[attr-defined]
    database_server.cut_connections("batchhub")

    for asked in (store._db.write(count_up), store.jobs.find()):
        with pytest.raises(StoreError, match="no PostgreSQL answers there") as caught:
            await asked
        assert caught.value.retryable
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(store._db._writer, "_arguments", near)  # nobody looks so soon
    with pytest.raises(StoreError, match="no PostgreSQL answers there"):
        await store._db.write(count_up)

    monkeypatch.undo()
    monkeypatch.setattr("batchhub._store.postgres._AGAIN_S", 0.0)
    assert await store._db.write(count_up) == 2
    assert len(await store.jobs.find()) == 1


async def test_a_text_that_it_can_not_hold(store: Store) -> None:
    """A NUL is written as the character that stands for an unknown one."""
    await add_job(store, 1, job_id="job-2", label="a\0b")

    _, status = await store.jobs.get("job-2")
    assert status.job_id == "job-2"
    assert [job.label for job, _ in await store.jobs.find(label="a\ufffdb")] == ["a\ufffdb"]


async def test_texts_are_in_the_order_of_their_characters(store: Store) -> None:
    """As on SQLite, whatever language the database is in."""
    for number, account in enumerate(("b", "B", "a", "ä", "Z")):
        await add_job(store, 1, job_id=f"job-{number}-x", account=account, lane=account)

    def work(connection: Connection) -> list[str]:
        return list(connection.execute(select(jobs.c.account).order_by(jobs.c.account)).scalars())

    assert await store._db.read(work) == ["B", "Z", "a", "b", "shop", "ä"]


# Opening one.


async def test_tables_are_made_by_whoever_is_asked_to(database_url: str) -> None:
    """Once, however many do it at once; opening a store makes none."""
    place = find_store_place(database_url)
    with pytest.raises(StoreError, match="make them with `batchhub cluster init --store "):
        await Store.open(database_url)

    assert sorted(await asyncio.gather(*(init_database(place) for _ in range(4)))) == [
        *(False,) * 3,
        True,
    ]
    store = await Store.open(database_url)
    assert store.is_cluster
    assert not store.is_read_only
    await store.aclose()


async def test_two_schemas_of_a_database_are_two_stores(database_url: str) -> None:
    """What is in one is not in the other."""
    urls = [database_url, with_option(database_url, "schema=other")]
    stores = []
    for url in urls:
        await init_database(find_store_place(url))
        stores.append(await Store.open(url))
    await add_job(stores[0], 1)

    assert [len(await each.jobs.find()) for each in stores] == [1, 0]
    for each in stores:
        await each.aclose()


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("0099", "made by a newer batchhub; this one knows versions up to"),
        ("0006", "bring them up to date with `batchhub cluster init --store "),
    ],
)
async def test_tables_of_another_version(
    database_url: str, database_server: PostgresServer, version: str, why: str
) -> None:
    """They are left alone, and it is said what to do."""
    place = find_store_place(database_url)
    await init_database(place)
    with psycopg.connect(place.url or "", autocommit=True) as raw:
        raw.execute("UPDATE batchhub.alembic_version SET version_num = %s", [version])

    with pytest.raises(StoreVersionError, match=why):
        await Store.open(database_url)


async def test_the_tables_of_another_program(database_url: str) -> None:
    """Nothing is made among them."""
    place = find_store_place(with_option(database_url, "schema=public"))
    with psycopg.connect(place.url or "", autocommit=True) as raw:
        raw.execute("CREATE TABLE orders (number integer)")

    with pytest.raises(StoreError, match="its schema has the tables of another program; give one"):
        await init_database(place)


async def test_a_database_that_takes_no_changes(database_url: str) -> None:
    """It can be read; whoever writes hears why not."""
    place = find_store_place(database_url)
    await init_database(place)
    with psycopg.connect(place.url or "", autocommit=True) as raw:
        name = raw.info.dbname
        raw.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    store = await Store.open(database_url)
    assert store.is_read_only
    assert await store.jobs.find() == []
    with pytest.raises(StoreError, match="default_transaction_read_only"):
        await add_job(store, 1)
    await store.aclose()


async def test_a_password_is_shown_to_nobody(database_url: str) -> None:
    """Not in an error, and not in the repr of where the store is."""
    url = database_url.replace("://", "://guarded:wr0ng-Passw0rd@", 1)
    if "@" in database_url:
        head, _, rest = database_url.partition("@")
        url = f"{head.partition('://')[0]}://guarded:wr0ng-Passw0rd@{rest}"
    with pytest.raises(StoreError, match="password is wrong, or missing") as caught:
        await Store.open(url)

    error: BaseException | None = caught.value
    while error is not None:
        assert "wr0ng" not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__
    with suppress(StoreError):
        assert "wr0ng" not in repr(find_store_place(url))


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("", "batchhub"),
        ("application_name=", "batchhub"),
        ("application_name=shop", "batchhub shop"),
        ("application_name=batchhub-7", "batchhub-7"),
        ("application_name=" + "x" * 99, "batchhub " + "x" * 47),
        ("application_name=x" + "%C3%84" * 99, "batchhub x" + "Ä" * 23),
    ],
)
def test_what_a_connection_calls_itself(option: str, name: str) -> None:
    """It begins with our name, which a copy looks for; there is room for what it is for."""
    place = find_store_place(f"postgresql://db/orders?{option}")

    assert connection_arguments(place)["application_name"] == name


def test_a_pooler_that_keeps_no_session_is_named() -> None:
    """What it says about a parameter helps nobody."""
    told = psycopg.OperationalError("connection failed: FATAL:  unsupported startup parameter: x")

    assert str(explain_error(told, "db")).startswith("store db: a pooler answers there")
