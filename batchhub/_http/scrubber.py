"""
Takes secrets out of recorded requests and answers, also those that nobody has declared.

`Redactor` blanks what is known to be secret. A record is kept and shared, so here the form decides
as well: a header that is not known to be harmless, a value whose name says what it is, the query of
an address that whoever has it may use.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote_plus

from batchhub._base.secrets import BLANK, MIN_LENGTH, Blanker, blank

from .names import OF_THE_LINE, is_harmless, is_made_of_words, is_secret

_JSON: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}\[\]]', re.DOTALL)
_COLON: Final = re.compile(r"\s*:")
_LINK: Final = re.compile(r"(https?://[^\s?#\"'<>\\]*)\?([^\s#\"'<>\\]*)", re.IGNORECASE)
_PATH_LINK: Final = re.compile(r"(/[^\s?#\"'<>\\]*)\?([^\s#\"'<>\\]*)")
_USER: Final = re.compile(r"(https?://)[^\s/@\"'<>]+@", re.IGNORECASE)
_FRAGMENT: Final = re.compile(r"(https?://[^\s#\"'<>]*)#[^\s\"'<>]*=[^\s\"'<>]*", re.IGNORECASE)
_SCHEME: Final = re.compile(r"\b(Bearer|Basic|Digest)\s+([^\s\"',<>]+)", re.IGNORECASE)
_JWT: Final = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
_NAMED: Final = (
    # A part of a form, a line of a header or of settings, a field of HTML, and all other pairs.
    re.compile(
        r'\bname="(?P<name>[^"]*)"[^\r\n]*(?:\r\n[^\r\n]+)*\r\n\r\n(?P<value>.*?)(?=\r\n--)',
        re.DOTALL,
    ),
    re.compile(r"^[ \t]*(?P<name>[\w.-]+)[ \t]*[:=][ \t]*(?P<value>\S.*)$", re.MULTILINE),
    re.compile(
        r"""\bname=["'](?P<name>[^"']*)["'][^<>]*\b(?:value|content)=["'](?P<value>[^"']+)["']"""
    ),
    re.compile(r"""(?P<name>[\w.-]+)(?:["']?\s*[:=]\s*["']?|>)(?P<value>[^\s"'<>&,;]+)"""),
)
"""Names and values in a text that is neither JSON nor a form."""

_FORM: Final = re.compile(r"[\w.%+*\[\]-]+=[^&\s]*(?:&[\w.%+*\[\]-]+=[^&\s]*)*")

_GZIP: Final = b"\x1f\x8b\x08"
_GZIP_HEADER: Final = zlib.MAX_WBITS | 16
_MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024

_LONGEST_HARMLESS: Final = MIN_LENGTH - 1
"""No value of fewer characters gives access to anything."""

_PIN_DIGITS: Final = 4


class Scrubber:
    """
    Takes the secrets out of the requests and answers of one recording.

    What it finds to be secret in one place is blanked in all others, from the next call on.

    Args:
        secrets: What is known to be secret, of whatever length.
        origin: Scheme, host and port of the account's own host.
    """

    def __init__(self, secrets: Iterable[str], origin: str) -> None:
        known = [secret for secret in secrets if secret]
        self._origin = origin
        self._short = {secret for secret in known if len(secret) < MIN_LENGTH}
        self._blanker = Blanker()
        self._learn(*known)

    @property
    def found(self) -> int:
        """How many secrets it knows: more after a call that has found some."""
        return self._blanker.count

    def is_own(self, address: str) -> bool:
        """Whether an address is the account's own host's; a path of its own is."""
        return f"{address}/".startswith(("/", f"{self._origin}/"))

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers; the value of one that is not known to be harmless is blanked."""
        made: dict[str, str] = {}
        for name, value in headers.items():
            key = name.lower()
            if key in OF_THE_LINE:
                continue
            shown = self.text(value) if is_harmless(key) else BLANK
            if key in {"set-cookie", "cookie"}:
                for part in value.split(";"):
                    self._learn_token(part.partition("=")[2].strip())
            elif is_secret(key):
                self._learn_token(value.partition(" ")[2] or value)
            made[name] = f"{made[name]}, {shown}" if name in made and shown != BLANK else shown
        return made

    def path(self, path: str) -> str:
        """Return an encoded path."""
        return "/".join(
            BLANK if unquote_plus(part) in self._short else self._known(part)
            for part in path.split("/")
        )

    def query(self, query: str, *, is_link: bool = False) -> str:
        """
        Return a query, or a form, that is still encoded.

        Args:
            query: Names and values.
            is_link: Whether it stands in an answer: whatever could give access is blanked then.
        """
        if not query:
            return ""
        return "&".join(self._pair(pair, is_link=is_link) for pair in query.split("&"))

    def presigned(self, query: str) -> str:
        """Return the query of an address that whoever has it may use: nothing of it."""
        values = (pair.partition("=")[2] for pair in query.split("&"))
        for value in (query, *map(unquote_plus, values)):
            self._learn_token(value)
        return BLANK if query else ""

    def body(self, body: bytes, content_type: str) -> bytes:
        """
        Return a body. All but secrets stays as it is, byte for byte.

        What is in an archive is not looked at, other than in gzip.
        """
        plain = _unpack(body) if body.startswith(_GZIP) else None
        if plain is None:
            return self._plain(body, content_type)
        scrubbed = self._plain(plain, content_type)
        return body if scrubbed == plain != BLANK.encode() else gzip.compress(scrubbed, mtime=0)

    def _plain(self, body: bytes, content_type: str) -> bytes:
        body = self._blanker.data(body)
        encoding = _find_encoding(body)
        return self._document(body.decode(encoding), content_type).encode(encoding)

    def text(self, text: str) -> str:
        """Return a text that is not JSON."""
        if text in self._short:
            return BLANK
        text = _USER.sub(rf"\1{BLANK}@", text)
        text = _FRAGMENT.sub(rf"\1#{BLANK}", text)
        text = _LINK.sub(self._link, text)
        if text.startswith("/"):
            text = _PATH_LINK.sub(self._link, text)
        return self._known(_JWT.sub(BLANK, _SCHEME.sub(_scrub_scheme, text)))

    def _document(self, text: str, content_type: str) -> str:
        if _is_json(text):
            return self._known(self._json(text))
        if "form-urlencoded" in content_type.lower() or _FORM.fullmatch(text):
            return self.query(text)
        text = self._json(text) if text.lstrip()[:1] in {"{", "["} else text  # cut, or lines
        text = self.text(text)
        for pattern in _NAMED:
            text = pattern.sub(self._scrub_named, text)
        return text

    def _json(self, text: str) -> str:
        """Return JSON: only strings and numbers that are secret are written anew."""
        made: list[str] = []
        done = 0
        is_hidden = False
        outer: list[bool] = []  # whether all of each open object and array is secret
        for token in _JSON.finditer(text):
            new = token[0]
            if new in "{[":
                outer.append(is_hidden)
            elif new in "}]":
                is_hidden = _leave(outer)
            elif new[0] != '"':
                new = self._number(new, is_hidden=is_hidden)
            elif _COLON.match(text, token.end()):
                name = _decode(new)
                is_hidden = (bool(outer) and outer[-1]) or is_secret(name)
                new = _encode(new, name, self.text(name))
            else:
                value = _decode(new)
                new = _encode(new, value, self._value(value, is_hidden=is_hidden))
            made += text[done : token.start()], new
            done = token.end()
        return "".join([*made, text[done:]])

    def _value(self, value: str, *, is_hidden: bool) -> str:
        if is_hidden and value:
            self._learn_token(value)
            return BLANK
        if value.lstrip()[:1] in {"{", "["} and _is_json(value):
            return self._json(value)
        return self.text(value)

    def _number(self, number: str, *, is_hidden: bool) -> str:
        is_pin = is_hidden and len(number) >= _PIN_DIGITS
        is_known = number in self._short or self._known(number) != number
        return "0" if is_pin or is_known else number

    def _pair(self, pair: str, *, is_link: bool) -> str:
        name, equals, value = pair.partition("=")
        plain = unquote_plus(value)
        has_secret = is_secret(unquote_plus(name))
        if plain and has_secret:
            self._learn_token(plain)
        if plain and (has_secret or (is_link and len(plain) > _LONGEST_HARMLESS)):
            return f"{self._known(name)}={BLANK}"
        shown = self.text(plain)
        return f"{self._known(name)}{equals}{value if shown == plain else BLANK}"

    def _link(self, link: re.Match[str]) -> str:
        address, query = link[1], link[2]
        is_own = self.is_own(address)
        return f"{address}?{self.query(query, is_link=True) if is_own else self.presigned(query)}"

    def _scrub_named(self, match: re.Match[str]) -> str:
        """Blank the value in a match if its name says that it is secret."""
        if not is_secret(match["name"]):
            return match[0]
        self._learn_token(match["value"])
        start, end = (place - match.start() for place in match.span("value"))
        return f"{match[0][:start]}{BLANK}{match[0][end:]}"

    def _known(self, text: str) -> str:
        return blank(self._blanker.text(text))

    def _learn_token(self, value: str) -> None:
        """Blank a value everywhere from now on, unless it is made of words."""
        if not is_made_of_words(value):
            self._learn(value)

    def _learn(self, *secrets: str) -> None:
        for secret in secrets:
            if len(secret) >= MIN_LENGTH and secret != BLANK:
                self._blanker.add([secret, b64encode(secret.encode()).decode().rstrip("=")])


