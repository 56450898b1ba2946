"""Text that a spreadsheet would take for a formula."""

from __future__ import annotations

import re
from typing import Final

FORMULAS: Final = frozenset("=+-@\t\r")
"""What a text begins with that a spreadsheet works out."""

_FIGURE: Final = re.compile(r"[+-][-+0-9 .,:()/%]*")
"""A figure, a phone number, a dash: whatever a spreadsheet makes of it, it runs nothing."""


def disarm(text: str) -> str:
    """
    Return a text of somebody else's as CSV may have it: what would be a formula begins with ``'``.

    Spreadsheets work out what begins with ``=``, ``+``, ``-`` or ``@``, and such a text may open a
    program or send the sheet to a stranger. Figures stay as they are.
    """
    if text[:1] not in FORMULAS or _FIGURE.fullmatch(text):
        return text
    return f"'{text}"
