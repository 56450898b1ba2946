"""What a file's name says of what is in it."""

from __future__ import annotations

import pytest

from batchhub._tables.formats import READABLE, Format, format_of, get_format, in_python
from batchhub.errors import UsageError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv.zst", Format.CSV),
        ("A.TSV.GZ", Format.TSV),
        ("a.ndjson", Format.JSONL),
        ("a.xlsx", Format.XLSX),
        ("Preise 2026.XLSX", Format.XLSX),
        ("a.xlsm", Format.XLSX),
        ("a.xls", Format.XLSX),
        ("a.ods", Format.XLSX),
        ("a.txt", None),
        ("a", None),
        ("xlsx", None),
        (".xlsx", None),
    ],
)
def test_the_ending_says_the_format(name: str, expected: Format | None) -> None:
    """In any case, compressed or not; of a workbook of another kind the first bytes say more."""
    assert format_of(name) is expected


@pytest.mark.parametrize("name", ["r.xls", "r.xlsm", "R.ODS"])
def test_results_are_written_as_workbooks_of_one_kind(name: str) -> None:
    """Excel takes no file whose name says another kind than it is."""
    with pytest.raises(UsageError, match=r"workbooks are written as \.xlsx; name it so"):
        get_format(name, in_python)
    assert get_format("r.xlsx", in_python) is Format.XLSX


def test_items_are_not_read_from_parquet() -> None:
    """The message names what they are read from."""
    with pytest.raises(UsageError, match=r"one of \.jsonl, \.ndjson, \.csv, \.tsv, \.json"):
        get_format("a.parquet", in_python, READABLE)
