"""One account's values: taken from its table and its variables, with what they refer to."""

from __future__ import annotations

import os
import shlex
import stat
import tomllib
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_type_hints

from attrs import Attribute, Converter, fields

from batchhub._base.secrets import remember
from batchhub.adapter import Account
from batchhub.errors import SettingsError

from .environment import account_variable
from .file import AccountTable
from .secret_file import read_secret

_REFERENCES: Final = {"env", "file", "keyring"}
_OF_ALL: Final = {"proxy", "polling", "decimal", "exchanges"}
_REFERENCE_FORMS: Final = '{ env = "NAME" }, { file = "PATH" }, { keyring = "service/name" }'
_OTHER_FORMS: Final = _REFERENCE_FORMS.replace(", { keyring", " or { keyring")
_FORMS: Final = f"must be {_REFERENCE_FORMS} or text"
_TEXT: Final = (str, str | None, "str", "str | None", "Optional[str]")
_READABLE: Final = stat.S_IRGRP | stat.S_IROTH

_warned: set[tuple[str, str, str]] = set()


class AccountReader:
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
        self._fields = find_fields(account_type)
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
        """Take the value that ``{ env = … }``, or one of the other references, refers to."""
        kind, name = next(iter(reference.items())) if len(reference) == 1 else ("", None)
        if kind not in _REFERENCES or not isinstance(name, str) or not name:
            self.note(f"{key} {_FORMS}", key)
        elif kind == "env":
            if found := self._environ.get(name):
                self._put_text(key, found, f"environment variable {name}")
            else:
                why = f"comes from the environment variable {name}, which is not set"
                self.note(f"{key} {why}", key)
        elif kind == "file":
            self._read_file(key, name)
        else:
            try:
                found = self._look_up(name)
            except LookupError as error:
                self.note(f"{key} comes from the keyring, but {error.args[0]}", key)
            else:
                self._put_text(key, found, f"keyring entry {name}")

    def _read_file(self, key: str, name: str) -> None:
        """Take what is in a file; a warning says so if others can read it."""
        try:
            found = read_secret(name, folder_of(self._table), self._environ)
        except LookupError as error:
            self.note(f"{key} comes from the file {error.args[0]}", key)
            return
        if found.is_open:
            self._warn_once(
                key,
                str(found.path),
                f"comes from {found.path}, which others on this machine can read; change that "
                "with: chmod o= " + shlex.quote(str(found.path)),
            )
        self._put_text(key, found.text, f"file {found.path}")

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
        open_to = ", which others on this machine can read" if _is_readable(path) else ""
        self._warn_once(
            key, path, f"is written in {path} itself{open_to}; put {_OTHER_FORMS} there instead"
        )

    def _warn_once(self, key: str, path: str, what: str) -> None:
        # Of the file, not of its name: a relative one is another file in another folder.
        place = (str(Path(path).resolve()), self._table.name, key)
        if place not in _warned:
            _warned.add(place)
            secret = f"the secret accounts.{self._table.name}.{key}"
            warnings.warn(f"{secret} {what}", stacklevel=6)


def folder_of(table: AccountTable) -> Path:
    """Return where a relative path in a table starts."""
    return Path() if table.path is None else Path(table.path).parent


def find_fields(account_type: type[Account]) -> dict[str, Attribute[Any]]:
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
