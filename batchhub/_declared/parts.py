"""What the grammar is made of: keys, tables with fixed names, tables whose names are chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from .readers import Read

ANY: Final = "NAME"


@frozen(kw_only=True)
class Key:
    """
    A key.

    Attributes:
        read: Makes its value, or raises `Wrong`.
        about: What it says, in a sentence.
        is_needed: Whether its table must have it.
    """

    read: Read
    about: str
    is_needed: bool = False


@frozen(kw_only=True)
class Section:
    """
    A table with keys of fixed names.

    Attributes:
        about: What it is for, in a sentence.
        parts: What may be in it, by name.
        is_needed: Whether the table around it must have it.
    """

    about: str
    parts: Mapping[str, Part]
    is_needed: bool = False


@frozen(kw_only=True)
class Each:
    """
    A table whose keys the author names.

    Attributes:
        about: What it is for, in a sentence.
        part: What stands under each name.
        check: Refuses a wrong name.
        is_needed: Whether the table around it must have it, with something in it.
    """

    about: str
    part: Part
    check: Callable[[str], None]
    is_needed: bool = False


Part = Key | Section | Each


def key(read: Read, about: str) -> Key:
    return Key(read=read, about=about)


def needed(read: Read, about: str) -> Key:
    return Key(read=read, about=about, is_needed=True)
