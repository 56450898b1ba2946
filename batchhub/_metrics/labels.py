"""Labels whose values come from people: bounded in number, and without a secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from batchhub._adapter.account import Account
from batchhub._base.secrets import blank
from batchhub._base.show import clean

from .sample import Sample

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
        self._known = {name: label(name) for name in names[:MOST_ACCOUNTS]}

    def of(self, account: str) -> str:
        """Return the label of an account; that of the others for one that is not known."""
        return self._known.get(account, OTHERS)


def _lane_of(account: Account) -> str:
    """Return an account's lane; empty for one that breaks a rule and is refused where used."""
    try:
        lane: object = account.lane
    except Exception:  # of a plug-in, whatever it may be
        return ""
    return lane if isinstance(lane, str) else ""


@frozen
class Member:
    """
    An account of the hub.

    Attributes:
        account: The label of its name.
        adapter: The label of its adapter.
        lane: Its lane.
    """

    account: str
    adapter: str
    lane: str


class Roster:
    """
    What figures call the accounts and adapters there are. Made anew with each look at the store:
    to find out takes longer than a scrape may.

    Attributes:
        members: The accounts of the hub.
        lanes: Their lanes.

    Args:
        accounts: The accounts of the hub, by name.
        sample: What was found in the store; it may have accounts of other hubs.
    """

    def __init__(self, accounts: Mapping[str, Account], sample: Sample | None) -> None:
        groups = () if sample is None else sample.figures.groups
        self._adapters: dict[str, str] = {}
        self._accounts = AccountLabels({*accounts, *(group.account for group in groups)})
        self.members = [
            Member(self.account(name), self.adapter(each.adapter), _lane_of(each))
            for name, each in accounts.items()
        ]
        self.lanes = {member.lane for member in self.members}
        for group in groups:
            self.adapter(group.adapter)

    def account(self, name: str) -> str:
        """Return the label of an account."""
        return self._accounts.of(name)

    def adapter(self, name: str) -> str:
        """Return the label of an adapter, which is one of `adapters` from then on."""
        found = self._adapters.get(name)
        if found is None:
            found = self._adapters[name] = label(name)
        return found

    @property
    def adapters(self) -> list[str]:
        """The labels of all adapters that figures are about, in the order of names."""
        return sorted({*self._adapters.values()})
