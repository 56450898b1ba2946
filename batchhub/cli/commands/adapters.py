"""`adapters`: the installed adapters, and those that failed to load."""

from __future__ import annotations

from batchhub._settings.registry import AdapterInfo, Registry
from batchhub.cli.screen.console import say, write_json
from batchhub.cli.screen.tables import adapters_table, show_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation


async def list_adapters(invocation: Invocation) -> ExitCode:
    """List the installed adapters, and those that can't be used."""
    found = list(Registry().describe())
    if invocation.common.json:
        write_json([_to_json(info) for info in found])
    elif found:
        show_page(adapters_table(found))
    else:
        say("no adapters are installed")
    return ExitCode.OK


def _to_json(info: AdapterInfo) -> dict[str, object]:
    adapter = info.adapter
    return {
        "name": info.name,
        "distribution": info.distribution,
        "operations": [] if adapter is None else list(adapter.operations),
        "sandbox": adapter is not None and adapter.sandbox is not None,
        "error": info.error,
    }
