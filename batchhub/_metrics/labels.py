"""Labels whose values come from people: bounded in number, and without a secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from batchhub._base.secrets import blank
from batchhub._base.show import clean

MOST_ACCOUNTS: Final = 200
"""How many accounts have figures of their own."""

OTHERS: Final = ""
"""The label of all accounts after those: no account is named so."""

_LONGEST: Final = 100


def label(text: str) -> str:
    """Return a name as a label: one line, without a secret in it."""
    return clean(blank(text), _LONGEST)


class AccountLabels:
    """
    The labels of accounts: their names for the first ones in the order of names, else `OTHERS`.

    Which these are depends on the names alone, not on what happens, so that a line in a graph
    stays the same account's.

    Args:
        accounts: The names of all accounts.
    """

    def __init__(self, accounts: Iterable[str]) -> None:
        names = sorted(accounts)
        self.known: Mapping[str, str] = {name: label(name) for name in names[:MOST_ACCOUNTS]}

    def of(self, account: str) -> str:
        """Return the label of an account; that of the others for one that is not known."""
        return self.known.get(account, OTHERS)
