"""Rows that can't be sent, set aside in a file that appears before anything else happens."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from attrs import frozen

from batchhub._base.failpoints import failpoint
from batchhub._base.new_file import NewFile
from batchhub._base.secrets import blank
from batchhub._base.show import clean, count, number
from batchhub._tables.formats import Compression, Format, Say, compression_of, ending_of
from batchhub._tables.formulas import disarm
from batchhub._tables.packing import find_packing
from batchhub._tables.workbook import load_writer
from batchhub.errors import InputError, UsageError

from .reject_files import (
    CsvRejects,
    JsonRejects,
    Raw,
    RejectFile,
    TableForm,
    WorkbookRejects,
)
from .rows import OddCell

DEFAULT_LIMIT: Final = "50%"
"""More refused rows than this are no slips: the options don't fit the file."""

_HALF: Final = 50
_ALL: Final = 100
_UNSENT: Final = "nothing was sent"
_PRIVATE: Final = 0o600
_NO_EXECUTION: Final = 0o666
_LONGEST_REASON: Final = 1000
_JSON: Final = (".jsonl", ".ndjson")
_TEXT: Final = (".csv", ".tsv")
_WORKBOOK: Final = ".xlsx"


@frozen
class Limit:
    """
    How many rows may be refused while the others are sent.

    Attributes:
        most: The number, or the share in percent.
        is_share: Whether it is a share.
    """

    most: Decimal
    is_share: bool

    @classmethod
    def parse(cls, text: str | int, say: Say) -> Limit:
        """
        Read ``N`` or ``P%``.

        Raises:
            UsageError: It is neither.
        """
        digits = str(text).strip()
        is_share = digits.endswith("%")
        bare = digits[:-1].rstrip() if is_share else digits
        with suppress(InvalidOperation):
            most = Decimal(bare) if bare.replace(".", "", is_share).isdecimal() else None
            if most is not None and (not is_share or most <= _ALL):
                return cls(most, is_share)
        raise UsageError(f"{say('max_rejects')} is a number of rows or a share, not {text!r}")

    def is_over(self, refused: int, rows: int) -> bool:
        """Whether more of these rows were refused."""
        return refused * _ALL > self.most * rows if self.is_share else refused > self.most

    def __str__(self) -> str:
        if self.is_share and self.most == _HALF:
            return "half"
        return f"{self.most.normalize():f}{' %' * self.is_share}"


