"""The adapters of accounts that name a file: each the only one of its name in the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from batchhub.adapter import Adapter
from batchhub.errors import BatchHubError, SettingsError

from .file import AccountTable
from .references import is_file, path_of
from .registry import AdapterInfo, Registry


def find_described(
    accounts: Mapping[str, AccountTable], table: AccountTable, registry: Registry
) -> type[Adapter[Any]]:
    """
    Return the adapter of an account that names a file.

    Args:
        accounts: All accounts of the settings.
        table: The account.
        registry: The adapters.

    Raises:
        SettingsError: The file can't be read or is no description, or another one has its name.
    """
    try:
        adapter = registry.get(table.adapter)
        _check_alone(adapter, accounts, table, registry)
    except SettingsError as error:
        heading = str(error).partition("\n")[0]
        raise SettingsError(
            f"account {table.name!r} in {table.where}: {heading}",
            key=f"accounts.{table.name}.adapter",
            path=error.path,
            problems=error.problems,
        ) from None
    return adapter


def find_name(table: AccountTable, registry: Registry) -> str | None:
    """Return the name of an account's adapter; `None` if that can't be found out."""
    if not is_file(table.adapter_name):
        return table.adapter_name
    try:
        return registry.get(table.adapter).name
    except SettingsError:
        return None


def hint_described(
    accounts: Mapping[str, AccountTable], name: str, registry: Registry
) -> str | None:
    """Return what to write for a name that is that of a file; `None` if no account names one."""
    for table in accounts.values():
        if is_file(table.adapter_name) and find_name(table, registry) == name:
            return f"a file describes it, which is named by its path: {table.adapter}"
    return None


def describe_files(
    accounts: Mapping[str, AccountTable], registry: Registry
) -> Iterator[AdapterInfo]:
    """Load every description that accounts name, each once, and yield how it went."""
    shown: list[object] = []
    for table in accounts.values():
        if not is_file(table.adapter_name):
            continue
        adapter, error, name = None, None, table.adapter
        problems: tuple[str, ...] = ()
        try:
            adapter = find_described(accounts, table, registry)
        except SettingsError as failure:
            error, problems = in_short(failure), failure.problems
        else:
            name = adapter.name
        if (adapter or name) not in shown:
            shown.append(adapter or name)
            source = path_of(table.adapter)
            yield AdapterInfo(
                name=name, source=source, adapter=adapter, error=error, problems=problems
            )


def in_short(error: BatchHubError) -> str:
    """Return an error in a line: without the list of what is wrong with a file."""
    if not isinstance(error, SettingsError) or not error.problems:
        return str(error)
    return str(error).partition("\n")[0].removesuffix(":")


def _check_alone(
    adapter: type[Adapter[Any]],
    accounts: Mapping[str, AccountTable],
    table: AccountTable,
    registry: Registry,
) -> None:
    """Refuse a name that two files give: nobody could say whose jobs are in the store."""
    for other in accounts.values():
        if not is_file(other.adapter_name) or other.adapter_name == table.adapter_name:
            continue
        if find_name(other, registry) == adapter.name and registry.get(other.adapter) != adapter:
            mine, its = sorted(map(path_of, (table.adapter, other.adapter)))
            raise SettingsError(
                f"{mine} and {its} both describe an adapter {adapter.name!r}; give one of them "
                "another name",
                path=path_of(table.adapter),
            )
