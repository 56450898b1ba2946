"""Results as a workbook: what its cells are, its two sheets, and what it can't hold."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from python_calamine import CalamineWorkbook
from support.tables import open_items, open_results

from batchhub import ItemResult, ItemState
from batchhub._tables import workbook as _workbook
from batchhub._tables.workbook import MOST_CHARS, Book
from batchhub.errors import UsageError
from batchhub.tables import Written, write_results

_CUT = (
    "2 cells can't hold all of a text, which has more than 32,767 characters: cut off, first in "
    "row 3 of Results"
)
_SPLIT = "a sheet holds 3 rows below its header: Results takes 3 sheets, the last of them Results 3"
HEADER = ["id", "state", "code", "message", "vendor_ref", "body"]


class Sold(msgspec.Struct):
    """What bodies are read as."""

    day: date | None = None
    at: datetime | None = None
    total: Decimal | None = None


def succeeded(item_id: str, raw: bytes | None = None) -> ItemResult:
    """Make the result of an item that succeeded."""
    return ItemResult(id=item_id, state=ItemState.SUCCEEDED, code=200, raw=raw)


def failed(item_id: str, message: str, state: ItemState = ItemState.FAILED) -> ItemResult:
    """Make the result of an item that did not."""
    return ItemResult(id=item_id, state=state, code=404, message=message)


async def export(out: Path, rows: Sequence[ItemResult], **said: Any) -> Any:
    """Write results to a workbook and open it by another library."""
    await write_results(rows, out, **said)
    return openpyxl.load_workbook(out)


def rows_of(sheet: Any) -> list[list[Any]]:
    """Return the values of a sheet."""
    return [list(row) for row in sheet.iter_rows(values_only=True)]


async def value_in(tmp_path: Path, body: bytes) -> Any:
    """Return the cell that the value of a body makes."""
    book = await export(tmp_path / "r.xlsx", [succeeded("1", body)], fields=["v"])
    return book["Results"]["A2"]


async def test_all_results_in_their_order_and_those_that_failed_again(tmp_path: Path) -> None:
    """The first sheet has all results; the second those that did not succeed, with the reason."""
    rows = [
        failed("007", "no such thing"),
        succeeded("2", b'{"n": 1}'),
        failed("3", "not sent", ItemState.NOT_EXECUTED),
        failed("4", "lost", ItemState.UNKNOWN),
    ]
    book = await export(tmp_path / "r.xlsx", rows)
    assert book.sheetnames == ["Results", "Failures"]
    results = rows_of(book["Results"])
    assert results[0] == HEADER
    assert [row[0] for row in results[1:]] == ["007", "2", "3", "4"]
    assert results[2] == ["2", "succeeded", 200, None, None, '{"n": 1}']
    failures = rows_of(book["Failures"])
    assert failures[0] == HEADER
    assert [row[:4] for row in failures[1:]] == [
        ["007", "failed", 404, "no such thing"],
        ["3", "not_executed", 404, "not sent"],
        ["4", "unknown", 404, "lost"],
    ]


async def test_the_failures_begin_with_what_went_wrong(tmp_path: Path) -> None:
    """Whatever columns were chosen, theirs are the id, state, code and message, then the chosen."""
    rows = [failed("1", "gone")]
    book = await export(tmp_path / "r.xlsx", rows, fields=["vendor_ref", "code", "nope.x"])
    assert rows_of(book["Results"])[0] == ["vendor_ref", "code", "nope.x"]
    assert rows_of(book["Failures"])[0] == [
        "id",
        "state",
        "code",
        "message",
        "vendor_ref",
        "nope.x",
    ]


async def test_a_sheet_is_ready_to_be_looked_at(tmp_path: Path) -> None:
    """The header is frozen and bold, each column has a filter, and is as wide as its cells."""
    rows = [failed("1", "m" * 30), failed("2", "n" * 500)]
    book = await export(tmp_path / "r.xlsx", rows, fields=["id", "message"])
    for sheet in book:
        assert sheet.freeze_panes == "A2"
        assert sheet["A1"].font.bold
        assert not sheet["A2"].font.bold
    assert book["Results"].auto_filter.ref == "A1:B3"
    widths = [book["Results"].column_dimensions[name].width for name in "AB"]
    assert 9 <= widths[0] < 12
    assert 60 <= widths[1] < 63


async def test_a_long_number_has_room(tmp_path: Path) -> None:
    """A number that does not fit into its column is shown as nothing but #."""
    body = b'{"n":400638133393123,"x":-0.12345678901234}'
    book = await export(tmp_path / "r.xlsx", [succeeded("1", body)], fields=["n", "x"])
    widths = [book["Results"].column_dimensions[name].width for name in "AB"]
    assert min(widths) > 17


