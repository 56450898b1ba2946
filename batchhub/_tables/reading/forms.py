"""Which form a source has: by what was said, by its name's ending, or by how it begins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import PurePath
from typing import Final

from batchhub.errors import InputError, UsageError

from . import limits as _limits
from .objects import BOM
from .text import UTF16_BOMS

GZIP_ENDING: Final = ".gz"
"""What a packed file's name ends with."""


class Form(StrEnum):
    """What items may be written in."""

    JSONL = "jsonl"
    CSV = "csv"
    JSON = "json"


_ENDINGS: Final = {
    ".jsonl": Form.JSONL,
    ".ndjson": Form.JSONL,
    ".csv": Form.CSV,
    ".tsv": Form.CSV,
    ".json": Form.JSON,
}
_TAB_ENDING: Final = ".tsv"
_FIRST: Final = {b"[": Form.JSON, b"{": Form.JSONL}


def find_form(name: str | None) -> Form | None:
    """
    Return the form a ``--format`` names; `None` if there is none.

    Raises:
        UsageError: There is no such form.
    """
    if name is None:
        return None
    try:
        return Form(name.lower())
    except ValueError:
        raise UsageError(f"--format is {', '.join(Form)}, not {name!r}") from None


def form_by_name(name: str) -> Form:
    """
    Tell a file's form by its ending, before a ``.gz`` if there is one.

    Raises:
        UsageError: The ending tells nothing.
    """
    form = _ENDINGS.get(_ending(name))
    if form is None:
        endings = ", ".join(_ENDINGS)
        raise UsageError(
            f"{name}: the form is told by the ending, one of {endings}, also with {GZIP_ENDING} "
            f"behind it; or say --format {', '.join(Form)}"
        )
    return form


def delimiter_by_name(name: str) -> str | None:
    """Return what separates cells in a file of that name; `None` if it tells nothing."""
    return "\t" if _ending(name) == _TAB_ENDING else None


async def tell_form(
    chunks: AsyncIterator[bytes],
) -> tuple[Form, AsyncIterator[bytes]]:
    """
    Tell the form by the first character that is no space.

    Returns:
        The form, and all the bytes, those that were looked at too.

    Raises:
        InputError: There are 64 MiB of blanks.
    """
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) > _limits.MAX_BYTES:
            raise InputError(f"begins with {_limits.MAX_BYTES >> 20} MiB of blanks")
        if head.removeprefix(BOM).strip() and not BOM.startswith(head):
            break
    first = head.removeprefix(BOM).lstrip()[:1]
    form = _FIRST.get(first, Form.CSV if first else Form.JSONL)
    if head.startswith(UTF16_BOMS):
        form = Form.CSV
    return form, _chain(head, chunks)


async def _chain(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for chunk in chunks:
        yield chunk


def _ending(name: str) -> str:
    path = PurePath(name.lower())
    return path.with_suffix("").suffix if path.suffix == GZIP_ENDING else path.suffix
