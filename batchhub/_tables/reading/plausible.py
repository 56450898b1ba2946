"""How likely it is that a text was meant: whether its letters are those of one language."""

from __future__ import annotations

import unicodedata
from typing import Final

# The letters beyond ASCII of languages that share encodings; the small ones.
_ALPHABETS: Final = tuple(
    frozenset(letters)
    for letters in (
        "äöüß",
        "çğıöşüâîûİ",
        "àâæçéèêëîïôœùûüÿ",
        "áéíñóúüªº",
        "àèéìíòóùú",
        "ãõçáéíóúâêôàü",
        "åäöé",
        "åæøéü",
        "áðéíóúýþæö",
        "ąćęłńóśźż",
        "áčďéěíňóřšťúůýžäĺľŕô",
        "áéíóöőúüű",
        "ăâîșțşţ",
        "čćđšž",
        "äõöüšž",
        "āčēģīķļņšūž",
        "ąčęėįšųūž",
        "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ",
        "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ",
    )
)
_TWO_BYTES: Final = ("HIRAGANA", "KATAKANA", "HANGUL", "CJK")
_SCRIPTS: Final = ("HEBREW", "ARABIC")
_TYPOGRAPHY: Final = frozenset("\xa0€£©®™°²³½¼¾«»§·•…–—‘’‚“”„±×ªº")  # noqa: RUF001

# What Turkish has where Icelandic, with far fewer tables, has others.
_TURKISH: Final = frozenset("ğışĞİŞ")

_MEANT: Final = 1.0
_LIKELY: Final = 0.25
_FOREIGN: Final = -1.0
_IN_WORD: Final = -2.0


def rate(text: str) -> float:
    """
    Rate the characters of a text beyond ASCII: letters of one language speak for it.

    Letters of other languages speak against it, and so do signs inside a word, two scripts in one
    word, and capitals in the middle of small letters.
    """
    odd = [n for n, char in enumerate(text) if not char.isascii()]
    known = max(_ALPHABETS, key=lambda letters: sum(_is_of(text[n], letters) for n in odd))
    return sum(_rate_one(text, n, known) for n in odd)


def _is_of(char: str, letters: frozenset[str]) -> bool:
    return char in letters or char.lower() in letters


def _rate_one(text: str, n: int, known: frozenset[str]) -> float:
    """Rate one character, by what is beside it."""
    char, before, after = text[n], text[max(n - 1, 0) : n], text[n + 1 : n + 2]
    name = unicodedata.name(char, "")
    if not char.isalpha() or char in "ªº":
        is_inside = before.isalpha() and after.isalpha() and char not in "’·"  # noqa: RUF001
        return _IN_WORD if is_inside else _LIKELY if char in _TYPOGRAPHY else _FOREIGN
    if name.startswith("LATIN"):
        is_meant = _is_of(char, known) and not (
            char.isupper() and before.isalpha() and (before.islower() or after.islower())
        )
        return _rate_latin(char, before, after) if is_meant else _FOREIGN
    beside = [each for each in (before, after) if each.isalpha()]
    if any(each.isascii() for each in beside):
        return _IN_WORD
    if name.startswith(_TWO_BYTES):
        return 2 * _MEANT  # half as many characters
    is_known = name.startswith(_SCRIPTS) or _is_of(char, known)
    is_meant = is_known and not (char.isupper() and before.islower())
    return _MEANT * bool(beside) if is_meant else _FOREIGN


def _rate_latin(char: str, before: str, after: str) -> float:
    """Rate a letter of the language: few stand alone, and few words have only such letters."""
    bonus = _LIKELY / 2 if char in _TURKISH else 0.0
    beside = [each for each in (before, after) if each.isalpha()]
    is_usual = bool(beside) and (len(beside) == 1 or any(each.isascii() for each in beside))
    return _MEANT * is_usual + bonus
