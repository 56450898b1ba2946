"""
Adapters by name: found through entry points, loaded when first used.

A plug-in that does not load, or a name that two distributions claim, is reported for that name
and affects no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any, Final

from attrs import frozen

from batchhub._base.log import get_logger
from batchhub.adapter import Account, Adapter
from batchhub.errors import AdapterError, NotKnownError

GROUP: Final = "batchhub.adapters"
"""The entry-point group adapters register in."""

_log = get_logger()


@frozen(kw_only=True)
class AdapterInfo:
    """
    What is installed under one adapter name.

    Attributes:
        name: The name.
        distribution: The distributions that claim the name, with their versions.
        adapter: The adapter's class; `None` if it can't be used.
        error: Why it can't be used, in one line; `None` if it can.
    """

    name: str
    distribution: str
    adapter: type[Adapter[Any]] | None
    error: str | None


class Registry:
    """The adapters that are installed in this environment."""

    def __init__(self) -> None:
        self._entries: defaultdict[str, list[EntryPoint]] = defaultdict(list)
        for entry in entry_points(group=GROUP):
            if entry not in self._entries[entry.name]:
                self._entries[entry.name].append(entry)
        self._loaded: dict[str, type[Adapter[Any]]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are installed, sorted. Not all of them need load."""
        return tuple(sorted(self._entries))

    def get(self, name: str) -> type[Adapter[Any]]:
        """
        Load an adapter's class.

        Raises:
            NotKnownError: Nothing is installed under the name.
            AdapterError: It does not load, or two distributions claim the name.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def describe(self) -> Iterator[AdapterInfo]:
        """Load every installed adapter and yield how it went, by name."""
        for name in self.names:
            adapter, error = None, None
            try:
                adapter = self.get(name)
            except AdapterError as failure:
                error = str(failure)
                _log.warning("adapter.failed", adapter=name, error=error)
            sources = ", ".join(_source(entry) for entry in self._entries[name])
            yield AdapterInfo(name=name, distribution=sources, adapter=adapter, error=error)

    def _load(self, name: str) -> type[Adapter[Any]]:
        entries = self._entries.get(name, [])
        if not entries:
            raise NotKnownError("adapter", name, self.names, "install the package that has it")
        if len(entries) > 1:
            sources = " and ".join(_source(entry) for entry in entries)
            raise AdapterError(f"adapter {name!r} is claimed by {sources}; uninstall one of them")
        try:
            adapter = entries[0].load()
        except (Exception, SystemExit) as error:
            words = " ".join(str(error).split())
            raise AdapterError(
                f"adapter {name!r} of {_source(entries[0])} does not load: "
                f"{type(error).__name__}: {words}"
            ) from error
        problem = next(_find_problems(name, adapter), None)
        if problem:
            raise AdapterError(f"adapter {name!r} of {_source(entries[0])}: {problem}")
        loaded: type[Adapter[Any]] = adapter
        return loaded


def _source(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _find_problems(name: str, adapter: object) -> Iterator[str]:
    """Yield which rules of `batchhub.adapter` a loaded object breaks, the most basic first."""
    if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
        yield "the entry point is no subclass of batchhub.adapter.Adapter"
        return
    missing = [
        attribute
        for attribute in ("name", "account_type", "operations", "states")
        if not hasattr(adapter, attribute)
    ]
    missing += sorted(adapter.__abstractmethods__) if isabstract(adapter) else []
    if missing:
        yield f"it does not define {', '.join(missing)}"
        return
    if adapter.name != name:
        yield f"it calls itself {adapter.name!r}"
    if not adapter.operations:
        yield "it has no operations"
    account: object = adapter.account_type
    if not (isinstance(account, type) and issubclass(account, Account)):
        yield "its account_type is no subclass of batchhub.adapter.Account"
    elif getattr(account, "adapter", None) != name:
        yield f"its accounts are not of the adapter {name!r}"
