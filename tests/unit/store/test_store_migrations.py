"""The store's versions: what a migration makes, and what it leaves alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    MetaData,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.pool import StaticPool
from support.stores import add_job, fold_again

from batchhub import BatchHub
from batchhub._store import Store, migrations
from batchhub._store.migrations import HEAD, is_current, migrate, upgrade
from batchhub._store.tables import metadata
from batchhub.errors import StoreError, StoreVersionError
from batchhub.models import BatchState

pytestmark = pytest.mark.sqlite_only("stores of versions that were never on PostgreSQL")


def make_engine() -> Engine:
    """Make a database in memory, with transactions as the store has them."""
    return create_engine("sqlite://", connect_args={"isolation_level": None}, poolclass=StaticPool)


@pytest.fixture
def migrated() -> Iterator[Connection]:
    """Run all migrations on a fresh database."""
    engine = make_engine()
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        upgrade(connection, None)
        connection.commit()
        yield connection
    engine.dispose()


def schema(connection: Connection) -> dict[str, list[str]]:
    """Return every column, key and index of every table, as SQLite itself tells of them."""
    names = inspect(connection).get_table_names()
    facts = ("table_info", "foreign_key_list", "index_list")
    return {
        f"{name} {fact}": sorted(
            # Without its number: the order in which two indexes were made changes nothing.
            str(tuple(row)[1:])
            for row in connection.execute(text(f"SELECT * FROM pragma_{fact}('{name}')"))
        )
        for name in names
        for fact in facts
    }


def test_the_version_written_is_the_newest_migration() -> None:
    """`HEAD`, which spares every start the import of Alembic, is Alembic's own head."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_the_migrated_schema_is_that_of_the_tables(migrated: Connection) -> None:
    """Alembic finds nothing to change between the migrations and `tables.metadata`."""
    context = MigrationContext.configure(migrated, opts={"compare_type": True})

    assert compare_metadata(context, metadata) == []


def test_the_migrations_write_what_the_tables_say(migrated: Connection) -> None:
    """A store that is new and one that went through every version are the same."""
    engine = make_engine()
    with engine.connect() as connection:
        migrate(connection)
        assert schema(migrated) == schema(connection)
        assert is_current(connection)
        assert is_current(migrated)
    engine.dispose()


def test_the_comparison_sees_a_difference(migrated: Connection) -> None:
    """A column that no migration makes is found: the two tests above compare something."""
    changed = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(changed)
    columns = changed.tables["jobs"].columns
    columns["label"].nullable = False
    context = MigrationContext.configure(migrated, opts={"compare_type": True})

    assert compare_metadata(context, changed) != []


def test_migrating_again_changes_nothing(migrated: Connection) -> None:
    """A store that is up to date is only looked at."""
    statements: list[str] = []

    @event.listens_for(migrated.engine, "before_cursor_execute")
    def note(*args: object) -> None:
        statements.append(str(args[2]))

    assert is_current(migrated)

    assert statements
    assert all(statement.startswith(("SELECT", "PRAGMA")) for statement in statements)


async def test_a_store_opens_while_another_process_writes(tmp_path: Path) -> None:
    """Opening a store that is up to date waits for no writer."""
    path = tmp_path / "jobs.db"
    await (await Store.open(path)).aclose()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        again = await Store.open(path)
        await again.jobs.find()
        await again.aclose()


async def test_a_first_start_outlasts_another(tmp_path: Path) -> None:
    """Where SQLite does not wait by itself, while the journal mode changes, opening tries again."""
    path = tmp_path / "jobs.db"
    errors: list[str] = []
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")

        def let_go(context: ExceptionContext) -> None:
            errors.append(str(context.original_exception))
            other.rollback()

        event.listen(Engine, "handle_error", let_go)
        try:
            store = await Store.open(path)
        finally:
            event.remove(Engine, "handle_error", let_go)

    assert errors == ["database is locked"]
    assert (await add_job(store, 1)).job_no == 1
    await store.aclose()


async def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A newer store is left alone; the error names it, both versions and what to do."""
    path = tmp_path / "jobs.db"
    await (await Store.open(path)).aclose()
    with closing(sqlite3.connect(path, isolation_level=None)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '0099'")
    before = path.read_bytes()

    with pytest.raises(StoreVersionError) as caught:
        await Store.open(path)

    assert str(caught.value) == (
        f"store {path}: it is of version 0099, written by a newer batchhub; this one knows "
        f"versions up to {HEAD}: upgrade batchhub or choose another store"
    )
    assert not caught.value.retryable
    assert path.read_bytes() == before


@pytest.mark.parametrize("table", ["jobs", "customers"])
async def test_another_programs_database_is_left_alone(tmp_path: Path, table: str) -> None:
    """A database with tables that are not ours is refused, and nothing is added to it."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"CREATE TABLE {table} (name TEXT)")

    with pytest.raises(StoreError, match=r"shop\.db: it is another program's database"):
        await Store.open(path)

    with closing(sqlite3.connect(path)) as other:
        names = other.execute("SELECT name FROM sqlite_master").fetchall()
    assert names == [(table,)]


