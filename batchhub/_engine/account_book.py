"""The accounts of a hub as they were read together: which lane each is, and which can't be used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from typing import Final

from attrs import fields

from batchhub._adapter.account import Account
from batchhub._adapter.risks import find_risks
from batchhub._base.log import get_logger
from batchhub._settings.account_check import check_names
from batchhub._settings.registry import Registry
from batchhub._settings.twins import check_twins
from batchhub.errors import AdapterError, NotKnownError, SettingsError
from batchhub.polling import Adaptive, PollRule

_warned: Final[set[tuple[str, str, str]]] = set()

_log = get_logger()


class AccountBook:
    """
    Accounts by name and by lane. It never changes: other settings are another book.

    Attributes:
        registry: Their adapters.
        polling: The rule of those that have none.

    Args:
        accounts: The accounts, by name.
        registry: Their adapters.
        polling: The rule of those that have none.
    """

    def __init__(
        self, accounts: Mapping[str, Account], registry: Registry, polling: PollRule | None
    ) -> None:
        self.registry = registry
        self.polling = polling
        self._accounts = accounts
        self._by_lane: dict[str, dict[str, Account]] = {}
        self._broken: dict[str, AdapterError] = {}
        for name, account in accounts.items():
            self._add(name, account)

    def _add(self, name: str, account: Account) -> None:
        """Take an account; one that breaks a rule is refused where it is used, and no other is."""
        try:
            check_names(account, self.registry.source_for(account))
        except AdapterError as error:
            self._broken[name] = error
            _log.error("adapter.failed", account=name, error=str(error))
        else:
            self._by_lane.setdefault(account.lane, {})[name] = account

    def __len__(self) -> int:
        """Return how many accounts there are."""
        return len(self._accounts)

    @property
    def lanes(self) -> Collection[str]:
        """The names of their lanes."""
        return self._by_lane.keys()

    @property
    def usable(self) -> Mapping[str, Account]:
        """Those that break no rule, by name."""
        return {name: one for name, one in self._accounts.items() if name not in self._broken}

    def name_of(self, lane: str) -> str:
        """Return the name of a lane's account, the first if it has several."""
        return next(iter(self._by_lane[lane]))

    def get(self, name: str) -> Account:
        """
        Return an account by its name.

        Raises:
            NotKnownError: There is none.
            AdapterError: It breaks a rule.
            SettingsError: Another account has the same lane, and other settings.
        """
        if name not in self._accounts:
            hint = "" if self._accounts else "no accounts are configured"
            raise NotKnownError("account", name, self._accounts, hint)
        if name in self._broken:
            raise copy(self._broken[name])
        account = self._accounts[name]
        check_twins(self._by_lane[account.lane])
        return account

    def find(self, lane: str) -> Account | None:
        """
        Return the account of a lane; `None` if there is none.

        Raises:
            SettingsError: There are several, with different settings.
        """
        twins = self._by_lane.get(lane)
        if twins is None:
            return None
        check_twins(twins)
        return next(iter(twins.values()))

    def warn(self) -> None:
        """Log what is wrong with them, or risky; the latter once for each of the process."""
        for name, account in self.usable.items():
            for risk in find_risks(account):
                if (name, account.lane, risk) not in _warned:
                    _warned.add((name, account.lane, risk))
                    _log.warning("account.warned", account=name, lane=account.lane, risk=risk)
        for twins in self._by_lane.values():
            try:
                check_twins(twins)
            except SettingsError as error:  # refused when the lane is opened; reading is no harm
                _log.warning("accounts.differ", accounts=sorted(twins), reason=str(error))

    def is_same(self, account: Account, other: AccountBook, theirs: Account) -> bool:
        """Whether a lane's account has the settings that it has in another book."""
        if type(account) is not type(theirs):
            return False
        try:
            if any(
                getattr(account, each.name) != getattr(theirs, each.name)
                for each in fields(type(account))
                if each.eq and each.name != "polling"
            ):
                return False
            mine = self.polling if account.polling is None else account.polling
            other_rule = other.polling if theirs.polling is None else theirs.polling
            return _is_same_rule(mine, other_rule)
        except Exception:  # of a plug-in's class: then it is taken for another
            return False


def _is_same_rule(one: object, other: object) -> bool:
    if one is other or one == other:
        return True
    # The usual rule is made anew with each reading of the settings, and compares by identity.
    return all(each is None or type(each) is Adaptive for each in (one, other))
