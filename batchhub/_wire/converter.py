"""The converter: cattrs as the door, msgspec where it can represent the type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar, cast, get_args, get_origin

import msgspec
from attrs import has
from cattrs import Converter

from . import exact
from .extra import Source
from .fast import Representable
from .reading import (
    PRIMITIVES,
    is_list,
    make_form_reader,
    make_list_reader,
    make_record_reader,
    tells_by_form,
)
from .record import read_special
from .shape import layout_of, shape_of
from .times import read_time, write_time
from .writing import make_record_writer

T = TypeVar("T")

_BINARY: Final = (bytes, bytearray, memoryview, msgspec.Raw)
_HOLDERS: Final = frozenset({list, tuple, dict, Mapping})
_KEPT_BINARY: Final[frozenset[Any]] = frozenset({bytes, bytearray, memoryview})


class WireConverter(Converter):
    """
    A cattrs converter that reads JSON itself.

    `structure` takes bytes, text and `msgspec.Raw` as JSON, and plain values as cattrs does.
    Types that msgspec can represent are decoded by it in one pass; for the rest, for what it
    refuses, and for types with a hook of yours, cattrs' own way answers. Both are strict: a
    text is no number, a number no text.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hooked: list[Callable[[Any], bool]] = []
        self._decoders: dict[Any, Callable[[bytes], Any] | None] = {}

    def structure(self, obj: Any, cl: type[T]) -> T:
        """
        Make an object of a type.

        Raises:
            ValueError: JSON that is none, with the place.
            cattrs.BaseValidationError: Values of the wrong type: all of them, with their paths
                (`cattrs.transform_error` lists them).
        """
        if isinstance(obj, _BINARY) and cl not in _KEPT_BINARY:
            return cast("T", self._read(bytes(obj), cl))
        if isinstance(obj, str) and _holds(cl):
            return cast("T", self._read(obj.encode("utf-8", "surrogatepass"), cl))
        return super().structure(obj, cl)

    def structure_plain(self, obj: Any, cl: Any) -> Any:
        """Make an object of a type from plain JSON values only, as cattrs does."""
        return super().structure(obj, cl)

    def register_structure_hook(self, cl: Any, func: Any = None) -> Any:
        """Register a hook for a type, as cattrs does; msgspec then leaves that type alone."""
        if func is not None:
            self._note(lambda kind: _covers(cl, kind))
        return super().register_structure_hook(cl, func)

    def register_structure_hook_func(self, check_func: Any, func: Any) -> None:
        """Register a hook for the types a function accepts."""
        self._note(check_func)
        super().register_structure_hook_func(check_func, func)

    def register_structure_hook_factory(self, predicate: Any, factory: Any = None) -> Any:
        """Register a factory of hooks for the types a function accepts."""
        self._note(predicate)
        return super().register_structure_hook_factory(predicate, factory)

    def copy(self, *args: Any, **kwargs: Any) -> WireConverter:
        """Copy it, hooks and all."""
        made = super().copy(*args, **kwargs)
        made._hooked = list(self._hooked)  # noqa: SLF001  # its own kind
        return made

    def _note(self, covers: Callable[[Any], bool]) -> None:
        # cattrs registers hooks while it makes itself, before there is anything to note.
        if hasattr(self, "_hooked"):
            self._hooked.append(covers)
            self._decoders.clear()

    def _read(self, data: bytes, cl: Any) -> Any:
        try:
            decode = self._decoders[cl]
        except KeyError:
            decode = self._decoders[cl] = self._make_decoder(cl)
        if decode is not None:
            try:
                return decode(data)
            except Exception:  # noqa: S110  # msgspec's, or a validator's: cattrs tells what
                pass
        plain = exact.loads(exact.unescape(data) if _holds(cl) else data)
        return super().structure(plain, cl)

    def _make_decoder(self, cl: Any) -> Callable[[bytes], Any] | None:
        if not Representable(self._hooked).can(cl):
            return None
        try:
            decoder = msgspec.json.Decoder(cl, dec_hook=read_special, float_hook=Decimal)
        except (TypeError, NotImplementedError):
            return None
        decode = decoder.decode
        if shape_of(cl) is not None:
            return lambda data: Source(data, cl).decode(decode)
        if _holds(cl):
            return lambda data: decode(exact.unescape(data))
        return decode


def _holds(cl: Any) -> bool:
    """Tell whether JSON for a type is an object or an array, so that a text holds it escaped."""
    return has(cl) or get_origin(cl) in _HOLDERS


def _strict(kind: Any, read: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Make the hook of a primitive, and of the enums and other classes made of it."""

    def structure(value: Any, cl: Any) -> Any:
        return read(value) if cl is kind else cl(read(value))

    return structure


def _covers(cl: Any, kind: Any) -> bool:
    if kind == cl:
        return True
    is_class = isinstance(cl, type) and isinstance(kind, type) and not get_args(kind)
    return is_class and issubclass(kind, cl)


def make_converter() -> WireConverter:
    """Make a converter with the readers and writers of what JSON has."""
    made = WireConverter()
    for kind, read in PRIMITIVES.items():
        made.register_structure_hook(kind, _strict(kind, read))
    made.register_structure_hook(datetime, read_time)
    made.register_structure_hook_factory(is_list, make_list_reader)
    made.register_structure_hook_factory(tells_by_form, make_form_reader)
    is_record = lambda each: layout_of(each) is not None  # noqa: E731  # used twice below
    made.register_structure_hook_factory(is_record, make_record_reader)
    made.register_unstructure_hook(datetime, write_time)
    made.register_unstructure_hook_factory(is_record, lambda cl: make_record_writer(cl, made))
    made._hooked.clear()  # noqa: SLF001  # these say the same as msgspec
    return made
