"""How an option is declared, and how a command gets its options from Typer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature
from typing import Annotated, Any, Final, get_type_hints

import typer
from attrs import NOTHING, Attribute, field, fields

_INFO: Final = "typer"
_NAME: Final = "name"


def make_option(usage: str, text: str, *, default: Any = None, **more: Any) -> Any:
    """
    Declare an option, as a field of an attrs class.

    Args:
        usage: Its names and what stands for its value, such as ``--out FILE``.
        text: Its help.
        default: Its default; `NOTHING` if it is required.
        more: Further arguments of `typer.Option`.
    """
    words = usage.split()
    names = [word for word in words if word.startswith("-")]
    metavar = " ".join(words[len(names) :]) or None
    info = typer.Option(*names, metavar=metavar, help=text, **more)
    return field(default=default, metadata={_INFO: info, _NAME: names[-1]})


def make_argument(metavar: str, text: str, *, default: Any = NOTHING, **more: Any) -> Any:
    """Declare an argument in the same way; it is required unless it has a default."""
    info = typer.Argument(metavar=metavar, help=text, **more)
    return field(default=default, metadata={_INFO: info})


def names_of(option: Attribute[Any]) -> tuple[str, str]:
    """Return the name of an option, and of a flag that may be either way the other one."""
    name: str = option.metadata[_NAME]
    yes, _, no = name.partition("/")
    return yes, no


def take_options(call: Callable[..., None], groups: Iterable[type[Any]]) -> None:
    """Give a function the fields of these classes as parameters, each an option for Typer."""
    parameters = [parameter for group in groups for parameter in _parameters(group)]
    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}


def fill_groups(groups: Iterable[type[Any]], values: Mapping[str, Any]) -> list[Any]:
    """Make an object of each class, of the values that Typer passed for its fields."""
    return [group(**{each.name: values[each.name] for each in fields(group)}) for group in groups]


def _parameters(group: type[Any]) -> Iterable[Parameter]:
    hints = get_type_hints(group)
    for each in fields(group):
        default = Parameter.empty if each.default is NOTHING else each.default
        hint, info = hints[each.name], each.metadata[_INFO]
        yield Parameter(
            each.name,
            Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[hint, info],
        )
