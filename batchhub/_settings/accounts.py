"""Accounts from settings: a table's keys, the secrets they refer to, and an adapter's class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from attrs import NOTHING, frozen

from batchhub._base.secrets import remember
from batchhub.adapter import Account
from batchhub.errors import AdapterError, NotKnownError, SettingsError, UsageError

from .account_check import check_names
from .account_reader import AccountReader, find_fields, folder_of
from .described import find_described, hint_described
from .environment import to_part, unknown_variable
from .file import AccountTable, Settings, unknown_key
from .keyring import find_in_keyring, stand_in
from .references import hint_for, is_file
from .registry import Registry
from .secret_file import read_secret


@frozen(kw_only=True)
class AccountReading:
    """
    One account as its settings give it.

    Attributes:
        account: The account; `None` if it can't be made.
        sources: Where each of its secrets was found, by key, in words.
        problems: What is wrong, the most important first; empty if the account was made.
    """

    account: Account | None
    sources: Mapping[str, str]
    problems: tuple[SettingsError, ...]


def make_accounts(
    settings: Settings,
    registry: Registry,
    only: Collection[str] | None = None,
    look_up: Callable[[str], str] = find_in_keyring,
) -> dict[str, Account]:
    """
    Make the accounts of the settings; those named in `only`, if it is given.

    Args:
        settings: The settings.
        registry: The adapters.
        only: Names of accounts; `None` for all.
        look_up: Returns the secret of an entry of the keyring, or raises `LookupError`.

    Raises:
        SettingsError: A key is missing, unknown or wrong.
        NotKnownError: There is no such account, or its adapter is not installed.
        AdapterError: Its adapter does not load, or the account can't say who it is.
    """
    names = settings.accounts if only is None else only
    made: dict[str, Account] = {}
    for name in sorted(names):
        account_type, table = find_account(settings, name, registry)
        made[name] = make_account(account_type, table, look_up=look_up)
        check_names(made[name], registry.source_for(made[name]))
    return made


def outline_account(settings: Settings, name: str, registry: Registry) -> Account | None:
    """
    Return an account as it would be, without a look into the keyring; `None` if it can't be made.

    Its name, lane and whatever else is no secret are right. It is for comparing only: a secret of
    the keyring may be another text.
    """
    with suppress(UsageError, AdapterError), warnings.catch_warnings():
        # Only looked at: what is wrong with it is said where it is used.
        warnings.simplefilter("ignore")
        return make_accounts(settings, registry, [name], stand_in)[name]
    return None


def find_account(
    settings: Settings, name: str, registry: Registry
) -> tuple[type[Account], AccountTable]:
    """
    Return the class of an account and its table.

    Raises:
        SettingsError: It names no adapter, or a file that is none.
        NotKnownError: There is no such account, or its adapter is not installed.
        AdapterError: Its adapter does not load.
    """
    if name not in settings.accounts:
        known = [each.name for each in settings.accounts.values() if each.adapter_name is not None]
        raise NotKnownError("account", name, known, f"add it to {settings.where}")
    table = settings.accounts[name]
    if is_file(table.adapter):
        return find_described(settings.accounts, table, registry).account_type, table
    if table.adapter not in registry.names:
        fix = (
            hint_for(table.adapter)
            or hint_described(settings.accounts, table.adapter, registry)
            or "fix that, or install its package"
        )
        hint = f"account {name!r} in {table.where} names it: {fix}"
        raise NotKnownError("adapter", table.adapter, registry.names, hint)
    _remember_references(table)
    return registry.get(table.adapter).account_type, table


def make_account(
    account_type: type[Account],
    table: AccountTable,
    environ: Mapping[str, str] = os.environ,
    *,
    look_up: Callable[[str], str] = find_in_keyring,
) -> Account:
    """
    Make an account from its table and its variables.

    Warns, once per key, about a secret that is written in the file itself.

    Raises:
        SettingsError: A key is missing, unknown or wrong; its message names key and file.
    """
    reading = read_account(account_type, table, environ, look_up=look_up)
    if reading.account is None:
        raise reading.problems[0]
    return reading.account


def read_account(
    account_type: type[Account],
    table: AccountTable,
    environ: Mapping[str, str] = os.environ,
    *,
    look_up: Callable[[str], str] = find_in_keyring,
) -> AccountReading:
    """
    Make an account if it can be made; say where its secrets come from and what is wrong.

    Keys that are unknown or missing and references that lead nowhere are all listed. Without any,
    the account is made, and the first value that its class refuses is the problem.
    """
    known = find_fields(account_type)
    reader = AccountReader(account_type, table, environ, look_up)
    reader.problems += table.problems
    keys = {to_part(key): key for key in known}
    for part in table.variables:
        if part not in keys:
            reader.problems.append(unknown_variable(table.name, part, [*known, "adapter"]))
    # A variable wins: what the file says for the same key is not even looked up.
    over = {keys[part]: text for part, text in table.variables.items() if part in keys}
    for key, value in table.values.items():
        if key not in known:
            name = f"accounts.{table.name}.{key}"
            reader.problems.append(unknown_key(name, known, table.where))
        elif key not in over:
            reader.take(key, value)
    for key, text in over.items():
        reader.take_variable(key, text)
    given = {*table.values, *over}
    missing = [k for k, f in known.items() if f.default is NOTHING and k not in given]
    if missing:
        reader.note(f"lacks {', '.join(missing)}", missing[0])
    account = None if reader.problems else reader.make()
    return AccountReading(account=account, sources=reader.sources, problems=tuple(reader.problems))


def _remember_references(table: AccountTable) -> None:
    """Blank from now on what a table refers to: its adapter may show its variables as it loads."""
    for value in table.values.values():
        if not isinstance(value, Mapping):
            continue
        name, file = value.get("env"), value.get("file")
        if isinstance(name, str) and (found := os.environ.get(name)):
            remember([found])
        if isinstance(file, str):
            with suppress(LookupError):  # said when the account is made
                read_secret(file, folder_of(table))
