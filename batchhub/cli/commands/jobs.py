"""`status`, `list` and `prune`: the jobs in the store, without any account."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import asdict

from batchhub._base.show import count, number
from batchhub._base.store_path import list_all_files
from batchhub._base.store_place import find_store_place, show_store
from batchhub.cli.screen.advice import advise, write_advice
from batchhub.cli.screen.closing import find_driver, find_failures
from batchhub.cli.screen.console import make_console, say, write, write_json
from batchhub.cli.screen.failures import failures_table
from batchhub.cli.screen.tables import jobs_table, show_page, status_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.filters import parse_since, parse_span_s, parse_words
from batchhub.cli.shell.find_job import find_job
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import (
    find_store,
    no_store,
    open_reader,
    read_settings,
    store_exists,
)
from batchhub.cli.shell.options import Common, ListOptions
from batchhub.errors import NotKnownError, StoreError, UsageError
from batchhub.hub import BatchHub, BatchJob
from batchhub.job import find_all_retries
from batchhub.models import BatchStatus, InputHead
from batchhub.models.filters import find_states, fits
from batchhub.settings import Settings

_PAGE: Final = 500
"""How many jobs are read at once."""


async def show_status(invocation: Invocation, name: str) -> ExitCode:
    """Show the details of a job."""
    common = invocation.common
    async with open_reader(common, name) as hub:
        job = await find_job(common, hub, name, is_shown=True)
        status, retries = job.status, await find_all_retries(job)
        failures, driver = await find_failures(job), await find_driver(job)
        later = [each.status for each in await job.find_retries()]
        rows, needs_worker = await _find_input(job), job.needs_worker
    if common.json:
        more = {
            "failures": [group.to_dict() for group in failures],
            "retried_in": [each.job_id for each in later],
        }
        write_json(status.to_dict() | more)
        return ExitCode.OK
    if common.quiet:
        outcome = "" if status.outcome is None else f" {status.outcome.value}"
        write(f"{status.state.value}{outcome}")
    else:
        show_page(status_page(status, retries=later, rows=rows))
        if failures:
            show_page(failures_table(failures, make_console(sys.stdout)))
    advice = advise(
        status,
        common,
        retries=retries,
        failures=failures,
        driver=driver,
        needs_worker=needs_worker,
    )
    for line in write_advice(advice):
        say(line)
    return ExitCode.OK


async def _find_input(job: BatchJob) -> InputHead | None:
    """Return what is known of the rows of a job's items; `None` if none are there to be read."""
    try:
        return (await job.rows()).head
    except (UsageError, StoreError):  # damaged rows are no reason to hide the job
        return None


async def list_jobs(invocation: Invocation, options: ListOptions) -> ExitCode:
    """List jobs, one per line, newest first."""
    common = invocation.common
    words = parse_words(options.state or ())
    if options.label == "":
        raise UsageError("--label is empty; give a text or omit the option")
    since = None if options.since is None else parse_since(options.since, datetime.now(UTC))
    # One more than is shown, to know whether there are more.
    most = options.limit + 1 if options.limit else None
    wanted = {"account": options.account, "label": options.label, "since": since}
    statuses = await _find(common, words, most, wanted)
    is_cut = most is not None and len(statuses) == most
    if is_cut:
        statuses.pop()
    if common.json:
        write_json(statuses)
    elif common.quiet:
        for status in statuses:
            write(status.job_id)
    elif statuses:
        show_page(jobs_table(statuses, make_console(sys.stdout)))
    else:
        is_filtered = words or any(value is not None for value in wanted.values())
        store, what = find_store(common), "matching jobs" if is_filtered else "jobs"
        say(f"no {what} in {show_store(store)}" if store_exists(store) else no_store(store))
    if is_cut:
        newest = (
            "newest job is" if options.limit == 1 else f"{number(options.limit)} newest jobs are"
        )
        say(f"only the {newest} listed; --limit 0 lists all")
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
    after = _size(store)
    freed = None if before is None or after is None else max(0, before - after)
    if common.json:
        write_json({**asdict(deleted), "bytes": freed})
    elif not common.quiet:
        what = f"{count(deleted.jobs, 'job')} with {count(deleted.items, 'item')}"
        say(f"deleted {what}" + ("" if freed is None else f"; freed {_kib(freed)}"))
    return ExitCode.OK


async def _find(
    common: Common,
    words: frozenset[str],
    most: int | None,
    wanted: Mapping[str, Any],
) -> list[BatchStatus]:
    """Find the newest jobs that fit, at most `most`; `wanted` are arguments of `BatchHub.jobs`."""
    if not store_exists(find_store(common)):
        return []
    found: list[BatchStatus] = []
    states = find_states(words)
    async with open_reader(common) as hub:
        # Only JSON shows the tickets.
        pages = _pages(hub, most, state=states, tickets=common.json, **wanted)
        async for job in pages:
            if fits(job.status, words):
                found.append(job.status)
            if len(found) == most:
                return found
        if not found and wanted["account"] is not None:
            await check_account(wanted["account"], hub, read_settings(common))
    return found


async def _pages(hub: BatchHub, most: int | None, **wanted: Any) -> AsyncIterator[BatchJob]:
    size = _PAGE if most is None else min(most, _PAGE)
    before: str | None = None
    while True:
        page = await hub.jobs(limit=size, before=before, **wanted)
        for job in page:
            yield job
        if len(page) < size:
            return
        before = page[-1].id


async def check_account(name: str, hub: BatchHub, settings: Settings) -> None:
    """Raise `NotKnownError` for a name that is neither in the settings nor in the store."""
    if name in settings.accounts or await hub.jobs(account=name, limit=1, tickets=False):
        return
    known = {*settings.accounts}
    async for job in _pages(hub, None, tickets=False):
        known.add(job.status.account)
    raise NotKnownError("account", name, sorted(known))


def _size(store: str) -> int | None:
    """Return the size of a store on disk, in bytes; `None` if it is a database's matter."""
    path = find_store_place(store).path
    if path is None:
        return None
    return sum(file.stat().st_size for file in list_all_files(path) if file.exists())


def _kib(size_bytes: int) -> str:
    return f"{number(size_bytes // 1024)} KiB"
