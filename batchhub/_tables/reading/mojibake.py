"""Text that was UTF-8, was read in another encoding and saved so: ``Ã§ay`` for ``çay``."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

LOST: Final = "\ufffd"
"""What stands for a character that could not be read."""

_MOST_TIMES: Final = 3
"""How often it may have happened to one text."""

# The first bytes of characters in UTF-8 that tables really have: Latin, Greek, Cyrillic, Hebrew,
# Arabic, signs and quotes, Chinese and Japanese, emoji.
_LATIN: Final = (0xC2, 0xC3, 0xC4, 0xC5)
_OTHERS: Final = (0xC8, 0xCE, 0xCF, 0xD0, 0xD1, 0xD7, 0xD8, 0xD9, *range(0xE2, 0xEA), 0xF0)
_FOLLOWING: Final = range(0x80, 0xC0)

_ENCODINGS: Final = {
    "cp1252": (*_LATIN, *_OTHERS),
    "cp1254": (*_LATIN, *_OTHERS),
    "cp1250": (*_LATIN, 0xD0, 0xD1, 0xE2),
    "cp1251": (0xD0, 0xD1, 0xE2),
    "cp850": _LATIN,
    "cp437": (*_LATIN, 0xD0, 0xD1, 0xE2),
}
"""What it may have been read in, and the first bytes that are looked for in each."""

# One character of these is no accident: letters that languages write, quotes, dashes, currencies.
_CERTAIN: Final = re.compile(
    "[\xa0-\xff\u0100-\u0107\u010c-\u0113\u0116-\u011b\u011e\u011f\u0122\u0123\u012a\u012b\u012e-\u0131"
    "\u0136\u0137\u0139-\u0148\u0150-\u0153\u0158-\u015b\u015e-\u0165\u016a\u016b\u016e-\u0173\u0178-\u017e"
    "\u0218-\u021b\u2010-\u2026\u20a0-\u20bf\u2122\U0001f300-\U0001faff]"
)

# What may follow a word in capital letters: ``HYVÄ…`` is no UTF-8.
_AFTER_WORDS: Final = frozenset("…®™©–—“”„‘’‚«»°·•²³½±£€†")  # noqa: RUF001


def looks_misread(text: str) -> bool:
    """Return whether a text may have been read wrongly; `find_original` looks closer."""
    return _SUSPECT.search(text) is not None or _SUSPECT_OEM.search(text) is not None


def find_original(text: str) -> str | None:
    """Return what a text should read; `None` if nothing shows that it should read otherwise."""
    if not looks_misread(text):
        return None
    found = text
    for _ in range(_MOST_TIMES):
        repaired = _undo(found)
        if repaired == found:
            break
        found = repaired
    return None if found == text else found


def _undo(text: str) -> str:
    """Return a text as it was before it was read wrongly once; itself if it was not."""
    repaired = [
        run.sub(partial(_decode, _TABLES[encoding], _ENCODINGS[encoding]), text)
        for encoding, run in _RUNS.items()
    ]
    return min([*repaired, text], key=len)  # what undoes most of it


def _decode(table: dict[str, int], first: tuple[int, ...], run: re.Match[str]) -> str:
    """Return what characters are as UTF-8, if they are all that plausibly was."""
    packed = bytes(table[char] for char in run[0])
    try:
        found = packed.decode() if packed[0] in first else run[0]
    except UnicodeError:
        return run[0]
    is_plausible = len(found) > 1 or (_CERTAIN.match(found) and not _ends_word(run, found))
    return found if is_plausible else run[0]


def _ends_word(run: re.Match[str], found: str) -> bool:
    """Return whether two characters may as well be the end of a word in capital letters."""
    text, (start, end) = run.string, run.span()
    if not text[max(start - 1, 0) : start].isupper() or text[end : end + 1].isalnum():
        return False
    return found.islower() or run[0][-1] in _AFTER_WORDS


def _make_table(encoding: str) -> dict[str, int]:
    """Return the bytes of all characters above ASCII; undefined ones are taken as programs do."""
    table = {}
    for byte in range(0x80, 0x100):
        table[bytes([byte]).decode(encoding, "replace").replace(LOST, chr(byte))] = byte
    if encoding in {"cp1252", "cp1254"}:
        table |= {chr(byte): byte for byte in range(0x80, 0xA0)}
    return table


def _any_of(encodings: tuple[str, ...], *, is_first: bool) -> str:
    """Return a pattern of the characters that a first byte was read as, or one that follows."""
    chars = {
        char
        for encoding in encodings
        for char, byte in _TABLES[encoding].items()
        if byte in (_ENCODINGS[encoding] if is_first else _FOLLOWING)
    }
    return f"[{re.escape(''.join(sorted(chars)))}]"


_TABLES: Final = {encoding: _make_table(encoding) for encoding in _ENCODINGS}
_WINDOWS: Final = ("cp1252", "cp1254", "cp1250", "cp1251")
_SUSPECT: Final = re.compile(_any_of(_WINDOWS, is_first=True) + _any_of(_WINDOWS, is_first=False))
_SUSPECT_OEM: Final = re.compile(_any_of(("cp850", "cp437"), is_first=True) + "[^\x00-\x7f]")
_RUNS: Final = {
    encoding: re.compile(f"[{re.escape(''.join(table))}]{{2,}}")
    for encoding, table in _TABLES.items()
}
