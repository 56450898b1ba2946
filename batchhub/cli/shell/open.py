"""From options to a hub: which store, which settings, which accounts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path

from batchhub._base.store_path import list_all_files
from batchhub._base.store_place import find_store_place
from batchhub._settings.accounts import make_accounts, outline_account
from batchhub._settings.described import find_name, in_short
from batchhub._settings.keyring import recall_from_keyring
from batchhub._settings.references import resolve
from batchhub._settings.registry import Registry
from batchhub._settings.twins import check_twins
from batchhub.adapter import Account
from batchhub.cli.screen.console import say_warning
from batchhub.errors import AdapterError, NotKnownError, SettingsError, UsageError
from batchhub.hub import BatchHub, BatchJob
from batchhub.settings import CONFIG_NAME, Settings, load_settings

from .options import Common


def find_config(common: Common) -> Path | None:
    """Return the settings file: the one given, else ./batchhub.toml; `None` if there is none."""
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


def read_reference(adapter: str) -> str:
    """
    Read an adapter that an option names: its name, or a file from the working folder.

    Raises:
        UsageError: There can be no such file.
    """
    try:
        return resolve(adapter, Path())
    except LookupError as error:
        raise UsageError(f"adapter {adapter!r}: {error.args[0]}") from None


def find_store(common: Common, settings: Settings | None = None) -> str:
    """
    Return the store: from the option, the environment, the settings, or the user's data folder.

    Args:
        common: The options.
        settings: The settings, if they have been read already.

    Raises:
        SettingsError: The settings can't be read.
    """
    store = common.store
    if store is None:
        store = (settings or read_settings(common)).store
    if store is not None and not find_store_place(store).is_shared:
        raise SettingsError(
            f"store {store} would be lost when this command ends; name a file",
            key="store",
        )
    return str(user_data_path("batchhub") / "jobs.db") if store is None else store


def open_reader(common: Common, name: str | None = None) -> BatchHub:
    """
    Make a hub that reads the store, without any account or secret.

    Args:
        common: The options.
        name: What names the job to be looked up, if any.

    Raises:
        NotKnownError: There is no store, so there is no such job either.
    """
    store = find_store(common)
    if name is not None and not store_exists(store):
        raise NotKnownError("job", name, hint=no_store(store))
    return BatchHub(store)


def no_store(store: str) -> str:
    """Say that a store does not exist; its name may be mistyped."""
    return f"store {store} does not exist yet"


def own_files(common: Common) -> list[Path]:
    """Return the files that results must not overwrite: the settings and the store."""
    config = find_config(common)
    store = find_store_place(find_store(common)).path
    files = [] if config is None else [config]
    if store is not None:
        files += list_all_files(store)
    return files


def needs_worker(common: Common) -> bool:
    """Whether only workers drive the store's jobs, and commands hand over and watch."""
    return find_store_place(find_store(common)).is_postgres


def store_exists(store: str) -> bool:
    """
    Whether a store exists; a command that reads must not create one.

    Whether a database has its tables is found out when it is opened, which creates nothing.

    Raises:
        SettingsError: It can't be a file.
    """
    place = find_store_place(store)
    try:
        return place.is_postgres or (place.path is not None and place.path.exists())
    except OSError as error:
        raise SettingsError(f"store {store}: {error.strerror}", key="store") from None


def open_hub(common: Common, account: str) -> BatchHub:
    """
    Make a hub with the one account a command needs.

    Raises:
        SettingsError: There are no settings, or the account lacks one.
        NotKnownError: The settings have no such account, or its adapter is not installed.
        AdapterError: Its adapter does not load.
    """
    settings, registry = read_settings(common), Registry()
    made = make_one(settings, account, registry)
    return _make_hub(common, settings, _with_twins(settings, made, registry))


