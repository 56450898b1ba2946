"""
Shell completion: ids and keys of jobs, names of accounts and adapters, states.

A shell waits for this at every Tab, so neither the database layer nor HTTP nor
adapters are loaded; on any error it offers nothing and writes nothing.
"""

# What only one of these needs is imported when it runs.
# ruff: noqa: PLC0415

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer  # Typer evaluates the annotations

if TYPE_CHECKING:
    from batchhub.models import BatchStatus
    from batchhub.settings import Settings

Offer = tuple[str, str]
"""A word, and its description."""

MOST_JOBS: Final = 50
"""The newest jobs are offered, at most this many."""

_LATEST: Final = "latest"
_PATIENCE_S: Final = 0.2
_HARMLESS: Final = re.compile(r"[\w@%+=./-]+")
"""Words that need no quoting in a shell; others are not offered."""


def complete_job(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Offer the word for the newest job, and ids and keys, newest first, each with its state."""
    return _offer(incomplete, lambda: _jobs(ctx, incomplete))


def complete_account(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Offer the accounts of the settings, each with its adapter."""
    return _offer(
        incomplete,
        lambda: [
            (name, table.adapter_name)
            for name, table in _settings(ctx).accounts.items()
            if table.adapter_name is not None
        ],
    )


def complete_adapter(incomplete: str) -> list[Offer]:
    """Offer the installed adapters, each with the distribution it comes with."""

    def find() -> Iterator[Offer]:
        from importlib.metadata import entry_points

        for entry in entry_points(group="batchhub.adapters.v1"):
            yield entry.name, "" if entry.dist is None else entry.dist.name

    return _offer(incomplete, find)


def complete_item_state(incomplete: str) -> list[Offer]:
    """Offer the states of items, also behind a comma."""
    from batchhub.models import ItemState

    from .filters import ROW_STATES

    return _offer_list(incomplete, [*(state.value for state in ItemState), *ROW_STATES])


def complete_job_state(incomplete: str) -> list[Offer]:
    """Offer what ``list --state`` takes, also behind a comma."""
    from batchhub.models.filters import STATE_WORDS

    return _offer_list(incomplete, STATE_WORDS)


def _offer_list(incomplete: str, words: Iterable[str]) -> list[Offer]:
    before, comma, _ = incomplete.rpartition(",")
    return _offer(incomplete, lambda: [(f"{before}{comma}{word}", "") for word in words])


def _offer(incomplete: str, find: Callable[[], Iterable[Offer]]) -> list[Offer]:
    with suppress(Exception):  # an error would be written into the middle of a command line
        return [
            (word, about if _HARMLESS.fullmatch(re.sub("[ ,]", "", about)) else "")
            for word, about in find()
            if word.startswith(incomplete) and _HARMLESS.fullmatch(word.replace(",", ""))
        ]
    return []


def _settings(ctx: typer.Context) -> Settings:
    from batchhub.settings import CONFIG_NAME, load_settings

    named = ctx.params.get("config")
    default = Path(CONFIG_NAME)
    return load_settings(named or (default if default.exists() else None))


def _store(ctx: typer.Context) -> Path | None:
    """Return the store's file, as the commands find it; `None` for any other store."""
    from batchhub._base.store_place import find_store_place

    if (store := ctx.params.get("store") or _settings(ctx).store) is None:
        from platformdirs import user_data_path

        return user_data_path("batchhub") / "jobs.db"
    # Of a database no jobs are offered: nobody waits for another machine at every Tab.
    return find_store_place(store).path


def _jobs(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    from batchhub._base.show import duration
    from batchhub.models.status import stand_text

    def describe(status: BatchStatus) -> str:
        age = duration((now - status.created_at).total_seconds())
        stand = stand_text(status).translate({ord("("): "", ord(")"): ""})
        return f"{stand}, {age}, {status.account}"

    now, path = datetime.now(UTC), _store(ctx)
    if path is None:
        return
    yield from ((_LATEST, describe(status)) for _, status in _read_jobs(path, "job_id", "", 1))
    for column in ("job_id", "key"):
        found = _read_jobs(path, column, incomplete, MOST_JOBS)
        words = Counter(word for word, _ in found)
        # A key that several accounts have names no job.
        yield from ((word, describe(status)) for word, status in found if words[word] == 1)


def _read_jobs(path: Path, column: str, prefix: str, most: int) -> list[tuple[str, BatchStatus]]:
    """Read the newest jobs and a name of each, without waiting for a writer."""
    import sqlite3

    place = f"{path.as_uri()}?mode=ro"
    with closing(sqlite3.connect(place, uri=True, timeout=_PATIENCE_S)) as store:
        store.row_factory = sqlite3.Row
        found = f'SELECT * FROM jobs WHERE substr("{column}", 1, ?) = ? AND place IS NOT NULL'  # noqa: S608  # ours
        order = "ORDER BY job_no DESC LIMIT ?"
        jobs = store.execute(f"{found} {order}", (len(prefix), prefix, most))
        return [(job[column], _make_status(job)) for job in jobs.fetchall()]


def _make_status(job: Any) -> BatchStatus:
    from batchhub.models import BatchStatus
    from batchhub.models.fold import Tally

    stops = bool(job["stop_on_first_failure"])
    return BatchStatus(
        **{name: job[name] for name in ("job_id", "account", "adapter", "operation")},
        created_at=datetime.fromisoformat(job["created_at"]),
        updated_at=datetime.fromisoformat(job["updated_at"]),
        tally=Tally.of_columns(job, job["progress"], stops=stops),
    )
