"""What reading and writing have in common: formats, packages, how messages name an argument."""

from __future__ import annotations

import io
from collections.abc import Sequence
from difflib import get_close_matches
from enum import StrEnum
from importlib import import_module
from pathlib import PurePath
from typing import Any, Final, Protocol

from batchhub.errors import UsageError


class Say(Protocol):
    """Writes an argument for a message: its name, or its name and a value (``delimiter=";"``)."""

    def __call__(self, name: str = "", /, **argument: Any) -> str:
        """Write it."""


def in_python(name: str = "", /, **argument: Any) -> str:
    """Write an argument as a call in Python has it; the command makes an option of it."""
    return name or ", ".join(f"{each}={value!r}" for each, value in argument.items())


class Format(StrEnum):
    """How a file holds items or results."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    PARQUET = "parquet"
    XLSX = "xlsx"
    FRAME = "frame"
    """A DataFrame, which is in no file."""


class Notation(StrEnum):
    """What stands before the fraction of a figure."""

    POINT = "point"
    COMMA = "comma"


class Compression(StrEnum):
    """How a file is compressed: the ending after that of its format."""

    GZIP = ".gz"
    ZSTD = ".zst"


_SHOWN: Final = 20

READABLE: Final = (Format.JSONL, Format.CSV, Format.TSV, Format.JSON, Format.XLSX)
"""What items are read from."""

WRITABLE: Final = (
    *(Format.JSONL, Format.CSV, Format.TSV, Format.JSON),
    *(Format.PARQUET, Format.XLSX),
)
"""What results are written as."""

PLAIN_ENDINGS: Final = frozenset({"", ".txt", ".log", ".out"})
"""Endings that say nothing about the format. Results go there as JSON Lines."""

_ENDINGS: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    **{f".{format}": format for format in Format if format is not Format.FRAME},
}

_WORKBOOKS: Final = frozenset({".xlsm", ".xlsb", ".xls", ".ods"})
"""Endings of other workbooks. Their first bytes say what can be read, or what to do."""


def parse_format(name: str | None, say: Say, known: Sequence[Format] = WRITABLE) -> Format | None:
    """
    Return the format with a name; `None` if there is no name.

    Raises:
        UsageError: No such format.
    """
    if name is None:
        return None
    if name.lower() not in known:
        raise UsageError(f"{say('format')} must be one of {', '.join(known)}, not {name!r}")
    return Format(name.lower())


def format_of(name: str) -> Format | None:
    """Return the format that a file's name says; `None` if it says none."""
    ending = ending_of(name)
    return Format.XLSX if ending in _WORKBOOKS else _ENDINGS.get(ending)


def get_format(name: str, say: Say, known: Sequence[Format] = WRITABLE) -> Format:
    """
    Return the format that a file's name says.

    Raises:
        UsageError: It says none, or another one.
    """
    found = format_of(name)
    if ending_of(name) in _WORKBOOKS and Format.PARQUET in known:
        raise UsageError(f"{name}: workbooks are written as .xlsx; name it so")
    if found is None or found not in known:
        endings = ", ".join(ending for ending, format in _ENDINGS.items() if format in known)
        raise UsageError(
            f"{name}: the ending names the format: one of {endings}, also compressed; "
            f"or say {say('format')} {', '.join(known)}"
        )
    return found


def ending_of(name: str) -> str:
    """Return the ending of a file's name in lower case, without that of a compression."""
    path = PurePath(name.lower())
    return path.suffix if compression_of(name) is None else path.with_suffix("").suffix


def compression_of(name: str) -> Compression | None:
    """Return the compression that a file's name says; `None` if it says none."""
    suffix = PurePath(name.lower()).suffix
    return Compression(suffix) if suffix in set(Compression) else None


def name_of(stream: object) -> str:
    """
    Return what a stream of bytes is called in messages.

    Raises:
        UsageError: It is a stream of text, or no stream.
    """
    if isinstance(stream, io.TextIOBase):
        raise UsageError(
            "a file is read and written as bytes; open it in binary mode, or give its path "
            "('-' is standard input or output)"
        )
    if not (hasattr(stream, "read") or hasattr(stream, "write")):
        raise UsageError(f"a file is a path or a stream of bytes, not {type(stream).__name__}")
    return str(getattr(stream, "name", "the stream"))


def load_extra(module: str, extra: str, what: str) -> Any:
    """
    Import a module of a package that comes with an extra of ours.

    Args:
        module: The module.
        extra: The extra.
        what: What is written with it.

    Raises:
        UsageError: It is not installed. The message names the extra.
    """
    try:
        return import_module(module)
    except ImportError:
        raise UsageError(
            f"{what} needs a package that is not installed: pip install 'batchhub[{extra}]'"
        ) from None


def suggest(name: str, known: Sequence[str]) -> str:
    """Write the nearest of the known names and all of them, as the end of a message."""
    folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), folded, n=1)
    hint = f"did you mean {folded[near[0]]!r}? " if near else ""
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"; {hint}known: {', '.join(known[:_SHOWN])}{more}"
