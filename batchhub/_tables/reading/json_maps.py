"""From a JSON object to an item, where the user says what becomes of its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchhub._tables.formats import suggest
from batchhub.errors import InputError

from .cells import read_json_values
from .columns import Columns
from .making import MISSING, Maker
from .settings import ReadSettings


class ObjectMaker:
    """
    Makes items of objects: their values are the cells of a row.

    `a.b` is `b` in `a`, where there is no key of that name.

    Args:
        settings: What the user and the adapter say; rows are mapped.

    Attributes:
        omitted: How many empty values were left out, by the name of the value.
    """

    def __init__(self, settings: ReadSettings) -> None:
        parts = settings.parts or ()
        names = list(dict.fromkeys(name for part in parts for name in part.columns))
        columns = Columns(names, settings)
        rules = settings.empty_rules
        may_lack = rules.others is not None
        self._optional = {
            name
            for part in columns.parts
            for name in part.columns
            if not part.asked_by or may_lack or not rules.fields.keys().isdisjoint(part.names)
        }
        self._names = names
        self._maker = Maker(columns, settings, read_json_values())
        self.omitted = self._maker.omitted

    def make(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """
        Make an item of an object.

        Raises:
            InputError: A value it needs is missing or empty, or is not what it must be.
        """
        return self._maker.make([self._find(name, value) for name in self._names])

    def _find(self, name: str, value: Mapping[str, Any]) -> Any:
        found = _look_up(name, value)
        if found is not None:
            return found
        if _has(name, value):
            return ""
        if name not in self._optional:
            raise InputError(f"there is no {name!r} in it{suggest(name, list(value))}")
        return MISSING


def _has(name: str, value: Mapping[str, Any]) -> bool:
    return name in value or name.partition(".")[0] in value


def _look_up(name: str, value: Mapping[str, Any]) -> Any:
    if name in value:
        return value[name]
    found: Any = value
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
