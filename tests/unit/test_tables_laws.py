"""Laws of reading tables: nothing is lost, changed or guessed, however the bytes come."""

from __future__ import annotations

import asyncio
import json
import tempfile
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables import open_items, read_by

from batchhub.errors import InputError

CELLS = st.text(
    st.sampled_from("ab1e.,;\t\"'\r\n -+é€😀\u2028\x0b\x1c0")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=8,
)
NUMBERS = st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Draw the rows of a table of one to four columns."""
    width = draw(st.integers(1, 4))
    cells = st.lists(CELLS | NUMBERS, min_size=width, max_size=width)
    return draw(st.lists(cells, max_size=6))


def write_row(cells: list[str], delimiter: str, quotes_all: bool = False) -> str:
    """Write a row, quoted where it must be; the standard library forgets some line breaks."""
    special = {delimiter, '"', "\r", "\n"}
    return delimiter.join(
        '"' + cell.replace('"', '""') + '"' if quotes_all or special & set(cell) else cell
        for cell in cells
    )


def read(content: bytes, chunk_bytes: int, **options: Any) -> tuple[list[Any], str | None]:
    """Read a table: its rows with their lines, and the error it ends with, if it does."""
    found: list[Any] = []

    async def collect() -> str | None:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            with open_items(file, format="csv", **options) as reader:
                try:
                    async for item in reader:
                        found.append((reader.line, item))  # noqa: PERF401  # kept if it raises
                except InputError as error:
                    return str(error)
        return None

    with pytest.MonkeyPatch.context() as patch:
        read_by(patch, chunk_bytes)
        return found, asyncio.run(collect())


@settings(deadline=None, max_examples=60)
@given(
    table=tables(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quotes_all=st.booleans(),
    end=ENDS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    chunk_bytes=st.integers(1, 40),
)
def test_what_is_written_is_read(
    table: list[list[str]],
    delimiter: str,
    quotes_all: bool,
    end: str,
    encoding: str,
    chunk_bytes: int,
) -> None:
    """The cells of any table come back as they were; a row of empty cells is none."""
    width = len(table[0]) if table else 1
    names = [f"c{n}" for n in range(width)]
    text = "".join(write_row(row, delimiter, quotes_all) + end for row in [names, *table])
    found, error = read(
        text.encode(encoding),
        chunk_bytes,
        delimiter=delimiter,
        text=names,
        encoding=encoding if encoding == "utf-16" else None,
    )
    rows = [dict(zip(names, row, strict=True)) for row in table if any(row)]
    assert error is None
    assert [item for _, item in found] == [
        {name: cell for name, cell in row.items() if cell} for row in rows
    ]


@settings(deadline=None, max_examples=100)
@given(
    pieces=st.lists(
        st.sampled_from(
            ["a,b", "1,2", '"x\r\ny",3', "\n", "\r\n", "\r", '"', ",", "\udcff", "\0", "€"]
        ),
        max_size=14,
    ),
    chunk_bytes=st.integers(1, 9),
)
def test_how_the_bytes_come_changes_nothing(pieces: list[str], chunk_bytes: int) -> None:
    """Any bytes at all give the same rows, lines and error whole as they do in pieces."""
    raw = "".join(["h,i\r\n", *pieces]).encode("utf-8", "surrogateescape")
    assert read(raw, chunk_bytes) == read(raw, 1 << 20)


@settings(deadline=None, max_examples=100)
@given(cell=NUMBERS | CELLS, is_odd=st.booleans())
def test_a_cell_is_the_number_json_says_or_its_own_text(cell: str, is_odd: bool) -> None:
    """What is read as a number has JSON's value for it; all else but true and false is kept."""
    row = write_row([cell, "-"], ";" if is_odd else ",")
    found, error = read(f"x{';' if is_odd else ','}y\n{row}\n".encode(), 1 << 20)
    assert error is None
    ((_, item),) = found
    value = item.get("x", "")
    if isinstance(value, str):
        assert value == cell
    elif isinstance(value, bool):
        assert cell.strip().lower() == str(value).lower()
    else:
        assert value == json.loads(cell, parse_float=Decimal)
        assert isinstance(value, int | Decimal)
