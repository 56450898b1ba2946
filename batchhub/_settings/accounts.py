"""Accounts from settings: a table's keys, the secrets they refer to, and an adapter's class."""

from __future__ import annotations

import os
import stat
import tomllib
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, get_type_hints

from attrs import NOTHING, Attribute, Converter, fields, frozen

from batchhub._base.secrets import remember
from batchhub.adapter import Account
from batchhub.errors import AdapterError, NotKnownError, SettingsError, UsageError

from .account_check import check_names
from .described import find_described, hint_described
from .environment import account_variable, to_part, unknown_variable
from .file import AccountTable, Settings, unknown_key
from .keyring import find_in_keyring, stand_in
from .references import hint_for, is_file
from .registry import Registry

_REFERENCES: Final = {"env", "keyring"}
_OF_ALL: Final = {"proxy", "polling", "decimal"}
_FORMS: Final = 'must be { env = "NAME" }, { keyring = "service/name" } or text'
_TEXT: Final = (str, str | None, "str", "str | None", "Optional[str]")
_READABLE: Final = stat.S_IRGRP | stat.S_IROTH

_warned: set[tuple[str, str, str]] = set()


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
    known = _find_fields(account_type)
    reader = _Reader(account_type, table, environ, look_up)
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
    """Blank from now on what a table's variables hold: its adapter may show them as it loads."""
    for value in table.values.values():
        name = value.get("env") if isinstance(value, Mapping) else None
        if isinstance(name, str) and (found := os.environ.get(name)):
            remember([found])


class _Reader:
    """Collects an account's values, where its secrets come from, and what is wrong with them."""

    def __init__(
        self,
        account_type: type[Account],
        table: AccountTable,
        environ: Mapping[str, str],
        look_up: Callable[[str], str],
    ) -> None:
        self.problems: list[SettingsError] = []
        self.sources: dict[str, str] = {}
        self._type = account_type
        self._fields = _find_fields(account_type)
        self._table = table
        self._environ = environ
        self._look_up = look_up
        self._values: dict[str, Any] = {}
        self._origins: dict[str, str] = {}
        self._secrets: list[Any] = []
        self._hints = _find_hints(account_type)

    def note(self, why: str, key: str | None) -> None:
        """Add a problem: ``lacks …``, or what follows the account and a colon."""
        name = None if key is None else f"accounts.{self._table.name}.{key}"
        between = " " if why.startswith("lacks ") else ": "
        message = f"account {self._table.name!r} in {self._table.where}{between}{why}"
        self.problems.append(SettingsError(message, key=name, path=self._table.path))

    def take(self, key: str, value: Any) -> None:
        """Take a value of the file, or what it refers to."""
        is_secret = self._is_secret(key)
        # A secret's table is always a reference: a wrong one must not be taken for a value.
        if isinstance(value, Mapping) and (is_secret or _is_reference(value)):
            self._follow(key, value)
            return
        if is_secret and isinstance(value, str) and value:
            self.sources[key] = f"in plain text in {self._table.where}"
            self._warn(key)
        self._put(key, value)

    def take_variable(self, key: str, text: str) -> None:
        """Take a value of the account's own variable."""
        name = account_variable(self._table.name, key)
        self._put_text(key, text, f"environment variable {name}")

    def make(self) -> Account | None:
        """Make the account; the first thing its class refuses is a problem."""
        try:
            return self._type(**self._values)
        except KeyboardInterrupt:  # Ctrl-C
            raise
        except BaseException as error:  # a plug-in's class may refuse a value with any of them
            key = self._find_key(error)
            why = _blank(error, self._secrets)
            if key is not None and key not in why:
                why = f"{key}: {why}"
            if key in self._origins:
                why += f" (from the {self._origins[key]})"
            self.note(why, key)
            return None

    def _find_key(self, error: BaseException) -> str | None:
        """Return the key that an error is about, as far as that can be found out."""
        named: str | None = getattr(error, "key", None)
        if named is not None:
            return named
        text = str(error)
        for key, value in self._values.items():
            field = self._fields[key]
            # Validators of attrs quote the name. An error of a converter does not have it.
            if f"'{field.name}'" in text or _is_from_converter(error, field.converter, value):
                return key
        return None

    def _follow(self, key: str, reference: Mapping[str, Any]) -> None:
        """Take the value that ``{ env = … }`` or ``{ keyring = … }`` refers to."""
        kind, name = next(iter(reference.items())) if len(reference) == 1 else ("", None)
        if kind not in _REFERENCES or not isinstance(name, str) or not name:
            self.note(f"{key} {_FORMS}", key)
        elif kind == "env":
            if found := self._environ.get(name):
                self._put_text(key, found, f"environment variable {name}")
            else:
                why = f"comes from the environment variable {name}, which is not set"
                self.note(f"{key} {why}", key)
        else:
            try:
                found = self._look_up(name)
            except LookupError as error:
                self.note(f"{key} comes from the keyring, but {error.args[0]}", key)
            else:
                self._put_text(key, found, f"keyring entry {name}")

    def _put_text(self, key: str, text: str, origin: str) -> None:
        """Take a text from outside the file; a key that is not text gets it as TOML."""
        self._origins[key] = origin
        if self._is_secret(key):
            self.sources[key] = f"from the {origin}"
        field = self._fields[key]
        is_text = self._is_secret(key) or self._hints.get(field.name, field.type) in _TEXT
        self._put(key, text if is_text else _read_toml(text))

    def _put(self, key: str, value: Any) -> None:
        self._values[key] = value
        if self._is_secret(key):
            self._secrets.append(value)
            if isinstance(value, str):
                remember([value])  # before anything can fail and show it

    def _is_secret(self, key: str) -> bool:
        return bool(self._fields[key].metadata.get("secret"))

    def _warn(self, key: str) -> None:
        path = self._table.where
        # Of the file, not of its name: a relative one is another file in another folder.
        place = (str(Path(path).resolve()), self._table.name, key)
        if place in _warned:
            return
        _warned.add(place)
        open_to = ", which others on this machine can read" if _is_readable(path) else ""
        warnings.warn(
            f"the secret accounts.{self._table.name}.{key} is written in {path} itself{open_to}; "
            'put { env = "NAME" } or { keyring = "service/name" } there instead',
            stacklevel=5,
        )


