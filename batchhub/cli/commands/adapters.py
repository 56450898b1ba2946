"""`adapters` and `sandbox`: which adapters there are, and a vendor's sandbox, run until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
from importlib import import_module
from typing import Any

from batchhub._settings.described import describe_files
from batchhub._settings.references import is_file, path_of
from batchhub._settings.registry import AdapterInfo, Registry
from batchhub.adapter import Adapter
from batchhub.cli.screen.console import say, say_warning, write, write_json
from batchhub.cli.screen.tables import adapters_table, find_grade, plain_table, show_page
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import read_reference, read_settings
from batchhub.cli.shell.options import Common, SandboxOptions, parse_options
from batchhub.errors import AdapterError, SettingsError, UnsupportedError, UsageError
from batchhub.sandbox import Sandbox


async def list_adapters(invocation: Invocation) -> ExitCode:
    """List the installed adapters, the files that accounts name, and what can't be used."""
    registry = Registry()
    found = list(registry.describe())
    try:
        found += describe_files(read_settings(invocation.common).accounts, registry)
    except SettingsError as error:
        say_warning(f"{error}; adapters that are files are not shown")
    if invocation.common.json:
        write_json([_to_json(info) for info in found])
    elif found:
        show_page(adapters_table(found))
    else:
        say("no adapters are installed")
    return ExitCode.OK


async def run_sandbox(invocation: Invocation, options: SandboxOptions) -> ExitCode:
    """Run a vendor's sandbox until it is interrupted, which is its normal end."""
    adapter, file = _find_adapter(invocation.common, options.vendor)
    sandbox = _get_sandbox(adapter, file)()
    sandbox.change_switches(parse_options(options.set or ()))
    try:
        url = await sandbox.start(options.host, options.port)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise UsageError(f"can't listen on {options.host}:{options.port}: {why}") from None
    try:
        _write_started(invocation, adapter.name, file, sandbox, url)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say(f"\n{len(sandbox.journal):,} requests, {len(sandbox.executions):,} items executed")
    finally:
        await sandbox.aclose()
    return ExitCode.OK


async def list_switches(invocation: Invocation, vendor: str) -> ExitCode:
    """List the switches of a vendor's sandbox."""
    switches = _get_sandbox(*_find_adapter(invocation.common, vendor)).describe_switches()
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
        if isinstance(error, ModuleNotFoundError):
            why += "; is its folder on PYTHONPATH?"
        raise AdapterError(
            f"the sandbox of adapter {adapter.name!r} does not load: {why}"
        ) from error
    if not (isinstance(sandbox, type) and issubclass(sandbox, Sandbox)):
        raise AdapterError(f"{adapter.sandbox} is not a subclass of batchhub.sandbox.Sandbox")
    return sandbox


def _get_sandbox(adapter: type[Adapter[Any]], file: str | None) -> type[Sandbox]:
    """
    Load the sandbox of an adapter.

    Raises:
        UnsupportedError: It has no sandbox.
        AdapterError: The sandbox does not load.
    """
    sandbox = find_sandbox(adapter)
    if sandbox is None and file is not None:
        raise UnsupportedError(
            f"adapter {adapter.name!r} has no sandbox: it is a file; test it with "
            "batchhub.testing.ScriptedVendor, or name a stand-in of your own in the file: "
            'sandbox = "module:Class"'
        )
    if sandbox is None:
        raise UnsupportedError(f"adapter {adapter.name!r} has no sandbox")
    return sandbox


def _find_adapter(common: Common, name: str) -> tuple[type[Adapter[Any]], str | None]:
    """
    Find an adapter that is installed, a file, or described by a file that an account names.

    Args:
        common: The options; they say which settings.
        name: The adapter's name, or ``file:`` and the path of its description.

    Returns:
        The adapter, and the path of its description if it has one.

    Raises:
        NotKnownError: There is no adapter of that name.
        SettingsError: Its description can't be read.
        AdapterError: It does not load.
    """
    registry = Registry()
    if is_file(name):
        reference = read_reference(name)
        return registry.get(reference), path_of(reference)
    if name not in registry.names:
        for info in describe_files(read_settings(common).accounts, registry):
            if info.name == name and info.adapter is not None:
                return info.adapter, info.source
    return registry.get(name), None


def _write_started(
    invocation: Invocation, vendor: str, file: str | None, sandbox: Sandbox, url: str
) -> None:
    settings = sandbox.settings_toml(url, vendor)
    if file is not None:
        named = f"adapter = {json.dumps(vendor)}\n"
        settings = settings.replace(named, f"adapter = {json.dumps(f'file:{file}')}\n", 1)
    if invocation.common.json:
        write_json({"adapter": vendor, "url": url, "settings": settings})
        return
    # The whole output is a valid settings file, so that it can be redirected into one.
    write(f"# sandbox of {vendor} at {url}; Ctrl-C stops it")
    write(settings.rstrip())
    named = f"file:{file}" if file is not None else vendor
    for what, line in (
        ("ask it", f"batchhub doctor {vendor} --config FILE, where FILE holds the lines above"),
        *sandbox.usage(url),
        ("list its switches", f"batchhub sandbox {named} --switches"),
    ):
        write(f"# {what}: {line}")


def _to_json(info: AdapterInfo) -> dict[str, object]:
    adapter = info.adapter
    return {
        "name": info.name,
        "source": info.source,
        "operations": [] if adapter is None else list(adapter.operations),
        "sandbox": adapter is not None and adapter.sandbox is not None,
        "grade": find_grade(info),
        "error": info.error,
        "problems": list(info.problems),
    }
