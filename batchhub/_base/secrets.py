"""
The secrets this process knows, and texts without them.

An account's secrets are known from when they are read from the settings, or from when its transport
is made. Whatever is shown after that is blanked here, whoever wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

BLANK: Final = "***"
"""Shown in place of a secret."""

MIN_LENGTH: Final = 8
"""A shorter secret stays in texts, since it could be a part of any word."""

_known: set[str] = set()
_longest_first: tuple[str, ...] = ()


def find_forms(secret: str) -> set[str]:
    """
    Return all ways a secret may be written.

    Plain, percent-encoded, escaped as in JSON, and escaped once more, as JSON inside a JSON text or
    the `repr` of a text. They are all the same for a secret of letters, digits and ``_``.
    """
    forms = {secret, quote(secret, safe=""), *_escape(secret)}
    return forms.union(*map(_escape, forms), (repr(form)[1:-1] for form in forms))


def _escape(text: str) -> tuple[str, str]:
    escaped = json.dumps(text)[1:-1]
    return escaped, escaped.replace("/", r"\/")


def remember(secrets: Iterable[str]) -> None:
    """Blank these as well from now on."""
    global _longest_first  # noqa: PLW0603  # the log is one for the whole process
    new = {form for secret in secrets for form in find_forms(secret) if len(form) >= MIN_LENGTH}
    if not new <= _known:
        _known.update(new)
        _longest_first = tuple(sorted(_known, key=len, reverse=True))


def blank(text: str) -> str:
    """Return a text with every known secret as ``***``."""
    for form in _longest_first:
        text = text.replace(form, BLANK)
    return text


def blank_all(value: Any) -> Any:
    """Return a JSON-like value with every known secret in its texts as ``***``."""
    if isinstance(value, str):
        return blank(value)
    if isinstance(value, Mapping):
        return {key: blank_all(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [blank_all(inner) for inner in value]
    return value