def _find_fields(account_type: type[Account]) -> dict[str, Attribute[Any]]:
    """Return what an account is made of, by the keys of the settings."""
    found = {f.alias or f.name: f for f in fields(account_type) if f.init}
    # What an adapter declares comes first; these are of every account.
    return dict(sorted(found.items(), key=lambda item: item[0] in _OF_ALL))


def _is_from_converter(error: BaseException, converter: Any, value: Any) -> bool:
    """Whether a converter that sees nothing but the value refuses it with this very error."""
    if converter is None or isinstance(converter, Converter):
        return False
    try:
        converter(value)
    except Exception as again:
        return repr(again) == repr(error)
    return False


def _is_reference(value: Mapping[str, Any]) -> bool:
    return bool(value) and value.keys() <= _REFERENCES


def _find_hints(account_type: type[Account]) -> Mapping[str, Any]:
    try:
        return get_type_hints(account_type)
    except Exception:  # a name that only type checkers see; fall back to the field's own type
        return {}


def _read_toml(text: str) -> Any:
    """Read a TOML value; anything else is text."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def _is_readable(path: str) -> bool:
    try:
        return os.name == "posix" and bool(Path(path).stat().st_mode & _READABLE)
    except OSError:
        return False


def _blank(error: BaseException, secrets: Iterable[Any]) -> str:
    """Return the message of an error, without the secrets it may show."""
    text = str(error.args[0] if error.args else type(error).__name__)  # attrs adds the value
    for secret in secrets:
        for form in (str(secret), repr(secret).strip("'\"")):
            text = text.replace(form, "***") if form else text
    return text