def _scrub_scheme(match: re.Match[str]) -> str:
    """Blank credentials after their scheme; "basic information" has none."""
    is_prose = match[1].lower() != "bearer" and is_made_of_words(match[2])
    return match[0] if is_prose else f"{match[1]} {BLANK}"


def _unpack(body: bytes) -> bytes | None:
    """
    Return what is in gzip, of several members too; `None` if it is damaged.

    Of more than 64 MiB a blank is left: nobody can say what is in the rest.
    """
    parts: list[bytes] = []
    left_bytes = _MAX_UNPACKED_BYTES
    while body:
        member = zlib.decompressobj(_GZIP_HEADER)
        try:
            parts.append(member.decompress(body, left_bytes))
        except zlib.error:
            return None
        left_bytes -= len(parts[-1])
        if left_bytes <= 0:
            return BLANK.encode()
        body = member.unused_data
    return b"".join(parts)


def _find_encoding(body: bytes) -> str:
    """Return an encoding that gives every byte back as it was."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        if encoding != "utf-8" and not body.startswith("\ufeff".encode(encoding)):
            continue
        try:
            body.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _leave(outer: list[bool]) -> bool:
    """Leave an object or array; returns whether what follows it in the outer one is secret."""
    del outer[-1:]
    return bool(outer) and outer[-1]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _decode(string: str) -> str:
    try:
        return str(json.loads(string, strict=False))
    except ValueError:  # an escape that JSON has not
        return string[1:-1]


def _encode(string: str, before: str, after: str) -> str:
    return string if after == before else json.dumps(after)
