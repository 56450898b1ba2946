"""How CSV is written: as the input was, or as Excel opens it by a double click."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from batchhub._tables.reading.reject_files import BOM, find_writing
from batchhub.models.rows import InputHead

TABLES_OF_TEXT: Final = frozenset({"csv", "tsv"})
"""Formats of an input that is CSV."""

# As the Unicode CLDR has it; what Excel takes is set on the user's machine, and this is the best
# that can be known of it here.
_COMMA_LANGUAGES: Final = re.compile(
    "af|az|be|bg|bs|ca|cs|da|de|el|es|et|eu|fi|fo|fr|gl|hr|hu|hy|id|is|it|ka|kk|kl|ky|lb|lt|lv|mk|"
    "nb|nl|nn|no|pl|pt|ro|ru|sk|sl|sq|sr|sv|tr|uk|uz|vi"
)
_POINT_PLACES: Final = re.compile("(de|it)_(CH|LI)|es_(DO|GT|HN|MX|NI|PA|PE|PR|SV|US)")
_COMMA_PLACES: Final = re.compile("en_(AT|DE|DK|FI|NL|SE|ZA)")
_NAME: Final = re.compile(r"([a-z]{2})(?:_([A-Z]{2}))?\b")


@frozen(kw_only=True)
class Dialect:
    """
    How CSV is written.

    Attributes:
        delimiter: What separates the cells.
        encoding: The encoding.
        bom: What comes before the first cell.
        decimal: The decimal mark of numbers.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    bom: str = ""
    decimal: str = "."


def find_dialect(head: InputHead) -> Dialect:
    """Return how the CSV was written that rows come from; of others, the usual dialect."""
    if head.format not in TABLES_OF_TEXT:
        return Dialect()
    encoding, bom = find_writing(head.encoding, has_bom=head.has_bom)
    return Dialect(delimiter=head.delimiter, encoding=encoding, bom=bom)


def for_excel(delimiter: str = ",", environ: Mapping[str, str] = os.environ) -> Dialect:
    """
    Return how Excel wants CSV, by the locale of the environment.

    Args:
        delimiter: What the input is separated by, where the locale doesn't say.
        environ: The environment.
    """
    if has_comma(environ):
        return Dialect(delimiter=";", bom=BOM, decimal=",")
    return Dialect(delimiter=delimiter, bom=BOM)


def has_comma(environ: Mapping[str, str]) -> bool:
    """Whether the decimal mark of the locale is a comma, so that cells are separated by ``;``."""
    names = (environ.get(each) for each in ("LC_ALL", "LC_NUMERIC", "LANG"))
    found = _NAME.match(next(filter(None, names), ""))
    if found is None:  # C, POSIX
        return False
    language, place = found[1], found[0]
    if _COMMA_LANGUAGES.fullmatch(language):
        return _POINT_PLACES.fullmatch(place) is None
    return _COMMA_PLACES.fullmatch(place) is not None
