"""Rows set aside: all columns as they were, in a file that is complete or not there."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchhub._base import secrets
from batchhub._tables.formats import Format, in_python
from batchhub._tables.reading.marks import LINE, MISSING, REASON, TEXT, Marks, take_object
from batchhub._tables.reading.rejects import DEFAULT_LIMIT, Limit, Rejects
from batchhub._tables.reading.rows import Cell
from batchhub.errors import InputError, UsageError
from batchhub.tables import read_items

HEADER = ["id", "name", "price"]
ROWS: list[tuple[int, list[str], str]] = [
    (3, ["7", "Schraube; lang", "9,9O"], "column 'price': no number"),
    (9, ["0008", 'a "b"\nc', "=1+1"], "column 'price': no number"),
]


def make(target: Path, limit: str = DEFAULT_LIMIT, **form: Any) -> Rejects:
    """Make what sets rows aside, begun."""
    rejects = Rejects(target, limit=Limit.parse(limit, in_python), say=in_python)
    begin(rejects, **form)
    return rejects


def begin(
    rejects: Rejects,
    kind: Format = Format.CSV,
    header: Sequence[str] = HEADER,
    delimiter: str = ";",
    encoding: str = "utf-8",
    *,
    has_bom: bool = False,
) -> None:
    """Say where the rows come from."""
    if kind in {Format.JSONL, Format.JSON}:
        rejects.check_fit("in", kind)
        return
    rejects.begin(
        source="in",
        format=kind,
        header=header,
        delimiter=delimiter,
        encoding=encoding,
        has_bom=has_bom,
    )


def set_aside(
    target: Path, rows: Sequence[tuple[int, Any, str]] = ROWS, total: int = 20, **form: Any
) -> Rejects:
    """Set rows aside, to the end."""
    rejects = make(target, **form)
    for row in rows:
        rejects.add(*row)
    rejects.finish(total)
    return rejects


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(file.name for file in folder.iterdir())


# Tables of text.


def test_a_table_is_as_it_was_with_two_more_columns(tmp_path: Path) -> None:
    """The delimiter, the cells, also one a spreadsheet takes for a formula."""
    rejects = set_aside(tmp_path / "bad.csv")

    text = (tmp_path / "bad.csv").read_text("utf-8")
    assert text.splitlines()[0] == f"id;name;price;{LINE};{REASON}"
    found = list(csv.reader(io.StringIO(text), delimiter=";"))[1:]
    assert found == [[*cells, str(line), reason] for line, cells, reason in ROWS]
    assert (rejects.count, rejects.is_written) == (2, True)
    assert names_in(tmp_path) == ["bad.csv"]


@pytest.mark.parametrize(
    ("encoding", "has_bom", "starts"),
    [
        ("utf-8", True, b"\xef\xbb\xbfid"),
        ("utf-8", False, b"id"),
        ("utf-8-sig", False, b"id"),
        ("utf-16", True, "\ufeffid".encode("utf-16-le")),
        ("utf-16-be", True, "\ufeffid".encode("utf-16-be")),
        ("cp1254", False, b"id"),
    ],
)
def test_the_encoding_is_that_of_the_source(
    tmp_path: Path, encoding: str, starts: bytes, *, has_bom: bool
) -> None:
    """With its byte order mark; of a reason, what the encoding lacks is escaped."""
    rows = [(2, ["7", "İğne", "x"], "column 'price': “x” is no number")]

    set_aside(tmp_path / "bad.csv", rows, encoding=encoding, has_bom=has_bom)

    data = (tmp_path / "bad.csv").read_bytes()
    assert data.startswith(starts)
    assert "İğne" in data.decode(encoding)
    assert data.count(starts[:2]) >= 1
    assert data.decode(encoding).count("\ufeff") <= 1


@pytest.mark.parametrize("encoding", ["iso8859-1", "ascii"])
def test_a_reason_may_have_what_the_encoding_lacks(tmp_path: Path, encoding: str) -> None:
    """It is escaped; no row is lost for it."""
    set_aside(tmp_path / "bad.csv", [(2, ["7", "a", "b"], "says “no” İ")], encoding=encoding)
    assert "\\u0130" in (tmp_path / "bad.csv").read_text(encoding)


def test_a_name_may_hold_what_separates_the_cells_of_others(tmp_path: Path) -> None:
    """What separates cells is found again, also where the header had it in quotes."""
    source, target = tmp_path / "in.csv", tmp_path / "no.csv"
    source.write_text('"a,b,c,d,e,f";n\nx;1\ny\n')
    items = read_items(source, rejects=target)
    assert list(items) == [{"a,b,c,d,e,f": "x", "n": 1}]
    target.write_text(target.read_text().replace(MISSING, "2"))
    assert list(read_items(target)) == [{"a,b,c,d,e,f": "y", "n": 2}]


def test_two_files_of_one_name_never_share_their_bytes(tmp_path: Path) -> None:
    """Who is done first has the name; the other one is told."""
    target = tmp_path / "no.csv"
    one, two = make(target), make(target)
    for rejects, row in ((one, "a"), (two, "b")):
        rejects.add(3, [row, "", ""], "wrong")
    one.finish(3)
    kept = target.read_bytes()
    with pytest.raises(UsageError, match="exists and holds something else"):
        two.finish(3)
    assert target.read_bytes() == kept
    assert b"a;;;3;wrong" in kept
    assert names_in(tmp_path) == ["no.csv"]


def test_a_name_may_be_as_long_as_names_are(tmp_path: Path) -> None:
    """What is written beside it has a name of its own."""
    target = tmp_path / f"{'n' * 251}.csv"
    rejects = make(target)
    rejects.add(3, ["a", "", ""], "wrong")
    rejects.finish(3)
    assert names_in(tmp_path) == [target.name]


def test_a_tsv_has_tabs(tmp_path: Path) -> None:
    """Its name says so, and it is read so."""
    set_aside(tmp_path / "bad.tsv")
    assert (tmp_path / "bad.tsv").read_text().startswith("id\tname\tprice\t")


def test_what_was_set_aside_before_gets_its_new_line_and_reason(tmp_path: Path) -> None:
    """The two columns are there once."""
    header = [*HEADER, LINE, REASON]
    rows = [(2, ["7", "a", "b", "3", "an old reason"], "a new reason")]

    set_aside(tmp_path / "bad.csv", rows, header=header)

    assert (tmp_path / "bad.csv").read_text().splitlines() == [
        f"id;name;price;{LINE};{REASON}",
        "7;a;b;2;a new reason",
    ]


def test_a_row_of_another_width_is_refused_again_until_it_is_corrected(tmp_path: Path) -> None:
    """What is missing is marked, since an empty cell is something else; what is too much stays."""
    rows = [(2, ["7 9.90"], "one is missing"), (3, ["7", "a", " b", "9.90"], "one is too much")]

    set_aside(tmp_path / "bad.csv", rows)

    header, short, long = (line.split(";") for line in read_lines(tmp_path / "bad.csv"))
    assert short == ["7 9.90", MISSING, MISSING, "2", "one is missing"]
    assert long == ["7", "a", " b", "9.90", "3", "one is too much"]
    marks = Marks.find(header)
    assert marks is not None
    with pytest.raises(InputError, match="'name' has no cell"):
        marks.check(short)
    marks.check(["7", "", "9.90", "2", "one is missing"])
    assert marks.strip(long) == ["7", "a", " b", "9.90"]


def test_empty_cells_that_are_too_many_do_not_move_the_line(tmp_path: Path) -> None:
    """They are read as nothing, and what was added stands below its name."""
    set_aside(tmp_path / "bad.csv", [(2, ["7", "a", "9,9O", "", ""], "no number")])

    assert read_lines(tmp_path / "bad.csv")[1] == "7;a;9,9O;2;no number"


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file."""
    return path.read_text().splitlines()