async def test_no_result_at_all_is_a_workbook_too(tmp_path: Path) -> None:
    """Its sheets have their headers."""
    book = await export(tmp_path / "r.xlsx", [])
    assert [rows_of(sheet) for sheet in book] == [[HEADER], [HEADER]]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "{=1}", "https://shop.example", "00123"],
)
async def test_text_stays_text(tmp_path: Path, text: str) -> None:
    """What a vendor writes is never a formula, a link or a number, whatever it looks like."""
    book = await export(tmp_path / "r.xlsx", [failed(text, text)])
    for sheet in book:
        cells = sheet["A2"], sheet["D2"]
        assert [(cell.data_type, cell.value) for cell in cells] == [("s", text)] * 2
        assert [cell.hyperlink for cell in cells] == [None] * 2
    parts = zipfile.ZipFile(tmp_path / "r.xlsx")
    assert not any(b"<f>" in parts.read(name) for name in parts.namelist())


@pytest.mark.parametrize(
    "text", ["<r>a & <b></r>", "<r></r>", "<r>\n</r>", " <r>x</r>", "<r>=1</r>", "a\nb", " a ", "<"]
)
async def test_text_that_looks_like_markup_is_there_as_it_is(tmp_path: Path, text: str) -> None:
    """The library takes some texts for its own; both readers get what the vendor wrote."""
    out = tmp_path / "r.xlsx"
    book = await export(out, [failed("1", text)], fields=["message"])
    assert book["Results"]["A2"].value == text
    assert CalamineWorkbook.from_path(str(out)).get_sheet_by_name("Results").to_python()[1] == [
        text
    ]


async def test_what_no_file_can_hold_is_written_in_escapes(tmp_path: Path) -> None:
    """A surrogate alone is no character; a control character is escaped as Excel does it."""
    book = await export(tmp_path / "r.xlsx", [failed("a\ud800b", "x\x00\x07y\uffff")])
    assert book["Results"]["A2"].value == "a\\ud800b"
    raw = zipfile.ZipFile(tmp_path / "r.xlsx").read("xl/worksheets/sheet1.xml").decode()
    assert "x_x0000__x0007_y_xFFFF_" in raw


@pytest.mark.parametrize(
    ("body", "kind", "value"),
    [
        (b"1", "n", 1),
        (b"-19.99", "n", -19.99),
        (b"0.1", "n", 0.1),
        (b"1e300", "n", 1e300),
        (b"999999999999999", "n", 999999999999999),
        (b"1000000000000000", "s", "1000000000000000"),
        (b"12345678901234567890", "s", "12345678901234567890"),
        (b"0.1234567890123456", "s", "0.1234567890123456"),
        (b"1e400", "s", None),
        (b"true", "b", True),
        (b'"0012"', "s", "0012"),
        (b"[1,2]", "s", "1;2"),
        (b'{"a":1.50}', "s", '{"a":1.50}'),
        (b"null", "n", None),
        (b'""', "n", None),
    ],
)
async def test_a_number_is_one_where_excel_keeps_it(
    tmp_path: Path, body: bytes, kind: str, value: Any
) -> None:
    """A number of up to 15 digits is a number; a longer one, such as an id, is a text."""
    cell = await value_in(tmp_path, b'{"v":' + body + b"}")
    assert cell.data_type == kind
    if value is not None or kind != "s":
        assert cell.value == value


