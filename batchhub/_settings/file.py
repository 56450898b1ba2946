"""
Settings: `batchhub.toml`, and the environment, which wins over it.

This module reads tables. What the keys of an account mean is defined by its adapter's `Account`
class; `accounts` brings the two together.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from batchhub._base.file_mode import FileMode
from batchhub.errors import SettingsError
from batchhub.polling import PollRule
from batchhub.polling.setting import read_polling

from .environment import (
    NOTHING_GIVEN,
    POLLING_VARIABLE,
    STORE_MODE_VARIABLE,
    STORE_VARIABLE,
    AccountVariables,
    find_account_values,
    to_part,
)
from .references import resolve
from .store_setting import StoreSetting, find_store_setting, read_store_setting

__all__ = ["CONFIG_NAME", "AccountTable", "Settings", "load_settings", "unknown_key"]

CONFIG_NAME: Final = "batchhub.toml"
"""The settings file that is looked for in the working folder."""

_TOP_LEVEL: Final = ("store", "store_mode", "polling", "accounts", "alerts", "cluster")
_ENVIRONMENT: Final = "the environment"

CLUSTER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
"""What a cluster can be called."""


@frozen(kw_only=True)
class AccountTable:
    """
    One account: its ``[accounts.NAME]`` table, and its variables in the environment.

    Attributes:
        name: The account's name.
        adapter_name: The adapter it names, or ``file:`` and the path of one, from the working
            folder; `None` if it names none.
        values: Its other keys, as the file has them.
        path: The file it was read from; `None` if it is in the environment alone.
        variables: Values from the environment, by key as variables write it; they win.
        problems: What is wrong with it whatever its adapter, the most important first. It stops
            only those who need this account.
    """

    name: str
    adapter_name: str | None = field(alias="adapter")
    values: Mapping[str, Any] = field(repr=False)
    path: str | None
    variables: Mapping[str, str] = field(factory=dict, repr=False)
    problems: tuple[SettingsError, ...] = ()

    @property
    def adapter(self) -> str:
        """
        Name of its adapter, or ``file:`` and its path.

        Raises:
            SettingsError: It names none.
        """
        if self.adapter_name is None:
            raise self.problems[0]
        return self.adapter_name

    @property
    def where(self) -> str:
        """Where it was read from, for messages."""
        return self.path or _ENVIRONMENT


@frozen(kw_only=True)
class Settings:
    """
    All settings.

    Attributes:
        store_setting: Path or URL of the store, or where that is kept. A relative path in the file
            starts from the file's folder, one in the environment from the working folder.
        store_mode: Who may use the store: ``private`` for its owner alone, or ``group``.
        polling: When tickets are polled of accounts without a setting of their own: a rule; `None`
            if nothing is said of it.
        accounts: The accounts by name.
        alerts: The table ``[alerts]`` as the file has it; `None` if it has none.
        cluster: The name that the cluster of the store must have; `None` for any.
        path: The file; `None` if there is none.
        is_store_in_file: Whether the store is the file's, and not the environment's.
    """

    store_setting: StoreSetting | None = field(alias="store", repr=False)
    store_mode: str = FileMode.PRIVATE.value
    polling: PollRule | None = None
    accounts: Mapping[str, AccountTable]
    alerts: Mapping[str, Any] | None = field(default=None, repr=False)
    cluster: str | None = None
    path: str | None
    is_store_in_file: bool = field(default=True, eq=False, repr=False)

    @property
    def where(self) -> str:
        """Where they were read from, for messages."""
        return self.path or _ENVIRONMENT

    @cached_property
    def store(self) -> str | None:
        """
        Path or URL of the store; looked up where it is kept when it is first asked for.

        Raises:
            SettingsError: It is not where the setting says.
        """
        return find_store_setting(self.store_setting, self.path if self.is_store_in_file else None)


def load_settings(
    path: str | os.PathLike[str] | None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """
    Read the settings. Secrets are looked up when an account is made, not here.

    Args:
        path: The file; `None` for the environment alone.
        environ: The environment; wins over the file.

    Raises:
        SettingsError: The file can't be read, is not TOML, or has an unknown key. Problems of
            one account, or of its variables, are raised when the account is made.
    """
    file = None if path is None else Path(path)
    table = {} if file is None else _read(file)
    for key in table:
        if key not in _TOP_LEVEL:
            raise _unknown_at_top(key, table, str(file))
    tables = _table(table.get("accounts", {}), "accounts", file)
    for name, values in tables.items():
        _table(values, f"accounts.{name}", file)
    given = find_account_values(tables, environ)
    in_file = read_store_setting(table.get("store"), file)
    return Settings(
        store=environ.get(STORE_VARIABLE) or in_file,
        is_store_in_file=not environ.get(STORE_VARIABLE),
        store_mode=_read_mode(environ.get(STORE_MODE_VARIABLE), table.get("store_mode"), file),
        polling=_read_rule(environ.get(POLLING_VARIABLE), table.get("polling"), file),
        accounts={
            name: _account_table(name, tables.get(name), given.get(name, NOTHING_GIVEN), file)
            for name in {**tables, **given}
        },
        alerts=_table(table["alerts"], "alerts", file) if "alerts" in table else None,
        cluster=_read_cluster(_table(table.get("cluster", {}), "cluster", file), file),
        path=None if file is None else str(file),
    )


def _read(file: Path) -> Mapping[str, Any]:
    try:
        # Some editors begin UTF-8 files with a byte order mark, which TOML does not allow.
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(f"no settings file {file}", path=str(file)) from None
    except IsADirectoryError:
        raise SettingsError(f"{file} is a folder, not a settings file", path=str(file)) from None
    except OSError as error:
        raise SettingsError(f"can't read {file}: {error.strerror}", path=str(file)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{file} is not UTF-8 text (line {line})", path=str(file)) from None
    except tomllib.TOMLDecodeError as error:
        why = str(error).replace("Cannot overwrite a value", "A key appears twice")
        raise SettingsError(f"{file} is no valid TOML: {why}", path=str(file)) from None


def _read_mode(over: str | None, given: Any, file: Path | None) -> str:
    """Read the mode of the store; the environment's wins if it is not empty."""
    known = [each.value for each in FileMode]
    mode = over or given
    if mode is None:
        return FileMode.PRIVATE.value
    if mode not in known:
        path = None if over or file is None else str(file)
        where = f"{path}: store_mode" if path else f"{_ENVIRONMENT}: {STORE_MODE_VARIABLE}"
        raise SettingsError(
            f"{where} must be {' or '.join(map(repr, known))}, not {mode!r}",
            key="store_mode",
            path=path,
        )
    return str(mode)


