"""Records: attrs classes laid out so that msgspec can fill them straight from the wire."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar, get_args, get_origin, overload

import msgspec
from attrs import NOTHING, Attribute, Factory, field, fields, resolve_types

from .extra import ExtraSlot, take_number, take_source
from .shape import LAYOUT, Layout, WireField, is_union, layout_of
from .slots import slot_type, work_out
from .times import read_time

T = TypeVar("T")

_EXTRA: Final = "extra"
_NUMBER: Final = "extra_number"
_UNREACHABLE: Final = "\x7f"
_WIRE_NAME: Final = "wire"
_MADE_BY_ATTRS: Final = frozenset(
    {
        "__annotations__",
        "__attrs_attrs__",
        "__attrs_own_setattr__",
        "__attrs_props__",
        "__delattr__",
        "__dict__",
        "__doc__",
        "__getstate__",
        "__init__",
        "__module__",
        "__qualname__",
        "__replace__",
        "__repr__",
        "__setattr__",
        "__setstate__",
        "__slots__",
        "__weakref__",
    }
)


class Time(ABC):  # noqa: B024  # a name for datetime that msgspec hands over to `read_time`
    """What msgspec takes a time for: its own reader refuses the forms vendors write."""


Time.register(datetime)


class Unread:
    """What `extra` is to msgspec: filled by default, and by no key of the wire's."""


def read_special(kind: type[Any], value: Any) -> Any:
    """Read, for msgspec, what it has no type for."""
    if kind is Time:
        return read_time(value)
    raise ValueError(f"a field whose name begins with {_UNREACHABLE!r}")


def named(wire: str, *, shown: bool = True) -> Any:
    """
    Declare an optional field whose wire name is not its own in camelCase.

    Args:
        wire: The vendor's name.
        shown: Whether `repr` shows its value.
    """
    return field(default=None, repr=shown, metadata={_WIRE_NAME: wire})


def kept() -> Any:
    """Declare the field `extra`: what the object holds beside its named fields."""
    return field(factory=dict, hash=False)


@overload
def record(cls: type[T], /) -> type[T]: ...


@overload
def record(*, time_form: str | None = None) -> Callable[[type[T]], type[T]]: ...


def record(cls: Any = None, /, *, time_form: str | None = None) -> Any:
    """
    Lay out a frozen attrs class so that msgspec fills it straight from JSON.

    Put it above ``@attrs.frozen(kw_only=True)``. The class stays an attrs class with slots:
    `attrs.fields`, `attrs.evolve`, comparing and cattrs' hooks work as before. A field's wire
    name is its own in camelCase, or as `named` says. With ``extra: Mapping[str, Any] = kept()``
    unknown fields are kept and written back. ``repr`` leaves out what is `None`.

    Args:
        cls: The class.
        time_form: How times are written, for `strftime`; without it ISO 8601 in UTC.

    Raises:
        TypeError: If it is no frozen attrs class with slots, or if a field has a converter,
            a validator, or is not set by ``__init__``.
    """
    if cls is None:
        return lambda later: _lay_out(later, time_form)
    return _lay_out(cls, time_form)


def wire_names(cls: type[Any]) -> dict[str, str]:
    """
    Return the name on the wire of each field of a record, but `extra`.

    Raises:
        TypeError: If the class is no record.
    """
    layout = layout_of(cls)
    if layout is None:
        raise TypeError(f"{cls!r} is no record")
    return {member.name: member.wire for member in layout.fields}


