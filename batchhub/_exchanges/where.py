"""Where the record of a store is: beside its file, or in a folder of the machine that drives."""

from __future__ import annotations

import os
from pathlib import Path

from batchhub._base.state_folder import find_state_folder
from batchhub._base.store_path import find_exchanges_path
from batchhub._base.store_place import StorePlace, find_store_place


def find_record(store: StorePlace | str | os.PathLike[str] | None) -> Path | None:
    """
    Return the file of a store's record, whether it is there or not.

    Args:
        store: The store, or its path or URL.

    Returns:
        Of a store on PostgreSQL the file of this machine, whose own requests it has; `None` for a
        store in memory.

    Raises:
        SettingsError: There can be no such store.
    """
    place = store if isinstance(store, StorePlace) else find_store_place(store)
    if place.is_postgres:
        return find_state_folder() / f"{place.key}.exchanges.db"
    return None if place.path is None else find_exchanges_path(place.path)
