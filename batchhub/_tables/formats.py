"""The formats of items and results, how a file's name says them, and the packages they need."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import PurePath
from typing import Any, Final

from batchhub.errors import UsageError

from .wording import Say


class Format(StrEnum):
    """How a file holds items or results."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    PARQUET = "parquet"


class Compression(StrEnum):
    """How a file is compressed: the ending after that of its format."""

    GZIP = ".gz"
    ZSTD = ".zst"


READABLE: Final = (Format.JSONL, Format.CSV, Format.TSV, Format.JSON)
"""What items are read from."""

PLAIN_ENDINGS: Final = frozenset({"", ".txt", ".log", ".out"})
"""Endings that say nothing about the format. Results go there as JSON Lines."""

_ENDINGS: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    **{f".{format}": format for format in Format},
}


def parse_format(
    name: str | None, say: Say, known: Sequence[Format] = tuple(Format)
) -> Format | None:
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
    return _ENDINGS.get(ending_of(name))


def get_format(name: str, say: Say, known: Sequence[Format] = tuple(Format)) -> Format:
    """
    Return the format that a file's name says.

    Raises:
        UsageError: It says none, or another one.
    """
    found = format_of(name)
    if found is None or found not in known:
        endings = ", ".join(ending for ending, format in _ENDINGS.items() if format in known)
        raise UsageError(
            f"{name}: the format is named by the ending, one of {endings}, also compressed; "
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
