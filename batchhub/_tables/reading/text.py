"""Bytes to text: any encoding, a piece at a time, with the line of what is none."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator
from typing import Final

from batchhub.errors import InputError, UsageError

UTF8: Final = "utf-8"
"""The encoding of everything that is not said to have another."""

UTF16_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How UTF-16 begins."""

_BOM: Final = "\ufeff"


def find_encoding(name: str) -> str:
    """
    Return an encoding's own name.

    Raises:
        UsageError: There is no such encoding of text.
    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # some codecs are none of text
    except (LookupError, ValueError):
        raise UsageError(
            f"--encoding: Python knows no encoding {name!r}; windows-1252, windows-1254 and "
            "utf-16 are some it knows"
        ) from None
    return found


async def decode(chunks: AsyncIterator[bytes], encoding: str) -> AsyncIterator[str]:
    """
    Yield the text of bytes, without a byte order mark.

    All text before a byte that is none is yielded first.

    Raises:
        InputError: A byte is none of the encoding's, or NUL.
    """
    decoder, counter, is_first = codecs.getincrementaldecoder(encoding)(), _LineCounter(), True
    head = b""
    at_end = False
    while not at_end:
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            chunk, at_end = b"", True
        if is_first and len(head) < len(UTF16_BOMS[0]):
            head += chunk[: len(UTF16_BOMS[0])]
        failure: InputError | None = None
        try:
            text = decoder.decode(chunk, at_end)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode(encoding, "ignore")
            failure = _not_text(error, encoding, counter.line_after(text), head)
        if is_first and text:
            text, is_first = text.removeprefix(_BOM), False
        if (nul := text.find("\0")) >= 0:
            text = text[:nul]
            failure = InputError(
                "holds a NUL byte, which no text has; save the file as CSV UTF-8, "
                "or name its encoding, as in --encoding utf-16",
                line=counter.line_after(text),
            )
        counter.add(text)
        if text:
            yield text
        if failure is not None:
            raise failure


class _LineCounter:
    """Counts lines that end by LF, CR or both, however the text is cut."""

    def __init__(self) -> None:
        self._ends = 0
        self._ends_in_cr = False

    def line_after(self, text: str) -> int:
        """Return the number of the line that the text's end is in."""
        ends = text.count("\n") + text.count("\r") - text.count("\r\n")
        if self._ends_in_cr and text.startswith("\n"):
            ends -= 1
        return self._ends + ends + 1

    def add(self, text: str) -> None:
        """Go on behind a text."""
        self._ends = self.line_after(text) - 1
        self._ends_in_cr = text.endswith("\r") if text else self._ends_in_cr


def _not_text(error: UnicodeDecodeError, encoding: str, line: int, head: bytes) -> InputError:
    byte = error.object[error.start] if error.start < len(error.object) else 0
    if encoding == UTF8 and head in UTF16_BOMS:
        return InputError("the file is UTF-16; say --encoding utf-16", line=line)
    advice = (
        'save the file as "CSV UTF-8", or name its encoding, as in --encoding windows-1252'
        if encoding == UTF8
        else "is the --encoding right?"
    )
    name = "UTF-8" if encoding == UTF8 else encoding
    return InputError(f"the byte 0x{byte:02x} is no {name}; {advice}", line=line)
