"""The sheets of a workbook, and the one that is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define, frozen

from batchhub._tables.formats import Say, suggest
from batchhub.errors import InputError

from .package import Package
from .xml import XmlReader, local_attribute, read_elements

_WORKBOOK: Final = "xl/workbook.xml"
_RELATIONS: Final = "xl/_rels/workbook.xml.rels"
_FILLED: Final = frozenset({"v", "is", "f"})
_TRUE: Final = frozenset({"1", "true"})


@frozen
class Sheet:
    """
    A sheet of a workbook.

    Attributes:
        name: Its name.
        part: The part that holds it.
        is_table: Whether it has cells: a chart or a macro sheet has none to read.
        is_visible: Whether it is shown.
    """

    name: str
    part: str
    is_table: bool
    is_visible: bool


@define
class Book:
    """
    What a workbook says of its sheets.

    Attributes:
        sheets: All of them, in their order.
        is_stale: Whether the workbook is to be worked out anew when it is opened, so that the
            values of its formulas aren't to be trusted.
    """

    sheets: list[Sheet]
    is_stale: bool = False


def read_book(package: Package) -> Book:
    """
    Return what a workbook says of its sheets.

    Raises:
        InputError: It is broken.
    """
    targets: dict[str, tuple[str, str]] = {}
    book = Book([])

    def on_relation(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship":
            kind = attributes.get("Type", "").rpartition("/")[2]
            targets[attributes.get("Id", "")] = kind, _find_part(attributes.get("Target", ""))

    def on_start(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            kind, part = targets.get(local_attribute(attributes, "id") or "", ("", ""))
            is_visible = attributes.get("state", "visible") == "visible"
            named = attributes.get("name", "")
            book.sheets.append(Sheet(named, part, kind == "worksheet", is_visible))
        elif name == "calcPr" and attributes.get("fullCalcOnLoad") in _TRUE:
            book.is_stale = True

    read_elements(_RELATIONS, package.read_pieces(_RELATIONS), on_relation)
    read_elements(_WORKBOOK, package.read_pieces(_WORKBOOK), on_start)
    return book


def find_sheet(package: Package, sheets: Sequence[Sheet], name: str | None, say: Say) -> Sheet:
    """
    Return the sheet that is read: the one that is named, or else the only one.

    The only one is the one that is visible; of several, the one that has anything in it.

    Args:
        package: The workbook.
        sheets: Its sheets.
        name: The name of a sheet, in any case if no other differs by case only.
        say: Names an argument in a message.

    Raises:
        InputError: There is no such sheet, or there are several.
    """
    if name is not None:
        return _get_sheet(sheets, name, say)
    tables = [sheet for sheet in sheets if sheet.is_table]
    if not tables:
        raise InputError("has no sheet with cells")
    visible = [sheet for sheet in tables if sheet.is_visible] or tables
    if len(visible) == 1:
        return visible[0]
    filled = [sheet for sheet in visible if _has_cells(package, sheet)]
    if len(filled) > 1:
        names = ", ".join(repr(sheet.name) for sheet in filled)
        option = say(sheet=filled[0].name)
        raise InputError(f"has several sheets: {names}; say which one is read, as in {option}")
    return (filled or visible)[0]


def _get_sheet(sheets: Sequence[Sheet], name: str, say: Say) -> Sheet:
    found = [sheet for sheet in sheets if sheet.name == name]
    if not found:
        folded = name.strip().casefold()
        found = [sheet for sheet in sheets if sheet.name.strip().casefold() == folded]
    if len(found) != 1:
        names = [sheet.name for sheet in sheets if sheet.is_table]
        raise InputError(f"{say('sheet')}: there is no sheet {name!r}{suggest(name, names)}")
    if not found[0].is_table:
        raise InputError(f"{say('sheet')}: the sheet {found[0].name!r} has no cells to read")
    return found[0]


def _find_part(target: str) -> str:
    """Return the part a relation of the workbook leads to: one beside it, or from the top."""
    if target.startswith("/"):
        return target.removeprefix("/")
    steps = ["xl"]
    for step in target.replace("\\", "/").split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


def _has_cells(package: Package, sheet: Sheet) -> bool:
    is_found = False

    def on_start(name: str, _: dict[str, str]) -> None:
        nonlocal is_found
        is_found |= name in _FILLED

    reader = XmlReader(sheet.part, on_start)
    for piece in package.read_pieces(sheet.part):
        reader.feed(piece)
        if is_found:
            break
    return is_found
