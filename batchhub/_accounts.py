"""Accounts, made of the settings: a table's keys, the secrets they point to, an adapter's class."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import NOTHING, fields

from .adapter import Account
from .errors import SettingsError
from .settings import AccountTable, unknown_key


def make_account(
    account_type: type[Account], table: AccountTable, environ: Mapping[str, str] = os.environ
) -> Account:
    """
    Make an account of its table.

    Raises:
        SettingsError: A key is missing, unknown or wrong; its message names key and file.
    """
    known = {f.name: f for f in fields(account_type) if f.init}
    values: dict[str, Any] = {}
    for key, value in table.values.items():
        if key not in known:
            raise unknown_key(f"accounts.{table.name}.{key}", known, table.path)
        values[key] = _resolve(value, key, table, environ)
    missing = [n for n, f in known.items() if f.default is NOTHING and n not in values]
    if missing:
        names = ", ".join(missing)
        raise SettingsError(
            f"account {table.name!r} in {table.path} lacks {names}",
            key=f"accounts.{table.name}.{missing[0]}",
            path=table.path,
        )
    try:
        return account_type(**values)
    except Exception as error:  # a plug-in's class may refuse a value with any of them
        named = getattr(error, "key", None)
        secrets = [values[n] for n, f in known.items() if f.metadata.get("secret") and n in values]
        raise SettingsError(
            f"account {table.name!r} in {table.path}: {_blank(error, secrets)}",
            key=f"accounts.{table.name}.{named}" if named else None,
            path=table.path,
        ) from None


def _blank(error: Exception, secrets: Iterable[Any]) -> str:
    """Return what an error says, without the secrets it may show."""
    text = str(error.args[0] if error.args else type(error).__name__)  # attrs adds the value
    for secret in secrets:
        for form in (str(secret), repr(secret).strip("'\"")):
            text = text.replace(form, "***") if form else text
    return text


def _resolve(value: Any, key: str, table: AccountTable, environ: Mapping[str, str]) -> Any:
    """Replace ``{ env = "NAME" }`` by the variable's value."""
    if not (isinstance(value, Mapping) and set(value) == {"env"}):
        return value
    variable = value["env"]
    found = environ.get(str(variable))
    if not found:
        raise SettingsError(
            f"account {table.name!r} in {table.path}: {key} is to come from the environment "
            f"variable {variable}, which is not set",
            key=f"accounts.{table.name}.{key}",
            path=table.path,
        )
    return found
