"""`prune`: deleting old jobs, so that the store does not grow for ever."""

from __future__ import annotations

from attrs import asdict

from batchhub._base.store_path import find_store_path, list_store_files
from batchhub.cli.screen.console import say, write_json
from batchhub.cli.screen.words import count, number
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.filters import parse_span_s
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_store, open_reader, store_exists


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


def _size(store: str) -> int:
    """Return the size of a store on disk, in bytes."""
    path = find_store_path(store)
    files = [] if path is None else list_store_files(path)
    return sum(file.stat().st_size for file in files if file.exists())
