"""Where items come from: bytes that can be looked at, unpacked, and read again."""

from __future__ import annotations

import gzip
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import pytest
import zstandard
from support.patience import PATIENCE_S
from support.tables import hold_at_most, open_descriptor, open_pipe

from batchhub._tables.reading import source as _source
from batchhub._tables.reading.source import Origin
from batchhub.errors import InputError, UsageError


def pack(data: bytes) -> bytes:
    """Compress by gzip, without the time in it: each process makes the same parameters."""
    return gzip.compress(data, mtime=0)


TABLE: Final = b"sku,price\nA-1,9.90\n"
LARGE: Final = b"sku,price\n" + b"".join(b"A-%d,9.90\n" % n for n in range(50_000))


def no_pause() -> None:
    """Go on."""


@contextmanager
def opened(source: Any) -> Iterator[Origin]:
    """Open where bytes come from, and close it again."""
    origin = Origin(source)
    try:
        yield origin
    finally:
        origin.close()


def read(origin: Origin) -> bytes:
    """Read all there is, from the beginning."""
    return io.BufferedReader(origin.open(no_pause)).read()


def read_twice(source: Any) -> list[bytes]:
    """Read all there is, twice."""
    with opened(source) as origin:
        origin.keep(no_pause)
        return [read(origin), read(origin)]


def write(folder: Path, content: bytes, name: str = "t.csv") -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(content)
    return path


def zstd(content: bytes, **options: Any) -> bytes:
    """Compress with zstd."""
    return zstandard.ZstdCompressor(**options).compress(content)


def skippable(content: bytes) -> bytes:
    """Make a zstd frame that holds nothing to be unpacked."""
    return b"\x50\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content


class Slow(io.RawIOBase):
    """A stream that can't seek, gives a byte or two at a time, and at times has none yet."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, most: int = -1) -> bytes:
        return self._inner.read(min(most, 4099))


# Reading again.


@pytest.mark.parametrize("content", [b"", b"x", TABLE, LARGE], ids=["none", "one", "few", "many"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_a_file_is_read_as_often_as_wanted(tmp_path: Path, content: bytes, pack: Any) -> None:
    """Each opening begins at the beginning, also when the one before was not read to its end."""
    with opened(write(tmp_path, pack(content))) as origin:
        origin.open(no_pause).read(3)
        assert read(origin) == content
        assert origin.look(no_pause) == content[: len(origin.look(no_pause))]
        assert read(origin) == content


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
@pytest.mark.parametrize("is_looked_at", [False, True])
def test_a_pipe_is_kept_on_disk(pack: Any, is_looked_at: bool) -> None:
    """What was looked at before is kept with the rest."""
    with open_pipe(pack(TABLE)) as pipe, opened(pipe) as origin:
        if is_looked_at:
            assert origin.look(no_pause) == TABLE
        origin.keep(no_pause)
        origin.keep(no_pause)
        assert [read(origin), read(origin)] == [TABLE, TABLE]


def test_a_pipe_that_is_not_kept_is_read_once() -> None:
    """It is read as it comes, and a second reading is refused in place of finding nothing."""
    with open_pipe(TABLE) as pipe, opened(pipe) as origin:
        assert read(origin) == TABLE
        for again in (origin.open, origin.keep):
            with pytest.raises(UsageError, match="its items have been read; open it again"):
                again(no_pause)


def test_json_lines_are_handed_over_as_they_come() -> None:
    """The first line of a pipe is there before the second one is written."""
    reading, writing = os.pipe()
    with open_descriptor(reading) as pipe, opened(pipe) as origin:
        os.write(writing, b'{"a": 1}\n')
        assert origin.look(no_pause) == b'{"a": 1}\n'
        stream = io.BufferedReader(origin.open(no_pause))
        assert stream.readline() == b'{"a": 1}\n'
        os.write(writing, b'{"a": 2}\n')
        os.close(writing)
        assert stream.readline() == b'{"a": 2}\n'


@pytest.mark.parametrize(
    "make",
    [
        io.BytesIO,
        lambda content: io.BufferedReader(io.BytesIO(content)),
        lambda content: gzip.GzipFile(fileobj=io.BytesIO(pack(content))),
        Slow,
    ],
    ids=["bytes", "buffered", "gzip", "cannot seek"],
)
def test_streams_of_others(make: Any) -> None:
    """A stream of somebody else's is read twice, and left open."""
    stream = make(LARGE)
    assert read_twice(stream) == [LARGE, LARGE]
    assert not stream.closed


