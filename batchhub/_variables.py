"""
The environment as settings: `BATCHHUB_ACCOUNTS__<ACCOUNT>__<KEY>` stands for an account's key.

Names are written in upper case, with ``_`` for whatever is no letter of A-Z and no digit.
An empty variable counts as one that is not set.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from .errors import SettingsError

STORE_VARIABLE: Final = "BATCHHUB_STORE"
"""The variable that names the store."""

_PREFIX: Final = "BATCHHUB_ACCOUNTS__"
_ADAPTER: Final = "__ADAPTER"


def to_part(name: str) -> str:
    """Write the name of an account or a key as it stands in a variable's."""
    return re.sub("[^A-Z0-9]", "_", name.upper())


def account_variable(account: str, key: str) -> str:
    """Return the variable for a key of an account."""
    return f"{_PREFIX}{to_part(account)}__{to_part(key)}"


def find_account_values(
    accounts: Iterable[str], environ: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """
    Return what the environment says of accounts: by account, then by key as variables write it.

    Args:
        accounts: The accounts of the file. Others are in the environment alone: each has a
            variable for its adapter, and the variable's name for it in lower case.
        environ: The environment.

    Raises:
        SettingsError: A variable belongs to no account, or could belong to two.
    """
    given = {name[len(_PREFIX) :]: text for name, text in environ.items() if text and _is_one(name)}
    names: defaultdict[str, list[str]] = defaultdict(list)
    for account in accounts:
        names[to_part(account)].append(account)
    for rest in given:
        part = rest.removesuffix(_ADAPTER)
        if part != rest and part and part not in names:
            names[part].append(part.lower())
    values: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for rest, text in given.items():
        part = _find_part(rest, names)
        if len(names[part]) > 1:
            raise SettingsError(
                f"{_PREFIX}{rest} could be for {' or '.join(map(repr, sorted(names[part])))}; "
                "give one of these accounts another name"
            )
        values[names[part][0]][rest[len(part) + 2 :]] = text
    return dict(values)


def unknown_variable(account: str, part: str, keys: Iterable[str]) -> SettingsError:
    """Make the error for a variable whose key nobody knows, with the nearest right one."""
    parts = [to_part(key) for key in keys]
    near = difflib.get_close_matches(part, parts, n=1)
    hint = (
        f"did you mean {account_variable(account, near[0])}?"
        if near
        else f"known for this account: {', '.join(parts)}"
    )
    name = account_variable(account, part)
    return SettingsError(f"{name}: there is no such setting; {hint}", key=name)


def _is_one(name: str) -> bool:
    return name.startswith(_PREFIX) and name != _PREFIX


def _find_part(rest: str, parts: Mapping[str, object]) -> str:
    fitting = [part for part in parts if rest.startswith(f"{part}__") and rest != f"{part}__"]
    if fitting:
        return max(fitting, key=len)
    name, _, key = rest.rpartition("__")
    if not name or not key:
        raise SettingsError(f"{_PREFIX}{rest} names no key, as {_PREFIX}<ACCOUNT>__<KEY> does")
    near = difflib.get_close_matches(name, parts, n=1)
    hint = (
        f"did you mean {_PREFIX}{near[0]}__{key}?"
        if near
        else f"one that no file has needs {_PREFIX}{name}{_ADAPTER}, too"
    )
    raise SettingsError(f"{_PREFIX}{rest}: there is no such account; {hint}")
