"""
Adapters by name: found through entry points, loaded when first used.

A plug-in that does not load, or a name that two distributions claim, is reported for that name
and affects no other.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cached_property
from importlib.metadata import EntryPoint
from inspect import getattr_static, isabstract, signature
from typing import Any, Final

from attrs import fields, frozen, has

from batchhub._base.log import get_logger
from batchhub._base.secrets import blank
from batchhub.adapter import Account, Adapter, Capabilities
from batchhub.errors import AdapterError, NotKnownError, SettingsError

from .adapter_files import AdapterFiles
from .installed import ANY_GROUP, VERSION, Installed, find_installed
from .references import hint_for, is_file, path_of

_CALLS: Final[Mapping[str, tuple[int, frozenset[str]]]] = {
    "capabilities": (2, frozenset()),
    "check_options": (2, frozenset()),
    "read_map": (2, frozenset()),
    "fields": (2, frozenset()),
    "item_id": (2, frozenset()),
    "encode": (3, frozenset()),
    "key_value": (2, frozenset()),
    "target": (2, frozenset()),
    "batch_key": (2, frozenset()),
    "envelope_bytes": (2, frozenset()),
    "may_repeat": (3, frozenset()),
    "explain": (3, frozenset()),
    "pace": (2, frozenset()),
    "read_push": (2, frozenset()),
    "authorize": (0, frozenset({"again"})),
    "submit": (2, frozenset()),
    "find_attempt": (1, frozenset()),
    "poll": (1, frozenset()),
    "poll_one": (1, frozenset()),
    "fetch_results": (2, frozenset()),
    "cancel": (1, frozenset()),
    "probe": (1, frozenset()),
    "aclose": (0, frozenset()),
}
"""How each method of an adapter is called: how many arguments by place, and which by name."""

_HOW_TO_GET: Final = "install the package that has it, or name its file, as in file:acme.toml"

_log = get_logger()


@frozen(kw_only=True)
class AdapterInfo:
    """
    What is known under one adapter name.

    Attributes:
        name: The name; of a file that can't be used, ``file:`` and its path.
        source: The distributions that claim the name, with their versions; or the file that
            describes the adapter.
        adapter: The adapter's class; `None` if it can't be used.
        error: Why it can't be used, in one line; `None` if it can.
        problems: All that is wrong with the file, where that is more than the line says.
    """

    name: str
    source: str
    adapter: type[Adapter[Any]] | None
    error: str | None
    problems: tuple[str, ...] = ()


class Registry:
    """
    The adapters that are installed in this environment.

    Args:
        adapters: Others, which take the place of those that are installed under their names.
        accounts: Accounts that may bring their adapter themselves (`Account.adapter_type`).

    Raises:
        AdapterError: One of `adapters` breaks a rule of `batchhub.adapter`.
    """

    def __init__(
        self, adapters: Iterable[type[Adapter[Any]]] = (), accounts: Iterable[Account] = ()
    ) -> None:
        self._loaded: dict[str, type[Adapter[Any]]] = {}
        self._sources: dict[str, str] = {}
        self._brought = _find_brought(accounts)
        self._files = AdapterFiles()
        for adapter in adapters:
            name = getattr(adapter, "name", "")
            problem = _find_problem(name, adapter)
            if problem:
                raise AdapterError(f"adapter {name!r}: {problem}")
            self._loaded[name] = adapter
        self._given = frozenset(self._loaded)

    @cached_property
    def _installed(self) -> Installed:
        """What is installed; who only reads a store never asks."""
        return find_installed()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are installed, sorted. Not all of them need load."""
        installed = self._installed
        return tuple(sorted({*installed.entries, *installed.others, *self._loaded}))

    def get(self, name: str) -> type[Adapter[Any]]:
        """
        Load an adapter's class.

        Args:
            name: Its name; or ``file:`` and the path of its description.

        Raises:
            NotKnownError: Nothing is installed under the name.
            AdapterError: It does not load, or two distributions claim the name.
            SettingsError: The file can't be read, or is no description.
        """
        if is_file(name):
            return self._get_described(path_of(name))
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _get_described(self, path: str) -> type[Adapter[Any]]:
        adapter = self._files.get(path)
        if adapter.name in self.names:
            raise SettingsError(
                f"{path}: an adapter {adapter.name!r} is installed ({self.source(adapter.name)}); "
                "give the description a name of its own",
                key="name",
                path=path,
            )
        return adapter

    def get_for(self, account: Account) -> type[Adapter[Any]]:
        """
        Return the class that speaks for an account: its own, or the one of its adapter's name.

        Raises:
            NotKnownError: Nothing is installed under the name.
            AdapterError: It does not load, or breaks a rule; or another one has its name.
        """
        own = _own_adapter(account)
        if own is None or account.adapter in self._given:
            return self.get(account.adapter)
        problem = _find_problem(account.adapter, own) or self._find_rival(account.adapter, own)
        if problem:
            raise AdapterError(f"adapter {account.adapter!r} of {_origin(own)}: {problem}")
        loaded: type[Adapter[Any]] = own
        return loaded

    def source_for(self, account: Account) -> str:
        """Return where the adapter of an account comes from, for messages."""
        own = _own_adapter(account)
        if own is None or account.adapter in self._given:
            return self.source(account.adapter)
        return self.source(account.adapter) or _origin(own)

    def _find_rival(self, name: str, own: type[Any]) -> str | None:
        """Return what is wrong with the name of an adapter that an account brings, if it is."""
        others = [each for each in self._brought.get(name, ()) if each is not own]
        if others:
            return f"{_origin(others[0])} is another adapter of this name; give one another name"
        if name not in self.names:
            return None
        with suppress(AdapterError):
            if self.get(name) is own:
                return None
        return f"{self.source(name)} has an adapter of this name; it needs a name of its own"

    def source(self, name: str) -> str:
        """Return the distributions that claim a name, with their versions."""
        if name not in self._sources:
            installed = self._installed
            entries = installed.entries.get(name) or installed.others.get(name) or []
            self._sources[name] = ", ".join(_source(entry) for entry in entries)
        return self._sources[name]

    def describe(self) -> Iterator[AdapterInfo]:
        """Load every installed adapter and yield how it went, by name."""
        for name in self.names:
            adapter, error = None, None
            try:
                adapter = self.get(name)
            except AdapterError as failure:
                error = str(failure)
                _log.warning("adapter.failed", adapter=name, error=error)
            source = self.source(name)
            yield AdapterInfo(name=name, source=source, adapter=adapter, error=error)
            for entry in self._installed.rejected.get(name, ()):
                taken = f"the name {name!r} is batchhub's own; {_source(entry)} needs another one"
                _log.warning("adapter.failed", adapter=name, error=taken)
                yield AdapterInfo(name=name, source=_source(entry), adapter=None, error=taken)
        yield from self._describe_brought()

    def _describe_brought(self) -> Iterator[AdapterInfo]:
        for name, adapters in sorted(self._brought.items()):
            for own in adapters:
                problem = _find_problem(name, own) or self._find_rival(name, own)
                if problem is None and name in self.names:
                    continue  # it is the one that is installed
                yield AdapterInfo(
                    name=name,
                    source=_origin(own),
                    adapter=None if problem else own,
                    error=problem,
                )

    def _load(self, name: str) -> type[Adapter[Any]]:
        entries, others = self._installed.entries.get(name, []), self._installed.others
        if not entries and name in others:
            entry = others[name][0]
            raise AdapterError(
                f"adapter {name!r} of {_source(entry)} is for {_version_of(entry)} of the adapter "
                f"API, and this batchhub has version {VERSION}; install versions that fit"
            )
        if not entries:
            hint = hint_for(name) or _HOW_TO_GET
            raise NotKnownError("adapter", name, self.names, hint)
        if len(entries) > 1:
            sources = " and ".join(_source(entry) for entry in entries)
            raise AdapterError(f"adapter {name!r} is claimed by {sources}; uninstall one of them")
        try:
            # What a plug-in prints when it loads is not for this output: it may be anything.
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                adapter = entries[0].load()
        except KeyboardInterrupt:  # Ctrl-C
            raise
        except BaseException as error:
            words = blank(" ".join(str(error).split()))
            raise AdapterError(
                f"adapter {name!r} of {_source(entries[0])} does not load: "
                f"{type(error).__name__}: {words}"
            ) from error
        problem = _find_problem(name, adapter)
        if problem:
            raise AdapterError(f"adapter {name!r} of {_source(entries[0])}: {problem}")
        loaded: type[Adapter[Any]] = adapter
        return loaded


