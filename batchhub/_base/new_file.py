"""Files that are made once: private, complete, and in nobody's place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from batchhub.errors import UsageError

_OWNER_ONLY: Final = 0o600


def check_new(path: Path) -> None:
    """
    Look whether a file may be made, before anything is done for it.

    Raises:
        UsageError: Something has its name already, or there is no such folder.
    """
    if os.path.lexists(path):
        raise UsageError(f"{path} already exists; it was not changed")
    if not path.parent.is_dir():
        raise UsageError(f"can't write {path}: there is no folder {path.parent}")


def write_new(path: Path, text: str) -> None:
    """
    Create a file with mode 0600, complete or not at all.

    It is written beside its place and gets its name when it is complete: a process that is killed
    meanwhile leaves no half of it.

    Raises:
        UsageError: Something has its name already, or it can't be written.
    """
    check_new(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with suppress(FileNotFoundError):
            beside.unlink()  # of an earlier process of this number
        _write(beside, text)
        _name(beside, path)
    except FileExistsError:
        raise UsageError(f"{path} already exists; it was not changed") from None
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            beside.unlink()


def _write(path: Path, text: str) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(number, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(number)


def _name(beside: Path, path: Path) -> None:
    """
    Give a complete file its name, unless another has it by now.

    Raises:
        FileExistsError: Another has.
    """
    try:
        os.link(beside, path)  # other than a rename, it takes nobody's place
    except FileExistsError:
        raise
    except OSError:  # such as a file system without links
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        beside.replace(path)
