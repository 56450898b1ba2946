"""
The last step before a terminal: nothing others wrote may act on it, or look like another text.

Vendors, files and colleagues choose texts that are shown: messages, ids, labels, names of accounts.
A control character (of C0 or C1, such as U+009B, which begins a command like ESC does) could move
the cursor, set the window's title or write to the clipboard; a mark for the direction of writing
shows a text in another order than it has. Texts are cleaned where they are put into a line
(`batchhub._base.show.clean`); here it is made sure of, whatever comes.
"""

from __future__ import annotations

import re
from typing import Any, Final, TextIO

_MARKS: Final = (
    "\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_HIDDEN: Final = re.compile(f"[\x00-\x08\x0b-\x1f{_MARKS}]")
_HARMFUL: Final = re.compile(
    # ESC is left where it begins a colour or a move of the cursor, as live progress needs them.
    rf"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f{_MARKS}]|\x1b(?!\[[0-9;?]*[A-HJKSTfhlmsu])"
)


def show_plain(text: str) -> str:
    """Return a text with a question mark for each control character and mark but line feeds."""
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub("?", text)


def show_styled(text: str) -> str:
    """Return what Rich drew; its colours stay."""
    return text if text.isascii() and text.isprintable() else _HARMFUL.sub("?", text)


def escape_hidden(data: bytes) -> bytes:
    r"""
    Return UTF-8 with every control character and mark but tab and line feed as ``\u009b``.

    JSON means the same afterwards: there they are only inside of texts.
    """
    if data.isascii() and not _HIDDEN.search(text := data.decode("ascii")):
        return data
    text = data.decode("utf-8", "backslashreplace")
    return _HIDDEN.sub(_escape, text).encode()


class HarmlessStream:
    """A stream of text that lets through what Rich draws, and nothing that others wrote to harm."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without what could act on a terminal."""
        self._stream.write(show_styled(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write texts in the same way."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Be the stream in everything else."""
        return getattr(self._stream, name)


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
