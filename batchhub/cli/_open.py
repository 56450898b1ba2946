"""From options to an open door: which store, which settings, which accounts."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from platformdirs import user_data_path

from batchhub._accounts import make_accounts
from batchhub._registry import Registry
from batchhub.adapter import Account
from batchhub.errors import AdapterError, NotKnownError, SettingsError, UsageError
from batchhub.hub import BatchHub
from batchhub.settings import CONFIG_NAME, Settings, load_settings
from batchhub.store.database import find_path

from ._console import say_warning
from ._options import Common


def find_config(common: Common) -> Path | None:
    """Return the settings file: the one named, else ./batchhub.toml; `None` if there is none."""
    if common.config is not None:
        return common.config
    default = Path(CONFIG_NAME)
    return default if default.exists() else None


def read_settings(common: Common) -> Settings:
    """
    Read the settings file, if there is one, and the environment over it.

    Raises:
        SettingsError: They can't be read.
    """
    return load_settings(find_config(common))


def find_store(common: Common, settings: Settings | None = None) -> str:
    """
    Return where the jobs are kept: by option, environment, settings, or the user's data folder.

    Args:
        common: The options.
        settings: The settings, if they have been read already.

    Raises:
        SettingsError: The settings can't be read.
    """
    store = common.store
    if store is None:
        store = (settings or read_settings(common)).store
    if store is not None and find_path(store) is None:
        raise SettingsError(
            f"the store {store} would end with this command, and its jobs with it; name a file",
            key="store",
        )
    return str(user_data_path("batchhub") / "jobs.db") if store is None else store


def open_reader(common: Common, job_id: str | None = None) -> BatchHub:
    """
    Make a hub that reads the store, without any account or secret.

    Args:
        common: The options.
        job_id: The job that is to be looked up, if it is one.

    Raises:
        NotKnownError: There is no store, so there is no such job either.
    """
    store = find_store(common)
    if job_id is not None and not store_exists(store):
        raise NotKnownError("job", job_id, hint=f"there is no store {store} yet")
    return BatchHub(store)


def own_files(common: Common) -> list[Path]:
    """Return the files a command works with, which it must not write results over."""
    config = find_config(common)
    store = find_path(find_store(common))
    files = [] if config is None else [config]
    if store is not None:
        files += [store, *(Path(f"{store}{ending}") for ending in ("-wal", "-shm"))]
    return files


def store_exists(store: str) -> bool:
    """Whether there is such a store already; reading must not make one."""
    path = find_path(store)
    return path is not None and path.exists()


def open_hub(common: Common, account: str) -> BatchHub:
    """
    Make a hub with the one account a command needs.

    Raises:
        SettingsError: There are no settings, or the account lacks one.
        NotKnownError: The settings have no such account, or its adapter is not installed.
        AdapterError: Its adapter does not load.
    """
    settings = read_settings(common)
    return BatchHub(find_store(common, settings), make_one(settings, account))


def make_one(settings: Settings, account: str) -> dict[str, Account]:
    """
    Make the one account a command needs, under its name.

    Raises:
        SettingsError: There are no settings, or the account lacks one.
        NotKnownError: The settings have no such account, or its adapter is not installed.
        AdapterError: Its adapter does not load.
    """
    if settings.path is None and not settings.accounts:
        raise SettingsError(
            f"no account {account!r}: there is no {CONFIG_NAME} here; write one that has a table "
            f"[accounts.{account}] with 'batchhub init', or name a file with --config",
            path=CONFIG_NAME,
        )
    return make_accounts(settings, Registry(), [account])


def open_driver(common: Common, only: Collection[str] | None = None) -> BatchHub:
    """
    Make a hub with all accounts that are usable; the others are warned about and left out.

    Args:
        common: The options.
        only: The accounts that are needed; `None` takes all. If one of them is not in the
            settings all are taken: it may go by another name now.
    """
    if only is not None and not only:
        return BatchHub(find_store(common))
    settings = read_settings(common)
    store = find_store(common, settings)
    if settings.path is None and not settings.accounts:
        say_warning(f"there is no {CONFIG_NAME} here, so no account can be reached")
        return BatchHub(store)
    names = set(settings.accounts)
    if only is not None and names.issuperset(only):
        names = set(only)
    registry = Registry()
    accounts: dict[str, Account] = {}
    for name in sorted(names):
        try:
            accounts.update(make_accounts(settings, registry, [name]))
        except (UsageError, AdapterError) as error:
            say_warning(f"{error}; account {name!r} is left out")
    return BatchHub(store, accounts)