def test_cells_that_moved_into_other_columns_are_noticed() -> None:
    """A spreadsheet that deletes a cell moves the line number into the price."""
    marks = Marks.find([*HEADER, LINE, REASON])
    assert marks is not None

    with pytest.raises(InputError, match="not in their columns"):
        marks.check(["7", "9.90", "17", "a reason", ""])
    rows: list[list[Cell]] = [["7", "added", "1", "", ""], ["7", "a", "1", 17, "why"]]
    for cells in rows:
        marks.check(cells)
        assert marks.strip(cells) == cells[:3]
    assert Marks.find(HEADER) is None


# JSON.


def test_objects_get_two_more_keys_and_other_lines_are_kept_as_text(tmp_path: Path) -> None:
    """Exactly, also what is no UTF-8."""
    rows: list[tuple[int, Mapping[str, Any] | bytes, str]] = [
        (1, {"id": "7", "n": 12345678901234567890, LINE: 9, REASON: "old"}, "a reason"),
        (2, b'{"a": 1, "a": \xff2}', "the key 'a' is there twice"),
    ]

    set_aside(tmp_path / "bad.jsonl", rows, kind=Format.JSONL, header=())

    first, second = (json.loads(line) for line in read_lines(tmp_path / "bad.jsonl"))
    assert first == {"id": "7", "n": 12345678901234567890, LINE: 1, REASON: "a reason"}
    assert second[TEXT].encode("utf-8", "surrogateescape") == rows[1][1]
    assert take_object(first) == {"id": "7", "n": 12345678901234567890}
    with pytest.raises(InputError, match="write the object in its place"):
        take_object(second)