def test_a_stream_is_read_from_where_it_is(tmp_path: Path) -> None:
    """What somebody else has read of a stream is not read again."""
    with write(tmp_path, b"skip me\n" + TABLE).open("rb") as stream:
        stream.readline()
        assert read_twice(stream) == [TABLE, TABLE]
    with write(tmp_path, b"skip me\n" + TABLE).open("rb") as stream:
        stream.readline()
        with opened(stream) as origin:
            assert origin.file(no_pause).read() == TABLE


def test_standard_input_that_waits_for_nothing() -> None:
    """A pipe that was set not to block is waited for: no data yet is not the end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def write_late() -> None:
        os.write(writing, TABLE)
        os.close(writing)

    late = threading.Timer(0.05, write_late)
    with open_descriptor(reading) as pipe, opened(pipe) as origin:
        late.start()
        assert read(origin) == TABLE
    late.join()


def test_what_is_no_stream_of_bytes(tmp_path: Path) -> None:
    """A stream of text, one to be written, and one that is closed are refused in one line."""
    closed, text = io.BytesIO(), Slow(b"")
    closed.close()
    text.read = lambda most=-1: "a"  # type: ignore[method-assign,assignment,return-value]
    with (tmp_path / "t.csv").open("wb") as to_write:
        for stream, message in [
            (io.StringIO("a"), "a file is read and written as bytes"),
            (to_write, "can't be read: "),
            (closed, "can't be read: .* closed file"),
            (text, "it gives text; open it in binary mode"),
        ]:
            with pytest.raises(UsageError, match=message), opened(stream) as origin:
                read(origin)


# By name.


def test_a_fifo_by_its_path(tmp_path: Path) -> None:
    """A FIFO is no file whose name says something, and is kept like a pipe."""
    path = tmp_path / "t.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[LARGE])
    writer.start()
    with opened(path) as origin:
        assert not origin.is_file
        origin.keep(no_pause)
        assert [read(origin), read(origin)] == [LARGE, LARGE]
    writer.join()


SCRIPT: Final = """
import io, sys
from batchhub._tables.reading.source import Origin
origin = Origin(sys.argv[1])
origin.keep(lambda: None)
once, again = (io.BufferedReader(origin.open(lambda: None)).read() for _ in "12")
print(origin.name, origin.is_file, origin.is_terminal, origin.kind.name, once == again, len(once))
origin.close()
"""


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
@pytest.mark.parametrize("how", ["file", "pipe", "socket", "nothing"])
def test_standard_input_by_any_name(tmp_path: Path, name: str, how: str) -> None:
    """Whatever standard input is and however it is named, it is read twice."""
    content = b"" if how == "nothing" else TABLE
    path = write(tmp_path, content)
    with path.open("rb") as file, open_pipe(content) as pipe, _socket(content) as wire:
        stdin = {"file": file, "pipe": pipe, "socket": wire, "nothing": subprocess.DEVNULL}[how]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, name],
            check=False,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    called = "standard input" if name == "-" else name
    assert done.stdout == f"{called} False False TEXT True {len(content)}\n", done.stderr


@contextmanager
def _socket(content: bytes) -> Iterator[Any]:
    reading, writing = socket.socketpair()
    writing.sendall(content)
    writing.close()
    with reading:
        yield reading


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody in particular, who may not read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """A folder, a file that is not there or not for us, and no name at all: one line each."""
    closed = write(tmp_path, TABLE, "closed.csv")
    closed.chmod(0)
    tmp_path.chmod(0o755)
    for name, message in [
        (str(tmp_path), "is a folder; name a file with items"),
        (str(tmp_path / "gone.csv"), "No such file"),
        (str(closed / "below.csv"), "Not a directory|Permission denied"),
        ("a\0b.csv", "null (byte|character)"),
    ]:
        with pytest.raises(UsageError, match=message):
            Origin(name)
    with unprivileged(), pytest.raises(UsageError, match="Permission denied"):
        Origin(closed)


# Changed meanwhile.


@pytest.mark.parametrize("change", ["append", "truncate", "rewrite"])
@pytest.mark.parametrize("when", ["between", "while it is read again"])
def test_a_file_that_changes(tmp_path: Path, change: str, when: str) -> None:
    """A file that is not what it was when it was read first is refused."""
    path = write(tmp_path, LARGE)
    with opened(path) as origin:
        read(origin)
        stream = io.BufferedReader(origin.open(no_pause)) if when != "between" else None
        if change == "append":
            with path.open("ab") as file:
                file.write(b"A-2,1\n")
        elif change == "truncate":
            os.truncate(path, len(LARGE) // 2)
        else:
            path.write_bytes(LARGE.replace(b"9.90", b"8.80"))
        before = path.stat()
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
        with pytest.raises(InputError, match=r"^it changed while it was read; run the command"):
            read(origin) if stream is None else stream.read()


def test_a_file_that_is_replaced(tmp_path: Path) -> None:
    """A new file of that name is another one: what was read first is read again."""
    path = write(tmp_path, LARGE)
    with opened(path) as origin:
        read(origin)
        write(tmp_path, TABLE, "new.csv").replace(path)
        assert read(origin) == LARGE
        path.unlink()
        assert read(origin) == LARGE


def test_a_file_that_grows_while_it_is_read_once(tmp_path: Path) -> None:
    """Read once, a file may grow: all of it is read."""
    path = write(tmp_path, b"{}\n")
    with opened(path) as origin:
        origin.look(no_pause)
        path.write_bytes(b"{}\n{}\n")
        assert read(origin) == b"{}\n{}\n"


# Copies on disk.


def test_a_copy_leaves_nothing_behind(tmp_path: Path) -> None:
    """A process that is killed with a copy leaves no file; while it runs, only it may read it."""
    script = (
        "import os, sys, time\n"
        "from batchhub._tables.reading.source import Origin\n"
        "origin = Origin('-'); origin.keep(lambda: None)\n"
        "file = origin.file(lambda: None)\n"
        "print(oct(os.fstat(file.fileno()).st_mode), os.fstat(file.fileno()).st_nlink,\n"
        "      os.readlink(f'/proc/self/fd/{file.fileno()}'), flush=True)\n"
        "time.sleep(600)\n"
    )
    with open_pipe(TABLE) as pipe:
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=pipe,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        assert process.stdout is not None
        mode, links, path = process.stdout.readline().split()[:3]
        try:
            assert (mode, links) == ("0o100600", "0")
            assert path.startswith(str(tmp_path))
            assert list(tmp_path.iterdir()) == []
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that finds no room is refused, and says which folder can be another one."""

    def on_full_disk(**options: Any) -> IO[bytes]:
        return Path("/dev/full").open("r+b", buffering=0)

    monkeypatch.setattr(tempfile, "TemporaryFile", on_full_disk)
    with (
        open_pipe(TABLE) as pipe,
        opened(pipe) as origin,
        pytest.raises(InputError, match=r"No space left on device; set TMPDIR to a folder"),
    ):
        origin.keep(no_pause)


