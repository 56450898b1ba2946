"""Reading JSON Lines: every line or an error that names it."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from batchhub.cli import _input
from batchhub.cli._input import ItemReader, open_items, parse_line
from batchhub.errors import InputError, UsageError


async def read(path: Path) -> list[tuple[int, Any]]:
    """Read a file: the line and the item, of each."""
    with open_items(str(path)) as reader:
        return [(reader.line, item) async for item in reader]


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


async def test_lines_may_cross_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the file is cut into reads changes nothing."""
    content = "".join(f'{{"a":"{"ü" * n}"}}\n' for n in range(30)).encode()
    path = write(tmp_path, content)
    whole = await read(path)
    monkeypatch.setattr(_input, "_CHUNK_BYTES", 7)
    assert await read(path) == whole
    assert len(whole) == 30


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{bad", "line 7: not valid JSON: "),
        (b'{"a":1} x', "line 7: not valid JSON: trailing characters"),
        (b'{"a":1', "line 7: not valid JSON: "),
        (b'{"a":NaN}', "line 7: not valid JSON: "),
        (b'{"a":1e999}', "line 7: not valid JSON: "),
        (b'{"a":"\\ud800"}', "line 7: not valid JSON: "),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "line 7: not valid JSON: "),
        (b"\xff\xfe{}", "line 7: not UTF-8"),
        (b"[", "line 7: a JSON array is not read yet"),
        (b'[{"a":1}]', "line 7: a JSON array is not read yet"),
        (b'"text"', "line 7: not an object but a text"),
        (b"12", "line 7: not an object but a number"),
        (b"true", "line 7: not an object but true or false"),
        (b"null", "line 7: not an object but null"),
        (b'{"a":1,"b":2,"a":3}', "line 7: the key 'a' is there twice"),
        (b'{"a":{"c":1,"c":1}}', "line 7: the key 'c' is there twice"),
    ],
)
def test_a_broken_line_is_named(line: bytes, message: str) -> None:
    """A line that is no object, or would lose a key, is refused by its number."""
    with pytest.raises(InputError) as caught:
        parse_line(line, 7)
    assert str(caught.value).startswith(message)
    assert caught.value.line == 7


def test_numbers_are_not_changed() -> None:
    """A number of any length comes out as it went in."""
    assert parse_line(b'{"a":123456789012345678901234567890}', 1) == {
        "a": 123456789012345678901234567890
    }


async def test_a_line_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without lines is not read whole into memory."""
    monkeypatch.setattr(_input, "MAX_LINE_BYTES", 1 << 20)
    with pytest.raises(InputError, match="line 2: longer than 1 MiB"):
        await read(write(tmp_path, b"{}\n" + b"x" * (3 << 20)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("items.csv", "CSV is not read yet"),
        ("items.json", "a JSON array is not read yet"),
        ("items.xlsx", "which must be .jsonl or .ndjson"),
        ("items", "which must be .jsonl or .ndjson"),
    ],
)
def test_other_forms_are_refused(tmp_path: Path, name: str, message: str) -> None:
    """The form is told by the ending; one that is not read yet says so."""
    with pytest.raises(UsageError, match=message):
        open_items(str(write(tmp_path, b"{}\n", name)))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A missing file and a folder are told apart, in one line."""
    with pytest.raises(UsageError, match=r"can't read .*No such file"):
        open_items(str(tmp_path / "nope.jsonl"))
    with pytest.raises(UsageError, match="is a folder"):
        open_items(str(tmp_path))


async def test_errors_of_the_hub_get_a_line(tmp_path: Path) -> None:
    """What the hub says of an item by its position is told by its line."""
    with open_items(str(write(tmp_path, b'\n\n{"id":"x"}\n'))) as reader:
        before = InputError("no such option")
        assert reader.explain(before) is before
        async for _ in reader:
            error = reader.explain(InputError("too heavy", position=1, item_id="x"))
            assert str(error).endswith("items.jsonl: line 3 (id 'x'): too heavy; nothing was sent")
        error = reader.explain(InputError("there are no items; nothing was sent"))
        assert str(error).endswith("items.jsonl: there are no items; nothing was sent")


async def test_a_pipe_that_is_silent_can_be_left() -> None:
    """Waiting for a pipe blocks neither the loop nor its end."""
    reading, writing = os.pipe()
    with ItemReader("pipe", reading) as reader:
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
                thread.join(timeout=5)
