"""What a machine keeps of a store that is not on it, such as one on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from .file_mode import FileMode

_FOLDER: Final = "batchhub"


def find_state_folder() -> Path:
    """Return the folder of the user's; it may not be there yet."""
    return user_state_path(_FOLDER, appauthor=False)


def make_state_folder() -> None:
    """
    Make the folder, for its owner alone, unless it is there.

    Raises:
        OSError: It can't be made.
    """
    folder = find_state_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    FileMode.PRIVATE.make_folder(folder)