def make_one(settings: Settings, account: str, registry: Registry) -> dict[str, Account]:
    """
    Make the one account a command needs, under its name.

    Args:
        settings: The settings.
        account: The account's name.
        registry: The adapters: one for all a command makes, so that it reads each file once.

    Raises:
        SettingsError: There are no settings, or the account lacks one.
        NotKnownError: The settings have no such account, or its adapter is not installed.
        AdapterError: Its adapter does not load.
    """
    if settings.path is None and not settings.accounts:
        raise SettingsError(
            f"no account {account!r}: there is no {CONFIG_NAME} here; create one that has a table "
            f"[accounts.{account}] with 'batchhub init', or name a file with --config",
            path=CONFIG_NAME,
        )
    return make_accounts(settings, registry, [account])


def open_owner(common: Common, job: BatchJob, *, drives: bool = True) -> BatchHub:
    """
    Make a hub with the one account that can continue a job, whatever its name is now.

    Args:
        common: The options.
        job: The job, from a hub that reads.
        drives: Whether the hub sends anything.

    Raises:
        UsageError: The account of that name is now a different one at the vendor.
        SettingsError: There are no settings, or the account lacks one.
        NotKnownError: No account has the job's lane.
        AdapterError: Its adapter does not load.
    """
    settings, registry = read_settings(common), Registry()
    name = job.status.account
    owner: dict[str, Account] = {}
    problem: UsageError | AdapterError | None = None
    try:
        owner = make_one(settings, name, registry)
    except (UsageError, AdapterError) as error:
        problem = error
    if not _has_lane(owner, job.lane):
        owner = _find_owner(settings, job.lane, registry) or owner
    if problem is not None and not owner:
        raise problem
    if not _has_lane(owner, job.lane) and name in owner:
        # A job of an earlier version: the hub moves it to its account, if it is certain.
        adapter = {owner[name].adapter}
        others = _outline(
            settings, adapter, registry, lambda one: one.lane_without_host == job.lane
        )
        if len({one.lane for one in others.values()}) == 1 and name in others:
            return _make_hub(
                common, settings, _with_twins(settings, owner, registry), drives=drives
            )
        owner = {**others, **owner}
    if not _has_lane(owner, job.lane):
        raise UsageError(f"{explain_account(job, owner)}; nothing was sent")
    return _make_hub(common, settings, _with_twins(settings, owner, registry), drives=drives)


def open_driver(common: Common, jobs: Collection[BatchJob] | None = None) -> BatchHub:
    """
    Make a hub with all usable accounts; a warning names those that are left out.

    Args:
        common: The options.
        jobs: The jobs to be driven, from a hub that reads; only their accounts are made. `None`
            makes all accounts, and so does a job whose account has another lane now: its own
            account may have been renamed.
    """
    if jobs is not None and not jobs:
        return BatchHub(find_store(common))
    settings = read_settings(common)
    store = find_store(common, settings)
    if settings.path is None and not settings.accounts:
        say_warning(f"there is no {CONFIG_NAME} here; no account can be reached")
        return BatchHub(store)
    known = set(settings.accounts)
    names = known if jobs is None else {job.status.account for job in jobs} & known
    registry = Registry()
    accounts = _make_usable(settings, names, registry)
    if jobs is not None and not all(_has_lane(accounts, job.lane) for job in jobs):
        lanes = {job.lane for job in jobs}
        adapters = {job.status.adapter for job in jobs}
        others = _outline(
            settings,
            adapters,
            registry,
            lambda one: not lanes.isdisjoint({one.lane, one.lane_without_host}),
        )
        accounts.update(_make_usable(settings, others.keys() - names, registry))
    return _make_hub(common, settings, _with_twins(settings, accounts, registry))


