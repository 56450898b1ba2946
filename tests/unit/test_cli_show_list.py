"""Finding jobs again: `list` with its filters, and what the shell offers at the Tab key."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from support.hubs import numbered, scripted_world
from support.raw_stores import open_raw
from support.vendor import Vendor, report_states
from typer.testing import CliRunner, Result

from batchhub import ItemState
from batchhub._store import codec, ticket_rows
from batchhub.cli.app import app
from batchhub.cli.shell import completion
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.filters import parse_since
from batchhub.errors import NoAnswerError, UsageError

Command = Callable[..., Result]
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder with an empty home."""
    monkeypatch.chdir(tmp_path)
    for name in ("BATCHHUB_STORE", "BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Make a store with four jobs: one that succeeded, one partly, one held and one open."""
    path = tmp_path_factory.mktemp("store") / "jobs.db"

    async def make() -> list[str]:
        vendor = Vendor()
        async with scripted_world(vendor, path) as world:
            jobs = [await world.hub.submit("shop", numbered(2))]
            await jobs[0].wait()
            vendor.default_report = report_states(i1=ItemState.FAILED)
            jobs.append(await world.hub.submit("shop", numbered(2), label="Größe 2", key="big"))
            await jobs[1].wait()
            vendor.submits.append(NoAnswerError("cut"))
            jobs.append(await world.hub.submit("shop", numbered(1), label="the 2nd"))
            await jobs[2].wait()
            jobs.append(await world.hub.submit("shop", numbered(1)))
        return [job.id for job in jobs]

    ids = asyncio.run(make())
    with closing(open_raw(path)) as store, store:
        store.execute(
            "UPDATE jobs SET account = 'depot', created_at = ? WHERE job_id = ?",
            ("2026-01-05T00:00:00.000000+00:00", ids[3]),
        )
    return path, ids


@pytest.fixture
def ids(command: Command, made: tuple[Path, list[str]], tmp_path: Path) -> list[str]:
    """Put that store beside settings with its accounts and one of an odd name."""
    del command
    path, ids = made
    shutil.copy(path, tmp_path / "jobs.db")
    (tmp_path / "batchhub.toml").write_text(
        'store = "jobs.db"\n[accounts.shop]\nadapter = "scripted"\n'
        '[accounts.depot]\nadapter = "scripted"\n[accounts."odd $name"]\nadapter = "scripted"\n'
    )
    return ids


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), [0, 1, 2, 3]),
        (("--state", "open"), [2, 3]),
        (("--state", "held"), [2]),
        (("--state", "ended"), [0, 1]),
        (("--state", "completed"), [0, 1]),
        (("--state", "Partial,held"), [1, 2]),
        (("--state", "succeeded", "--state", "pending"), [0, 3]),
        (("--state", "in-progress"), []),
        (("--account", "depot"), [3]),
        (("--account", "shop", "--state", "open"), [2]),
        (("--since", "2026-01-03T00:00Z"), [3]),
        (("--since", "2025-12-30"), [0, 1, 2, 3]),
        (("--since", "1min"), []),
        (("--label", "2"), [1, 2]),
        (("--label", "GRÖSSE"), [1]),
        (("--label", "%"), []),
        (("--label", "2", "--state", "held"), [2]),
        (("--label", "2", "--account", "depot"), []),
        (("--label", "2", "--since", "2026-01-03T00:00Z"), []),
    ],
)
def test_a_list_is_cut_down_to_what_is_looked_for(
    command: Command, ids: list[str], arguments: tuple[str, ...], found: list[int]
) -> None:
    """Every form of the list has those jobs that fit all that was asked, newest first."""
    wanted = [ids[n] for n in reversed(found)]
    quiet = command("list", "--quiet", *arguments)
    assert quiet.stdout.split() == wanted
    statuses = json.loads(command("list", "--json", *arguments).stdout)
    assert [status["job_id"] for status in statuses] == wanted
    if not wanted:
        assert command("list", *arguments).stderr.startswith("no matching jobs in ")