class Rejects:
    """
    Sets rows aside that can't be sent: all columns as they were, with the line and the reason.

    The file is written beside its place and gets its name when all rows were read. It takes the
    place of nothing: where the very same rows were set aside before, it is left alone. Cells stay
    as they are, also one that a spreadsheet takes for a formula: they are the user's own.

    Attributes:
        name: The file's name.
        count: How many rows were refused.
        is_written: Whether the file is in its place.

    Args:
        target: The file.
        limit: How many rows may be refused.
        say: Names an argument in a message.

    Raises:
        UsageError: There can be no such file.
    """

    def __init__(self, target: str | os.PathLike[str], *, limit: Limit, say: Say) -> None:
        self.name = os.fspath(target)
        self.count = 0
        self.is_written = False
        self._limit = limit
        self._say = say
        self._ending = self._check_name()
        self._pack = find_packing(self.name)
        self._path = self._check_place()
        self._mode = _PRIVATE
        self._form: TableForm | None = None
        self._new: NewFile | None = None
        self._open = ExitStack()
        self._file: RejectFile | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a file of this name."""
        return self._path.exists()

    def spare(self, files: Iterable[str | os.PathLike[str]]) -> None:
        """
        Refuse to be one of these files, such as the settings, the store, that of the results.

        Raises:
            UsageError: It is, by whatever name.
        """
        for file in files:
            path = Path(file)
            with suppress(OSError):
                if path.resolve() == self._path or path.samefile(self._path):
                    raise self._refusal(
                        "this command uses it for something else, too; name another file"
                    )

    def spare_source(self, source: os.stat_result | None) -> None:
        """
        Refuse to be the file that the rows come from; it is no more readable than that one.

        Args:
            source: What the system says of that one; `None` if it is no file of the system's.

        Raises:
            UsageError: It is, by whatever name.
        """
        if source is None or not stat.S_ISREG(source.st_mode):
            return
        self._mode = stat.S_IMODE(source.st_mode) & _NO_EXECUTION
        with suppress(OSError):
            if os.path.samestat(source, self._path.stat()):
                raise self._refusal("it is the file that the rows come from")

    def check_fit(self, source: str, format: Format) -> None:
        """
        Look whether rows of a format can be in a file of this name.

        Raises:
            UsageError: They can't.
        """
        if format in {Format.JSONL, Format.JSON}:
            fitting: tuple[str, ...] = _JSON
        else:
            # Text would not say what was a number, and what a format showed otherwise.
            fitting = (_WORKBOOK,) if format is Format.XLSX else (*_TEXT, _WORKBOOK)
        if self._ending not in fitting:
            raise self._refusal(f"rows of {source} fit into {' or '.join(fitting)}")

    def begin(
        self,
        *,
        source: str,
        format: Format,
        header: Sequence[str],
        delimiter: str,
        encoding: str,
        has_bom: bool,
    ) -> None:
        """
        Take note of the table that rows come from, before the first one.

        Args:
            source: What it is called in messages.
            format: Its format.
            header: The names of its columns, as they are written.
            delimiter: What separates its cells, in CSV.
            encoding: Its encoding, in CSV.
            has_bom: Whether it begins with a byte order mark, in CSV.

        Raises:
            UsageError: Its rows can't be in a file of this name.
        """
        self.check_fit(source, format)
        self._form = TableForm(
            header=header,
            delimiter=delimiter,
            encoding=encoding,
            has_bom=has_bom,
            is_text=format is not Format.XLSX,
        )

    def add(self, number: int, raw: Raw, reason: str) -> None:
        """
        Set a row aside.

        Args:
            number: The line it begins in, or its place in what it comes from.
            raw: Its cells, its JSON object, or the bytes of a line that holds none.
            reason: Why it was refused.

        Raises:
            UsageError: The file can't be written, or the row holds a secret of an account.
        """
        self.count += 1
        self._refuse_secret(number, raw)
        text = disarm(clean(blank(reason), _LONGEST_REASON))  # these words are not the user's
        try:
            if self._file is None:
                self._file = self._begin_file()
            self._file.add(number, raw, text)
        except OSError as error:
            raise self._failure(error) from error
        except UsageError as error:
            self.abandon()
            raise self._refusal(str(error)) from None

    def finish(self, rows: int) -> None:
        """
        Put the file into its place, now that all rows were read; nothing was sent yet.

        Args:
            rows: How many rows there are, those that were refused among them.

        Raises:
            InputError: Too many were refused, or all.
            UsageError: There is a file with other content, or it can't be written.
        """
        if not self.count:
            return
        try:
            self.check_number(self.count, rows)
            self._keep()
        finally:
            self.abandon()
        self.is_written = True

    def check_number(self, refused: int, rows: int) -> None:
        """
        Look whether so many rows may be set aside.

        Raises:
            InputError: They are too many, or all.
        """
        if refused and refused >= rows:
            which = "the only row was" if rows == 1 else f"all {number(rows)} rows were"
            raise InputError(f"{which} refused")
        if self._limit.is_over(refused, rows):
            hint = f"{self._say('max_rejects')} allows more"
            aside = f"{number(refused)} of {count(rows, 'row')} refused"
            raise InputError(f"{aside}, more than {self._limit}; {hint}")

    def abandon(self) -> None:
        """Leave nothing behind. After `finish` it does nothing."""
        new, self._new = self._new, None
        file, self._file = self._file, None
        if new is None:
            return
        # What compresses, or makes a workbook, has files and memory of its own to give back.
        with suppress(Exception):
            if file is not None:
                file.end()
        with suppress(Exception):
            self._open.close()
        new.drop()

    def _begin_file(self) -> RejectFile:
        self._new = NewFile(self._path, self._mode)
        file, form = self._open.enter_context(self._pack(self._new.open())), self._form
        if form is None:
            return JsonRejects(file)
        if self._ending == _WORKBOOK:
            return WorkbookRejects(file, form, self.name)
        return CsvRejects(file, form, "\t" if self._ending == ".tsv" else form.delimiter)

    def _keep(self) -> None:
        assert self._file is not None  # noqa: S101  # rows were added
        assert self._new is not None  # noqa: S101
        try:
            file, self._file = self._file, None
            file.end()
            self._open.close()
            self._new.name()
        except FileExistsError:
            other = f"{self.name} exists and holds something else"
            raise UsageError(f"{other}; name another file or remove it; {_UNSENT}") from None
        except Exception as error:
            raise self._failure(error) from error
        failpoint("rejects.kept")

    def _refuse_secret(self, line: int, raw: Raw) -> None:
        """Refuse to write a secret of an account down, wherever it came from."""
        if isinstance(raw, bytes):
            texts = [raw.decode("utf-8", "replace")]
        else:
            values = raw.values() if hasattr(raw, "values") else raw
            texts = [str(each) for each in values if not isinstance(each, OddCell)]
        joined = "\n".join(texts)
        if blank(joined) != joined:
            self.abandon()
            raise self._refusal(f"the row of line {line} holds a secret of an account")

    def _failure(self, error: Exception) -> UsageError:
        """Leave nothing behind, and say what the system says."""
        self.abandon()
        inner = error.args[0] if error.args and isinstance(error.args[0], OSError) else error
        return self._refusal(getattr(inner, "strerror", None) or str(error))

    def _refusal(self, why: str) -> UsageError:
        return UsageError(f"can't set rows aside in {self.name}: {why}; {_UNSENT}")

    def _check_name(self) -> str:
        """Return the ending of the name, which says what kind of file it is."""
        ending = ending_of(self.name)
        if ending == _WORKBOOK:
            load_writer(self.name)
        known = (*_TEXT, _WORKBOOK, *_JSON)
        if ending in known and not (ending == _WORKBOOK and compression_of(self.name)):
            return ending
        packed = " and ".join(Compression)
        raise self._refusal(f"its name ends in one of {', '.join(known)}, text also in {packed}")

    def _check_place(self) -> Path:
        path = Path(self.name)
        try:
            path = path.resolve()
            if path.is_dir():
                raise self._refusal("it is a folder")
            if path.exists() and not path.is_file():
                raise self._refusal("it is no file that lasts")
            if not path.parent.is_dir():
                raise self._refusal(f"there is no folder {path.parent}")
            if not os.access(path.parent, os.W_OK | os.X_OK):
                raise self._refusal("permission denied")
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, UsageError):
                raise
            raise self._refusal(getattr(error, "strerror", None) or str(error)) from None
        return path
