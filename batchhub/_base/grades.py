"""
The grade of an adapter, kept in a file beside it.

It holds for the files it was given for: their digest is in it. A seal over the whole of it tells
whether somebody has edited it since; it protects from mistakes, not from who makes a seal anew.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from attrs import asdict, frozen

from batchhub.errors import UsageError

SUITE_VERSION: Final = 2
"""The version of the suite's rules: one more for each change that could change a grade."""

_NAME: Final = "conformance.json"
_MOST_BYTES: Final = 64 * 1024
_LEVELS: Final = ("bronze", "silver", "gold")


@frozen(kw_only=True)
class Grade:
    """
    A grade.

    Attributes:
        adapter: The adapter's name.
        level: ``bronze``, ``silver`` or ``gold``.
        suite: The version of the suite.
        digest: Of the adapter's files.
        is_recorded: Whether recorded answers of the real vendor were read as well.
        not_applicable: The rules that do not apply, each with its reason.
    """

    adapter: str
    level: str
    suite: int
    digest: str
    is_recorded: bool
    not_applicable: Mapping[str, str]


def find_place(module: str) -> Path | None:
    """
    Return the file that has the grade of an adapter; `None` where its code is in no folder.

    Args:
        module: The name of the module that its class is in, which is loaded.
    """
    top = sys.modules.get(module.partition(".")[0])
    folders: Sequence[str] = [*getattr(top, "__path__", ())]
    if folders:
        return Path(folders[0]) / _NAME
    file = getattr(top, "__file__", None)
    return None if file is None else Path(file).with_suffix(f".{_NAME}")


def make_digest(place: Path) -> str:
    """
    Return the digest of the files that a grade is for.

    Raises:
        OSError: One of them can't be read.
    """
    digest = hashlib.sha256()
    for name, path in _find_files(place):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def write_grade(place: Path, grade: Grade) -> None:
    """
    Keep a grade.

    Raises:
        UsageError: The file can't be written.
    """
    values = asdict(grade)
    text = json.dumps({**values, "seal": _seal(values)}, indent=2, sort_keys=True)
    try:
        place.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"can't write {place}: {error.strerror}") from None


def drop_grade(place: Path) -> None:
    """Keep a grade no longer, if there is one."""
    with suppress(OSError):
        place.unlink()


def describe_grade(module: str, adapter: str) -> str | None:
    """
    Return what is to be said of an adapter's grade; `None` if it has none.

    Such as ``gold, against its stand-in``. Whatever is in the file, nothing is raised.

    Args:
        module: The name of the module that its class is in, which is loaded.
        adapter: The adapter's name.
    """
    place = find_place(module)
    if place is None or not place.is_file():
        return None
    grade = _read(place)
    if grade is None or grade.adapter != adapter:
        return "edited: not a grade of the suite"
    try:
        is_same = make_digest(place) == grade.digest and grade.suite == SUITE_VERSION
    except OSError:
        is_same = False
    if not is_same:
        return f"outdated: was {grade.level}"
    recorded = " and recorded answers" if grade.is_recorded else ""
    return f"{grade.level}, against its stand-in{recorded}"


def _read(place: Path) -> Grade | None:
    """Return a grade as it was written; `None` for anything else."""
    try:
        if place.stat().st_size > _MOST_BYTES:
            return None
        values = json.loads(place.read_bytes())
        seal = values.pop("seal")
        is_meant = seal == _seal(values) and values["level"] in _LEVELS
        return Grade(**values) if is_meant else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _seal(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _find_files(place: Path) -> Iterator[tuple[str, Path]]:
    """Yield the names and paths of an adapter's files, but for what Python and the suite make."""
    if place.name != _NAME:
        module = place.with_name(place.name.removesuffix(f".{_NAME}") + ".py")
        yield module.name, module
        return
    for path in sorted(place.parent.rglob("*")):
        parts = path.relative_to(place.parent).parts
        if path != place and path.is_file() and "__pycache__" not in parts:
            yield "/".join(parts), path
