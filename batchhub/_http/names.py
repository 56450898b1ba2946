"""What a name says of its value: whether it may be secret."""

from __future__ import annotations

import re
from typing import Final

_HARMLESS: Final = frozenset(
    {
        *("accept", "accept-language", "age", "allow", "cache-control", "content-disposition"),
        *("content-language", "content-type", "etag", "expires", "last-modified", "link"),
        *("location", "retry-after", "user-agent", "vary"),
    }
)
OF_THE_LINE: Final = frozenset(
    {
        *("accept-encoding", "connection", "content-encoding", "content-length", "date", "host"),
        *("keep-alive", "server", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Headers about the connection, which another server has its own of."""

_PACE: Final = re.compile(r"rate|limit|quota|remaining|reset|throttl")

_NAMES: Final = re.compile(
    r"token|secret|passw|passphrase|passcode|\bpwd\b|api\W?key|access\W?key|private\W?key"
    r"|signature|\bsig\b|credential|authoriz|\bauth\b|cookie|session|bearer|jwt|\botp\b|\bpin\b"
    r"|\bsid\b|csrf|xsrf|nonce|x-amz-|x-goog-|x-ms-|key-pair-id|\bpolicy\b"
)
_WORD: Final = r"(?:[A-Z]?[a-z]+|[A-Z]+)"
_WORDS: Final = re.compile(rf"{_WORD}(?:[ /._-]{_WORD})*")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_LONGEST_WORDS: Final = 32


def is_harmless(header: str) -> bool:
    """Whether the value of a header, whose name is in lower case, is known to be no secret."""
    return header in _HARMLESS or (_PACE.search(header) is not None and not is_secret(header))


def is_secret(name: str) -> bool:
    """Whether a name says that its value is a secret."""
    return _NAMES.search(_HUMP.sub("-", name).replace("_", "-").lower()) is not None


def is_made_of_words(value: str) -> bool:
    """Whether a value is a word or a few, such as a state or a media type, and no token."""
    return len(value) <= _LONGEST_WORDS and _WORDS.fullmatch(value) is not None