# Workbooks.


def test_the_same_rows_are_the_same_workbook(tmp_path: Path) -> None:
    """No time is in it."""
    rows: list[tuple[int, list[Cell], str]] = [(3, ["007", 12, Decimal("0.1")], "why")]
    set_aside(tmp_path / "a.xlsx", rows)
    set_aside(tmp_path / "b.xlsx", rows)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    assert names_in(tmp_path) == ["a.xlsx", "b.xlsx"]


# What fits.


@pytest.mark.parametrize(
    ("name", "kind", "fitting"),
    [
        ("bad.jsonl", Format.CSV, ".csv or .tsv or .xlsx"),
        ("bad.csv", Format.JSONL, ".jsonl or .ndjson"),
        ("bad.xlsx", Format.JSON, ".jsonl or .ndjson"),
    ],
)
def test_a_file_of_another_kind_is_refused_before_a_row_is_read(
    tmp_path: Path, name: str, kind: Format, fitting: str
) -> None:
    """Its cells would not be what they were."""
    with pytest.raises(UsageError, match=fitting):
        make(tmp_path / name, kind=kind)


@pytest.mark.parametrize("name", ["bad", "bad.parquet", "-", "bad.json", "bad.xlsx.gz", ".csv"])
def test_the_name_says_what_kind_of_file_it_is(tmp_path: Path, name: str) -> None:
    """Else nothing is begun."""
    with pytest.raises(UsageError, match="its name ends in one of"):
        make(tmp_path / name)


def test_it_may_be_compressed(tmp_path: Path) -> None:
    """The same rows are the same file."""
    set_aside(tmp_path / "bad.csv.gz")
    first = (tmp_path / "bad.csv.gz").read_bytes()
    set_aside(tmp_path / "bad.csv.gz")
    assert (tmp_path / "bad.csv.gz").read_bytes() == first
    assert gzip.decompress(first).startswith(b"id;name")


# Its place.


def test_the_same_file_is_left_and_another_is_never_overwritten(tmp_path: Path) -> None:
    """A first file may have been corrected meanwhile."""
    bad = tmp_path / "bad.csv"
    set_aside(bad)
    before = bad.stat()
    set_aside(bad)
    assert bad.stat().st_ino == before.st_ino

    bad.write_text(bad.read_text().replace("9,9O", "9,90"))
    corrected = bad.read_bytes()
    with pytest.raises(UsageError, match="exists and holds something else; name another file"):
        set_aside(bad)
    assert bad.read_bytes() == corrected
    assert names_in(tmp_path) == ["bad.csv"]


def test_where_nothing_is_refused_there_is_no_file(tmp_path: Path) -> None:
    """One of an earlier run is left."""
    rejects = set_aside(tmp_path / "bad.csv", [])
    assert names_in(tmp_path) == []
    assert not rejects.is_written


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """Nor does anything else that ends it, and it may be said twice."""
    for name in ("bad.csv", "bad.csv.gz", "bad.xlsx"):
        rejects = make(tmp_path / name)
        rejects.add(*ROWS[0])
        rejects.abandon()
        rejects.abandon()
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", ["bad.csv", "bad.csv.gz", "bad.xlsx"])
def test_a_disk_that_is_full_leaves_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says so."""

    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=rf"{name}: No space left on device; nothing was sent"):
        set_aside(tmp_path / name)
    assert names_in(tmp_path) == []


def test_where_there_can_be_no_file_it_is_said_at_once(tmp_path: Path) -> None:
    """Before a row is read."""
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name, why in {
        "folder.csv": "it is a folder",
        "pipe.csv": "no file that lasts",
        "none/bad.csv": "there is no folder",
        "a\0.csv": "null",
    }.items():
        with pytest.raises(UsageError, match=why):
            make(tmp_path / name)


@pytest.mark.parametrize("way", ["itself", "dots", "symlink", "hard link"])
def test_it_is_not_what_the_rows_come_from(tmp_path: Path, way: str) -> None:
    """By no name."""
    source, bad = tmp_path / "in.csv", tmp_path / "bad.csv"
    source.write_text("a")
    if way == "itself":
        bad = source
    elif way == "dots":
        bad = tmp_path / ".." / tmp_path.name / "in.csv"
    elif way == "symlink":
        bad.symlink_to(source)
    else:
        bad.hardlink_to(source)
    rejects = make(bad)

    with pytest.raises(UsageError, match="rows come from"):
        rejects.spare_source(source.stat())
    with pytest.raises(UsageError, match="uses it for something else, too; name another file"):
        rejects.spare([tmp_path / "other", source])


def test_it_is_no_more_readable_than_its_source(tmp_path: Path) -> None:
    """Of a pipe it is the user's alone."""
    source = tmp_path / "in.csv"
    source.write_text("a")
    source.chmod(0o640)
    rejects = make(tmp_path / "bad.csv")
    rejects.spare_source(source.stat())
    rejects.spare_source(None)
    rejects.add(*ROWS[0])
    rejects.finish(3)
    set_aside(tmp_path / "other.csv")

    assert (tmp_path / "bad.csv").stat().st_mode & 0o777 == 0o640 & ~umask()
    assert (tmp_path / "other.csv").stat().st_mode & 0o777 == 0o600


