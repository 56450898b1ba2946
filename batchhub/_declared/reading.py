"""A description as TOML has it, read by the grammar: values, and every mistake."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchhub.errors import SettingsError

from .grammar import GRAMMAR, Each, Key, Part, Section
from .mistakes import Mistakes, Wrong, find_near, suggest


def read_file(path: Path) -> dict[str, Any]:
    """
    Read a file of TOML.

    Raises:
        SettingsError: There is none, or it is no TOML; with the line, where there is one.
    """
    where = str(path)
    try:
        # Some editors begin UTF-8 files with a byte order mark, which TOML does not allow.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(f"no file {where}", path=where) from None
    except IsADirectoryError:
        raise SettingsError(f"{where} is a folder, not a description", path=where) from None
    except OSError as error:
        raise SettingsError(f"can't read {where}: {error.strerror}", path=where) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{where} is not UTF-8 text (line {line})", path=where) from None
    except tomllib.TOMLDecodeError as error:
        why = str(error).replace("Cannot overwrite a value", "A key appears twice")
        why = why.replace("at end of document", f"at line {_count_lines(path)}, the last one")
        raise SettingsError(f"{where} is no valid TOML: {why}", path=where) from None
    except RecursionError:
        raise SettingsError(f"{where} is nested too deeply", path=where) from None


def correct(
    value: Any, mistakes: Mistakes, part: Part = GRAMMAR, place: tuple[str, ...] = ()
) -> Any:
    """Return a table with misspelt keys, which are mistakes, as what they are taken for."""
    if isinstance(part, Key) or not isinstance(value, Mapping):
        return value
    corrected: dict[str, Any] = {}
    for name, inner in value.items():
        meant, below = name, part.part if isinstance(part, Each) else part.parts.get(name)
        if isinstance(part, Section) and below is None:
            free = [each for each in part.parts if each not in value and each not in corrected]
            if (near := find_near(name, free)) is not None:
                mistakes.add((*place, name), f"unknown key; did you mean {near!r}?")
                meant, below = near, part.parts[near]
        inside = inner if below is None else correct(inner, mistakes, below, (*place, name))
        corrected[meant] = inside
    return corrected


def read_table(table: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Any]:
    """Return the values of a description by the grammar, without those that are wrong."""
    found: dict[str, Any] = _read(table, GRAMMAR, (), mistakes)
    return found


def _read(value: Any, part: Part, place: tuple[str, ...], mistakes: Mistakes) -> Any:
    """Read a value; raises `Wrong` if nothing can be made of it."""
    if isinstance(part, Key):
        return part.read(value)
    if not isinstance(value, Mapping):
        raise Wrong(f"must be a table: {part.about[:1].lower()}{part.about[1:].rstrip('.')}")
    found: dict[str, Any] = {}
    for name, inner in value.items():
        here = (*place, name)
        try:
            found[name] = _read(inner, _find_part(part, name), here, mistakes)
        except Wrong as error:
            mistakes.add((*here, *error.inside), error.why)
    if isinstance(part, Section):
        for name, each in part.parts.items():
            if each.is_needed and name not in value:
                mistakes.add((*place, name), "is missing")
    if isinstance(part, Each) and part.is_needed and not value:
        mistakes.add(place, "is empty")
    return found


def _find_part(part: Section | Each, name: str) -> Part:
    if isinstance(part, Each):
        part.check(name)
        return part.part
    if name not in part.parts:
        raise Wrong(f"unknown key{suggest(name, part.parts)}")
    return part.parts[name]


def _count_lines(path: Path) -> int:
    return max(len(path.read_text(encoding="utf-8-sig").splitlines()), 1)
