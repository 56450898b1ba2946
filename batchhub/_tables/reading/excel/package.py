"""A workbook's file: a zip archive of parts, whose size is known before any of it is unpacked."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Final

from batchhub.errors import InputError

MAX_INFLATED_BYTES: Final = 1 << 30
"""How large a workbook may be when it is unpacked."""

PIECE_BYTES: Final = 1 << 18
"""How much of a part is unpacked at once."""

SAVE_AS: Final = "save it as .xlsx or as CSV UTF-8"

_ZIP: Final = b"PK"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_FLAG_ENCRYPTED: Final = 1
_NOT_WORKBOOKS: Final = (
    ("xl/workbook.bin", "a binary workbook (.xlsb)"),
    ("content.xml", "an OpenDocument file (.ods)"),
    ("index/document.iwa", "a Numbers document"),
    ("word/document.xml", "a Word document"),
    ("ppt/presentation.xml", "a presentation"),
)
_BROKEN: Final = "the workbook is broken"
_HINT: Final = "open it and save it again"


class Package:
    """
    The parts of a workbook.

    Args:
        file: The archive; it can be sought.

    Raises:
        InputError: It is no workbook that can be read, is protected by a password, or is larger
            than `MAX_INFLATED_BYTES` when it is unpacked.
    """

    def __init__(self, file: IO[bytes]) -> None:
        file.seek(0)
        head = file.read(len(_OLE))
        if head == _OLE:
            raise InputError(_explain_ole(file))
        if not head.startswith(_ZIP):
            raise InputError("is no Excel workbook (.xlsx)")
        try:
            self._archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise InputError(f"{_BROKEN} or not complete ({error}); {_HINT}") from None
        infos = self._archive.infolist()
        self._parts = {_fold(info.filename): info for info in infos}
        self._check_kind()
        self._check_size(infos)

    def __contains__(self, part: str) -> bool:
        return _fold(part) in self._parts

    def read_pieces(self, part: str) -> Iterator[bytes]:
        """
        Yield a part, unpacked piece by piece.

        Raises:
            InputError: It is missing or broken, or larger than the archive says.
        """
        info = self._parts.get(_fold(part))
        if info is None:
            raise InputError(f"{_BROKEN}: it has no part {part}; {_HINT}")
        # One that is larger than is said is checked as well: the archive's own check sum is of
        # the whole, and what is read here ends where the archive says.
        try:
            with self._archive.open(info) as stream:
                while piece := stream.read(PIECE_BYTES):
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise InputError(f"{_BROKEN}: {part} can't be unpacked ({error}); {_HINT}") from None

    def check(self, part: str) -> None:
        """
        Read a part to its end, if there is one.

        Raises:
            InputError: It is broken, or larger than the archive says.
        """
        if part in self:
            for _ in self.read_pieces(part):
                pass

    def _check_kind(self) -> None:
        for part, what in _NOT_WORKBOOKS:
            if part in self._parts:
                raise InputError(f"is {what}, which can't be read; {SAVE_AS}")
        if "xl/workbook.xml" not in self._parts:
            raise InputError(
                "is a zip archive and no Excel workbook: it has no xl/workbook.xml; "
                "if it should be one, open it in Excel and save it as .xlsx"
            )

    def _check_size(self, infos: list[zipfile.ZipInfo]) -> None:
        if any(info.flag_bits & _FLAG_ENCRYPTED for info in infos):
            raise InputError(f"is protected by a password; {SAVE_AS} without one")
        size = sum(info.file_size for info in infos)
        if size > MAX_INFLATED_BYTES:
            raise InputError(
                f"is {size / (1 << 30):.1f} GiB when it is unpacked, and at most "
                f"{MAX_INFLATED_BYTES >> 30} GiB is read; save it as CSV UTF-8"
            )


def _fold(part: str) -> str:
    """Return a part's name as it is looked up: some write another case, or backslashes."""
    return part.replace("\\", "/").removeprefix("/").lower()


def _explain_ole(file: IO[bytes]) -> str:
    """Say what a file is that begins as Excel's older files do, and protected ones."""
    last = b""
    while piece := file.read(PIECE_BYTES):
        if _ENCRYPTED in last + piece:
            return f"is protected by a password; {SAVE_AS} without one"
        last = piece[-len(_ENCRYPTED) :]
    return f"is a workbook of an old Excel (.xls), which can't be read; {SAVE_AS}"
