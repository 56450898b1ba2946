"""How items get in: which form a source has, JSON Lines, arrays, gzip; every error is placed."""

from __future__ import annotations

import asyncio
import gzip
import os
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from support.patience import PATIENCE_S
from support.tables import hold_at_most, open_descriptor, open_items, open_pipe, read_by

from batchhub.errors import InputError, UsageError


async def read(path: Path, **options: Any) -> list[tuple[int, Any]]:
    """Read a file: the line and the item, of each."""
    with open_items(path, **options) as reader:
        return [(reader.line, item) async for item in reader]


async def read_pipe(content: bytes, **options: Any) -> tuple[str, list[Any]]:
    """Read what has no name that says its format: what it counts, and the items."""
    with open_pipe(content) as pipe, open_items(pipe, **options) as reader:
        items = [item async for item in reader]
        return reader.place, items


async def refusal(path: Path, **options: Any) -> str:
    """Read a file to its first error, and tell it as the command does."""
    with open_items(path, **options) as reader:
        try:
            async for _ in reader:
                pass
        except InputError as error:
            return str(reader.explain(error)).removeprefix(f"{path}: ")
    raise AssertionError("nothing was refused")


def write(folder: Path, content: bytes, name: str = "items.jsonl") -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b'{"a":1}\n{"a":2}\n', [1, 2]),
        (b'{"a":1}\n{"a":2}', [1, 2]),
        (b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n\t{"a":2}\r\n', [1, 4]),
        (b"", []),
        (b"\n \n", []),
    ],
    ids=["plain", "no last newline", "BOM, CRLF, blanks", "empty", "blank"],
)
async def test_items_keep_their_lines(tmp_path: Path, content: bytes, lines: list[int]) -> None:
    """Blank lines are skipped and counted; a BOM and CRLF do no harm."""
    found = await read(write(tmp_path, content))
    assert found == [(line, {"a": n}) for n, line in enumerate(lines, 1)]


@pytest.mark.parametrize("packed", [False, True])
async def test_lines_may_cross_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """How the file is cut into reads changes nothing."""
    content = "".join(f'{{"a":"{"ü" * n}"}}\n' for n in range(30)).encode()
    path = write(tmp_path, content)
    if packed:
        path = write(tmp_path, gzip.compress(content), "items.jsonl.gz")
    whole = await read(path)
    read_by(monkeypatch, 7)
    assert await read(path) == whole
    assert len(whole) == 30


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{bad", "line 7: not valid JSON: "),
        (b'{"a":1} x', "line 7: not valid JSON: trailing characters"),
        (b'{"a":1', "line 7: not valid JSON: "),
        (b'{"a":NaN}', "line 7: a is NaN, which JSON does not have"),
        (b'{"a":1e999}', "line 7: a is 1e999, which is out of the range of numbers"),
        (b'{"a":"\\ud800"}', "line 7: a holds U+D800 (a lone surrogate: "),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "line 7: not valid JSON: "),
        (b"\xff\xfe{}", "line 7: not UTF-8"),
        (b"[", "line 7: a JSON array; write one object a line, or say --format json"),
        (b'[{"a":1}]', "line 7: a JSON array; write one object a line, or say --format json"),
        (b'"text"', "line 7: not an object but a text; write one object a line"),
        (b"12", "line 7: not an object but a number"),
        (b"true", "line 7: not an object but true or false"),
        (b"null", "line 7: not an object but null"),
        (b'{"a":1,"b":2,"a":3}', "line 7: the key 'a' is there twice"),
        (b'{"a":{"c":1,"c":1}}', "line 7: the key 'a.c' is there twice"),
        (b'{"a":' * 100_000, "line 7: not valid JSON: nested too deeply"),
    ],
)
async def test_a_broken_line_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    """A line that is no object, or would lose a key, is refused by its number."""
    with pytest.raises(InputError) as caught:
        await read(write(tmp_path, b"\n" * 6 + line))
    assert str(caught.value).startswith(message)
    assert caught.value.line == 7


async def test_numbers_are_not_changed(tmp_path: Path) -> None:
    """A number longer than 64 bits comes out as it went in."""
    path = write(tmp_path, b'{"a":123456789012345678901234567890}')
    assert await read(path) == [(1, {"a": 123456789012345678901234567890})]


