"""Where a worker's settings come from: read at its start, and again whenever somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import frozen

from batchhub._alerts.settings import AlertSettings, read_alerts
from batchhub._settings.account_check import check_limits
from batchhub._settings.accounts import make_accounts
from batchhub._settings.registry import Registry
from batchhub._settings.twins import check_twins
from batchhub.adapter import Account
from batchhub.errors import AdapterError, SettingsError, UsageError
from batchhub.settings import CONFIG_NAME, Settings, load_settings


@frozen(kw_only=True)
class Reading:
    """
    Settings, and the accounts made of them.

    Attributes:
        settings: The settings.
        store: Where the store is to be.
        accounts: The accounts, by name.
        alerts: What is told, and to whom.
        broken: Why an account could not be made, by its name.
    """

    settings: Settings
    store: str
    accounts: Mapping[str, Account]
    alerts: AlertSettings
    broken: Mapping[str, UsageError | AdapterError]


class SettingsSource:
    """
    Reads settings as often as it is asked to.

    Args:
        find_file: Finds the settings file; `None` if there is none.
        find_store: Finds the store, which an option may name.
    """

    def __init__(
        self, find_file: Callable[[], Path | None], find_store: Callable[[Settings], str]
    ) -> None:
        self._find_file = find_file
        self._find_store = find_store
        self._path: Path | None = None

    def read(self) -> Reading:
        """
        Read the settings for the first time: an account that is broken stops no other.

        Raises:
            SettingsError: They can't be read, or there are no accounts.
            UsageError, AdapterError: No account can be made; this is what is wrong with the first.
        """
        reading = self._read()
        if not reading.accounts:
            raise next(iter(reading.broken.values()))
        self._path = self._keep(reading.settings)
        return reading

    def read_again(self) -> Reading:
        """
        Read the settings again: if anything is wrong with them, they are not to be taken.

        Raises:
            SettingsError: They can't be read, there are no accounts, or two contradict each other.
            UsageError, AdapterError: An account can't be made.
        """
        reading = self._read()
        for error in reading.broken.values():
            raise error
        by_lane: dict[str, dict[str, Account]] = {}
        for name, account in reading.accounts.items():
            by_lane.setdefault(account.lane, {})[name] = account
        for twins in by_lane.values():
            check_twins(twins)
        self._path = self._keep(reading.settings)
        return reading

    def _read(self) -> Reading:
        # A file that is gone is a mistake: without it all accounts would seem to be removed.
        settings = load_settings(self._path or self._find_file())
        if not settings.accounts:
            raise SettingsError(_no_accounts(settings), path=settings.path)
        registry = Registry()
        accounts: dict[str, Account] = {}
        broken: dict[str, UsageError | AdapterError] = {}
        for name in sorted(settings.accounts):
            try:
                made = make_accounts(settings, registry, [name])
                check_limits(made[name], registry.source_for(made[name]))
            except (UsageError, AdapterError) as error:
                broken[name] = error
            else:
                accounts |= made
        return Reading(
            settings=settings,
            store=self._find_store(settings),
            accounts=accounts,
            alerts=read_alerts(settings),
            broken=broken,
        )

    @staticmethod
    def _keep(settings: Settings) -> Path | None:
        return None if settings.path is None else Path(settings.path)


def _no_accounts(settings: Settings) -> str:
    if settings.path is not None:
        return f"{settings.path} has no accounts; an account starts with a line [accounts.NAME]"
    return (
        f"there is no {CONFIG_NAME} here, and no account in the environment; create the file with "
        "'batchhub init', or name one with --config"
    )
