"""Texts with names in braces, such as ``/shops/{shop}/batches/{ref}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from attrs import frozen

from .mistakes import Wrong

REF: Final = "ref"
"""The vendor's id of a batch."""

IDEMPOTENCY_KEY: Final = "idempotency_key"
"""The same whenever the same attempt is sent again."""

_PART: Final = re.compile(r"\{\{|\}\}|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|[{}]")


@frozen
class Template:
    """
    A text in which names in braces are filled in; ``{{`` and ``}}`` are braces.

    Attributes:
        parts: Texts and names by turns; it begins and ends with a text.
    """

    parts: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names in it."""
        return self.parts[1::2]

    def fill(self, values: Mapping[str, str], *, quoted: bool = False) -> str:
        """Fill in values; `quoted` percent-encodes them, as parts of a URL."""
        filled = [
            each if place % 2 == 0 else quote(values[each], safe="") if quoted else values[each]
            for place, each in enumerate(self.parts)
        ]
        return "".join(filled)


def read_template(text: str) -> Template:
    """
    Take a text apart.

    Raises:
        Wrong: A brace stands alone, or what is in braces is no name.
    """
    parts, end = [""], 0
    for match in _PART.finditer(text):
        parts[-1] += text[end : match.start()]
        end = match.end()
        if match["name"] is not None:
            parts += [match["name"], ""]
        elif len(match[0]) == 1:
            raise Wrong(f"has a {match[0]} that belongs to no {{name}}; write {match[0] * 2}")
        else:
            parts[-1] += match[0][0]
    parts[-1] += text[end:]
    return Template(tuple(parts))
