"""Writing records: what they say, the fields nobody named, and nulls and forms as they came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .extra import Extra
from .shape import Layout, WireField, layout_of, shape_of
from .times import write_time

if TYPE_CHECKING:
    from .converter import WireConverter

_ABSENT: Any = object()


def make_record_writer(cls: Any, converter: WireConverter) -> Callable[[Any], dict[str, Any]]:
    """
    Make the hook that writes a record.

    A field that is `None` is left out; where the vendor sent it, it is written as null.
    A value that still is what the vendor sent is written in the vendor's own form.
    """
    layout = layout_of(cls)
    assert layout is not None  # noqa: S101  # the predicate of the factory says so

    def write(value: Any) -> dict[str, Any]:
        extra: Mapping[str, Any] = value.extra if layout.keeps_extra else {}
        sent: Mapping[str, Any] = extra.sent if isinstance(extra, Extra) else {}
        said = _say(converter, layout, value, sent)
        # In the vendor's order, then what is new.
        made = {name: said.get(name, _ABSENT) for name in sent if name in layout.known}
        made |= {name: plain for name, plain in said.items() if name not in made}
        made |= extra if isinstance(extra, Extra) else converter.unstructure(dict(extra))
        return {name: plain for name, plain in made.items() if plain is not _ABSENT}

    return write


def _say(
    converter: WireConverter, layout: Layout, value: Any, sent: Mapping[str, Any]
) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for member in layout.fields:
        held = getattr(value, member.name)
        was = sent.get(member.wire, _ABSENT)
        if held is None and was is _ABSENT:
            continue
        plain = _plain(converter, held, layout.time_form)
        if was is not _ABSENT and plain != was and not isinstance(was, bool):
            plain = _in_the_form_of(converter, member, held, plain, was)
        said[member.wire] = plain
    return said


def _plain(converter: WireConverter, held: Any, time_form: str | None) -> Any:
    if isinstance(held, datetime):
        return write_time(held, time_form)
    if isinstance(held, tuple | list):
        return [_plain(converter, each, time_form) for each in held]
    if isinstance(held, str | int) and type(held) in {str, int, bool}:
        return held
    return converter.unstructure(held)


def _in_the_form_of(
    converter: WireConverter, member: WireField, held: Any, plain: Any, was: Any
) -> Any:
    """Write a value in the form it was sent in, where it still is the value that was sent."""
    if isinstance(was, dict) and isinstance(plain, list) and len(plain) == 1:
        return plain[0]
    if shape_of(member.type) is not None:
        return plain  # Records in it have written themselves in their own forms.
    try:
        again = converter.structure_plain(was, member.type)
        is_same = repr(again) == repr(held) or again == held
    except Exception:  # any hook's: then it is not what was sent
        return plain
    return was if is_same else plain
