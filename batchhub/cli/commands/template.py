"""What `init` writes: a settings file, made of what each adapter's `Account` class says."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, get_type_hints

from attrs import NOTHING, Attribute, fields

from batchhub._settings.environment import to_part
from batchhub.adapter import Account
from batchhub.errors import UsageError

_WIDTH: Final = 98
_EMPTY: Final = {int: "0", float: "0.0", bool: "false"}

HEAD: Final = """\
# Settings of batchhub. A line that begins with #name = is a setting at its default.
# Every setting can come from the environment, too, which wins over this file: BATCHHUB_STORE,
# and for a key of an account BATCHHUB_ACCOUNTS__<ACCOUNT>__<KEY>.

# Where the jobs are kept; a relative path is taken from this file's folder. By default they are
# in your data folder.
#store = "jobs.db"
"""


def make_table(name: str, account_type: type[Account], *, is_live: bool) -> str:
    """
    Write the table of one account: required keys, then optional ones at their defaults.

    Args:
        name: The account's name.
        account_type: Its class.
        is_live: Whether it is an account at once; if not, every line begins with ``#``.

    Raises:
        UsageError: The name is none that a file can hold.
    """
    mark = "" if is_live else "#"
    lines = [f"{mark}[accounts.{_write_key(name)}]"]
    lines.append(f"{mark}adapter = {_write(account_type.adapter)}")
    texts = _find_texts(account_type)
    known = [f for f in fields(account_type) if f.init]
    for field in sorted(known, key=lambda f: f.default is not NOTHING):
        key = field.alias or field.name
        value = _value(name, key, field, account_type)
        if value is None:
            continue  # no settings file can hold such a value: it is for programs
        is_required = field.default is NOTHING
        lines += _comment(("Required. " if is_required else "") + texts.get(field.name, ""))
        lines.append(f"{mark if is_required else '#'}{key} = {value}")
    return "\n".join(lines) + "\n"


def _value(name: str, key: str, field: Attribute[Any], account_type: type[Account]) -> str | None:
    """Write a key's value: a reference for a secret, else the default, else an empty one."""
    if field.metadata.get("secret"):
        return f"{{ env = {_write(_variable(name, key, account_type.adapter))} }}"
    default: Any = field.default
    if hasattr(default, "factory"):
        default = None if default.takes_self else default.factory()
    if default is NOTHING or default is None:
        return _EMPTY.get(_type_of(field, account_type), '""')
    try:
        return _write(default)
    except TypeError:
        return None


def _variable(name: str, key: str, adapter: str) -> str:
    """Propose a variable for a secret, of a name that every shell takes."""
    words = re.sub("_+", "_", to_part(f"{name}_{key}")).strip("_")
    return f"{to_part(adapter)}_{words}" if words[:1].isdigit() else words


def _type_of(field: Attribute[Any], account_type: type[Account]) -> Any:
    try:
        return get_type_hints(account_type).get(field.name)
    except Exception:  # a name only type checkers see
        return None


def _write(value: Any) -> str:
    """
    Write a value as TOML, in one line.

    Raises:
        TypeError: TOML has no form for it.
    """
    if isinstance(value, Enum):
        return _write(value.value)
    if isinstance(value, str | bool | int | float):
        # The forms of JSON are TOML's, but for one character and what is no number.
        text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        return text.lower().removesuffix("inity") if isinstance(value, float) else text
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(map(_write, value))}]"
    if isinstance(value, Mapping):
        pairs = [f"{_write_key(str(key))} = {_write(inner)}" for key, inner in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    raise TypeError(f"TOML has no form for {type(value).__name__}")


def _write_key(key: str) -> str:
    if not key:
        raise UsageError("an account's name can't be empty")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise UsageError(f"the name {key!r} is no valid Unicode text") from None
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _write(key)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def _find_texts(account_type: type[Account]) -> dict[str, str]:
    """Return the first sentence on each attribute, out of the docstrings of a class and its own."""
    texts = {"base_url": "Where the vendor answers: scheme and host, without a trailing slash."}
    for kind in reversed(account_type.__mro__):
        texts.update(_read_attributes(kind.__dict__.get("__doc__") or ""))
    return texts


def _read_attributes(docstring: str) -> Iterator[tuple[str, str]]:
    section = re.search(
        r"^Attributes:\n((?:[ \t]+.*\n?|\n)*)", inspect.cleandoc(docstring), re.MULTILINE
    )
    if section is None:
        return
    body = textwrap.dedent(section[1])
    for name, text in re.findall(r"^(\w+)(?: ?\([^)]*\))?:(.*(?:\n[ \t]+.*)*)", body, re.MULTILINE):
        words = " ".join(text.split()).replace("``", "`")
        yield name, re.split(r"(?<=[.!?]) ", words, maxsplit=1)[0]
