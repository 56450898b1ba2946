"""Reading the XML of a workbook's parts as a stream of elements, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn
from xml.parsers import expat

from batchhub.errors import InputError

OnStart = Callable[[str, dict[str, str]], None]
"""Called with each element's name, without a prefix, and its attributes as they are written."""

_ENCODINGS: Final = frozenset({None, "UTF-8", "US-ASCII"})


class XmlReader:
    """
    A part of a workbook, given piece by piece.

    Args:
        part: The part's name, for messages.
        on_start: Called for each element.
    """

    def __init__(self, part: str, on_start: OnStart) -> None:
        self._part = part
        self._names: dict[str, str] = {}
        self._on_start = on_start
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.XmlDeclHandler = self._check_encoding

    def feed(self, piece: bytes, *, is_last: bool = False) -> None:
        """
        Read on.

        Raises:
            InputError: It is no XML, or such as no workbook has.
        """
        try:
            self._parser.Parse(piece, is_last)
        except expat.ExpatError as error:
            raise InputError(f"the workbook is broken: {self._part} is no XML ({error})") from None

    def read_text(self, on_text: Callable[[str], None] | None) -> None:
        """Have the text of elements handed over from here on, or no longer."""
        self._parser.CharacterDataHandler = on_text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = self._names.get(name)
        if local is None:
            local = self._names[name] = name.rpartition(":")[2]
        self._on_start(local, attributes)

    def _refuse_doctype(self, *_: Any) -> NoReturn:
        raise InputError(f"the workbook is broken: {self._part} has a document type, as none does")

    def _check_encoding(self, _: str, encoding: str | None, __: int) -> None:
        # The values are read by a library that knows no other encoding.
        if encoding is not None and encoding.upper() not in _ENCODINGS:
            raise InputError(f"{self._part} is written in {encoding}; save the workbook again")


def read_elements(part: str, pieces: Iterable[bytes], on_start: OnStart) -> None:
    """
    Read a part of a workbook to its end.

    Raises:
        InputError: It is no XML, or such as no workbook has.
    """
    reader = XmlReader(part, on_start)
    for piece in pieces:
        reader.feed(piece)
    reader.feed(b"", is_last=True)


def local_attribute(attributes: dict[str, str], name: str) -> str | None:
    """Return an attribute that is written with any prefix, such as ``r:id``."""
    return next((text for key, text in attributes.items() if key.rpartition(":")[2] == name), None)
