"""Unknown fields: kept with the object they came in, and worked out only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from itertools import count, repeat
from typing import Any, Final

from . import exact
from .shape import Shape, shape_of

_LOST: Final = object()


class Extra(Mapping[str, Any]):
    """
    The fields of an object that its class does not name, by the vendor's names.

    It also remembers the object as it was sent, so that writing it back loses nothing:
    not a null, not the vendor's own form of a value.

    Attributes:
        sent: The object as it was sent, plain; numbers with a fraction are `Decimal`.
    """

    __slots__ = ("_known", "sent")

    def __init__(self, sent: Mapping[str, Any], known: frozenset[str]) -> None:
        self.sent = sent
        self._known = known

    def __getitem__(self, name: str) -> Any:
        """Return the value of an unknown field."""
        if name in self._known:
            raise KeyError(name)
        return self.sent[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the unknown fields, as they came."""
        return (name for name in self.sent if name not in self._known)

    def __len__(self) -> int:
        """Count the unknown fields."""
        return sum(name not in self._known for name in self.sent)

    def __repr__(self) -> str:
        """Show the unknown fields as a dict does."""
        return repr(dict(self))


class Source:
    """
    The bytes some objects were made of, as they came, until what is only in them is asked for.

    msgspec drops unknown keys while it makes the objects. It makes them in one order, the
    inner before the outer, and each takes a number (`take_number`). A second parse meets
    the same objects in the same order, so the number finds the one that was sent.
    """

    __slots__ = ("_kind", "_objects", "_raw")

    def __init__(self, raw: bytes, kind: Any) -> None:
        self._raw = raw
        self._kind = kind
        self._objects: list[Extra] | None = None

    def decode(self, decode: Callable[[bytes | str], Any]) -> Any:
        """Make the objects, each with its number in this source."""
        source, numbers = _source.set(self), _numbers.set(count())
        try:
            return decode(exact.unescape(self._raw))
        finally:
            _source.reset(source)
            _numbers.reset(numbers)

    def extra_of(self, number: int) -> Extra:
        """Return the unknown fields of the object with this number."""
        if self._objects is None:
            self._objects = _objects_in(self._raw, self._kind)
            self._raw = b""
        return self._objects[number]


class _Nothing(Source):
    """The source of objects that nobody sent."""

    __slots__ = ()

    def extra_of(self, number: int) -> Extra:  # noqa: ARG002  # every object's is the same
        return _NONE


_NONE: Final = Extra({}, frozenset())
_source: ContextVar[Source] = ContextVar("source", default=_Nothing(b"", None))  # noqa: B039  # never changes
_numbers: ContextVar[Iterator[int]] = ContextVar("numbers", default=repeat(0))  # noqa: B039  # never changes

# Called by msgspec for every object it makes, so they are C all through.
take_source: Final = _source.get
"""Return the source in use."""
take_number: Final = map(next, iter(_numbers.get, _LOST)).__next__
"""Return the next number in it."""


class ExtraSlot:
    """The attribute `extra`: its slot holds the source until it is first read."""

    __slots__ = ("_number", "_slot")

    def __init__(self, slot: Any, number: Any) -> None:
        self._slot = slot
        self._number = number

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the unknown fields, worked out once."""
        if instance is None:
            return self
        held = self._slot.__get__(instance)
        if isinstance(held, Source):
            held = held.extra_of(self._number.__get__(instance))
            self._slot.__set__(instance, held)
        return held

    def __set__(self, instance: Any, value: Any) -> None:
        """Refuse, as the frozen class does."""
        raise AttributeError(f"immutable type: {type(instance).__name__!r}")


class _Pairs(list[tuple[str, Any]]):
    """An object with its keys in their order, doubled ones too."""


def _objects_in(raw: bytes, kind: Any) -> list[Extra]:
    """Parse once more and list the objects that are records, in the order msgspec makes them."""
    found: list[Extra] = []
    try:
        _walk(exact.loads_pairs(exact.unescape(raw), _Pairs), shape_of(kind), found)
    except RecursionError:
        raise ValueError("unknown fields are nested too deeply") from None
    return found


def _walk(value: Any, shape: Shape | None, found: list[Extra]) -> Any:
    """Make the value plain; list the records in it once their inner ones are listed."""
    if isinstance(value, _Pairs):
        names = {} if shape is None else shape.members
        rest = None if shape is None or shape.is_record else shape.elements
        made = {name: _walk(inner, names.get(name, rest), found) for name, inner in value}
        if shape is not None and shape.is_record:
            found.append(Extra(made, shape.known))
        return made
    if isinstance(value, list):
        inner_shape = None if shape is None else shape.elements
        return [_walk(inner, inner_shape, found) for inner in value]
    return value