async def test_a_line_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without lines is not read whole into memory."""
    hold_at_most(monkeypatch, 1 << 20)
    with pytest.raises(InputError, match="line 2: longer than 1 MiB"):
        await read(write(tmp_path, b"{}\n" + b"x" * (3 << 20)))


@pytest.mark.parametrize("name", ["items.pdf", "items", "items.txt", "items.dat.gz"])
async def test_the_first_bytes_say_the_form_where_the_name_does_not(
    tmp_path: Path, name: str
) -> None:
    """An ending that names no form says nothing, and so does none."""
    data = b'{"a":1}\n'
    path = write(tmp_path, gzip.compress(data) if name.endswith("gz") else data, name)
    assert await read(path) == [(1, {"a": 1})]


async def test_the_form_can_be_said(tmp_path: Path) -> None:
    """`--format` goes before the ending; a form nobody knows is refused."""
    path = write(tmp_path, b"a\nx\n", "items.txt")
    assert await read(path, format="csv") == [(2, {"a": "x"})]
    with pytest.raises(
        UsageError, match="--format must be one of jsonl, csv, tsv, json, xlsx, not 'xml'"
    ):
        open_items(path, format="xml")


@pytest.mark.parametrize(
    ("content", "place", "items"),
    [
        (b' \n[{"a":1},{"a":2}]', "element", [{"a": 1}, {"a": 2}]),
        (b'\xef\xbb\xbf{"a":1}\n', "line", [{"a": 1}]),
        (b"a,b\n1,2\n", "line", [{"a": 1, "b": 2}]),
        (gzip.compress(b"a;b\n1;2\n"), "line", [{"a": 1, "b": 2}]),
        (gzip.compress(b"[") + gzip.compress(b"]") + b"\0\0", "element", []),
        (b" \n", "line", []),
        (b"", "line", []),
    ],
    ids=["array", "object", "CSV", "packed", "packed twice, padded", "blank", "empty"],
)
async def test_standard_input_tells_its_form(
    monkeypatch: pytest.MonkeyPatch, content: bytes, place: str, items: list[Any]
) -> None:
    """The first character tells the form, whatever the pieces it comes in; gzip is unpacked."""
    assert await read_pipe(content) == (place, items)
    read_by(monkeypatch, 1)
    assert await read_pipe(content) == (place, items)


async def test_what_is_said_of_csv_is_refused_for_others(tmp_path: Path) -> None:
    """An option that would silently do nothing is an error, also if the form is told late."""
    for options, option in (
        ({"delimiter": ";"}, "--delimiter is for CSV"),
        ({"encoding": "utf-16"}, "--encoding is for CSV"),
        ({"sheet": "Prices"}, "--sheet is for workbooks"),
        ({"decimal": "comma"}, "--decimal is for tables"),
        ({"number": ["a"]}, "--number is for tables"),
        ({"text": ["a"]}, "--text is for tables"),
        ({"empty": ["a=omit"]}, "--empty is for tables"),
    ):
        with pytest.raises(UsageError, match=f"{option}, and this is JSON Lines"):
            open_items(write(tmp_path, b"{}"), **options)
        with pytest.raises(UsageError, match=f"{option}, and this is a JSON array"):
            await read_pipe(b"[]", **options)


async def test_an_array_is_read(tmp_path: Path) -> None:
    """The elements of an array are the items; numbers stay as JSON Lines has them."""
    content = b'\xef\xbb\xbf [ {"a":123456789012345678901234567890}\n,\r\n{"b":[1.5,{}]} ]\n'
    assert await read(write(tmp_path, content, "items.json")) == [
        (1, {"a": 123456789012345678901234567890}),
        (2, {"b": [1.5, {}]}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"a":1},{"a":]', "line 1: not valid JSON: invalid character (byte 14)"),
        (
            b'[{"a":1},\n{"a":1}\n',
            "line 2: not valid JSON: it ends too early; is the file complete",
        ),
        (b'[{"a":1}\n{"a":1}]', "line 2: not valid JSON: expected ',' or ']' (byte 9)"),
        (b'[{"a":1},\n]', "line 2: not valid JSON: trailing comma in array (byte 10)"),
        (b'[{"a":1},3]', "element 2: not an object but a number"),
        (b'[{"a":1},{"b":1,"b":2}]', "element 2: the key 'b' is there twice"),
        (b'[{"a":1},{"a":1e999}]', "element 2: a is 1e999, which is out of the range"),
        (b'[{"a":NaN}]', "element 1: a is NaN, which JSON does not have"),
        (b"[" * 100_000, "line 1: not valid JSON: nested too deeply"),
        (b'[{"a":1}] x', "line 1: not valid JSON: trailing characters (byte 11)"),
        (b"[", "line 1: not valid JSON: it ends too early; is the file complete?"),
        (b'\n{"a":1}', "line 2: not a JSON array; for an object a line, say --format jsonl"),
        (b"12", "line 1: not a JSON array"),
        (b'[{},\n{"a":"\xff"}]', "element 2: not UTF-8 (byte 6)"),
    ],
)
async def test_a_broken_array_is_told_by_its_element(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """An element that is no item is named by its number, from 1; an array that is none by line."""
    found = await refusal(write(tmp_path, content, "items.json"))
    assert found.startswith(message)
    assert found.endswith("; nothing was sent")


async def test_a_large_array_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array is read whole, so there is a bound, and a form that has none."""
    hold_at_most(monkeypatch, 1 << 20)
    found = await refusal(write(tmp_path, b"[" + b" " * (1 << 20) + b"]", "items.json"))
    assert found.startswith("a JSON array of more than 1 MiB is not read; write JSON Lines")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"{}\n" * 1000)[:-3], "the gzip data ends too early; is the file complete?"),
        (gzip.compress(b"{}\n")[:5], "the gzip data ends too early"),
        (gzip.compress(b"{}\n")[:-8] + b"\1" * 8, "the gzip data is broken (CRC check failed"),
        (gzip.compress(b"{}\n") + b"garbage", "the gzip data is broken"),
        (b"{}\n", "its name ends in .gz, but it is no gzip file"),
    ],
    ids=["cut", "cut in the head", "wrong sum", "garbage behind", "no gzip"],
)
async def test_broken_gzip_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    """Packed data that is broken or ends early is an error, never a short job."""
    found = await refusal(write(tmp_path, content, "items.jsonl.gz"))
    assert found.startswith(message)