def explain_account(job: BatchJob, accounts: Mapping[str, Account]) -> str:
    """Say why a job's account can't be reached: its name means another one now, or none."""
    name = job.status.account
    twins = {each: account for each, account in accounts.items() if account.lane == job.lane}
    if twins:
        try:
            check_twins(twins)
        except SettingsError as error:
            return f"job {job.id}: {error}"
    alike = [each for each, one in accounts.items() if one.lane_without_host == job.lane]
    if name in alike:
        others = ", ".join(f"{each!r} ({accounts[each].lane})" for each in sorted(alike))
        return (
            f"job {job.id} is of an earlier version, which told accounts apart by {job.lane} "
            f"alone, and it may belong to any of {others}; take the others out of the settings to "
            "continue it"
            if len({accounts[each].lane for each in alike}) > 1
            else f"job {job.id} is of an earlier version, and {accounts[name].lane} has another "
            "job with its key; cancel it, or retry it"
        )
    if name in accounts:
        return (
            f"job {job.id} belongs to {job.lane}, but account {name!r} is now "
            f"{accounts[name].lane}; add an account for {job.lane} to the settings"
        )
    return f"job {job.id} needs account {name!r}, complete, in the settings ({job.lane})"


def _has_lane(accounts: Mapping[str, Account], lane: str) -> bool:
    return any(account.lane == lane for account in accounts.values())


def _make_hub(
    common: Common, settings: Settings, accounts: Mapping[str, Account], *, drives: bool = True
) -> BatchHub:
    return BatchHub(
        find_store(common, settings),
        accounts,
        store_mode=settings.store_mode,
        polling=settings.polling,
        drives=drives,
    )


def _with_twins(
    settings: Settings, made: dict[str, Account], registry: Registry
) -> dict[str, Account]:
    """
    Add the accounts that go through the same lanes under other names: the hub compares them.

    The keyring is not asked for their sake. An entry that was not read for an account of the
    command can't be compared; a warning says so, and the account stays out.
    """
    lanes, adapters = {one.lane for one in made.values()}, {one.adapter for one in made.values()}
    found: dict[str, Account] = {}
    alike = _outline(settings, adapters, registry, lambda one: one.lane in lanes)
    for name, outline in alike.items():
        if name in made:
            found[name] = made[name]
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.update(make_accounts(settings, registry, [name], recall_from_keyring))
        except SettingsError:
            first = next(each for each, one in made.items() if one.lane == outline.lane)
            say_warning(
                f"accounts {first!r} and {name!r} are both {outline.lane}; nobody knows whether "
                f"their secrets differ: the keyring is read for {first!r} only; give both the same "
                "entry, or remove one"
            )
    return {**found, **made}


def _outline(
    settings: Settings,
    adapters: Collection[str],
    registry: Registry,
    is_alike: Callable[[Account], bool],
) -> dict[str, Account]:
    """Return the outlines of the accounts of some adapters that are alike, by name."""
    found: dict[str, Account] = {}
    for name, table in sorted(settings.accounts.items()):
        if find_name(table, registry) not in adapters:
            continue
        one = outline_account(settings, name, registry)
        if one is not None and is_alike(one):
            found[name] = one
    return found


def _find_owner(settings: Settings, lane: str, registry: Registry) -> dict[str, Account]:
    """Find the account of a lane, under its name; empty if there is none."""
    names = {find_name(table, registry) for table in settings.accounts.values()}
    adapters = {name for name in names if name is not None and lane.startswith(f"{name}:")}
    for name in _outline(settings, adapters, registry, lambda one: one.lane == lane):
        with suppress(UsageError, AdapterError):
            return make_accounts(settings, registry, [name])
    return {}


def _make_usable(
    settings: Settings, names: Iterable[str], registry: Registry
) -> dict[str, Account]:
    accounts: dict[str, Account] = {}
    for name in sorted(names):
        try:
            accounts.update(make_accounts(settings, registry, [name]))
        except (UsageError, AdapterError) as error:
            rest = ", which 'batchhub check' lists" if getattr(error, "problems", ()) else ""
            say_warning(f"{in_short(error)}{rest}; account {name!r} is ignored")
    return accounts
