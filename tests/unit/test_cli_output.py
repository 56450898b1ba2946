"""OutputOptions results: whole or not at all, and every key of every item."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from batchhub import ItemResult, ItemState
from batchhub.cli.screen.console import (
    OutputClosedError,
    OutputError,
    stream_json,
    write_bytes,
    write_json,
)
from batchhub.cli.shell import files as _files
from batchhub.cli.shell.files import make_writer
from batchhub.cli.shell.files import write_results as write_to
from batchhub.cli.shell.job_options import OutputOptions
from batchhub.errors import UsageError
from batchhub.tables import write_results

KEYS = ["id", "state", "code", "message", "body", "vendor_ref"]


async def results(count: int = 3, *, breaks: bool = False) -> AsyncIterator[ItemResult]:
    """Yield some results, and then break if asked to."""
    for n in range(count):
        yield ItemResult(id=f"i{n}", state=ItemState.SUCCEEDED, code=200, raw=b'{"n": 1}')
    if breaks:
        raise KeyboardInterrupt


async def test_lines_have_all_keys_in_order(tmp_path: Path) -> None:
    """Each line is an object with the six keys, in the order of the items."""
    out = tmp_path / "out.jsonl"
    assert (await write_results(results(), out)).count == 3
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [list(line) for line in lines] == [KEYS] * 3
    assert [line["id"] for line in lines] == ["i0", "i1", "i2"]
    assert lines[0]["body"] == {"n": 1}


async def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Until all is written the old file stays; nothing is left beside it; its rights are kept."""
    out = tmp_path / "out.jsonl"
    out.write_text("old")
    out.chmod(0o640)
    with pytest.raises(KeyboardInterrupt):
        await write_results(results(breaks=True), out)
    assert out.read_text() == "old"
    await write_results(results(), out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["out.jsonl"]  # noqa: PTH208  # hidden ones too


async def test_a_link_is_followed(tmp_path: Path) -> None:
    """What a link leads to is replaced, not the link."""
    target = tmp_path / "target.jsonl"
    link = tmp_path / "link.jsonl"
    link.symlink_to(target)
    await write_results(results(), link)
    assert link.is_symlink()
    assert len(target.read_text().splitlines()) == 3


@pytest.mark.parametrize("out", ["nope/out.jsonl", "."])
def test_a_place_that_can_not_be_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    """A missing folder, or a folder as the file, is met before anything is sent."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="can't write results"):
        make_writer(OutputOptions(out=out))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_full_disk_is_one_line() -> None:
    """What can't be written is an error that says where and why."""
    with pytest.raises(OutputError, match="can't write results to /dev/full: No space"):
        await write_to(make_writer(OutputOptions(out="/dev/full")), results())


async def test_a_reader_that_left_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody reads standard output any more, writing ends."""

    def closed(chunks: object) -> None:
        raise OutputClosedError

    monkeypatch.setattr(_files, "write_bytes", closed)
    rest = results(10_000)
    await write_to(make_writer(OutputOptions(out="-")), rest)
    assert [result async for result in rest]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be written to standard output is told, once, also at the process's end."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(OutputError, match="can't write to standard output: No space"):
            write_bytes([b"line\n"])


def test_a_closed_standard_output_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last status that nobody reads is no error; a stream that nobody reads has ended."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        with pytest.raises(OutputClosedError):
            stream_json({})
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        write_json({})