async def test_a_long_whole_number_is_shown_in_full(tmp_path: Path) -> None:
    """Excel would show 13 digits of a barcode as 4.00638E+12."""
    cell = await value_in(tmp_path, b'{"v":4006381333931}')
    assert (cell.value, cell.number_format) == (4006381333931, "0")
    assert (await value_in(tmp_path, b'{"v":40063}')).number_format == "General"


async def test_times_are_times_of_excel_in_utc(tmp_path: Path) -> None:
    """A day and a moment can be sorted and filtered; what Excel has no day for is text."""
    bodies = [
        b'{"day":"2026-11-30","at":"2026-11-30T11:30:00+02:00","total":9.90}',
        b'{"day":"1899-01-01","at":"1850-01-01T00:00:00Z","total":1}',
    ]
    rows = [succeeded(str(n), body) for n, body in enumerate(bodies, 1)]
    book = await export(tmp_path / "r.xlsx", rows, as_type=Sold, fields=["day", "at", "total"])
    sheet = book["Results"]
    assert [cell.value for cell in sheet[2]] == [
        datetime(2026, 11, 30),  # noqa: DTZ001
        datetime(2026, 11, 30, 9, 30),  # noqa: DTZ001
        9.9,
    ]
    assert sheet["A2"].number_format == "yyyy-mm-dd"
    assert sheet["B2"].number_format == 'yyyy-mm-dd hh:mm:ss" UTC"'
    assert [cell.value for cell in sheet[3]] == ["1899-01-01", "1850-01-01T00:00:00+00:00", 1]


@pytest.mark.parametrize("letter", ["x", "\U0001f600"])
async def test_a_text_longer_than_a_cell_is_cut_and_said(tmp_path: Path, letter: str) -> None:
    """Excel counts in UTF-16; what is cut says so, and so does a warning."""
    room = MOST_CHARS // (len(letter.encode("utf-16-le")) // 2)
    rows = [failed("1", letter * room), failed("2", letter * (room + 1))]
    out = tmp_path / "r.xlsx"
    written = await write_results(rows, out, fields=["message"])
    sheet = openpyxl.load_workbook(out)["Results"]
    assert sheet["A2"].value == letter * room
    assert sheet["A3"].value.endswith(f"{letter} … (cut off)")
    assert len(sheet["A3"].value.encode("utf-16-le")) // 2 in {MOST_CHARS - 1, MOST_CHARS}
    assert written.warnings == (_CUT,)


async def test_more_rows_than_a_sheet_has_go_on_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sheet has its header and filters; a warning says so. No row is lost or there twice."""
    monkeypatch.setattr(_workbook, "MOST_ROWS", 4)
    out = tmp_path / "r.xlsx"
    rows = [failed(str(n), "no") if n == 8 else succeeded(str(n)) for n in range(1, 9)]
    written = await write_results(rows, out, fields=["id"])
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["Results", "Failures", "Results 2", "Results 3"]
    found = [rows_of(book[name]) for name in ("Results", "Results 2", "Results 3")]
    assert found == [
        [["id"], ["1"], ["2"], ["3"]],
        [["id"], ["4"], ["5"], ["6"]],
        [["id"], ["7"], ["8"]],
    ]
    assert [sheet.auto_filter.ref for sheet in book] == ["A1:A4", "A1:D2", "A1:A4", "A1:A3"]
    assert written == Written(
        count=8,
        warnings=(_SPLIT,),
    )


async def test_more_columns_than_a_sheet_has_are_refused(tmp_path: Path) -> None:
    """Nothing takes the place of the file that was there."""
    out = tmp_path / "r.xlsx"
    out.write_bytes(b"before")
    fields = [f"f{n}" for n in range(16_385)]
    with pytest.raises(UsageError, match=r"a sheet has room for 16,384 columns; name a \.csv"):
        await write_results([succeeded("1")], out, fields=fields)
    assert out.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["r.xlsx"]  # noqa: PTH208


async def test_the_same_results_are_the_same_bytes(tmp_path: Path) -> None:
    """Neither the time nor the name of the file is in it."""
    rows = [succeeded("1", b'{"a":1}'), failed("2", "<r>no</r>")]
    for name in ("a.xlsx", "b.xlsx"):
        await write_results(rows, tmp_path / name)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


async def test_a_stream_takes_a_workbook(tmp_path: Path) -> None:
    """Also one that can't be sought in, and it is left open."""

    class Pipe(io.RawIOBase):
        """A stream that only goes on."""

        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.data += bytes(data)
            return len(data)

    pipe: Any = Pipe()
    await write_results([succeeded("1")], pipe, format="xlsx", fields=["id"])
    assert not pipe.closed
    book = openpyxl.load_workbook(io.BytesIO(pipe.data))
    assert rows_of(book["Results"]) == [["id"], ["1"]]