def _lay_out(cls: type[Any], time_form: str | None) -> type[Any]:
    if not {"__slots__", "__setattr__"} <= vars(cls).keys():
        raise TypeError(f"{cls.__name__}: @record goes above @attrs.frozen(kw_only=True)")
    resolve_types(cls)
    attributes = fields(cls)
    members = tuple(_member(cls, each) for each in attributes if each.name != _EXTRA)
    keeps_extra = len(members) < len(attributes)
    body = {name: value for name, value in vars(cls).items() if _is_ours(cls, name, value)}
    own = {"__repr__": _show, "__doc__": cls.__doc__, "__qualname__": cls.__qualname__}
    made = msgspec.defstruct(
        cls.__name__,
        _slots(attributes),
        namespace={**body, **own},
        module=cls.__module__,
        rename=_rename(members),
        kw_only=True,
        frozen=True,
        eq=False,
        gc=False,
    )
    # Compiled now, with the types msgspec is to see; everybody else sees those that were written.
    msgspec.json.Decoder(made)
    made.__annotations__ = {each.name: each.type for each in attributes}
    layout = Layout(fields=members, time_form=time_form, keeps_extra=keeps_extra)
    setattr(made, LAYOUT, layout)
    made.__attrs_attrs__ = attributes  # type: ignore[attr-defined]  # it is one, for all who ask
    for member in members:
        if worked_out := work_out(member.type, vars(made)[member.name]):
            setattr(made, member.name, worked_out)
    if keeps_extra:
        setattr(made, _EXTRA, ExtraSlot(vars(made)[_EXTRA], vars(made)[_NUMBER]))
    return made


def _slots(attributes: Iterable[Attribute[Any]]) -> list[tuple[str, Any, Any]]:
    """List what msgspec is to fill; `extra` is two slots that no key of the wire's reaches."""
    slots: list[tuple[str, Any, Any]] = []
    for each in attributes:
        if each.name == _EXTRA:
            slots.append((_EXTRA, Unread, msgspec.field(default_factory=take_source)))
            slots.append((_NUMBER, Unread, msgspec.field(default_factory=take_number)))
        else:
            slots.append((each.name, slot_type(each.type) or _face(each.type), _default(each)))
    return slots


def _rename(members: Iterable[WireField]) -> dict[str, str]:
    unreachable = {name: _UNREACHABLE + name for name in (_EXTRA, _NUMBER)}
    return {**{member.name: member.wire for member in members}, **unreachable}


def _member(cls: type[Any], attribute: Attribute[Any]) -> WireField:
    if attribute.converter or attribute.validator or not attribute.init:
        raise TypeError(
            f"{cls.__name__}.{attribute.name} has a converter, a validator or init=False: "
            "leave out @record, cattrs reads the class as it is"
        )
    wire = attribute.metadata.get(_WIRE_NAME) or _camel(attribute.name)
    is_required = attribute.default is NOTHING
    return WireField(name=attribute.name, wire=wire, type=attribute.type, is_required=is_required)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _is_ours(cls: type[Any], name: str, value: Any) -> bool:
    """Tell whether something in a class's body is to be carried over."""
    is_slot = name in vars(cls)["__slots__"] and hasattr(value, "__set__")
    return name not in _MADE_BY_ATTRS and not is_slot


def _default(attribute: Attribute[Any]) -> Any:
    default: Any = attribute.default
    if default is NOTHING:
        return msgspec.NODEFAULT
    if isinstance(default, Factory):  # type: ignore[arg-type]  # typed as a function
        return msgspec.field(default_factory=default.factory)
    return msgspec.field(default=default)


def _face(kind: Any) -> Any:
    """Return the type msgspec is to read for a field: its own, with `Time` for times."""
    if kind is datetime:
        return Time
    parts = get_args(kind)
    if not parts:
        return kind
    faces = tuple(_face(part) for part in parts)
    if faces == parts:
        return kind
    if is_union(kind):
        made = faces[0]
        for face in faces[1:]:
            made = made | face
        return made
    origin: Any = get_origin(kind)
    return origin[faces]


def _show(self: Any) -> str:
    """Show what there is, and leave out what is `None` or not to be shown."""
    told = (
        f"{each.name}={value!r}"
        for each in fields(type(self))
        if each.repr
        and (value := getattr(self, each.name)) is not None
        and (each.name != _EXTRA or value)
    )
    return f"{type(self).__name__}({', '.join(told)})"
