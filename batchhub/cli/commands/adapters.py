"""`adapters` and `sandbox`: what is installed, and a vendor's sandbox server, run until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
from importlib import import_module
from typing import Any

from batchhub._settings.registry import AdapterInfo, Registry
from batchhub.adapter import Adapter
from batchhub.cli.screen.console import say, write, write_json
from batchhub.cli.screen.tables import adapters_table, find_grade, plain_table, show_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.options import SandboxOptions, parse_options
from batchhub.errors import AdapterError, UnsupportedError, UsageError
from batchhub.sandbox import Sandbox


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


async def run_sandbox(invocation: Invocation, options: SandboxOptions) -> ExitCode:
    """Run a vendor's sandbox until it is interrupted, which is its normal end."""
    sandbox = get_sandbox(options.vendor)()
    sandbox.change_switches(parse_options(options.set or ()))
    try:
        url = await sandbox.start(options.host, options.port)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise UsageError(f"can't listen on {options.host}:{options.port}: {why}") from None
    try:
        _write_started(invocation, options.vendor, sandbox, url)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say(f"\n{len(sandbox.journal):,} requests, {len(sandbox.executions):,} items executed")
    finally:
        await sandbox.aclose()
    return ExitCode.OK


async def list_switches(invocation: Invocation, vendor: str) -> ExitCode:
    """List the switches of a vendor's sandbox."""
    switches = get_sandbox(vendor).describe_switches()
    if invocation.common.json:
        write_json([switch._asdict() for switch in switches])
        return ExitCode.OK
    table = plain_table("switch", "default", "effect", wraps=["effect"])
    for switch in switches:
        table.add_row(switch.name, json.dumps(switch.default), switch.help)
    show_page(table)
    return ExitCode.OK


def find_sandbox(adapter: type[Adapter[Any]]) -> type[Sandbox] | None:
    """
    Load the sandbox of an adapter; `None` if it has none.

    Raises:
        AdapterError: It does not load, or is not a sandbox.
    """
    if adapter.sandbox is None:
        return None
    module, _, name = adapter.sandbox.partition(":")
    try:
        sandbox = getattr(import_module(module), name)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise AdapterError(
            f"the sandbox of adapter {adapter.name!r} does not load: {why}"
        ) from error
    if not (isinstance(sandbox, type) and issubclass(sandbox, Sandbox)):
        raise AdapterError(f"{adapter.sandbox} is not a subclass of batchhub.sandbox.Sandbox")
    return sandbox


def get_sandbox(name: str) -> type[Sandbox]:
    """
    Load the sandbox of an adapter.

    Raises:
        NotKnownError: No adapter of that name is installed.
        UnsupportedError: It has no sandbox.
        AdapterError: Adapter or sandbox does not load.
    """
    sandbox = find_sandbox(Registry().get(name))
    if sandbox is None:
        raise UnsupportedError(f"adapter {name!r} has no sandbox")
    return sandbox


def _write_started(invocation: Invocation, vendor: str, sandbox: Sandbox, url: str) -> None:
    settings = sandbox.settings_toml(url, vendor)
    if invocation.common.json:
        write_json({"adapter": vendor, "url": url, "settings": settings})
        return
    # The whole output is a valid settings file, so that it can be redirected into one.
    write(f"# sandbox of {vendor} at {url}; Ctrl-C stops it")
    write(settings.rstrip())


def _to_json(info: AdapterInfo) -> dict[str, object]:
    adapter = info.adapter
    return {
        "name": info.name,
        "distribution": info.distribution,
        "operations": [] if adapter is None else list(adapter.operations),
        "sandbox": adapter is not None and adapter.sandbox is not None,
        "grade": find_grade(info),
        "error": info.error,
    }