def test_a_folder_for_copies_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a folder nobody can write in."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with (
        open_pipe(TABLE) as pipe,
        opened(pipe) as origin,
        pytest.raises(InputError, match=r"written in /nowhere: No such file"),
    ):
        origin.keep(no_pause)


def test_who_stops_reading_leaves_no_copy(tmp_path: Path) -> None:
    """A pause that breaks off goes through, and the copy is closed."""

    def stop() -> None:
        raise KeyboardInterrupt

    with open_pipe(TABLE) as pipe, opened(pipe) as origin, pytest.raises(KeyboardInterrupt):
        origin.keep(stop)


# A file to be read at any place.


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
@pytest.mark.parametrize("how", ["file", "pipe"])
def test_a_file_to_be_read_at_any_place(tmp_path: Path, pack: Any, how: str) -> None:
    """Packed or not, from a pipe or not, there is a file of the unpacked bytes."""
    packed = pack(TABLE)
    source = write(tmp_path, packed) if how == "file" else Slow(packed)
    with opened(source) as origin:
        file = origin.file(no_pause)
        assert (file.read(), file.seek(4), file.read(5)) == (TABLE, 4, b"price")
        assert read(origin) == TABLE


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_copy_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Any) -> None:
    """Little that unpacks to very much does not fill the disk."""
    monkeypatch.setattr(_source, "MAX_FILE_BYTES", 1 << 20)
    with (
        opened(write(tmp_path, pack(b"x" * (4 << 20)))) as origin,
        pytest.raises(InputError, match="it is larger than 1 MiB; split it"),
    ):
        origin.file(no_pause)