async def test_what_breaks_off_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that was there stays, and what was kept on disk meanwhile is gone."""
    meanwhile = tmp_path / "meanwhile"
    os.mkdir(meanwhile)  # noqa: PTH102
    monkeypatch.setattr("tempfile.tempdir", str(meanwhile))

    def results() -> Any:
        yield succeeded("1")
        assert os.listdir(meanwhile)  # noqa: PTH208
        raise LookupError("no more")

    out = tmp_path / "r.xlsx"
    out.write_bytes(b"before")
    with pytest.raises(LookupError):
        await write_results(results(), out)
    assert out.read_bytes() == b"before"
    assert not os.listdir(meanwhile)  # noqa: PTH208
    await write_results([succeeded("1")], out)
    assert not os.listdir(meanwhile)  # noqa: PTH208


async def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    """The library's own error is none that a caller could know."""

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    book = Book(Full(), "r.xlsx")
    book.add_table("Results", ["id"]).add(["1"])
    with pytest.raises(OSError, match="No space left on device"):
        book.end()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("r.xls", "r.xls: workbooks are written as .xlsx; name it so"),
        ("r.ods", "r.ods: workbooks are written as .xlsx; name it so"),
        ("r.xlsx.gz", "r.xlsx.gz: a workbook is compressed in itself; name it r.xlsx"),
    ],
)
def test_a_name_that_no_workbook_of_ours_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    """Before anything is read or sent."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        open_results(name)
    assert str(caught.value) == message


async def test_its_failures_can_be_read_as_items(tmp_path: Path) -> None:
    """A sheet of it is a table as any other."""
    out = tmp_path / "r.xlsx"
    await write_results([failed("007", "no"), succeeded("8")], out, fields=["id", "code"])
    with open_items(out, sheet="Failures") as items:
        assert [item["id"] for item in items] == ["007"]


async def test_others_go_on_while_a_file_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither packing it all nor the disk is waited for by the loop."""
    seen: dict[str, bool] = {}
    end = Book.end

    def note(what: str) -> None:
        seen[what] = threading.current_thread() is threading.main_thread()

    def end_later(book: Book) -> None:
        note("end")
        end(book)

    monkeypatch.setattr(Book, "end", end_later)
    monkeypatch.setattr(os, "fsync", lambda _: note("fsync"))
    await write_results([succeeded("1")], tmp_path / "out.xlsx")
    assert seen == {"end": False, "fsync": False}


async def test_two_at_once_are_each_complete(tmp_path: Path) -> None:
    """One of them is there in the end, whole, whoever wrote both."""
    out, other_is_done = tmp_path / "out.csv", asyncio.Event()

    async def slowly() -> AsyncIterator[ItemResult]:
        yield succeeded("1")
        await other_is_done.wait()
        yield succeeded("2")

    first = asyncio.create_task(write_results(slowly(), out))
    await asyncio.sleep(0)
    await write_results([succeeded("3")], out)
    assert [line[0] for line in out.read_text().splitlines()[1:]] == ["3"]
    other_is_done.set()
    await first
    assert [line[0] for line in out.read_text().splitlines()[1:]] == ["1", "2"]
    assert os.listdir(tmp_path) == ["out.csv"]  # noqa: PTH208
