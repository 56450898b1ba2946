"""Recorded requests and answers as files: readable, and without a secret in them."""

from __future__ import annotations

import json
import os
import re
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import field, frozen

from batchhub._base.new_file import write_new
from batchhub.errors import UsageError
from batchhub.transport import RecordedExchange

T = TypeVar("T")

_VERSION: Final = 1
_HEAD: Final = """\
# A vendor's answer, recorded by 'batchhub doctor'; batchhub.testing.replay gives it again.
# What may be secret is written as ***. All else is as the vendor sent it, such as names of
# customers: read it before you share it. It may be edited.
"""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_LITERAL: Final = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*")
_QUOTES: Final = "'''"


@frozen(kw_only=True)
class Case:
    """
    What was recorded of one use of an adapter, as `write_case` writes and `read_case` reads it.

    Attributes:
        adapter: The adapter's name.
        account: The account's identity at the vendor.
        base_url: The vendor's own address: scheme, host and port.
        vendor_ref: The vendor's id of the batch that was asked about; `None` for something else.
        recorded_at: When, in UTC.
        exchanges: The requests and their answers, in order.
        reading: What the adapter made of them, as in `Probe.reading`; `None` if it failed.
        error: The error with which it failed, as ``RefusedError: …``; `None` if it did not.
    """

    adapter: str
    account: str
    base_url: str
    vendor_ref: str | None = None
    recorded_at: datetime
    exchanges: Sequence[RecordedExchange] = field(repr=False)
    reading: Mapping[str, Any] | None = field(default=None, repr=False)
    error: str | None = None


def write_case(path: str | os.PathLike[str], case: Case) -> None:
    """
    Write a case into a new file that only its owner can read.

    Raises:
        UsageError: There is a file already, or it can't be written.
    """
    write_new(Path(path), "\n".join([_HEAD, *_write(case), ""]))


def read_case(path: str | os.PathLike[str]) -> Case:
    """
    Read a case.

    Raises:
        UsageError: The file can't be read or is no case, or one of another version of batchhub.
    """
    try:
        table = tomllib.loads(Path(path).read_bytes().decode())
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    version = table.get("batchhub_case")
    if version != _VERSION:
        what = "no recorded case" if version is None else f"a recorded case of version {version!r}"
        raise UsageError(f"{path} is {what}; this batchhub reads version {_VERSION}")
    try:
        return _read(table)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"{path} is a damaged case: {what}") from None


def _write(case: Case) -> Iterator[str]:
    yield f"batchhub_case = {_VERSION}"
    for key in ("adapter", "account", "base_url", "vendor_ref", "error"):
        if (value := getattr(case, key)) is not None:
            yield f"{key} = {_text(value)}"
    yield f"recorded_at = {case.recorded_at.isoformat()}"
    if case.reading is not None:
        yield f"reading = {_text(json.dumps(case.reading, ensure_ascii=False, indent=2))}"
    for exchange in case.exchanges:
        yield "\n[[exchange]]"
        for key in ("method", "host", "path", "query"):
            if value := getattr(exchange, key):
                yield f"{key} = {_text(value)}"
        yield from _body("sent", exchange.sent)
        yield from _headers("exchange.sent_headers", exchange.sent_headers)
        if exchange.status is not None:
            yield "[exchange.answer]"
            yield f"status = {exchange.status}"
            yield from _body("body", exchange.body)
            yield from _headers("exchange.answer.headers", exchange.headers)


def _headers(table: str, headers: Mapping[str, str]) -> Iterator[str]:
    if headers:
        yield f"[{table}]"
    for name, value in headers.items():
        yield f"{name if _BARE.fullmatch(name) else _quote(name)} = {_text(value)}"


def _body(key: str, body: bytes) -> Iterator[str]:
    """Yield a body as text where it is one, byte for byte."""
    if not body:
        return
    try:
        yield f"{key} = {_text(body.decode())}"
    except UnicodeDecodeError:
        yield f"{key}_base64 = {_quote(b64encode(body).decode())}"


def _text(text: str) -> str:
    """Return a text as it is, between quotes, where TOML can: nobody reads escapes."""
    if not _LITERAL.fullmatch(text) or not any(mark in text for mark in '"\\\n'):
        return _quote(text)
    if "'" not in text and "\n" not in text:
        return f"'{text}'"
    if _QUOTES in text or text.endswith("'"):
        return _quote(text)
    return f"{_QUOTES}\n{text}{_QUOTES}"  # TOML drops the first line break


def _quote(text: str) -> str:
    # A JSON string is a TOML string, except for one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(table: Mapping[str, Any]) -> Case:
    reading = _get(table, "reading", str, "")
    return Case(
        adapter=_get(table, "adapter", str),
        account=_get(table, "account", str),
        base_url=_get(table, "base_url", str),
        vendor_ref=table.get("vendor_ref"),
        recorded_at=_get(table, "recorded_at", datetime),
        exchanges=[_read_exchange(each) for each in _get(table, "exchange", list, [])],
        reading=json.loads(reading) if reading else None,
        error=table.get("error"),
    )


def _read_exchange(table: Mapping[str, Any]) -> RecordedExchange:
    answer = _get(table, "answer", dict, {})
    return RecordedExchange(
        method=_get(table, "method", str),
        host=_get(table, "host", str, ""),
        path=_get(table, "path", str),
        query=_get(table, "query", str, ""),
        sent_headers=_read_headers(table, "sent_headers"),
        sent=_read_body(table, "sent"),
        status=_get(answer, "status", int) if answer else None,
        headers=_read_headers(answer, "headers"),
        body=_read_body(answer, "body"),
    )


def _read_headers(table: Mapping[str, Any], key: str) -> Mapping[str, str]:
    headers = _get(table, key, dict, {})
    return {name: _get(headers, name, str) for name in headers}


def _read_body(table: Mapping[str, Any], key: str) -> bytes:
    coded = _get(table, f"{key}_base64", str, "")
    return b64decode(coded, validate=True) if coded else _get(table, key, str, "").encode()


def _get(table: Mapping[str, Any], key: str, kind: type[T], default: T | None = None) -> T:
    """
    Return what a key has.

    Raises:
        KeyError: It is not there, and has no default.
        TypeError: It is of another kind.
    """
    value = table[key] if default is None else table.get(key, default)
    if not isinstance(value, kind):
        raise TypeError(f"{key} can't be {value!r}")
    return value
