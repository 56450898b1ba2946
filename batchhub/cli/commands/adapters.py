"""`adapters`: what is installed, and what failed to load; and the sandboxes they offer."""

from __future__ import annotations

from importlib import import_module

from batchhub._settings.registry import AdapterInfo, Registry
from batchhub.cli.screen.console import say, write_json
from batchhub.cli.screen.tables import adapters_table, show_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.errors import AdapterError, UnsupportedError
from batchhub.sandbox import Sandbox


async def list_adapters(invocation: Invocation) -> ExitCode:
    """Show what is installed, and what of it can't be used."""
    found = list(Registry().describe())
    if invocation.common.json:
        write_json([_to_json(info) for info in found])
    elif found:
        show_page(adapters_table(found))
    else:
        say("no adapter is installed")
    return ExitCode.OK


def find_sandbox(info: AdapterInfo) -> type[Sandbox] | None:
    """
    Load the sandbox an adapter offers; `None` if it has none.

    Raises:
        AdapterError: It does not load, or is no sandbox.
    """
    if info.adapter is None or info.adapter.sandbox is None:
        return None
    module, _, name = info.adapter.sandbox.partition(":")
    try:
        sandbox = getattr(import_module(module), name)
    except Exception as error:
        raise AdapterError(
            f"the sandbox of adapter {info.name!r} does not load: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(sandbox, type) and issubclass(sandbox, Sandbox)):
        raise AdapterError(f"{info.adapter.sandbox} is no subclass of batchhub.sandbox.Sandbox")
    return sandbox


def get_sandbox(name: str) -> type[Sandbox]:
    """
    Load the sandbox of an adapter.

    Raises:
        NotKnownError: No such adapter is installed.
        UnsupportedError: It has no sandbox.
        AdapterError: Adapter or sandbox does not load.
    """
    adapter = Registry().get(name)
    info = AdapterInfo(name=name, distribution="", adapter=adapter, error=None)
    sandbox = find_sandbox(info)
    if sandbox is None:
        raise UnsupportedError(f"adapter {name!r} has no sandbox")
    return sandbox


def _to_json(info: AdapterInfo) -> dict[str, object]:
    adapter = info.adapter
    return {
        "name": info.name,
        "distribution": info.distribution,
        "operations": [] if adapter is None else list(adapter.operations),
        "sandbox": adapter is not None and adapter.sandbox is not None,
        "error": info.error,
    }
