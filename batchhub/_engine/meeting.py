"""Which tickets change something that another one changes too."""

from __future__ import annotations

from collections.abc import Iterator

from batchhub._store.targets import TargetSet, TicketKey


class Meetings:
    """
    Tickets by what they change.

    Two tickets meet if they have a target in common, or if nobody knows the targets of one of
    them. One that changes nothing meets no other.
    """

    def __init__(self) -> None:
        self._targets: dict[TicketKey, frozenset[bytes]] = {}
        self._unknown: dict[TicketKey, None] = {}
        self._keys: dict[bytes, tuple[TicketKey, ...]] = {}

    def __contains__(self, key: TicketKey) -> bool:
        return key in self._targets or key in self._unknown

    @property
    def is_empty(self) -> bool:
        """Whether no ticket can meet any of these."""
        return not self._unknown and not self._keys

    def add(self, key: TicketKey, targets: TargetSet) -> None:
        """Take a ticket in."""
        if key in self:
            return
        if targets is None:
            self._unknown[key] = None
            return
        self._targets[key] = targets
        for target in targets:
            self._keys[target] = (*self._keys.get(target, ()), key)

    def remove(self, key: TicketKey) -> None:
        """Forget a ticket."""
        self._unknown.pop(key, None)
        for target in self._targets.pop(key, ()):
            kept = tuple(other for other in self._keys[target] if other != key)
            if kept:
                self._keys[target] = kept
            else:
                del self._keys[target]

    def find(self, targets: TargetSet) -> Iterator[TicketKey]:
        """Yield each ticket that one with these targets meets, itself included."""
        if targets is None:
            yield from (key for key, theirs in self._targets.items() if theirs)
            yield from self._unknown
            return
        if not targets:
            return
        yield from self._unknown
        seen: set[TicketKey] = set()
        # Sorted, so that the same one is named as the one waited for, whatever process looks.
        for target in sorted(targets):
            for key in self._keys.get(target, ()):
                if key not in seen:
                    seen.add(key)
                    yield key
