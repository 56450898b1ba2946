"""
The entry points of adapters that are installed, looked up once for as long as nothing changes.

A look at all of them reads a file of each installed package, which takes some milliseconds; hubs
are opened more often than packages are installed. What a package installer does shows on the
folders it does it in.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, NamedTuple

from attrs import frozen

VERSION: Final = 1
"""The version of the adapter API."""

GROUP: Final = f"batchhub.adapters.v{VERSION}"
"""The entry-point group adapters register in."""

ANY_GROUP: Final = re.compile(r"batchhub\.adapters(?:\.v(\w+))?", re.ASCII)
"""The entry-point groups of adapters, whatever version of the adapter API they are for."""

_OURS: Final = "batchhub"
"""The distribution whose adapters keep their names, whoever else claims them."""

_TICK_S: Final = 2.0
"""The coarsest tick of a file system's clock, in seconds."""


@frozen
class Installed:
    """
    What is installed, by the names of adapters.

    Attributes:
        entries: Who claims a name, for this version of the adapter API; several if it is disputed.
        others: The same for other versions.
        rejected: Who claims a name that is batchhub's own, in vain.
    """

    entries: Mapping[str, Sequence[EntryPoint]]
    others: Mapping[str, Sequence[EntryPoint]]
    rejected: Mapping[str, Sequence[EntryPoint]]


class _Seen(NamedTuple):
    """What tells a folder, and the last change of what is in it, from others."""

    st_dev: int
    st_ino: int
    st_mtime: float


_known: tuple[object, Installed] | None = None


def find_installed() -> Installed:
    """Return what is installed now."""
    global _known  # noqa: PLW0603  # of the process, as the path it depends on
    seen = [_stat(place) for place in sys.path]
    stamp = (list(sys.path), list(map(id, sys.meta_path)), seen)
    if _known is not None and _known[0] == stamp:
        return _known[1]
    installed = entry_points()
    groups = [group for group in installed.groups if ANY_GROUP.fullmatch(group)]
    found = _sort(entry for group in groups for entry in installed.select(group=group))
    # What changes once more in the same tick of the disk's clock shows on no folder.
    youngest_s = max((each.st_mtime for each in seen if each is not None), default=0.0)
    _known = (stamp, found) if time.time() - youngest_s > _TICK_S else None
    return found


def _sort(found: Iterable[EntryPoint]) -> Installed:
    entries: defaultdict[str, list[EntryPoint]] = defaultdict(list)
    others: defaultdict[str, list[EntryPoint]] = defaultdict(list)
    for entry in found:
        claims = (entries if entry.group == GROUP else others)[entry.name]
        if entry not in claims:
            claims.append(entry)
    rejected: dict[str, list[EntryPoint]] = {}
    for name, claims in entries.items():
        if len(claims) == 1:
            continue  # whose it is, is read from a file
        if ours := [entry for entry in claims if _is_ours(entry)]:
            rejected[name] = [each for each in claims if each not in ours]
            entries[name] = ours
    return Installed(dict(entries), dict(others), rejected)


def _is_ours(entry: EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == _OURS


def _stat(place: Any) -> _Seen | None:
    try:
        seen = os.stat(place or ".")  # noqa: PTH116  # nothing there is a path yet
    except (OSError, ValueError, TypeError):
        return None
    return _Seen(seen.st_dev, seen.st_ino, seen.st_mtime)
