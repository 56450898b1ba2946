"""
The environment as settings: `BATCHHUB_ACCOUNTS__<ACCOUNT>__<KEY>` sets one key of an account.

Names are written in upper case, with ``_`` for every character other than A-Z and 0-9.
An empty variable counts as not set.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from batchhub.errors import SettingsError

STORE_VARIABLE: Final = "BATCHHUB_STORE"
"""The variable that names the store."""

STORE_MODE_VARIABLE: Final = "BATCHHUB_STORE_MODE"
"""The variable that says who may use the store."""

POLLING_VARIABLE: Final = "BATCHHUB_POLLING"
"""The variable that says when tickets of all accounts are polled."""

_PREFIX: Final = "BATCHHUB_ACCOUNTS__"
_ADAPTER: Final = "__ADAPTER"


@frozen(kw_only=True)
class AccountVariables:
    """
    The variables of one account.

    Attributes:
        values: Their values, by key as variables write it.
        problems: What is wrong with them; it stops this account alone.
    """

    values: Mapping[str, str] = field(factory=dict, repr=False)
    problems: tuple[SettingsError, ...] = ()


NOTHING_GIVEN: Final = AccountVariables()
"""For an account without variables."""


def to_part(name: str) -> str:
    """Write the name of an account or a key as variables have it."""
    return re.sub("[^A-Z0-9]", "_", name.upper())


def account_variable(account: str, key: str) -> str:
    """Return the name of the variable for a key of an account."""
    return f"{_PREFIX}{to_part(account)}__{to_part(key)}"


def find_account_values(
    accounts: Iterable[str], environ: Mapping[str, str]
) -> dict[str, AccountVariables]:
    """
    Return the variables of accounts, by the accounts' names.

    A variable that belongs to no account makes an unusable one of its name. So whoever looks at
    all accounts reports it, and none of the others is stopped.

    Args:
        accounts: The accounts of the file. An account may also be in the environment alone: then
            it has a variable for its adapter, and its name is the variable's in lower case.
        environ: The environment.
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
    problems: defaultdict[str, list[SettingsError]] = defaultdict(list)
    for rest, text in given.items():
        part, key = _split(rest, names)
        owners = names.get(part) or [part.lower()]
        if part in names and key and len(owners) == 1:
            values[owners[0]][key] = text
            continue
        for owner in owners:
            problems[owner].append(_ownerless(rest, part, key, names))
    return {
        name: AccountVariables(values=values[name], problems=tuple(problems[name]))
        for name in {**values, **problems}
    }


def unknown_variable(account: str, part: str, keys: Iterable[str]) -> SettingsError:
    """Make the error for a variable with an unknown key, with the closest known one."""
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


def _split(rest: str, parts: Iterable[str]) -> tuple[str, str]:
    """Split a variable into account and key; one that fits no account, at the last ``__``."""
    fitting = [part for part in parts if rest == part or rest.startswith(f"{part}__")]
    if fitting:
        part = max(fitting, key=len)
        return part, rest[len(part) + 2 :]
    part, _, key = rest.rpartition("__")
    return (part, key) if part else (rest, "")


def _ownerless(rest: str, part: str, key: str, names: Mapping[str, Iterable[str]]) -> SettingsError:
    """Make the error for a variable that belongs to no account, or could belong to two."""
    variable = f"{_PREFIX}{rest}"
    if not key:
        why = f"{variable} names no key, as {_PREFIX}<ACCOUNT>__<KEY> does"
    elif part in names:
        owners = " or ".join(map(repr, sorted(names[part])))
        why = f"{variable} could be for {owners}; give one of these accounts another name"
    else:
        near = difflib.get_close_matches(part, names, n=1)
        hint = (
            f"did you mean {_PREFIX}{near[0]}__{key}?"
            if near
            else f"a new account also needs {_PREFIX}{part}{_ADAPTER}"
        )
        why = f"{variable}: there is no such account; {hint}"
    return SettingsError(why, key=variable)
