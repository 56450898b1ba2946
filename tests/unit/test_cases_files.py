"""Files that are not what their name says, or not whole: what they are, and what to do."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

import pytest
from support.cases import Desk, priced

TABLE = b"product_id,price\r\n1,9.90\r\n2,5\r\n"
PACKED = gzip.compress(TABLE, mtime=0)
QUOTES = 'text after the closing quote of a cell; a quote inside a quoted cell is written ""'


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder with settings."""
    return Desk(tmp_path, monkeypatch)


def make_zip(name: str) -> bytes:
    """Make an archive with one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), TABLE)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("prices.zip", make_zip("prices.csv"), "a zip archive; unpack it, and name the file in it"),
        ("preise.csv", make_zip("preise.csv"), "a zip archive; unpack it, and name the file in it"),
        ("prices", make_zip("fiyatlar.csv"), "a zip archive; unpack it"),
        ("prices.xlsx", make_zip("価格.csv"), "a zip archive; unpack it"),
        ("prices.pdf", b"%PDF-1.7\n1 0 obj\n", "a PDF; export its table as CSV (UTF-8)"),
        ("prices.parquet", b"PAR1\0\0PAR1", "a Parquet file; write it as CSV or JSON Lines"),
        ("prices.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old Excel workbook"),
        ("prices.ods", make_zip("mimetype")[:-1], "a zip archive"),
        (
            "prices.tar",
            b"prices.csv".ljust(257, b"\0") + b"ustar\0" + bytes(300),
            "an archive (tar",
        ),
        ("prices.db", b"SQLite format 3\0" + bytes(99), "an SQLite database"),
        (
            "prices.csv",
            b"<!DOCTYPE html><html><body>Sign in to download</body></html>",
            "a page of HTML ('Sign in to download'); was a page saved in place of the file?",
        ),
        ("prices.txt", b"<html><title>403 Zugriff verweigert</title>", "403 Zugriff verweigert"),
    ],
)
def test_the_first_bytes_say_what_a_file_is(
    desk: Desk, name: str, content: bytes, said: str
) -> None:
    """Whatever its name says, and also from a pipe."""
    done = desk.dry_run(name, content, *priced())
    assert said in done.error
    assert done.error.endswith("nothing was sent")
    piped = desk.call("submit", "-", "--account", "shop", *priced(), "--dry-run", stdin=content)
    assert said in piped.error


@pytest.mark.parametrize("name", ["p.csv", "p.txt", "p", "p.dat", "p.csv.bak", "preise.CSV"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_is_read_whatever_it_is_called(desk: Desk, name: str, packed: bool) -> None:
    """A name that says nothing of what is in it leaves that to the bytes."""
    content = PACKED if packed else TABLE
    done = desk.dry_run(name, content, *priced(), "--json")
    assert done.code == 0, done.err
    assert (done.plan["items"], done.sample["body"]) == (2, {"price": 9.9})


@pytest.mark.parametrize("name", ["p.xlsx", "p.xls", "p.xlsm"])
def test_text_that_is_named_as_a_workbook_is_refused(desk: Desk, name: str) -> None:
    """A shop's export is often CSV under Excel's name."""
    assert "it is no workbook but text; name it .csv" in desk.dry_run(name, TABLE, *priced()).error


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "p.csv.gz",
            PACKED[:-9],
            "the gzip data ends too early; is the file complete?",
        ),
        ("p.csv.gz", TABLE, "its name ends in .gz, but it is no gzip file; unpack or rename it"),
        ("p.csv.zst", TABLE, "its name ends in .zst, but it is no zstd file"),
        ("p.csv.gz", gzip.compress(PACKED, mtime=0), "it was compressed twice (gzip in gzip)"),
        ("p.csv", b"", "there are no items"),
        ("p.csv", b"\xef\xbb\xbf\r\n\r\n", "there are no items"),
        ("p.csv", b"product_id,price\n", "there are no items"),
        ("p.json", b"[]", "there are no items"),
        ("p.csv", zlib.compress(TABLE) + bytes(50), "it is no text (it holds NUL bytes); save it"),
    ],
)
def test_a_file_without_rows_or_not_whole_is_refused(
    desk: Desk, name: str, content: bytes, said: str
) -> None:
    """In one line."""
    assert said in desk.dry_run(name, content, *priced()).error


@pytest.mark.parametrize(
    ("header", "separator", "end"),
    [
        ("product_id,name,price", ",", "\n"),
        ("product_id;name;price", ";", "\r\n"),
        ("product_id\tname\tprice", "\t", "\r"),
        ("product_id|name|price", "|", "\n"),
    ],
)
@pytest.mark.parametrize(
    "cell", ['"Tube 3/4" steel"', '"Monitor 27" (68 cm)"', '"ekran 15,6" OLED"']
)
def test_a_row_with_a_stray_quote_is_refused_alone(
    desk: Desk, header: str, separator: str, end: str, cell: str
) -> None:
    """Where it has all its cells in its line; the others are read."""
    rows = [
        header,
        *(separator.join([str(n), '"a ""b"" c"', "5"]) for n in (1, 2)),
        separator.join(["3", cell, "7"]),
        separator.join(["4", f'"two{end}lines"', "8"]),
        separator.join(["5", cell, "7"]),
        separator.join(["6", "x", "9"]),
    ]
    done = desk.dry_run("rows.csv", end.join(rows) + end, *priced(), "--set", "name={name}")
    assert done.code == 2
    assert done.refused == [f"line 4: {QUOTES}", f"line 7: {QUOTES}"]
    assert done.out[1].startswith("the others are 4 items")


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('1,"Pipe 1/2" \n2,n2,5\n3,n3,5\n', 2),
        ('1,a,5\n2,"Tube 3/4" steel\n9,long",5\n', 3),
        ('1,a,5\n2,"b" c,"d\n3,x,7\n', 3),
        ('1,"a\nb" c,5\n2,x,5\n', 2),
        ('1,"a\nb" c,5,9\n2,x,5\n3,y,7\n4,z,8\n', 2),
        ('1,a,5\n2,"a" b","c"" d",5\n', 3),
        ('1,a,5\n2,"x,5\n3,b,7\n', 3),
    ],
)
def test_where_nobody_knows_where_a_row_ends_the_table_is_refused(
    desk: Desk, rows: str, line: int
) -> None:
    """The next lines might be parts of a cell, and look like rows."""
    done = desk.dry_run("rows.csv", "product_id,name,price\n" + rows, *priced())
    assert done.error.startswith(f"line {line}: ")
    assert done.error.endswith("; nothing was sent")
    assert "quote" in done.error


def test_a_row_with_a_stray_quote_is_set_aside(desk: Desk) -> None:
    """As the cells that it seems to have; the row says why, and the others would go."""
    rows = "".join(f"{n},x,{n}\n" for n in range(1, 2_001))
    text = f'product_id,name,price\n{rows}2001,"Tube 3/4" steel",5\n2002,y,6\n'
    done = desk.dry_run("rows.csv", text, *priced(), "--rejects", "bad.csv", "--json")
    assert done.code == 1, done.err
    assert (done.plan["items"], done.plan["set_aside"]) == (2_001, 1)
    assert done.plan["refusals"] == [{"line": 2_002, "id": None, "reason": QUOTES}]
