"""The codes of number formats: what Excel writes for them, and what they say."""

from __future__ import annotations

import re
from typing import Final

from attrs import evolve

from .formats import Compare, NumberFormat, Section

BUILT_IN: Final = {
    5: '"$"#,##0_);("$"#,##0)',
    6: '"$"#,##0_);[Red]("$"#,##0)',
    7: '"$"#,##0.00_);("$"#,##0.00)',
    8: '"$"#,##0.00_);[Red]("$"#,##0.00)',
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    **dict.fromkeys((*range(14, 18), *range(27, 32), *range(50, 59), *range(71, 82)), "yyyy-mm-dd"),
    **dict.fromkeys((*range(18, 22), *range(32, 36), 45, 47), "h:mm:ss"),
    22: "yyyy-mm-dd h:mm",
    36: "yyyy-mm-dd",
    37: "#,##0_);(#,##0)",
    38: "#,##0_);[Red](#,##0)",
    39: "#,##0.00_);(#,##0.00)",
    40: "#,##0.00_);[Red](#,##0.00)",
    41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)',
    42: '_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)',
    46: "[h]:mm:ss",
    48: "##0.0E+0",
    67: "0%",
    68: "0.00%",
}
"""What the numbers of formats mean that no workbook spells out; those left out change nothing."""

_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_.|\*.|\[(?P<bracket>[^\]]*)\]|(?P<general>General)'
    r"|(?P<power>E[+-])|(?P<date>AM/PM|A/P|[ymdhsbeg])|(?P<digit>[0#?])"
    r"|(?P<mark>[.,/%@])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_DURATION: Final = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CONDITION: Final = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]+)")
_PIECE: Final = re.compile(r'"[^"]*"?|\\.|[_*].|\[[^\]]*\]|.', re.DOTALL)
_TEXT_SECTION: Final = 3
_SHAPES: Final = {"general": "#", "power": "E"}
_ERAS: Final = frozenset("BEGbeg")


def parse_format(code: str) -> NumberFormat:
    """Return what a format shows, as Excel writes formats: ``0.00" kg";[Red]-0.00``."""
    parts = [""]
    for piece in _PIECE.findall(code):
        if piece == ";":
            parts.append("")
        else:
            parts[-1] += piece
    sections = [_parse_section(part) for part in parts]
    text = sections[_TEXT_SECTION] if len(sections) > _TEXT_SECTION else None
    numbers = sections[:_TEXT_SECTION]
    if text is None and numbers[-1].is_text:
        text = numbers.pop()
        if not numbers:  # one that is for text only shows numbers as they are
            numbers = [Section(digits=1)]
    if len(numbers) > 1 and numbers[1].holds_for is None:
        # The part for negative numbers writes their sign itself.
        numbers[1] = evolve(numbers[1], adds=numbers[1].adds.removeprefix("-"))
    return NumberFormat(code=code, sections=numbers, text=text)


def _parse_section(code: str) -> Section:
    adds, shape, holds = "", "", None
    is_date = is_other = False
    for match in _TOKEN.finditer(code):
        kind, text = match.lastgroup or "", match[0]
        if kind == "bracket":
            inner = match["bracket"]
            condition = _CONDITION.fullmatch(inner)
            holds = holds if condition is None else _compare(condition[1], condition[2])
            is_date |= _DURATION.fullmatch(inner) is not None
            is_other |= inner.startswith(("DBNum", "NatNum"))
            adds += inner[1:].partition("-")[0] if inner.startswith("$") else ""
        elif kind in {"quoted", "escaped"}:
            adds += match[kind]
        elif kind == "date" and text not in _ERAS:
            is_date = True
        elif kind in {"date", "other"}:
            adds += text
        elif kind:
            shape += _SHAPES.get(kind, text)
    if is_date:
        return Section(holds_for=holds, is_date=True, digits=1)
    return _make_section(shape, adds, holds, is_other=is_other)


def _make_section(shape: str, adds: str, holds: Compare | None, *, is_other: bool) -> Section:
    places = re.sub(r"[^0#?.,]", "", shape.partition("E")[0])
    whole = places.partition(".")[0].replace(",", "")
    digits = len(re.findall(r"[0#?]", shape))
    return Section(
        holds_for=holds,
        is_percent="%" in shape,
        is_scaled=digits > 0 and re.search(r"[0#?],+(?![0#?,])", shape) is not None,
        is_rounded=is_other or "E" in shape or "/" in shape,
        is_text="@" in shape,
        digits=digits,
        zeros=len(whole[whole.find("0") :]) if "0" in whole else 0,
        adds="".join(adds.split()),
    )


def _compare(sign: str, limit: str) -> Compare | None:
    try:
        bound = float(limit)
    except ValueError:
        return None
    tests: dict[str, Compare] = {
        "<": lambda number: number < bound,
        ">": lambda number: number > bound,
        "=": lambda number: number == bound,
        "<=": lambda number: number <= bound,
        ">=": lambda number: number >= bound,
        "<>": lambda number: number != bound,
    }
    return tests[sign]
