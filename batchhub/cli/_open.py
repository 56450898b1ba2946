"""From options to an open door: which store, which settings, which accounts."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from platformdirs import user_data_path

from batchhub.adapter import Account
from batchhub.errors import AdapterError, NotKnownError, SettingsError, UsageError
from batchhub.hub import BatchHub
from batchhub.settings import CONFIG_NAME, Settings, load_settings
from batchhub.store.database import find_path

from ._console import say_warning
from ._options import Common

STORE_VARIABLE: Final = "BATCHHUB_STORE"
"""The environment variable that names the store where nothing else does."""


def find_config(common: Common) -> Path | None:
    """Return the settings file: the one named, else ./batchhub.toml; `None` if there is none."""
    if common.config is not None:
        return common.config
    default = Path(CONFIG_NAME)
    return default if default.exists() else None


def find_store(common: Common) -> str:
    """
    Return where the jobs are kept: by option, settings, environment, or the user's data folder.

    Raises:
        SettingsError: The settings can't be read.
    """
    if common.store is not None:
        return common.store
    config = find_config(common)
    by_settings = None if config is None else load_settings(config).store
    by_environment = os.environ.get(STORE_VARIABLE) or None
    return by_settings or by_environment or str(user_data_path("batchhub") / "jobs.db")


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


def store_exists(store: str) -> bool:
    """Whether there is such a store already; reading must not make one."""
    path = find_path(store)
    return path is not None and path.exists()


def open_hub(common: Common, account: str) -> BatchHub:
    """
    Make a hub with the one account a command needs.

    Raises:
        SettingsError: There are no settings, or the account lacks one.
        NotKnownError: The settings have no such account.
    """
    config = find_config(common)
    if config is None:
        raise SettingsError(
            f"no account {account!r}: there is no {CONFIG_NAME} here; "
            f"write one with a table [accounts.{account}], or name a file with --config",
            path=CONFIG_NAME,
        )
    return BatchHub.from_config(config, store=find_store(common), only=[account])


def open_driver(common: Common, only: Collection[str] | None = None) -> BatchHub:
    """
    Make a hub with all accounts that are usable; the others are warned about and left out.

    Args:
        common: The options.
        only: The accounts that are needed; `None` takes all. If one of them is not in the
            settings all are taken: it may go by another name now.
    """
    store, config = find_store(common), find_config(common)
    if only is not None and not only:
        return BatchHub(store)
    if config is None:
        say_warning(f"there is no {CONFIG_NAME} here, so no account can be reached")
        return BatchHub(store)
    settings = load_settings(config)
    names = set(settings.accounts)
    if only is not None and names.issuperset(only):
        names = set(only)
    accounts: dict[str, Account] = {}
    for name in sorted(names):
        accounts.update(_find_account(settings, name))
    return BatchHub(store, accounts)


def _find_account(settings: Settings, name: str) -> dict[str, Account]:
    try:
        return dict(BatchHub.from_config(settings.path, only=[name]).accounts)
    except (UsageError, AdapterError) as error:
        say_warning(f"{error}; account {name!r} is left out")
        return {}
