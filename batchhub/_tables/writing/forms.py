"""Which form results are written in, and how it is packed: by what was said, else by the name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath
from typing import Final

from batchhub.errors import UsageError


class Form(StrEnum):
    """What results may be written as."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    PARQUET = "parquet"


class Packing(StrEnum):
    """What a file may be packed with: the ending behind that of the form."""

    GZIP = ".gz"
    ZSTD = ".zst"


_ENDINGS: Final = {
    ".jsonl": Form.JSONL,
    ".ndjson": Form.JSONL,
    ".csv": Form.CSV,
    ".tsv": Form.TSV,
    ".json": Form.JSON,
    ".parquet": Form.PARQUET,
}

_PLAIN: Final = {"", ".txt", ".log", ".out"}
"""Endings that name no form; what has one of them is JSON Lines."""


def find_form(name: str | None, option: str) -> Form | None:
    """
    Return the form an option names; `None` if it is not given.

    Raises:
        UsageError: There is no such form.
    """
    if name is None:
        return None
    try:
        return Form(name.lower())
    except ValueError:
        raise UsageError(f"{option} is {', '.join(Form)}, not {name!r}") from None


def form_by_name(name: str, option: str) -> Form:
    """
    Tell a file's form by its ending, before that of a packing if there is one.

    Args:
        name: The file's name.
        option: What says the form where the ending does not.

    Raises:
        UsageError: The ending tells nothing.
    """
    path = PurePath(name.lower())
    ending = path.suffix if find_packing(name) is None else path.with_suffix("").suffix
    form = Form.JSONL if ending in _PLAIN else _ENDINGS.get(ending)
    if form is None:
        raise UsageError(
            f"{name}: the form is told by the ending, one of {', '.join(_ENDINGS)}, all but the "
            f"last also with {' or '.join(Packing)} behind it; or say {option} {', '.join(Form)}"
        )
    return form


def find_packing(name: str) -> Packing | None:
    """Return what a file of that name is packed with; `None` if with nothing."""
    suffix = PurePath(name.lower()).suffix
    return Packing(suffix) if suffix in set(Packing) else None


def check_packing(name: str, form: Form) -> None:
    """
    Refuse a form that is not to be packed.

    Raises:
        UsageError: It is Parquet, which is packed in itself and read from any place in it.
    """
    packing = find_packing(name)
    if packing is not None and form is Form.PARQUET:
        plain = name[: -len(packing)]
        raise UsageError(f"{name}: Parquet is packed in itself; name it {plain}")