async def test_a_gzip_bomb_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much a small file unpacks to, only a bounded part of it is held."""
    hold_at_most(monkeypatch, 1 << 20)
    bomb = write(tmp_path, gzip.compress(b"x" * (64 << 20), 1), "bomb.jsonl.gz")
    tracemalloc.start()
    try:
        assert (await refusal(bomb)).startswith("line 1: longer than 1 MiB")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A missing file and a folder are told apart, in one line."""
    with pytest.raises(UsageError, match=r"can't read .*No such file"):
        open_items(tmp_path / "nope.jsonl")
    with pytest.raises(UsageError, match="is a folder"):
        open_items(tmp_path)


async def test_errors_of_the_hub_get_a_line(tmp_path: Path) -> None:
    """What the hub says of an item by its position is told by its line."""
    with open_items(write(tmp_path, b'\n\n{"id":"x"}\n')) as reader:
        before = InputError("no such option")
        assert reader.explain(before) is before
        async for _ in reader:
            error = reader.explain(InputError("too heavy", position=1, item_id="x"))
            assert str(error).endswith("items.jsonl: line 3 (id 'x'): too heavy; nothing was sent")
        error = reader.explain(InputError("there are no items; nothing was sent"))
        assert str(error).endswith("items.jsonl: there are no items; nothing was sent")


async def test_reading_can_go_on_behind_an_error(tmp_path: Path) -> None:
    """Who wants to know of all that is wrong is told of each, and gets the items between."""
    path = write(tmp_path, b'{"a":1}\n{bad\n[]\n{"a":2}\n')
    told: list[InputError] = []
    with open_items(path) as reader:
        reader.on_refused = told.append
        assert [item async for item in reader] == [{"a": 1}, {"a": 2}]
        assert [error.line for error in told] == [2, 3]
        assert not reader.is_cut_off
    packed = write(tmp_path, gzip.compress(b'{"a":1}\n')[:-2], "cut.jsonl.gz")
    with open_items(packed) as reader:
        reader.on_refused = told.append
        with pytest.raises(InputError, match="ends too early"):
            [item async for item in reader]
    with open_items(packed) as reader:
        reader.on_refused, reader.shows_all = told.append, True
        assert [item async for item in reader] == [{"a": 1}]
        assert len(told) == 3
        assert reader.is_cut_off


async def test_a_pipe_that_is_silent_can_be_left() -> None:
    """Waiting for a pipe blocks neither the loop nor its end; what is there is given at once."""
    reading, writing = os.pipe()
    with open_descriptor(reading) as pipe, open_items(pipe) as reader:
        items = aiter(reader)
        os.write(writing, b'{"a":1}\n{"a"')
        assert await anext(items) == {"a": 1}
        waiting = asyncio.ensure_future(anext(items))
        await asyncio.wait([waiting], timeout=0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        os.close(writing)
        for thread in threading.enumerate():
            if thread.name == "batchhub-input":
                thread.join(timeout=PATIENCE_S)
