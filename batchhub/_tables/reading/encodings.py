"""Encodings of tables: those that can be named, and those that a file's first bytes show."""

from __future__ import annotations

import codecs
from typing import Final

from batchhub._tables.formats import Say
from batchhub.errors import InputError, UsageError

UTF8: Final = "utf-8"
"""The encoding of a table that is not said to have another."""

UTF16_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How UTF-16 begins."""

MARK_BYTES: Final = 4
"""How many bytes of a table may say which encoding it has."""

_BOMS: Final = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: it begins in the same way
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NEED_BOM: Final = frozenset({"utf-16", "utf-32"})

_NO_TABLES: Final = frozenset(
    {"idna", "punycode", "charmap", "undefined", "unicode_escape", "raw_unicode_escape"}
)
"""Codecs of Python's that encode text, but not that of files."""


def find_encoding(name: str, say: Say) -> str:
    """
    Return an encoding's own name.

    Raises:
        UsageError: There is no such encoding of text.
    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # some codecs are none of text
    except (LookupError, ValueError):
        found = None
    if found is None or found.replace("-", "_") in _NO_TABLES:
        raise UsageError(
            f"{say('encoding')}: there is no encoding {name!r} for files; some there are: "
            "windows-1252, windows-1254, utf-16"
        )
    return found


def choose_encoding(head: bytes, named: str | None, say: Say) -> str:
    """
    Return the encoding of a table: the one that is named, or the one its first bytes show.

    Args:
        head: Its first `MARK_BYTES` bytes at least, or all.
        named: The encoding's own name, if one was named.
        say: Names an argument in a message.

    Raises:
        InputError: The two contradict each other, or neither says in which order the bytes are.
    """
    shown = next((name for bom, name in _BOMS if head.startswith(bom)), None)
    if named is None:
        return UTF8 if shown is None else shown.removesuffix("-le").removesuffix("-be")
    if shown is None:
        if named in _NEED_BOM and head:
            names = f"{say(encoding=f'{named}-le')} or {say(encoding=f'{named}-be')}"
            raise InputError(f"has no mark for the order of bytes in {named}; name {names}")
    elif not shown.startswith(named.removesuffix("-sig")):
        option = say("encoding")
        text = f"begins as {shown.upper()} does, and not as {named}; leave {option} out"
        raise InputError(text)
    return named