@pytest.mark.parametrize(
    ("arguments", "found", "said"),
    [
        (("--limit", "2"), [3, 2], "only the 2 newest jobs are listed; --limit 0 lists all"),
        (("--limit", "1"), [3], "only the newest job is listed; --limit 0 lists all"),
        (("--limit", "4"), [3, 2, 1, 0], ""),
        (("--limit", "0"), [3, 2, 1, 0], ""),
        (("--limit", "1", "--state", "succeeded"), [0], ""),
        (
            ("--limit", "1", "--label", "2"),
            [2],
            "only the newest job is listed; --limit 0 lists all",
        ),
        (("--limit", "2", "--label", "2"), [2, 1], ""),
        (
            ("--limit", "1", "--state", "ended"),
            [1],
            "only the newest job is listed; --limit 0 lists all",
        ),
    ],
)
def test_a_list_says_what_it_leaves_out(
    command: Command, ids: list[str], arguments: tuple[str, ...], found: list[int], said: str
) -> None:
    """Beside every form of the list, and only if something is left out."""
    wanted = [ids[n] for n in found]
    quiet = command("list", "--quiet", *arguments)
    assert (quiet.stdout.split(), quiet.stderr.strip()) == (wanted, said)
    written = command("list", "--json", *arguments)
    statuses = json.loads(written.stdout)
    assert ([status["job_id"] for status in statuses], written.stderr.strip()) == (wanted, said)
    assert all(status["tickets"] for status in statuses)
    assert command("list", *arguments).stderr.strip() == said


def test_a_list_reads_no_more_tickets_than_it_shows(
    command: Command, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only JSON has the tickets, and only those of the jobs that are listed."""
    read: list[int] = []
    read_ticket = codec.read_ticket

    def count(row: Any) -> Any:
        read.append(1)
        return read_ticket(row)

    monkeypatch.setattr(ticket_rows, "read_ticket", count)
    assert command("list").stdout.count("\n") == len(ids) + 1
    assert not read
    command("list", "--json", "--limit", "1")
    assert len(read) == 2  # and one of the job that shows that there are more


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--state", "nope"), "--state takes open, held, ended, pending, queued, in_progress,"),
        (("--state", ""), "--state takes open"),
        (("--since", "tomorrow"), "a time span such as 30min, 2h or 3d, or a date such as"),
        (("--since", "999999w"), "not '999999w'"),
        (("--account", "shopp"), "no account named 'shopp'; known: "),
        (("--label", ""), "--label is empty"),
    ],
)
def test_a_filter_that_can_not_be_read_is_one_line(
    command: Command, ids: list[str], arguments: tuple[str, ...], message: str
) -> None:
    """A value that makes no sense is told with what does, and nothing is listed."""
    assert ids
    result = command("list", *arguments)
    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    (line,) = result.stderr.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30s", AT - timedelta(seconds=30)),
        ("5m", AT - timedelta(minutes=5)),
        ("5 min", AT - timedelta(minutes=5)),
        ("2H", AT - timedelta(hours=2)),
        ("3d", AT - timedelta(days=3)),
        ("1w", AT - timedelta(weeks=1)),
        ("2025-11-20", datetime(2025, 11, 20).astimezone(UTC)),
        ("2025-11-20T10:00", datetime(2025, 11, 20, 10).astimezone(UTC)),
        ("2025-11-20 10:00:30", datetime(2025, 11, 20, 10, 0, 30).astimezone(UTC)),
        ("2025-11-20t10:00z", datetime(2025, 11, 20, 10, tzinfo=UTC)),
        ("2025-11-20T10:00+02:00", datetime(2025, 11, 20, 8, tzinfo=UTC)),
    ],
)
def test_times_are_local_unless_they_say_otherwise(text: str, at: datetime) -> None:
    """A span counts back from now; a date is one of the reader's own time zone."""
    assert parse_since(text, AT) == at


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-2h", "2h30", "2026-13-01", "1.5h", "0001-01-01T00:00+14:00"]
)
def test_other_times_are_refused(text: str) -> None:
    """What is neither a span nor a time that there is, is refused."""
    with pytest.raises(UsageError, match="--since takes"):
        parse_since(text, AT)


