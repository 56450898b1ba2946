"""`status`, `list` and `prune`: the jobs in the store, without any account."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import asdict

from batchhub._base.show import count, number
from batchhub._base.store_path import find_store_path, list_store_files
from batchhub.cli.screen.advice import advise, find_retries, write_advice
from batchhub.cli.screen.console import make_console, say, write, write_json
from batchhub.cli.screen.tables import jobs_table, show_page, status_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.filters import find_states, fits, parse_since, parse_span_s, parse_words
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import (
    find_store,
    no_store,
    open_reader,
    read_settings,
    store_exists,
)
from batchhub.cli.shell.options import Common, ListOptions
from batchhub.errors import NotKnownError
from batchhub.hub import BatchJob
from batchhub.models import BatchStatus
from batchhub.settings import Settings


async def show_status(invocation: Invocation, job_id: str) -> ExitCode:
    """Show the details of a job."""
    common = invocation.common
    async with open_reader(common, job_id) as hub:
        job = await hub.job(job_id)
        status, retries = job.status, await find_retries(job)
    if common.json:
        write_json(status)
        return ExitCode.OK
    if common.quiet:
        outcome = "" if status.outcome is None else f" {status.outcome.value}"
        write(f"{status.state.value}{outcome}")
    else:
        show_page(status_page(status))
    for line in write_advice(advise(status, common, retries=retries)):
        say(line)
    return ExitCode.OK


async def list_jobs(invocation: Invocation, options: ListOptions) -> ExitCode:
    """List jobs, one per line."""
    common = invocation.common
    words = parse_words(options.state or ())
    since = None if options.since is None else parse_since(options.since, datetime.now(UTC))
    statuses = await _find(common, words, options.account, since)
    if common.json:
        write_json(statuses)
    elif common.quiet:
        for status in statuses:
            write(status.job_id)
    elif statuses:
        show_page(jobs_table(statuses, make_console(sys.stdout)))
    else:
        is_filtered = words or since is not None or options.account is not None
        store, what = find_store(common), "matching jobs" if is_filtered else "jobs"
        say(f"no {what} in {store}" if store_exists(store) else no_store(store))
    return ExitCode.OK


async def prune_jobs(invocation: Invocation, older_than: str) -> ExitCode:
    """Delete jobs that ended longer ago than a time span, and free disk space."""
    common = invocation.common
    span_s = parse_span_s(older_than, "--older-than")
    store = find_store(common)
    if not store_exists(store):
        say(f"store {store} does not exist; nothing to delete")
        return ExitCode.OK
    before = _size(store)
    async with open_reader(common) as hub:
        deleted = await hub.prune(span_s)
    freed = max(0, before - _size(store))
    if common.json:
        write_json({**asdict(deleted), "bytes": freed})
    elif not common.quiet:
        what = f"{count(deleted.jobs, 'job')} with {count(deleted.items, 'item')}"
        say(f"deleted {what}; freed {number(freed // 1024)} KiB")
    return ExitCode.OK


async def _find(
    common: Common, words: frozenset[str], account: str | None, since: datetime | None
) -> list[BatchStatus]:
    if not store_exists(find_store(common)):
        return []
    async with open_reader(common) as hub:
        jobs = await hub.jobs(state=find_states(words), account=account, since=since)
        if not jobs and account is not None:
            _check_account(account, await hub.jobs(), read_settings(common))
        return [job.status for job in jobs if fits(job.status, words)]


def _check_account(name: str, jobs: Sequence[BatchJob], settings: Settings) -> None:
    """Raise `NotKnownError` for a name that is neither in the settings nor in the store."""
    known = {*settings.accounts, *(job.status.account for job in jobs)}
    if name not in known:
        raise NotKnownError("account", name, sorted(known))


def _size(store: str) -> int:
    """Return the size of a store on disk, in bytes."""
    path = find_store_path(store)
    files = [] if path is None else list_store_files(path)
    return sum(file.stat().st_size for file in files if file.exists())
