"""
What an account says of itself, looked at before it is used: its class is a plug-in's.

An account that breaks a rule is named, and no other account is touched by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from attrs import fields

from batchhub._base.secrets import Blanker, blank
from batchhub.adapter import Account, Budget
from batchhub.errors import AdapterError, BatchHubError, SettingsError
from batchhub.polling.setting import read_polling

_LONGEST: Final = 1000


def check_names(account: Account, source: str) -> None:
    """
    Check who an account says it is.

    Args:
        account: The account.
        source: The distribution of its adapter, and its version.

    Raises:
        AdapterError: That can't be found out, or the lane is no text that begins with the adapter's
            name, so that it could be another adapter's.
    """
    for name in ("identity", "lane", "lane_without_host"):
        found = _read(account, name, source)
        if not isinstance(found, str) or not found or not found.isprintable():
            _refuse(account, name, source, "it must be text that can be shown")
        if name != "identity" and not found.startswith(f"{account.adapter}:"):
            _refuse(account, name, source, f"it must begin with '{account.adapter}:'")


def check_limits(account: Account, source: str) -> None:
    """
    Check what else is asked of an account: its secrets, and how often it may send.

    Args:
        account: The account.
        source: The distribution of its adapter, and its version.

    Raises:
        AdapterError: One of them can't be read, or is none.
    """
    secrets = _read(account, "secrets", source)
    if not isinstance(secrets, tuple | list) or not all(isinstance(one, str) for one in secrets):
        _refuse(account, "secrets", source, "it must be a tuple of texts")
    if not isinstance(_read(account, "budget", source), Budget):
        _refuse(account, "budget", source, "it must be a Budget")
    try:
        read_polling(_read(account, "polling", source))
    except SettingsError as error:  # an adapter's class may declare the field anew
        _refuse(account, "polling", source, str(error))
    answer_s = _read(account, "answer_s", source)
    if answer_s is not None and not (isinstance(answer_s, int | float) and answer_s > 0):
        _refuse(account, "answer_s", source, "it must be a number of seconds above zero, or None")
    rates = _read(account, "rates", source)
    if not isinstance(rates, Mapping) or not all(
        isinstance(name, str) and isinstance(rate, Budget) for name, rate in rates.items()
    ):
        _refuse(account, "rates", source, "it must be a mapping from names to Budgets")


def _read(account: Account, name: str, source: str) -> Any:
    try:
        return getattr(account, name)
    except KeyboardInterrupt:  # Ctrl-C
        raise
    except BaseException as error:
        words = " ".join(Blanker(_own_secrets(account)).text(blank(str(error))).split())
        kind = "" if isinstance(error, BatchHubError) else f"{type(error).__name__}: "
        _refuse(account, name, source, f"{kind}{words[:_LONGEST]}")


def _refuse(account: Account, name: str, source: str, what: str) -> NoReturn:
    whose = f"the account of adapter {account.adapter!r} ({source})"
    raise AdapterError(f"{whose} failed in {name}: {what}") from None


def _own_secrets(account: Account) -> Iterator[str]:
    """Yield the fields that are secret; `Account.secrets` may be what fails."""
    for each in fields(type(account)):
        value = getattr(account, each.name, None)
        if each.metadata.get("secret", False) and isinstance(value, str):
            yield value
