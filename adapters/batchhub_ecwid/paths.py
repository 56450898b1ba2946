"""
The path of an item: checked, and percent-encoded so that Ecwid reads what the user meant.

An item's path runs with the store's token, so one that climbs out of the store's
tree, nests a batch or carries a credential is refused before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Final, TypeAlias
from urllib.parse import quote, unquote

from batchhub.adapter import plain_json
from batchhub.errors import InputError

ParamValue: TypeAlias = str | int | float | Decimal | bool
Params: TypeAlias = Mapping[str, ParamValue | Iterable[ParamValue] | None]
"""Names and values of a query; a list is joined by commas, `None` is left out."""

_KEPT: Final = "/?&=%:@!$'()*,;"
_PLAIN: Final = re.compile(r"/?(?!(?i:batch))(?!.*api/v3)[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*")
"""Matches nearly every path; one that matches passes all checks."""

_NORMAL: Final = re.compile(r"(?:/[a-z1-9_-][a-z0-9_-]*)+")
"""Matches nearly every path that is in its one spelling already."""

_BARE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SEGMENT_TAIL: Final = re.compile(r"[;?#].*")
_LEADING_ZEROS: Final = re.compile(r"/0+(?=[0-9]+(?:/|$))")
_MAX_LAYERS: Final = 8
_CREDENTIALS: Final = frozenset({"token", "access_token"})


def make_path(path: object) -> str:
    """
    Check a path and give it the form it is sent in: a leading slash, ASCII only.

    Percent escapes stay as they are. A literal ``+`` becomes ``%2B``: it stands for
    itself here, while the server would read it as a space. A space is ``%20``.

    Source: older page "Create batch request", BatchRequest (`path`; the part up to the store
    is added). Assumed: paths are decoded as forms are, as the vendor's own clients expect.

    Raises:
        InputError: The path is not valid, or could do harm. The message never quotes the query.
    """
    if not isinstance(path, str) or not path:
        raise InputError("path is missing: text such as /products/12 is needed")
    if _PLAIN.fullmatch(path):
        return path if path[0] == "/" else f"/{path}"
    _check_characters(path)
    route, mark, query = path.partition("?")
    _check_route(route)
    _check_query(query)
    return quote(f"/{route.removeprefix('/')}{mark}{query}", safe=_KEPT)


def normalise_path(path: str) -> str:
    """
    Return the one spelling of all paths that name the same thing; the query is left out.

    Source: older page "Create batch request", BatchRequest (`path` with or without a leading
    slash). Assumed: upper or lower case, percent escapes, parameters of a segment, a slash at the
    end and zeros before a number make no other thing of it.
    """
    if _NORMAL.fullmatch(path):
        return path
    if not _PLAIN.fullmatch(path):
        route = _decode(path.partition("?")[0])
        path = "/".join(_SEGMENT_TAIL.sub("", part) for part in route.split("/") if part)
    path = f"/{path.removeprefix('/')}".lower()
    return _LEADING_ZEROS.sub("/", path) if "/0" in path else path


def split_path(path: str) -> list[str]:
    """
    Return the parts of a path in the spelling of `normalise_path`, without the query.

    An escaped slash separates no parts here, so what fills in a part can't make two of it.

    Raises:
        InputError: It has percent escapes that are none.
    """
    parts = [part for part in path.partition("?")[0].split("/") if part]
    return [_SEGMENT_TAIL.sub("", _decode(part)).lower() for part in parts]


def add_params(path: str, params: Params | None) -> str:
    """
    Append a query to a path, percent-encoded: booleans in lower case, lists joined by commas.

    Source: older page "Create batch request", BatchRequest, example of `path`.

    Raises:
        InputError: A value is none that a query has, such as a time.
    """
    pairs = [
        f"{quote(name, safe='')}={_param_text(name, value)}"
        for name, value in (params or {}).items()
        if value is not None
    ]
    if not pairs:
        return path
    return f"{path}{'&' if '?' in path else '?'}{'&'.join(pairs)}"


def has_param(path: str, name: str) -> bool:
    """Tell whether a path's query has a parameter of that name, with a value."""
    pairs = (part.partition("=") for part in path.partition("?")[2].split("&"))
    return any(unquote(key) == name and value for key, _, value in pairs)


def _param_text(name: str, value: ParamValue | Iterable[ParamValue]) -> str:
    # A number of numpy's, as a frame gives it, becomes Python's own; a time or NaN is refused.
    known = value if isinstance(value, str | Iterable) else plain_json(value, f"params: {name}")
    if isinstance(known, bool):
        return "true" if known else "false"
    if isinstance(known, str | int | float | Decimal):
        return quote(str(known), safe="")
    if known is None or isinstance(known, bytes):
        raise InputError(f"params: {name} has {known!r} in it; give texts and numbers")
    return ",".join(_param_text(name, part) for part in known)


def _check_characters(path: str) -> None:
    if not path.isprintable() or " " in path:
        raise InputError(
            "path holds a space or a control character; write a space as %20 "
            "or hand the query over as params"
        )
    if "\\" in path:
        raise InputError("path holds a backslash; write / between its parts")
    if "#" in path:
        raise InputError("path holds a fragment (#...), which is never sent; write # as %23")
    if _BARE_PERCENT.search(path):
        raise InputError("path holds a % without two hex digits; write % as %25")
    if path.startswith("//") or _SCHEME.match(path):
        raise InputError("path is a whole URL; write only what follows /api/v3/{store_id}")


def _check_route(route: str) -> None:
    """Look at the part before the query as a lenient server might: decoded to the last escape."""
    decoded = _decode(route)
    if not decoded.isprintable() or "\\" in decoded:
        raise InputError("path hides a control character or a backslash in a percent escape")
    segments = [_SEGMENT_TAIL.sub("", part) for part in decoded.removeprefix("/").split("/")]
    if segments == [""]:
        raise InputError("path is empty; it names an endpoint, such as /products/12")
    if "" in segments:
        raise InputError("path has an empty part (// or a trailing /): is an id missing?")
    if not {".", ".."}.isdisjoint(segments):
        raise InputError("path climbs with . or .. and would leave its endpoint")
    if ("api", "v3") in pairwise(segments):
        raise InputError("path repeats /api/v3/{store_id}; leave it out, Ecwid adds it")
    if segments[0].lower() == "batch":
        raise InputError("path nests a batch in a batch, which Ecwid does not offer")


def _decode(text: str) -> str:
    """Undo percent escapes until none is left, so that none hides in another."""
    try:
        for _ in range(_MAX_LAYERS):
            decoded = unquote(text, errors="strict")
            if decoded == text:
                return text
            text = decoded
    except UnicodeDecodeError:
        raise InputError("path holds percent escapes that are no UTF-8") from None
    raise InputError("path holds percent escapes of percent escapes")


def _check_query(query: str) -> None:
    for part in query.split("&"):
        name = unquote(part.partition("=")[0]).strip()
        if name.lower() in _CREDENTIALS:
            raise InputError(
                f"path carries a credential ({name}=...), which would be stored; "
                "leave it out, the account's token is sent for it"
            )
