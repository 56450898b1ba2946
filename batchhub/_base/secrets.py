"""
The secrets this process knows, and texts without them.

An account's secrets are known from when they are read from the settings, or from when its transport
is made. Whatever is shown after that is blanked here, whoever wrote it.

A secret is found in these forms, and in any mixture of them: plain; escaped as in JSON, also in
JSON inside a JSON text; percent-encoded; as an entity of XML, by name or by number.
"""

from __future__ import annotations

import asyncio
import re
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

BLANK: Final = "***"
"""Shown in place of a secret."""

MIN_LENGTH: Final = 8
"""A shorter secret stays in texts, since it could be a part of any word."""

_THOROUGH_BYTES: Final = 64 * 1024
"""In more bytes than this, letters and digits are taken to be plain: nobody escapes them, and to
look for it takes longer than to decode. The decoded texts are blanked as well."""

_TURN_BYTES: Final = 4 * 1024 * 1024
"""Bytes that are searched in one turn of the event loop, which takes about a millisecond."""

_LONGEST_FORM: Final = 64
"""No character is taken to be written in more characters than this."""

_RUN: Final = re.compile(r"[A-Za-z0-9_.~-]+")
"""What no usual way of writing changes."""

_ENTITIES: Final = {"<": "lt", ">": "gt", "&": "amp", '"': "quot", "'": "apos"}
_BACKSLASHED: Final = frozenset("\"'/")

# An escape of a character that is in a run.
_HEX: Final = r"(?:2[dDeE]|3[0-9]|[46][1-9a-fA-F]|5[0-9aAfF]|7[0-9aAeE])"
_DECIMAL: Final = r"(?:4[5689]|5[0-7]|6[5-9]|[78][0-9]|9[05789]|1[01][0-9]|12[0126])"
_ESCAPED: Final = rf"\\u00{_HEX}|%(?:25)*{_HEX}|#[xX]0*{_HEX};|#0*{_DECIMAL};"
_escaped_text: Final = re.compile(_ESCAPED)
_escaped_data: Final = re.compile(_ESCAPED.encode())
_escaped_json: Final = re.compile(rf"\\u00{_HEX}".encode())
_any_escaped_json: Final = re.compile(rf"\\\\*u00({_HEX})".encode())

TextOrBytes = TypeVar("TextOrBytes", str, bytes)


class _Finder(Generic[TextOrBytes]):
    """Finds one secret in texts, or in bytes."""

    def __init__(
        self, secret: str, make: Callable[[str], TextOrBytes], compile_: Callable[[str], Any]
    ) -> None:
        self._secret = secret
        self._compile = compile_
        runs = [run.span() for run in _RUN.finditer(secret)]
        self._start, self._end = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
        self.run: TextOrBytes = make(secret[self._start : self._end])
        self._blank: TextOrBytes = make(BLANK)

    # Made when needed: a hub may have thousands of secrets, and hardly one is ever found.

    @cached_property
    def _all(self) -> Any:
        return self._compile(_make_pattern(self._secret))

    @cached_property
    def _before(self) -> Any:
        if self._start == 0:
            return None
        return self._compile(_make_pattern(self._secret, end=self._start) + r"\Z")

    @cached_property
    def _after(self) -> Any:
        if self._end == len(self._secret):
            return None
        return self._compile(_make_pattern(self._secret, start=self._end))

    def blank(self, found: TextOrBytes) -> TextOrBytes:
        """Blank the secret, whatever of it is escaped."""
        blanked: TextOrBytes = self._all.sub(self._blank, found)
        return blanked

    def blank_around_run(self, found: TextOrBytes) -> TextOrBytes:
        """Blank the secret where its longest run is plain; much faster in much text."""
        if len(self.run) == len(self._secret):
            return found.replace(self.run, self._blank)
        if not self.run:
            return self.blank(found)
        parts: list[TextOrBytes] = []
        done = 0
        at = found.find(self.run)
        while at >= 0:
            start, end = self._span(found, at, done)
            if end:
                parts.append(found[done:start])
                parts.append(self._blank)
                done = end
            at = found.find(self.run, max(done, at + 1))
        parts.append(found[done:])
        return found[:0].join(parts)

    def _span(self, found: TextOrBytes, at: int, done: int) -> tuple[int, int]:
        """Return where the secret around a run begins and ends; the end is 0 if it is none."""
        start, end = at, at + len(self.run)
        if self._after is not None:
            after = self._after.match(found, end)
            if after is None:
                return 0, 0
            end = after.end()
        if self._before is not None:
            first = max(done, at - _LONGEST_FORM * self._start)
            before = self._before.search(found[first:at])
            if before is None:
                return 0, 0
            start = first + before.start()
        return start, end


class _Secret:
    """One secret: how it is found."""

    def __init__(self, secret: str) -> None:
        self.plain = secret
        self.length = len(secret)
        self.looks_escaped = "\\" in secret or "u00" in secret
        self.text = _Finder(secret, str, re.compile)
        self.data = _Finder(secret, str.encode, lambda pattern: re.compile(pattern.encode()))