def _find_brought(accounts: Iterable[Account]) -> dict[str, list[type[Any]]]:
    """Return the adapters that accounts bring, by the names of the accounts' adapters."""
    brought: dict[str, list[type[Any]]] = {}
    for account in accounts:
        if (own := _own_adapter(account)) is not None:
            known = brought.setdefault(account.adapter, [])
            if own not in known:
                known.append(own)
    return brought


def _own_adapter(account: Account) -> type[Any] | None:
    """Return the adapter that an account brings; its class is a plug-in's."""
    own = getattr_static(type(account), "adapter_type", None)
    return own if isinstance(own, type) else None


def _origin(own: type[Any]) -> str:
    """Return where an adapter that an account brings comes from: a file or a module."""
    return str(getattr(getattr(own, "description", None), "source", own.__module__))


def _version_of(entry: EntryPoint) -> str:
    match = ANY_GROUP.fullmatch(entry.group)
    version = None if match is None else match[1]
    return "no version" if version is None else f"version {version}"


def _source(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _find_problem(name: str, adapter: object) -> str | None:
    """Return the most basic rule of `batchhub.adapter` that a loaded object breaks, if any."""
    try:
        return next(_find_problems(name, adapter), None)
    except Exception as error:  # of a class whose attributes are code
        return f"it can't be looked at: {type(error).__name__}: {blank(str(error))}"


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
    if not isinstance(adapter.operations, Mapping) or not adapter.operations:
        yield "it has no operations"
        return
    yield from _find_wrong_calls(adapter)
    yield from _find_missing_verbs(adapter)
    account: object = adapter.account_type
    if not (isinstance(account, type) and issubclass(account, Account)):
        yield "its account_type is no subclass of batchhub.adapter.Account"
    elif getattr(account, "adapter", None) != name:
        yield f"its accounts are not of the adapter {name!r}"
    elif account.identity is Account.identity and not _declares_identity(account):
        yield "its accounts do not say who they are; see batchhub.adapter.identity"


def _declares_identity(account: type[Account]) -> bool:
    """Whether a field says who an account is."""
    return has(account) and any(each.metadata.get("identity", False) for each in fields(account))


def _find_wrong_calls(adapter: type[Adapter[Any]]) -> Iterator[str]:
    """Yield which methods can't be called as they are."""
    for name, (places, names) in _CALLS.items():
        own = getattr_static(adapter, name, None)
        if own is getattr_static(Adapter, name):
            continue
        is_plain = isinstance(own, staticmethod)
        function = own.__func__ if isinstance(own, staticmethod | classmethod) else own
        try:
            signature(function).bind(
                *[None] * (places if is_plain else places + 1), **dict.fromkeys(names)
            )
        except (TypeError, ValueError) as error:
            wanted = [*list(signature(getattr(Adapter, name)).parameters)]
            wanted = [each for each in wanted if each not in {"self", "cls"}]
            yield f"its {name} can't be called with ({', '.join(wanted)}): {error}"


def _find_missing_verbs(adapter: type[Adapter[Any]]) -> Iterator[str]:
    """Yield which verbs an operation's capabilities need, and are not there."""

    def has(verb: str) -> bool:
        return getattr_static(adapter, verb) is not getattr_static(Adapter, verb)

    for operation, capabilities in adapter.operations.items():
        if not isinstance(operation, str) or not operation.isprintable():
            yield f"the name of its operation {operation!r} is no text"
        if not isinstance(capabilities, Capabilities):
            yield f"its operation {operation!r} has no Capabilities"
            continue
        for wants, verb in (
            (capabilities.can_cancel, "cancel"),
            (capabilities.finds_attempts, "find_attempt"),
            (capabilities.max_polled_at_once > 1, "poll"),
        ):
            if wants and not has(verb):
                says = f"its operation {operation!r} says that it can {_VERBS[verb]}"
                yield f"{says}; it has no {verb}"


_VERBS: Final = {
    "cancel": "cancel",
    "find_attempt": "find attempts",
    "poll": "be asked about several tickets at once",
}
