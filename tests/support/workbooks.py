"""Workbooks: made by hand, element by element, for what no library writes, and read as rows."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final
from xml.sax.saxutils import quoteattr

from batchhub._tables.reading.excel import SheetRows, open_workbook
from batchhub._tables.reading.rows import Cell
from batchhub.cli.shell.files import as_option

MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_CONTENT: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
STRICT: Final = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_STRICT_OFFICE: Final = "http://purl.oclc.org/ooxml/officeDocument/relationships"


def row(number: int, *cells: str, more: str = "") -> str:
    """Write a row of a sheet."""
    return f'<row r="{number}"{more}>{"".join(cells)}</row>'


def cell(
    name: str, value: object = None, *, kind: str = "", style: int = 0, inner: str = ""
) -> str:
    """Write a cell; without a kind a number."""
    attributes = f' s="{style}"' * bool(style) + f' t="{kind}"' * bool(kind)
    inside = inner + ("" if value is None else f"<v>{value}</v>")
    return f'<c r="{name}"{attributes}>{inside}</c>'


def text(name: str, value: str) -> str:
    """Write a cell that has its text within."""
    return cell(name, kind="inlineStr", inner=f"<is><t>{value}</t></is>")


def sheet(*rows: str, head: str = "", tail: str = "", namespace: str = MAIN) -> str:
    """Write a sheet."""
    inside = f"{head}<sheetData>{''.join(rows)}</sheetData>{tail}"
    return f'<?xml version="1.0"?><worksheet xmlns="{namespace}">{inside}</worksheet>'


def make_parts(  # a workbook has so many parts
    sheets: Mapping[str, str | bytes] | str | bytes,
    *,
    formats: Sequence[str] = (),
    strings: str = "",
    states: Mapping[str, str] | None = None,
    calculation: str = "",
    is_strict: bool = False,
) -> dict[str, str | bytes]:
    """
    Make the parts of a workbook.

    Args:
        sheets: The sheets by name, or the only one.
        formats: Number formats; the first is of style 1.
        strings: The elements of the shared strings.
        states: How sheets are shown that are not visible.
        calculation: The element that says how the workbook is worked out.
        is_strict: Whether the names are those of strict Office Open XML.
    """
    named = {"Sheet1": sheets} if isinstance(sheets, str | bytes) else sheets
    main, office = (STRICT, _STRICT_OFFICE) if is_strict else (MAIN, _OFFICE)
    listed, relations = "", ""
    parts: dict[str, str | bytes] = {}
    for n, (name, xml) in enumerate(named.items(), 1):
        state = f' state="{states[name]}"' if states and name in states else ""
        listed += f'<sheet name={quoteattr(name)} sheetId="{n}"{state} r:id="rId{n}"/>'
        target = f"worksheets/sheet{n}.xml"
        relations += f'<Relationship Id="rId{n}" Type="{office}/worksheet" Target="{target}"/>'
        parts[f"xl/worksheets/sheet{n}.xml"] = xml
    codes = "".join(
        f'<numFmt numFmtId="{164 + n}" formatCode={quoteattr(code)}/>'
        for n, code in enumerate(formats)
    )
    used = '<xf numFmtId="0"/>' + "".join(
        f'<xf numFmtId="{164 + n}"/>' for n, _ in enumerate(formats)
    )
    return parts | {
        "[Content_Types].xml": (
            f'<Types xmlns="{_PACKAGE}/content-types">'
            f'<Default Extension="xml" ContentType="{_CONTENT}.sheet.main+xml"/></Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/workbook.xml": (
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{listed}</sheets>'
            f"{calculation}</workbook>"
        ),
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>'
        ),
        "xl/styles.xml": (
            f'<styleSheet xmlns="{main}"><numFmts count="{len(formats)}">{codes}</numFmts>'
            f'<cellXfs count="{len(formats) + 1}">{used}</cellXfs></styleSheet>'
        ),
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{strings}</sst>',
    }


def pack(parts: Mapping[str, str | bytes]) -> IO[bytes]:
    """Pack the parts of a workbook."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return packed


def make_workbook(sheets: Mapping[str, str | bytes] | str | bytes, **said: Any) -> IO[bytes]:
    """Make a workbook, with what `make_parts` takes."""
    return pack(make_parts(sheets, **said))


def open_sheet(file: IO[bytes], sheet: str | None = None) -> SheetRows:
    """Open a workbook as the command does."""
    return open_workbook(file, "book.xlsx", sheet=sheet, say=as_option)


def read_cells(file: IO[bytes], sheet: str | None = None) -> dict[int, list[Cell]]:
    """Return the cells of a workbook, by row."""
    return {number: [*cells] for number, cells in open_sheet(file, sheet)}
