"""What an empty cell means: refused, left out, null, or a text without characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import frozen

from batchhub._tables.formats import Say, suggest
from batchhub.adapter import Kind
from batchhub.errors import InputError, UsageError

from .mapping import Part


class Empty(StrEnum):
    """What becomes of a value whose cell is empty."""

    REFUSE = "refuse"
    OMIT = "omit"
    NULL = "null"
    TEXT = "text"


@frozen(kw_only=True)
class EmptyRules:
    """
    What the user says of empty cells.

    Attributes:
        fields: What is said of single fields, by the names the user gave.
        others: What is said of all others; `None` if nothing.
    """

    fields: Mapping[str, Empty]
    others: Empty | None = None

    def find(self, part: Part, kind: Kind | None, *, is_name: bool, say: Say) -> Empty:
        """
        Return what becomes of a value.

        Args:
            part: The value.
            kind: What its field takes.
            is_name: Whether it is a part of a path, an id, or names the item at the vendor: without
                it the item would be another one.
            say: Names an argument in a message.

        Raises:
            InputError: What is said of it makes no sense.
        """
        asked = next((self.fields[name] for name in part.names if name in self.fields), None)
        if asked is None:
            return self._find_usual(kind, is_name=is_name)
        option = say(empty=f"{part.names[0]}={asked}")
        if asked is Empty.TEXT and kind is not Kind.TEXT:
            what = "may hold anything" if kind is None else "is not a text field"
            raise InputError(f"{option}: {part.names[0]} {what}; say refuse, omit or null")
        if part.is_quoted and asked is not Empty.REFUSE:
            raise InputError(f"{option}: a path can't be without it; say refuse")
        return asked

    def check(self, parts: Iterable[Part], say: Say) -> None:
        """
        Refuse what is said of fields that no item has.

        Raises:
            InputError: It names the first.
        """
        parts = list(parts)
        known = {name for part in parts for name in part.names}
        for name, word in self.fields.items():
            if name not in known:
                usual = [part.names[0] for part in parts if not part.is_constant]
                text = f"there is no field {name!r}{suggest(name, usual)}"
                raise InputError(f"{say(empty=f'{name}={word}')}: {text}")

    def _find_usual(self, kind: Kind | None, *, is_name: bool) -> Empty:
        if is_name:
            return Empty.REFUSE
        if self.others is None or (self.others is Empty.TEXT and kind is not Kind.TEXT):
            return Empty.OMIT
        return self.others


def parse_empty(given: str | Mapping[str, str] | Iterable[str], say: Say) -> EmptyRules:
    """
    Read what the user says of empty cells: a word for all fields, or ``FIELD=WORD``.

    Raises:
        UsageError: A word is not known, or something is said twice.
    """
    if isinstance(given, Mapping):
        texts = [f"{name}={word}" for name, word in given.items()]
    else:
        texts = [given] if isinstance(given, str) else list(given)
    fields: dict[str, Empty] = {}
    for text in texts:
        name, _, word = text.rpartition("=")
        if word not in set(Empty):
            raise UsageError(
                f"{say('empty')}: {text!r} is not [FIELD=]WORD with one of {', '.join(Empty)}"
            )
        if name in fields:
            raise UsageError(f"{say('empty')}: {name or 'all fields'!r} is given twice")
        fields[name] = Empty(word)
    others = fields.pop("", None)
    return EmptyRules(fields=fields, others=others)