def _read_cluster(table: Mapping[str, Any], file: Path | None) -> str | None:
    """Read the name of the cluster."""
    for key in table:
        if key != "name":
            raise unknown_key(f"cluster.{key}", ["name"], str(file))
    name = table.get("name")
    if name is not None and not (isinstance(name, str) and CLUSTER_NAME.fullmatch(name)):
        raise SettingsError(
            f"{file}: cluster.name must be a word of letters, digits, -, _ and ., not {name!r}",
            key="cluster.name",
            path=str(file),
        )
    return name


def _read_rule(over: str | None, given: Any, file: Path | None) -> PollRule | None:
    """Read the rule for all accounts; the environment's wins if it is not empty."""
    path = None if over or file is None else str(file)
    where = f"{path}: polling" if path else f"{_ENVIRONMENT}: {POLLING_VARIABLE}"
    try:
        return read_polling(over or given, where)
    except SettingsError as error:
        raise SettingsError(str(error), key="polling", path=path) from None


def _account_table(
    name: str, values: Mapping[str, Any] | None, given: AccountVariables, file: Path | None
) -> AccountTable:
    path = None if file is None or values is None else str(file)
    rest, over = dict(values or {}), dict(given.values)
    adapter, variable = rest.pop("adapter", None), over.pop(to_part("adapter"), None)
    problems = list(given.problems)
    folder = Path() if variable or file is None else file.parent
    adapter = variable or adapter
    if not isinstance(adapter, str) or not adapter:
        if values is not None or not problems:
            problems.append(_no_adapter(name, adapter, rest, path))
        adapter = None
    else:
        try:
            adapter = resolve(adapter, folder)
        except LookupError as error:
            problems.append(_wrong_adapter(name, f"adapter {adapter!r}: {error.args[0]}", path))
            adapter = None
    return AccountTable(
        name=name,
        adapter=adapter,
        values=rest,
        path=path,
        variables=over,
        problems=tuple(problems),
    )


def _no_adapter(
    name: str, adapter: Any, rest: Mapping[str, Any], path: str | None
) -> SettingsError:
    near = difflib.get_close_matches("adapter", rest, n=1)
    if adapter is not None:
        why = ": adapter must be the name of an adapter, or file: and a path, as text"
    elif near:
        why = f" lacks adapter; did you mean it by {near[0]!r}?"
    else:
        why = " lacks adapter"
    key = f"accounts.{name}.adapter"
    return SettingsError(f"account {name!r} in {path or _ENVIRONMENT}{why}", key=key, path=path)


def _wrong_adapter(name: str, why: str, path: str | None) -> SettingsError:
    message = f"account {name!r} in {path or _ENVIRONMENT}: {why}"
    return SettingsError(message, key=f"accounts.{name}.adapter", path=path)


def _table(value: Any, key: str, file: Path | None) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    hint = "; an account's settings go below [accounts.NAME]" if key.startswith("accounts.") else ""
    raise SettingsError(f"{file}: {key} must be a table{hint}", key=key, path=str(file))


def _unknown_at_top(key: str, table: Mapping[str, Any], path: str) -> SettingsError:
    value = table[key]
    if isinstance(value, dict) and "adapter" in value:
        return SettingsError(
            f"{path}: unknown setting {key}; did you mean [accounts.{key}]?", key=key, path=path
        )
    return unknown_key(key, _TOP_LEVEL, path)


def unknown_key(key: str, known: Iterable[str], file: str | os.PathLike[str]) -> SettingsError:
    """Make the error for an unknown key, with the closest known one."""
    known = list(known)
    leaf = key.rpartition(".")[2]
    near = difflib.get_close_matches(leaf, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    return SettingsError(f"{file}: unknown setting {key}{hint}", key=key, path=str(file))