# Completion.


@contextmanager
def typed(**params: Any) -> Iterator[typer.Context]:
    """Make what Typer hands over: the options that stand before the word."""

    class Context:
        """Only its options are read."""

        def __init__(self) -> None:
            self.params = params

    yield cast("typer.Context", Context())


def test_jobs_are_offered_newest_first(ids: list[str]) -> None:
    """Before keys: with how a job stands, whose it is and its age; and the word for the newest."""
    with typed() as context:
        offers = completion.complete_job(context, "")
        assert [word for word, _ in offers] == ["latest", *ids[::-1], "big"]
        stands = [about.split(", ")[0] for _, about in offers]
        assert stands == ["pending", "pending", "held", "partial", "succeeded", "partial"]
        assert offers[1][1].endswith(", depot")
        assert [word for word, _ in completion.complete_job(context, ids[1])] == [ids[1]]
        assert [word for word, _ in completion.complete_job(context, "b")] == ["big"]
        assert [word for word, _ in completion.complete_job(context, "la")] == ["latest"]
        assert completion.complete_job(context, "nope") == []


def test_a_key_of_two_jobs_is_not_offered(ids: list[str]) -> None:
    """Nor is one whose job is being deleted: neither names a job."""
    with typed() as context:
        for change in ("key = 'big', lane = 'other'", "key = 'big', lane = 'other', place = NULL"):
            with closing(open_raw("jobs.db")) as store, store:
                store.execute(f"UPDATE jobs SET {change} WHERE job_id = ?", (ids[3],))
            offered = [word for word, _ in completion.complete_job(context, "b")]
            assert offered == (["big"] if "NULL" in change else [])


def test_the_store_that_was_named_is_read(ids: list[str], tmp_path: Path) -> None:
    """--store and --config count for the shell as they do for the command."""
    (tmp_path / "batchhub.toml").rename(tmp_path / "other.toml")
    with typed() as context:
        assert completion.complete_job(context, "") == []
    for params in (
        {"store": "jobs.db"},
        {"store": f"sqlite:///{tmp_path}/jobs.db"},
        {"config": Path("other.toml")},
    ):
        with typed(**params) as context:
            assert len(completion.complete_job(context, "2")) == len(ids)


def test_other_words_are_offered(ids: list[str]) -> None:
    """Accounts of the settings that a shell takes as they are, adapters, and states."""
    assert ids
    with typed() as context:
        assert completion.complete_account(context, "s") == [("shop", "scripted")]
        assert [word for word, _ in completion.complete_account(context, "")] == ["shop", "depot"]
    assert "scripted" in dict(completion.complete_adapter(""))
    assert completion.complete_item_state("succeeded,f") == [("succeeded,failed", "")]
    assert [word for word, _ in completion.complete_job_state("o")] == ["open"]


@pytest.mark.parametrize("trouble", ["settings", "store", "no-store", "tables"])
def test_trouble_offers_nothing_and_says_nothing(
    ids: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str], trouble: str
) -> None:
    """While somebody types, no error is shown and no store is made."""
    assert ids
    place = {
        "settings": "batchhub.toml",
        "store": "jobs.db",
        "no-store": "gone.db",
        "tables": "t.db",
    }[trouble]
    if trouble in {"settings", "store"}:
        (tmp_path / place).write_text("nothing of the kind = ")
    if trouble == "tables":
        with closing(open_raw(place)) as store, store:
            store.execute("CREATE TABLE jobs (job_no)")
    params = {"store": place} if trouble in {"no-store", "tables"} else {}
    with typed(**params) as context:
        assert completion.complete_job(context, "") == []
        if trouble == "settings":
            assert completion.complete_account(context, "") == []
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "gone.db").exists()
