"""Entities that are made when they are looked at, and what was changed of them since."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

Entity = dict[str, Any]


class Collection:
    """
    The entities of one kind: so many to begin with, whose numbers are 1 and up.

    Nothing is kept of an entity before it is changed, so a million cost nothing.

    Args:
        count: Returns how many there are to begin with.
        make: Makes the one of a number, whole.
        make_core: Makes of it what searches look at; by default all.
        make_new: Makes what one has that was created, where its creator said nothing.
    """

    def __init__(
        self,
        *,
        count: Callable[[], int],
        make: Callable[[int], Entity],
        make_core: Callable[[int], Entity] | None = None,
        make_new: Callable[[int], Entity] | None = None,
    ) -> None:
        self._count = count
        self._make = make
        self._make_core = make_core or make
        self._make_new = make_new or make
        self._changes: dict[int, Entity] = {}
        self._created: set[int] = set()
        self._gone: set[int] = set()
        self._last = 0
        self._version = 0
        self._found: tuple[Hashable, Sequence[int]] | None = None

    def __contains__(self, number: int) -> bool:
        """Whether there is one of that number."""
        if number in self._created:
            return True
        return 1 <= number <= self._count() and number not in self._gone

    @property
    def changed(self) -> Mapping[int, Entity]:
        """What was changed, by the number of the entity."""
        return self._changes

    def get(self, number: int) -> Entity:
        """Return one that is there."""
        make = self._make_new if number in self._created else self._make
        return {**make(number), **self._changes.get(number, {})}

    def core(self, number: int) -> Entity:
        """Return what searches look at, of one that is there."""
        make = self._make_new if number in self._created else self._make_core
        changes = self._changes.get(number)
        return {**make(number), **changes} if changes else make(number)

    def change(self, number: int, fields: Mapping[str, Any]) -> None:
        """Change some fields of one that is there."""
        self._version += 1
        changes = self._changes.get(number)
        if changes is None:
            self._changes[number] = dict(fields)
        else:
            changes.update(fields)

    def add(self, fields: Mapping[str, Any]) -> int:
        """Create one; return its number."""
        self._version += 1
        self._last = number = max(self._last, self._count()) + 1
        self._created.add(number)
        self._changes[number] = dict(fields)
        return number

    def remove(self, number: int) -> bool:
        """Delete one; return whether it was there."""
        if number not in self:
            return False
        self._version += 1
        self._changes.pop(number, None)
        self._created.discard(number)
        self._gone.add(number)
        return True

    def find(
        self,
        key: Hashable,
        matches: Sequence[Callable[[Entity], bool]],
        order: tuple[Callable[[Entity], Any], bool] | None = None,
    ) -> Sequence[int]:
        """
        Find those that match; the last search is remembered, so that its pages cost nothing.

        Args:
            key: What names the search.
            matches: What has to be true of each.
            order: By what they are sorted, and whether downwards; by their numbers if left out.
        """
        key = (key, self._version, self._count())
        if self._found is None or self._found[0] != key:
            self._found = key, self._search(matches, order)
        return self._found[1]

    def _search(
        self,
        matches: Sequence[Callable[[Entity], bool]],
        order: tuple[Callable[[Entity], Any], bool] | None,
    ) -> Sequence[int]:
        found: Sequence[int] = self._numbers()
        if matches:
            found = [n for n in found if _all(matches, self.core(n))]
        if order is not None:
            by, downwards = order
            found = sorted(found, key=lambda n: by(self.core(n)), reverse=downwards)
        return found

    def _numbers(self) -> Sequence[int]:
        first = range(1, self._count() + 1)
        if not self._gone and not self._created:
            return first
        kept = [n for n in first if n not in self._gone and n not in self._created]
        return [*kept, *sorted(self._created)]


def _all(matches: Sequence[Callable[[Entity], bool]], entity: Entity) -> bool:
    return all(match(entity) for match in matches)
