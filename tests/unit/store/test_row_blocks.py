"""Rows are written many in a block, and come back exactly as they were."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batchhub._store import row_blocks
from batchhub._store.row_blocks import (
    BlockRows,
    BlockWriter,
    compress,
    decompress,
    read_data,
    read_head,
    write_head,
)
from batchhub._tables.reading.rows import BrokenCells
from batchhub.models import InputHead, OddCell

NAIVE = datetime.fromisoformat("2026-01-02T03:00:00.5")
ODD = OddCell("C7", "shown as 007", Decimal("1.50"), "000", held=2**80)

ROWS: list[Any] = [
    ["a", "", "é\n"],
    ["x", Decimal("1.10"), True, False, 7, -7],
    [2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, -(10**40)],
    [ODD, OddCell("A1", "holds #N/A", error="#N/A")],
    {"a": {"b": [1, Decimal("0.10"), None, 1.5, {}, []]}, "c": "d"},
    {"a": 10**40},
    {},
    [],
    b"\xff{broken",
    b"",
    ["\ud800"],
    {"\udfff": ["\ud800", Decimal("1E+5")]},
    [date(2026, 1, 2), time(3, 4), NAIVE, NAIVE.replace(tzinfo=UTC)],
    {1: "a", Decimal("1.5"): "b", None: "c"},
    ["€" * 70_000],
]


def write(rows: Sequence[Any]) -> bytes:
    """Write rows into one block."""
    writer = BlockWriter()
    for line, cells in enumerate(rows, 2):
        writer.add(line, cells)
    return writer.take()


def shape(value: Any) -> Any:
    """Return a value with the kind of each part of it: 1, 1.0 and True are not the same."""
    if isinstance(value, dict):
        return [(shape(key), shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value), value


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
@pytest.mark.parametrize("beside", [[], [["text"]], [{"a": "b"}], [[Decimal(1)]]], ids=range(4))
def test_a_row_is_what_it_was(row: Any, beside: list[Any]) -> None:
    """Its kind, order and every digit, whatever rows are in its block."""
    found = read_data(decompress(compress(write([*beside, row, *beside]))))

    assert shape(list(found.cells)) == shape([*beside, row, *beside])


def test_what_is_no_number_is_what_it_was() -> None:
    """NaN and the infinities come back."""
    (row,) = read_data(write([{"a": math.nan, "b": math.inf, "c": Decimal("NaN")}])).cells

    assert str(row) == "{'a': nan, 'b': inf, 'c': Decimal('NaN')}"


def test_cells_that_are_written_wrongly_are_cells() -> None:
    """A record that is set aside is kept as any list; what no form is for, as its text."""
    found = read_data(
        write([BrokenCells(["a", 'b"'], "a quote"), ("a", 1), [Path("x")], {(1,): 2}])
    )

    assert shape(list(found.cells)) == shape([["a", 'b"'], ["a", 1], ["x"], {"(1,)": 2}])


def test_a_block_knows_lines_and_reasons() -> None:
    """Whether the rows follow one another, or there are blank ones between them."""
    writer = BlockWriter()
    for line in (2, 3, 4):
        writer.add(line, ["a"])
    writer.refuse("no \ud800")
    assert (len(writer.rows), writer.refused) == (3, 1)
    assert read_data(writer.take()) == BlockRows(
        cells=[["a"]] * 3, lines=[2, 3, 4], reasons={2: "no \ud800"}
    )
    assert (writer.rows, writer.refused) == ([], 0)
    for line in (2, 9):
        writer.add(line, ["a"])
    assert read_data(writer.take()) == BlockRows(cells=[["a"]] * 2, lines=[2, 9], reasons={})


def test_a_block_is_full_by_rows_or_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of long rows there are fewer in the next one, and of short ones as many as there may be."""
    monkeypatch.setattr(row_blocks, "MOST_BYTES", 10_000)
    writer = BlockWriter()

    def fill(cell: str) -> int:
        count = writer.most
        for line in range(count):
            writer.add(line, [cell])
        writer.take()
        return count

    assert [fill("a" * 1000), fill("a" * 1000), fill("a"), fill("a")] == [512, 9, 9, 512]
    assert [fill("a" * 100_000), fill("a" * 100_000)] == [512, 1]


def test_text_takes_less_than_half_of_its_bytes() -> None:
    """Rows of a usual table are compressed together."""
    rows = [[str(70_000 + n), f"Mug {n}", f"{n % 90 + 1}.{n % 100:02d}"] for n in range(512)]
    size = sum(len(",".join(row)) + 1 for row in rows)

    assert len(compress(write(rows))) < 0.4 * size


WHOLE = write([["a"], ["b"]])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WHOLE[:-1],
        WHOLE + b"x",
        msgspec.msgpack.encode([[1], [1], []]),
        msgspec.msgpack.encode([[["a"]], [1, 2], []]),
        msgspec.msgpack.encode([[["a"]], [], []]),
        msgspec.msgpack.encode([[["a"]], [1], [[1, "late"]]]),
        msgspec.msgpack.encode([[["a"]], [1], [[-1, "early"]]]),
        msgspec.msgpack.encode([[["a"]], [1], [[0, 7]]]),
        msgspec.msgpack.encode([[[msgspec.msgpack.Ext(99, b"?")]], [1], []]),
        msgspec.msgpack.encode([[[msgspec.msgpack.Ext(1, b"?")]], [1], []]),
        msgspec.msgpack.encode([[[msgspec.msgpack.Ext(3, b"\x90")]], [1], []]),
        msgspec.msgpack.encode([[[msgspec.msgpack.Ext(5, b"system x")]], [1], []]),
    ],
    ids=range(13),
)
def test_what_is_no_block_is_refused(data: bytes) -> None:
    """Nothing that others wrote is taken for rows, and no other error comes out."""
    with pytest.raises(ValueError, match=r".+"):
        read_data(data)


def test_what_is_not_compressed_is_refused() -> None:
    """Also where a byte has changed."""
    stored = bytearray(compress(WHOLE))
    stored[-1] ^= 1
    for bad in (b"", b"abc", bytes(stored), zlib.compress(WHOLE)[:-3]):
        with pytest.raises(ValueError, match=r".+"):
            decompress(bad)


def test_a_head_is_what_it_was() -> None:
    """Also the name of a file that is no text to the system."""
    head = InputHead(
        name="a\udc80.csv",
        format="csv",
        columns=("a", "é"),
        delimiter=";",
        encoding="cp1252",
        has_bom=True,
        place="row",
    )
    assert read_head(write_head(head, 7)) == (head, 7)
    plain = InputHead(name="-", format="json")
    assert read_head(write_head(plain, 0)) == (plain, 0)


@pytest.mark.parametrize(
    "bad", [b"", b"\x90", b"\xc0", write_head(InputHead(name="", format=""), 1)[:-1]]
)
def test_what_is_no_head_is_refused(bad: bytes) -> None:
    """Nothing that others wrote is taken for one."""
    with pytest.raises(ValueError, match=r".+"):
        read_head(bad)
