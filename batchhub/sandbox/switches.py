"""
Switches: how a vendor's stand-in behaves and misbehaves.

A sandbox declares its own as one attrs class whose fields are made by `switch`,
`times` and `rate`, derived from `Switches`. They are changed from Python by plain
assignment, from a command line or over HTTP by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from inspect import get_annotations
from random import Random
from typing import Any, NamedTuple, get_type_hints

import attrs
from attrs import Attribute, define, field

from batchhub.errors import NotKnownError, SettingsError

_WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
_TYPE_TEXTS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


class SwitchInfo(NamedTuple):
    """A switch, as it is shown to users."""

    name: str
    default: bool | int | float | str
    help: str


def switch(
    default: bool | int | float | str,
    help: str,  # noqa: A002  # the word the user knows it by
    *,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    choices: tuple[Any, ...] = (),
) -> Any:
    """
    Declare a switch.

    Args:
        default: Its value in a new sandbox.
        help: What it does, in one line; fits behind "name (default): ".
        at_least: The least a number may be.
        at_most: The most a number may be.
        choices: The only values there are, if they are few.
    """

    def check(_: object, attribute: Attribute[Any], value: Any) -> None:
        if choices and value not in choices:
            texts = " or ".join(str(choice) for choice in choices)
            raise make_wrong(attribute.name, texts, value)
        if isinstance(value, int | float) and not at_least <= value <= at_most:
            bounds = f"at least {at_least:g}"
            bounds += "" if at_most == math.inf else f" and at most {at_most:g}"
            raise make_wrong(attribute.name, bounds, value)

    return field(default=default, validator=check, metadata={"help": help})


def times(help: str) -> Any:  # noqa: A002  # as above
    """Declare a switch that counts down: it strikes that many times, or with -1 every time."""
    return switch(0, f"{help}, this many times (-1: every time)", at_least=-1)


def rate(of: str) -> Any:
    """Declare by which chance the fault of a `times` strikes; named like it, with ``_rate``."""
    return switch(0.0, f"the probability that {of} strikes", at_least=0.0, at_most=1.0)


@define(kw_only=True)
class SwitchBoard:
    """Switches that are shown, changed and counted down by their names."""

    @classmethod
    def describe(cls) -> list[SwitchInfo]:
        """Return every switch as it is shown to users: the vendor's own first, as declared."""
        fields: dict[str, Any] = attrs.fields_dict(cls)
        order = dict.fromkeys(name for kind in cls.__mro__ for name in get_annotations(kind))
        found = [fields[name] for name in order if name in fields]
        return [SwitchInfo(f.name, f.default, f.metadata["help"]) for f in found]

    def to_json(self) -> dict[str, Any]:
        """Return every switch's name and value."""
        return {info.name: getattr(self, info.name) for info in self.describe()}

    def is_on(self, name: str) -> bool:
        """Return whether a fault may strike, by its `times` or its `rate`; counts nothing down."""
        return getattr(self, name) != 0 or getattr(self, f"{name}_rate", 0.0) > 0.0

    def change(self, values: Mapping[str, Any]) -> None:
        """
        Change some switches: all of them, or on an error none.

        Args:
            values: By name; a value may be a text, as a command line gives it.

        Raises:
            NotKnownError: There is no switch of a name.
            SettingsError: A value is not of its switch's type, or out of its bounds.
        """
        types = get_type_hints(type(self))
        for name in values:
            if name not in types:
                raise NotKnownError("switch", name, types)
        parsed = {name: _parse(name, value, types[name]) for name, value in values.items()}
        attrs.evolve(self, **parsed)
        for name, value in parsed.items():
            setattr(self, name, value)

    def strikes(self, name: str, random: Random) -> bool:
        """Return whether a fault strikes now, by its `times`, else by its `rate`; counts down."""
        left: int = getattr(self, name)
        if left:
            setattr(self, name, left - 1 if left > 0 else left)
            return True
        chance: float = getattr(self, f"{name}_rate", 0.0)
        # A switch that is off draws nothing, so it does not disturb the others' sequence.
        return chance > 0.0 and random.random() < chance


def _parse(name: str, value: Any, kind: type[Any]) -> Any:
    if isinstance(value, str) and kind is not str:
        value = _from_text(name, value, kind)
    if kind is float and type(value) is int:
        value = float(value)
    # In Python a bool is an int; for a user it is not.
    if type(value) is not kind:
        raise make_wrong(name, _TYPE_TEXTS[kind], value)
    if isinstance(value, float) and not math.isfinite(value):
        raise make_wrong(name, _TYPE_TEXTS[kind], value)
    return value


def _from_text(name: str, text: str, kind: type[Any]) -> Any:
    try:
        return _WORDS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise make_wrong(name, _TYPE_TEXTS[kind], text) from None


def make_wrong(name: str, wanted: str, value: Any) -> SettingsError:
    """Return the error that says what a switch takes."""
    return SettingsError(f"switch {name!r} takes {wanted}, not {value!r}", key=name)