# Compressed.


@pytest.mark.parametrize(
    "content",
    [
        pack(LARGE[:99]) + pack(LARGE[99:]) + b"\0" * 600,
        zstd(LARGE[:99]) + skippable(b"index") + zstd(LARGE[99:], write_checksum=True),
        skippable(b"") + skippable(b"x" * 5000) + zstd(LARGE, level=19),
        zstandard.ZstdCompressor(write_content_size=False).compressobj().compress(b"")
        + zstd(b"")
        + zstd(LARGE),
    ],
    ids=["gzip members", "zstd frames", "skipped frames", "empty frames"],
)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.zst", "t.txt"])
def test_what_is_compressed_is_told_by_its_bytes(tmp_path: Path, content: bytes, name: str) -> None:
    """Whatever the name says, in one piece or in many."""
    assert read_twice(write(tmp_path, content, name)) == [LARGE, LARGE]
    with write(tmp_path, content, name).open("rb") as stream:
        assert read_twice(Slow(stream.read())) == [LARGE, LARGE]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", pack(LARGE)[:-9], "the gzip data ends too early; is the file compl"),
        ("t.csv", zstd(LARGE)[:-1], "the zstd data ends too early; is the file complete?"),
        ("t.csv", zstd(LARGE) + zstd(LARGE)[:30], "the zstd data ends too early"),
        ("t.csv", zstd(TABLE)[:5], "the zstd data ends too early"),
        ("t.csv", b"\x28\xb5\x2f\xfd" + b"\xff" * 99, r"the zstd data is broken \(.+\); pack it a"),
        ("t.csv", zstd(TABLE) + b"garbage", r"the zstd data is broken \("),
        ("t.csv", zstd(LARGE, write_checksum=True)[:-4] + b"\0" * 4, "broken .*checksum"),
        ("t.csv", pack(pack(TABLE)), r"compressed twice \(gzip in gzip\)"),
        ("t.csv.gz", pack(zstd(TABLE)), r"twice \(zstd in gzip\); unpack it once"),
        ("t.csv.zst", zstd(pack(TABLE)), r"compressed twice \(gzip in zstd\)"),
        ("t.csv.gz", TABLE, "its name ends in .gz, but it is no gzip file; unpack or rename it"),
        ("t.csv.zst", TABLE, "its name ends in .zst, but it is no zstd file; unpack or rename"),
    ],
)
def test_what_is_packed_and_broken(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """One line, whether it breaks at the beginning or at the end; never a part for the whole."""
    with opened(write(tmp_path, content, name)) as origin, pytest.raises(InputError, match=message):
        read(origin)


def test_a_window_that_fills_memory(tmp_path: Path) -> None:
    """Data that is unpacked only with very much memory is refused."""
    options = zstandard.ZstdCompressionParameters.from_level(1, window_log=30)
    packed = zstandard.ZstdCompressor(compression_params=options).compressobj()
    content = packed.compress(LARGE) + packed.flush()
    with (
        opened(write(tmp_path, content)) as origin,
        pytest.raises(InputError, match="requires too much memory"),
    ):
        read(origin)


def test_without_the_package_for_zstd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install; anything else is read without it."""
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with (
        opened(write(tmp_path, zstd(TABLE))) as origin,
        pytest.raises(InputError, match=r"^reading zstd needs .*'batchhub\[zstd\]'"),
    ):
        read(origin)
    assert read_twice(write(tmp_path, pack(TABLE))) == [TABLE, TABLE]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_what_holds_nothing_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Any
) -> None:
    """Spaces without an end are looked at up to a bound."""
    hold_at_most(monkeypatch, 1 << 20)
    with opened(write(tmp_path, pack(b" " * (8 << 20)))) as origin:
        assert len(origin.look(no_pause)) < 2 << 20


def test_a_pipe_of_empty_members_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is what unpacks to nothing."""
    hold_at_most(monkeypatch, 1 << 16)
    with (
        opened(Slow(pack(b"") * 20_000)) as origin,
        pytest.raises(InputError, match="hold nothing"),
    ):
        origin.look(no_pause)
