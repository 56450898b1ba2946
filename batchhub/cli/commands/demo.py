"""`demo`: every adapter that has a sandbox, side by side, without an account."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from attrs import evolve

from batchhub._base.show import number
from batchhub._base.store_place import find_store_place
from batchhub._settings.registry import Registry
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.closing import find_failures, show_outcome
from batchhub.cli.screen.console import make_console, say, say_error, say_warning, write_json
from batchhub.cli.screen.progress import make_display
from batchhub.cli.screen.tables import comparison_table, show_aside
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.follow import follow_all
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.options import Patience
from batchhub.errors import AdapterError, UnsupportedError, UsageError
from batchhub.hub import BatchHub, BatchJob
from batchhub.sandbox import Sandbox

from .adapters import find_sandbox

DEMO_ITEMS: Final = 1200
"""Items for each vendor."""

_ITEM_TIME: Final = "item_time_s"
_ITEM_TIME_S: Final = 0.01


async def run_demo(invocation: Invocation) -> ExitCode:
    """Submit items to every sandbox, show their progress, and what failed."""
    invocation.may_have_sent = True  # though only to sandboxes
    sandboxes = dict(_make_sandboxes())
    if not sandboxes:
        raise UnsupportedError("no installed adapter has a sandbox")
    common = invocation.common
    if common.store is None:
        folder = tempfile.mkdtemp(prefix="batchhub-demo-")
        common = evolve(common, store=str(Path(folder) / "jobs.db"))
    elif find_store_place(common.store).is_postgres:
        raise UsageError(
            "demo drives its jobs itself, and those of a PostgreSQL store only workers drive; name "
            "a file with --store"
        )
    common = evolve(common, config=None)
    if not common.quiet:
        say(
            f"{number(DEMO_ITEMS)} items for each of {', '.join(sandboxes)}; "
            "the servers run in this process, nothing leaves this machine"
        )
    async with AsyncExitStack() as stack:
        accounts = {
            # A proxy of the environment does not reach servers in this process.
            name: evolve(
                sandbox.account(await stack.enter_async_context(sandbox.running())), proxy="none"
            )
            for name, sandbox in sandboxes.items()
        }
        hub = await stack.enter_async_context(BatchHub(common.store, accounts))
        jobs = [await _submit(hub, name, sandbox) for name, sandbox in sandboxes.items()]
        with make_display(common, jobs, invocation.said) as display:
            endings = await follow_all(hub, jobs, Patience(), display.show)
        for job, ending in zip(jobs, endings, strict=True):
            if common.json:
                write_json(ending.status)
            if ending.error is not None:
                say_error(str(ending.error))
            if not common.quiet:
                show_outcome(job, invocation.said, await find_failures(job))
        if not common.quiet:
            statuses = [job.status for job in jobs]
            show_aside(comparison_table(statuses, make_console(sys.stderr)))
    say("the jobs are kept; to list them, and to see what failed at one of the vendors:")
    say(f"  {command_line(common, 'list')}")
    say(f"  {command_line(common, 'results', jobs[0].id, '--only', 'failed')}")
    return ExitCode.OK


def _make_sandboxes() -> Iterator[tuple[str, Sandbox]]:
    """Make the sandboxes of the installed adapters; warn about those that can't be used."""
    registry = Registry()
    for name in registry.names:
        try:
            kind = find_sandbox(registry.get(name))
        except AdapterError as error:
            say_warning(str(error))
            continue
        if kind is None:
            continue
        sandbox = kind()
        if any(switch.name == _ITEM_TIME for switch in sandbox.describe_switches()):
            sandbox.set_switch(_ITEM_TIME, _ITEM_TIME_S)
        yield name, sandbox


async def _submit(hub: BatchHub, name: str, sandbox: Sandbox) -> BatchJob:
    return await hub.submit(
        name, sandbox.demo_items(DEMO_ITEMS), operation=sandbox.demo_operation, label="demo"
    )