def umask() -> int:
    """Return what the process takes away from the modes of new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


# How many.


@pytest.mark.parametrize(
    ("limit", "refused", "rows", "is_over"),
    [
        ("50%", 10_000, 20_000, False),
        ("50%", 10_001, 20_000, True),
        ("0", 1, 20_000, True),
        ("0%", 1, 20_000, True),
        ("46", 46, 20_000, False),
        ("46", 47, 20_000, True),
        ("0.5%", 1, 200, False),
        ("0.5%", 2, 200, True),
        ("100%", 199, 200, False),
    ],
)
def test_more_than_the_limit_is_too_many(
    limit: str, refused: int, rows: int, *, is_over: bool
) -> None:
    """A number of rows, or a share of them."""
    assert Limit.parse(limit, in_python).is_over(refused, rows) is is_over


@pytest.mark.parametrize(
    "text", ["", "%", "-1", "1.5", "101%", "half", "1e3", "٣%%", "nan", "5 % %"]
)
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    """It names the argument."""
    with pytest.raises(UsageError, match="max_rejects is a number of rows or a share"):
        Limit.parse(text, in_python)


def test_too_many_leave_no_file(tmp_path: Path) -> None:
    """The error says how many, and what allows more."""
    with pytest.raises(InputError, match="2 of 3 rows refused, more than half; max_rejects"):
        set_aside(tmp_path / "bad.csv", total=3)
    with pytest.raises(InputError, match="more than 10 %"):
        set_aside(tmp_path / "bad.csv", total=5, limit="10%")
    with pytest.raises(InputError, match="all 2 rows were refused"):
        set_aside(tmp_path / "bad.csv", total=2, limit="100%")
    with pytest.raises(InputError, match="the only row was refused"):
        set_aside(tmp_path / "bad.csv", ROWS[:1], total=1, limit="5")
    assert names_in(tmp_path) == []


# Texts.


def test_reasons_are_one_line_and_no_formula(tmp_path: Path) -> None:
    """They may be an adapter's words, or quote a cell."""
    reasons = ["two\nlines\x1b[31m", "=cmd()", "@x"]
    set_aside(tmp_path / "bad.csv", [(n, ["a", "b", "c"], r) for n, r in enumerate(reasons, 2)])

    found = [line.split(";")[-1] for line in read_lines(tmp_path / "bad.csv")[1:]]
    assert found == ["two lines?[31m", "'=cmd()", "'@x"]


def test_a_secret_is_not_written_down(tmp_path: Path) -> None:
    """A reason is without it; a row that holds one ends everything."""
    secrets.remember(["hush-hush-token"])
    try:
        set_aside(tmp_path / "bad.csv", [(2, ["a", "b", "c"], "token hush-hush-token is odd")])
        assert "hush" not in (tmp_path / "bad.csv").read_text()
        with pytest.raises(UsageError, match="line 3 holds a secret"):
            set_aside(tmp_path / "b.csv", [ROWS[0], (3, ["a", "hush-hush-token", "c"], "why")])
        row = (3, {"a": {"b": "hush-hush-token"}}, "why")
        with pytest.raises(UsageError, match="holds a secret"):
            set_aside(tmp_path / "b.jsonl", [row], kind=Format.JSONL)
    finally:
        secrets.forget(["hush-hush-token"])
    assert names_in(tmp_path) == ["bad.csv"]
