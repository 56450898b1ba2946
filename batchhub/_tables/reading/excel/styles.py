"""The formats of a workbook's styles that change what a cell shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .codes import BUILT_IN, parse_format
from .formats import NumberFormat
from .package import Package
from .xml import read_elements

_STYLES: Final = "xl/styles.xml"
_LISTS: Final = frozenset(
    {"numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs"}
)


def read_styles(package: Package) -> Mapping[str, NumberFormat]:
    """
    Return the formats that are not plain, by the number of the style that has them.

    Raises:
        InputError: The part that says them is broken.
    """
    if _STYLES not in package:
        return {}
    codes = {str(number): code for number, code in BUILT_IN.items()}
    used: list[str] = []
    within = ""

    def on_start(name: str, attributes: dict[str, str]) -> None:
        nonlocal within
        if name == "numFmt" and within == "numFmts":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "xf" and within == "cellXfs":
            used.append(attributes.get("numFmtId", "0"))
        elif name in _LISTS:
            within = name

    read_elements(_STYLES, package.read_pieces(_STYLES), on_start)
    formats = {id: parse_format(codes[id]) for id in {*used} if codes.get(id)}
    return {
        str(n): formats[id]
        for n, id in enumerate(used)
        if id in formats and not formats[id].is_plain
    }