async def test_a_store_that_another_first_start_makes_meanwhile_is_no_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it has a version, and whether it has tables, is one look."""
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as first:
        first.execute("PRAGMA journal_mode = WAL")  # so far the other one has come
    find_version, others = migrations.find_version, iter([make_store])

    def find_and_wait(connection: Connection) -> str | None:
        found = find_version(connection)
        for make in others:
            make(path)
        return found

    monkeypatch.setattr(migrations, "find_version", find_and_wait)
    store = await Store.open(path)
    assert (await add_job(store, 1)).job_no == 1
    await store.aclose()


def make_store(path: Path) -> None:
    """Make the tables of a store, as another process does."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"isolation_level": None})
    with engine.connect() as connection:
        migrate(connection, path)
    engine.dispose()


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """A file without a byte in it, as ``mktemp`` makes one, is a fresh store."""
    path = tmp_path / "jobs.db"
    path.touch()

    store = await Store.open(path)

    assert (await add_job(store, 1)).job_no == 1
    await store.aclose()


def restore(path: Path, *changes: str) -> None:
    """Make a store as version 0002 left it, from its dump."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript((Path(__file__).parents[2] / "fixtures/stores/0002.sql").read_text())
        for change in changes:
            old.execute(change)
        old.commit()


async def test_a_store_of_the_first_version_goes_on(tmp_path: Path) -> None:
    """Its results are read as they were, and what had ended in it is news to nobody."""
    path = tmp_path / "jobs.db"
    restore(
        path,
        "DROP INDEX ix_jobs_told_ended",
        "ALTER TABLE jobs DROP COLUMN telling_at",
        "ALTER TABLE jobs DROP COLUMN told_at",
        "ALTER TABLE results DROP COLUMN packed",
        "UPDATE alembic_version SET version_num = '0001'",
    )

    store = await Store.open(path)
    raws = [result.raw async for result in store.results.of_job("ended")]
    await store.aclose()

    assert raws == [b'{"a": 1}']
    for consumer in ("default", "command"):
        assert await events_of(path, consumer) == []


async def events_of(path: Path, consumer: str) -> list[tuple[str, bool]]:
    """Return the events there are for a consumer: of which job, and whether it is repeated."""
    async with BatchHub(path) as hub:
        events = hub.events(consumer=consumer, follow=False)
        return [(event.job_id, event.is_repeated) async for event in events]


@pytest.mark.parametrize("consumer", ["default", "command"])
@pytest.mark.parametrize(
    ("claimed", "acknowledged", "events"),
    [
        (False, False, [("ended", False)]),
        (True, False, [("ended", True)]),
        (True, True, []),
    ],
)
async def test_events_of_an_older_store_go_on(
    tmp_path: Path, consumer: str, claimed: bool, acknowledged: bool, events: list[object]
) -> None:
    """What was reported is not reported again; what was not is, to programs and to commands."""
    path = tmp_path / "jobs.db"
    at = {True: "ended_at", False: "NULL"}
    restore(
        path,
        f"UPDATE jobs SET telling_at = {at[claimed]}, told_at = {at[acknowledged]}"
        " WHERE job_id = 'ended'",
    )

    assert await events_of(path, consumer) == events
    assert await events_of(path, consumer) == []
    assert await events_of(path, "another") == [("ended", False)]


async def test_what_follows_from_tickets_is_worked_out_for_older_jobs(tmp_path: Path) -> None:
    """State, outcome, counts and findings of each job are those its tickets give."""
    path = tmp_path / "jobs.db"
    restore(path)

    store = await Store.open(path)
    statuses = {job.job_id: fold_again(status) for job, status in await store.jobs.find()}
    await store.aclose()

    with closing(sqlite3.connect(path)) as now:
        now.row_factory = sqlite3.Row
        rows = {row["job_id"]: dict(row) for row in now.execute("SELECT * FROM jobs")}
    assert set(rows) == set(statuses) == {"ended", "open", "held"}
    for job_id, status in statuses.items():
        row, counts = rows[job_id], status.counts
        assert row["state"] == status.state
        assert row["outcome"] == status.outcome
        assert row["progress"] == status.progress
        assert row["place"] == row["job_no"]
        assert [row["total"], row["succeeded"], row["failed"], row["not_executed"]] == [
            counts.total,
            counts.succeeded,
            counts.failed,
            counts.not_executed,
        ]
        for state in BatchState:
            tickets = sum(ticket.state is state for ticket in status.tickets)
            assert row[f"tickets_{state.value}"] == tickets
        findings = json.loads(row["ticket_findings"])
        assert [(f["code"], f["count"], f["examples"]) for f in findings] == [
            (f.code, f.count, list(f.examples)) for f in status.findings
        ]


async def test_a_lane_of_an_older_store_may_have_sent_a_moment_ago(tmp_path: Path) -> None:
    """It is none that nobody has taken before, which may use its budget's whole burst."""
    restore(tmp_path / "jobs.db")

    await (await Store.open(tmp_path / "jobs.db")).aclose()

    with closing(sqlite3.connect(tmp_path / "jobs.db")) as now:
        assert {epoch for (epoch,) in now.execute("SELECT epoch FROM lanes")} == {1}


async def test_a_number_that_was_given_out_is_never_given_out_again(tmp_path: Path) -> None:
    """Neither in a store that was migrated, nor in a new one, after the newest job is gone."""
    path = tmp_path / "jobs.db"
    restore(path)
    for file in (path, tmp_path / "new.db"):
        store = await Store.open(file)
        first = await add_job(store, 1, job_id="newest")
        with closing(sqlite3.connect(file)) as other:
            for table in ("results", "items", "tickets", "jobs"):
                other.execute(f"DELETE FROM {table} WHERE job_no = ?", (first.job_no,))
            other.commit()
        assert (await add_job(store, 1, job_id="next")).job_no == first.job_no + 1
        await store.aclose()
