"""How the value of a key is read: each returns what it becomes, or raises `Wrong`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, TypeVar

from attrs import frozen

from batchhub._adapter.kinds import Kind
from batchhub.models import BatchState, ItemState

from .mistakes import Wrong, find_near
from .places import Place
from .templates import Template, read_template

E = TypeVar("E")

Read = Callable[[Any], Any]

PENDING: Final = "pending"
"""What a word of an item that has not ended yet means."""

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_STATES: Final = {
    state.value: state
    for state in BatchState
    if state not in {BatchState.PENDING, BatchState.UNCONFIRMED}
}
_ITEM_STATES: Final[Mapping[str, ItemState | None]] = {
    **{state.value: state for state in ItemState},
    PENDING: None,
}
_KINDS: Final = {kind.value: kind for kind in Kind}
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_CLASS: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z_-]{1,20}", re.ASCII)
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_FRAMING: Final = frozenset(
    {"connection", "content-encoding", "content-length", "host", "transfer-encoding"}
)
"""Headers that say how a request is written: another value would garble it."""

_MAX_WHOLE: Final = 2**53


class AccountKind(Enum):
    """What a field of an account takes."""

    TEXT = "text"
    WHOLE_NUMBER = "whole_number"
    FLAG = "flag"
    SECRET = "secret"  # noqa: S105  # the name of a kind


@frozen
class Line:
    """The first line of a request: its method, and its path with names in it."""

    method: str
    path: Template


def read_text(value: Any) -> str:
    """Read text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise Wrong(f"must be text that is not empty, not {_show(value)}")
    if not value.isprintable():
        raise Wrong("must be one line of text")
    return value


def read_whole(value: Any) -> int:
    """Read a whole number above zero."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _MAX_WHOLE:
        raise Wrong(f"must be a whole number above zero, not {_show(value)}")
    return value


def read_position(value: Any) -> int:
    """Read the number that the first of several has: 0 or 1."""
    if isinstance(value, bool) or value not in (0, 1):
        raise Wrong(f"must be 0 or 1, not {_show(value)}")
    return int(value)


def read_seconds(value: Any) -> float:
    """Read a number of seconds above zero."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 < value < _MAX_WHOLE:
        raise Wrong(f"must be a number of seconds above zero, not {_show(value)}")
    return float(value)


def read_flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Wrong(f"must be true or false, not {_show(value)}")
    return value


def read_statuses(value: Any) -> frozenset[int]:
    """Read HTTP statuses of errors: one, or a list of them."""
    statuses = value if isinstance(value, list) else [value]
    for status in statuses:
        if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status < 600:  # noqa: PLR2004  # those of errors
            raise Wrong(f"must be HTTP statuses from 400 to 599, not {_show(status)}")
    return frozenset(statuses)


def read_texts(value: Any) -> tuple[str, ...]:
    """Read a text, or a list of them."""
    return tuple(read_text(each) for each in (value if isinstance(value, list) else [value]))


def read_place(value: Any) -> Place:
    """Read a JMESPath."""
    if not isinstance(value, str) or not value.strip():
        raise Wrong(f"must be a JMESPath, as text, not {_show(value)}")
    return Place(value)


def read_templated(value: Any) -> Template:
    """Read text with names in braces."""
    return read_template(read_text(value))


def read_pair(value: Any) -> tuple[Template, Template]:
    """Read user name and password."""
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004  # a pair
        raise Wrong('must be user name and password, as in ["{user}", "{password}"]')
    return read_templated(value[0]), read_templated(value[1])


def read_line(value: Any) -> Line:
    """Read the first line of a request, such as ``GET /batches/{ref}``."""
    method, _, path = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if method not in _METHODS or not path.startswith("/"):
        methods = ", ".join(_METHODS)
        raise Wrong(f'must be a method ({methods}) and a path, as in "GET /batches/{{ref}}"')
    if not path.isascii() or not path.isprintable() or " " in path or "#" in path:
        raise Wrong("has a character that no path can have; percent-encode it")
    return Line(method, read_template(path))


def read_body(value: Any) -> Any:
    """Read fixed fields of a body; texts in them may have names in braces."""
    if not isinstance(value, dict):
        raise Wrong("must be a table: the fields of the body")
    return _read_json(value, ())


def read_keys(value: Any) -> tuple[str, ...]:
    """Read a field's name, dotted where it is nested."""
    names = tuple(read_text(value).split("."))
    if not all(name and name == name.strip() for name in names):
        raise Wrong("must be the name of a field, dotted where it is nested")
    return names


def read_class(value: Any) -> str:
    """Read where a class is."""
    if not isinstance(value, str) or not _CLASS.fullmatch(value):
        raise Wrong('must be a class, as in "acme.sandbox:AcmeSandbox"')
    return value


def read_name(value: Any) -> str:
    """Read the name of an adapter."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Wrong(f"must be a name of a-z, 0-9, - and _, not {_show(value)}")
    return value


def read_default(value: Any) -> Any:
    """Read the default of a setting; the field's kind is compared later."""
    return value


def check_operation(name: str) -> None:
    """Refuse what can't be the name of an operation."""
    if not _NAME.fullmatch(name):
        raise Wrong("an operation's name is of a-z, 0-9, - and _")


def check_field(name: str) -> None:
    """Refuse what can't be the name of a setting."""
    if not _FIELD.fullmatch(name):
        raise Wrong("a field's name is of a-z, 0-9 and _")


def check_header(name: str) -> None:
    """Refuse what can't be the name of a header, or is no matter of a description."""
    if not _HEADER.fullmatch(name):
        raise Wrong("is no name of a header")
    if name.lower() in _FRAMING:
        raise Wrong("is set by batchhub itself")


def check_plain_header(name: str) -> None:
    """Refuse what can't be the name of a header without credentials."""
    check_header(name)
    if name.lower() == "authorization":
        raise Wrong("belongs in auth, with a field of the account")


def check_word(name: str) -> None:
    """Refuse what can't be a word."""
    if not name.strip():
        raise Wrong("a word can't be empty")


def check_item_field(name: str) -> None:
    """Refuse what can't be the name of an item's field."""
    read_keys(name)


def _choice(known: Mapping[str, E]) -> Callable[[Any], E]:
    def read(value: Any) -> E:
        if not isinstance(value, str) or value not in known:
            near = find_near(value, known) if isinstance(value, str) else None
            hint = "" if near is None else f"; did you mean {near!r}?"
            raise Wrong(f"must be one of {', '.join(known)}{_show_word(value)}{hint}")
        return known[value]

    return read


read_state: Final = _choice(_STATES)
read_item_state: Final = _choice(_ITEM_STATES)
read_outcome: Final = _choice({state.value: state for state in ItemState})
read_kind: Final = _choice(_KINDS)
read_account_kind: Final = _choice({kind.value: kind for kind in AccountKind})


def _read_json(value: Any, inside: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        try:
            return read_template(value)
        except Wrong as error:
            raise Wrong(error.why, inside) from None
    if isinstance(value, dict):
        return {name: _read_json(each, (*inside, name)) for name, each in value.items()}
    if isinstance(value, list):
        return [_read_json(each, inside) for each in value]
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise Wrong(f"has no form in JSON: {_show(value)}", inside)


def _show_word(value: Any) -> str:
    """Return what follows a list of words: nothing where it may be a secret in the wrong place."""
    if isinstance(value, bool | dict | list) or (isinstance(value, str) and _WORD.fullmatch(value)):
        return f", not {_show(value)}"
    return ""


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    shown = repr(value) if isinstance(value, str | int | float) else str(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"  # noqa: PLR2004  # a readable line
