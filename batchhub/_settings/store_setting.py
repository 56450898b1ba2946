"""The store as the settings name it: by path or URL, or by where its URL is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from batchhub._base.secrets import forget, remember
from batchhub._base.store_place import find_passwords
from batchhub.errors import SettingsError

from .keyring import find_in_keyring
from .place import Place

StoreSetting = str | Mapping[str, Any]
"""A path or URL, or a reference to one, such as ``{ env = "DATABASE_URL" }``."""

_KEY: Final = "store"
_FILE: Final = "sqlite:///"
_POSTGRES: Final = ("postgresql:", "postgresql+psycopg:", "postgres:")


def read_store_setting(value: Any, file: Path | None) -> StoreSetting | None:
    """
    Check what the file has for its store; nothing is looked up yet.

    Args:
        value: The setting; `None` if there is none.
        file: The settings file.

    Raises:
        SettingsError: It is neither text nor a reference.
    """
    if value is None or file is None:
        return None
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, str) or not value:
        raise SettingsError(
            f"{file}: {_KEY} must be a path or a URL, or where one is kept, as in "
            '{ env = "NAME" }',
            key=_KEY,
            path=str(file),
        )
    return _resolve(value, file)


def find_store_setting(
    value: StoreSetting | None,
    path: str | None,
    environ: Mapping[str, str] = os.environ,
    look_up: Callable[[str], str] = find_in_keyring,
) -> str | None:
    """
    Return the store that a setting names; a password in it is shown nowhere from then on.

    Warns, once, about one that is written in the file itself.

    Args:
        value: The setting, as `read_store_setting` gave it; or a path or URL from elsewhere.
        path: The settings file, if the setting is of one.
        environ: The environment.
        look_up: Returns what an entry of the keyring has, or raises `LookupError`.

    Raises:
        SettingsError: Where it refers to is nothing.
    """
    if value is None:
        return None
    place = Place(path=path, key=_KEY, environ=environ, look_up=look_up)
    if isinstance(value, str):
        if _hide_password(value) and path is not None:
            place.warn_of_literal(f"the password in {_KEY}")
        return value
    text = place.follow(value).strip()
    if "file" in value:
        forget([text])  # all of it was taken for a secret, and most of it is a name
    _hide_password(text)
    return text if path is None or "env" in value else _resolve(text, Path(path))


def _hide_password(store: str) -> bool:
    """Blank the password of a URL from now on; return whether it has one."""
    found = find_passwords(store)
    remember(found)
    return bool(found)


def _resolve(store: str, file: Path) -> str:
    path = store.removeprefix(_FILE)
    if "://" in path or path.startswith(_POSTGRES) or path == ":memory:":
        return store
    try:
        return str(file.parent / Path(path).expanduser())
    except RuntimeError:
        raise SettingsError(
            f"{file}: store {store}: there is no such home folder", key=_KEY, path=str(file)
        ) from None
