"""
Settings: what `batchhub.toml` says.

This file reads tables; what an account's keys mean is said by its adapter's
`Account` class, and `_accounts` brings the two together.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from .errors import SettingsError

__all__ = ["CONFIG_NAME", "AccountTable", "Settings", "load_settings", "unknown_key"]

CONFIG_NAME: Final = "batchhub.toml"
"""The settings file that is looked for in the working folder."""

_TOP_LEVEL: Final = ("store", "accounts")


@frozen(kw_only=True)
class AccountTable:
    """
    One ``[accounts.NAME]`` table.

    Attributes:
        name: The account's name.
        adapter: The adapter it names.
        values: Its other keys, as they stand in the file.
        path: The file it was read from.
    """

    name: str
    adapter: str
    values: Mapping[str, Any]
    path: str


@frozen(kw_only=True)
class Settings:
    """
    What a settings file says.

    Attributes:
        store: Path or URL of the store; a relative path is taken from the file's folder.
        accounts: The account tables by name.
        path: The file.
    """

    store: str | None
    accounts: Mapping[str, AccountTable]
    path: str


def load_settings(path: str | os.PathLike[str]) -> Settings:
    """
    Read a settings file. Secrets are looked up when an account is made, not here.

    Raises:
        SettingsError: The file can't be read, is no TOML, or has a key nobody knows.
    """
    file = Path(path)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"no settings file {file}", path=str(file)) from None
    except IsADirectoryError:
        raise SettingsError(f"{file} is a folder, not a settings file", path=str(file)) from None
    except OSError as error:
        raise SettingsError(f"can't read {file}: {error.strerror}", path=str(file)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is no valid TOML: {error}", path=str(file)) from None
    for key in table:
        if key not in _TOP_LEVEL:
            raise unknown_key(key, _TOP_LEVEL, file)
    return Settings(
        store=_resolve_store(table.get("store"), file),
        accounts={
            name: _account_table(name, values, file)
            for name, values in _table(table.get("accounts", {}), "accounts", file).items()
        },
        path=str(file),
    )


def _resolve_store(store: Any, file: Path) -> str | None:
    if store is None:
        return None
    if not isinstance(store, str) or not store:
        raise SettingsError(f"{file}: store must be a path or a URL", key="store", path=str(file))
    path = store.removeprefix("sqlite:///")
    if "://" in path or path == ":memory:":
        return store
    try:
        return str(file.parent / Path(path).expanduser())
    except RuntimeError:
        raise SettingsError(
            f"{file}: store {store}: there is no such home folder", key="store", path=str(file)
        ) from None


def _account_table(name: str, values: Any, file: Path) -> AccountTable:
    rest = dict(_table(values, f"accounts.{name}", file))
    adapter = rest.pop("adapter", None)
    if not isinstance(adapter, str) or not adapter:
        raise SettingsError(
            f"account {name!r} in {file} lacks adapter",
            key=f"accounts.{name}.adapter",
            path=str(file),
        )
    return AccountTable(name=name, adapter=adapter, values=rest, path=str(file))


def _table(value: Any, key: str, file: Path) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{file}: {key} must be a table", key=key, path=str(file))
    return value


def unknown_key(key: str, known: Iterable[str], file: str | os.PathLike[str]) -> SettingsError:
    """Make the error for a key nobody knows, with the nearest right one."""
    known = list(known)
    leaf = key.rpartition(".")[2]
    near = difflib.get_close_matches(leaf, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    return SettingsError(f"{file}: unknown setting {key}{hint}", key=key, path=str(file))