class Blanker:
    """
    Blanks secrets.

    Args:
        secrets: The secrets.
        min_length: Those with fewer characters are left out.
    """

    def __init__(self, secrets: Iterable[str] = (), *, min_length: int = MIN_LENGTH) -> None:
        self._min_length = min_length
        self._known: Counter[str] = Counter()
        self._longest_first: list[_Secret] = []
        self.add(secrets)

    @property
    def count(self) -> int:
        """How many it blanks."""
        return len(self._longest_first)

    def add(self, secrets: Iterable[str]) -> None:
        """Blank these as well from now on."""
        for secret in secrets:
            if len(secret) < self._min_length:
                continue
            self._known[secret] += 1
            if self._known[secret] == 1:
                insort(self._longest_first, _Secret(secret), key=lambda each: -each.length)

    def remove(self, secrets: Iterable[str]) -> None:
        """Blank these no longer, unless they were added more often than removed."""
        gone: set[str] = set()
        for secret in secrets:
            if self._known[secret] > 1:
                self._known[secret] -= 1
            elif self._known.pop(secret, 0):
                gone.add(secret)
        if gone:
            self._longest_first = [each for each in self._longest_first if each.plain not in gone]

    def text(self, text: str) -> str:
        """Return a text with every secret as ``***``."""
        is_escaped = _is_escaped(text)
        for secret in self._longest_first:
            if is_escaped:
                text = secret.text.blank(text)
            elif secret.text.run in text:
                text = secret.text.blank_around_run(text)
        return text

    def data(self, data: bytes) -> bytes:
        """
        Return bytes with every secret as ``***``.

        In very many of them only a secret whose letters and digits are plain is found.
        """
        is_escaped = len(data) <= _THOROUGH_BYTES and _is_escaped_data(data)
        for secret in self._longest_first:
            if is_escaped:
                data = secret.data.blank(data)
            elif secret.data.run in data:
                data = secret.data.blank_around_run(data)
        return data

    async def long_data(self, data: bytes) -> bytes:
        """Return what `data` does; between two pieces of very many bytes, others have a turn."""
        if len(data) <= _TURN_BYTES:
            return self.data(data)
        for secret in tuple(self._longest_first):  # meanwhile some may come and go
            if await _has(data, secret.data.run):
                data = secret.data.blank_around_run(data)
        return data

    def value(self, value: Any) -> Any:
        """Return a JSON-like value with every secret in its texts as ``***``."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.value(key): self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value

    def shows(self, text: str) -> bool:
        """Return whether a text shows a secret."""
        return self.text(text) != text


_known: Final = Blanker()


def remember(secrets: Iterable[str]) -> None:
    """Blank these as well from now on."""
    _known.add(secrets)


def forget(secrets: Iterable[str]) -> None:
    """Blank these no longer: for those that are good for a while only, and come in any number."""
    _known.remove(secrets)


def blank(text: str) -> str:
    """Return a text with every known secret as ``***``."""
    return _known.text(text)


def blank_all(value: Any) -> Any:
    """Return a JSON-like value with every known secret in its texts as ``***``."""
    return _known.value(value)


def blank_json(data: bytes) -> bytes:
    r"""
    Return JSON without the known secrets whose letters or digits are escaped, as ``\u0061``.

    For what is about to be decoded. All others were blanked when the bytes came.
    """
    # The first look takes a tenth of the second one's time.
    if b"\\" not in data or _escaped_json.search(data) is None:
        return data
    # To look for a secret whatever of it is escaped takes very long, and there may be thousands.
    plain = _any_escaped_json.sub(_unescape, data)
    for secret in _known._longest_first:  # noqa: SLF001  # of this module
        if secret.looks_escaped or secret.data.run in plain:
            data = secret.data.blank(data)
    return data


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes((int(found[1], 16),))


async def _has(data: bytes, run: bytes) -> bool:
    for at in range(0, len(data), _TURN_BYTES):
        if data.find(run, at, at + _TURN_BYTES + len(run) - 1) >= 0:
            return True
        await asyncio.sleep(0)
    return False


def _is_escaped(text: str) -> bool:
    has_marks = "%" in text or r"\u00" in text or "#" in text
    return has_marks and _escaped_text.search(text) is not None


def _is_escaped_data(data: bytes) -> bool:
    has_marks = b"%" in data or rb"\u00" in data or b"#" in data
    return has_marks and _escaped_data.search(data) is not None


def _make_pattern(secret: str, start: int = 0, end: int | None = None) -> str:
    """Return a pattern for every way in which a secret, or a part of it, may be written."""
    parts: list[str] = []
    for found in re.compile(r"\\+|[^\\]", re.DOTALL).finditer(
        secret, start, len(secret) if end is None else end
    ):
        # Backslashes before a character: all of them at its beginning, since the ones left over
        # would escape what follows. A backslash of the secret itself has taken those that came.
        some = r"\\++" if found.start() else r"(?<!\\)\\++"
        if secret[: found.start()].endswith("\\"):
            some = r"\\*+"
        parts.append(f"(?:{'|'.join(_forms(found[0], some))})")
    return "".join(parts)


def _forms(part: str, some: str) -> Iterable[str]:
    """Yield the ways to write a character, or several backslashes, after `some` backslashes."""
    character = part[0]
    if character == "\\":
        # How many there are depends on how often they are escaped.
        yield rf"\\{{{len(part)},}}+"
        yield f"(?:{'|'.join(_numeric_forms(character, some))}){{{len(part)}}}"
        return
    yield from _numeric_forms(character, some)
    if character in _BACKSLASHED:
        yield some + re.escape(character)
    yield re.escape(character)
    if character in _ENTITIES:
        yield f"(?:&|{some}u0026)(?:amp;)*{_ENTITIES[character]};"


def _numeric_forms(character: str, some: str) -> Iterable[str]:
    """Yield the ways to write a character by its number."""
    point, units = ord(character), character.encode("utf-16-be")
    pairs = [units[place : place + 2].hex() for place in range(0, len(units), 2)]
    yield "".join(f"{some}u{_any_case(pair)}" for pair in pairs)
    yield "".join(f"%(?:25)*{_any_case(f'{byte:02x}')}" for byte in character.encode())
    yield rf"(?:&|{some}u0026)(?:amp;)*#0*{point};"
    yield rf"(?:&|{some}u0026)(?:amp;)*#[xX]0*{_any_case(f'{point:x}')};"


def _any_case(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)
