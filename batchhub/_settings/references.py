"""What ``adapter = "…"`` may be: the name of an adapter, or ``file:`` and the path of one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FILE: Final = "file:"


def is_file(adapter: str | None) -> bool:
    """Whether an adapter is a file, and not a name."""
    return adapter is not None and adapter.startswith(_FILE)


def path_of(adapter: str) -> str:
    """Return the path of an adapter that is a file."""
    return adapter.removeprefix(_FILE)


def resolve(adapter: str, folder: Path) -> str:
    """
    Return an adapter as it is known from the working folder; a name stays as it is.

    Args:
        adapter: A name, or a file.
        folder: Where a relative path starts.

    Raises:
        LookupError: There can be no such file; the message goes on after the adapter and a colon.
    """
    if not is_file(adapter):
        return adapter
    path = path_of(adapter).strip()
    if not path or not path.isprintable():
        raise LookupError("it is the path of a description, as in file:acme.toml")
    if path.startswith("//") and not path.startswith("///"):
        raise LookupError(f"it is a path, not an address; write {_FILE}{path[2:]}")
    if "://" in path:
        raise LookupError("it is a path, not an address; download the file first")
    try:
        return f"{_FILE}{folder / Path(path).expanduser()}"
    except RuntimeError:
        raise LookupError("there is no such home folder") from None


def hint_for(name: str) -> str | None:
    """Return what to write in place of a name that looks like a path; `None` if it does not."""
    scheme, _, path = name.partition(":")
    if path and scheme.lower() == _FILE[:-1]:
        return f"{_FILE} is written in lower case: {_FILE}{path}"
    is_path = name.lower().endswith(".toml") or "/" in name or "\\" in name
    return f"a description is named with file: in front, as in {_FILE}{name}" if is_path else None
