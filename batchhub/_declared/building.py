"""From the values of a description without mistakes to what an adapter works by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from batchhub._adapter.capabilities import Capabilities

from .account import make_account_type
from .description import (
    Auth,
    Description,
    Errors,
    Operation,
    Poll,
    Question,
    Repeated,
    Request,
    Results,
    Submit,
)
from .grammar import LIMITS

Values = Mapping[str, Any]


def build(values: Values, table: Values, source: str) -> Description:
    """
    Build a description.

    Args:
        values: What its keys say, by the grammar.
        table: The same as it was written, for digests.
        source: The file's name.
    """
    errors = values.get("errors", {})
    return Description(
        name=values["name"],
        source=source,
        sandbox=values.get("sandbox"),
        account_type=make_account_type(values),
        auth=_build_auth(values.get("auth", {})),
        headers=values.get("headers", {}),
        states={word.strip(): state for word, state in values.get("states", {}).items()},
        errors=Errors(code=errors.get("code"), message=errors.get("message")),
        not_executed=errors.get("not_executed", frozenset()),
        probe=None
        if "probe" not in values
        else Question(request=_build_request(values["probe"]), expects=values["probe"]["expects"]),
        operations={
            name: _build_operation(each, digest(table, name))
            for name, each in values["operations"].items()
        },
    )


def digest(table: Values, operation: str) -> str:
    """
    Return what tells how an operation is described: what else changes it does not concern.

    Comments and the order of keys make no difference.
    """
    concerned = {key: table[key] for key in ("auth", "headers", "states", "errors") if key in table}
    concerned["operations"] = {operation: table["operations"][operation]}
    written = json.dumps(concerned, sort_keys=True, separators=(",", ":"), default=str)
    return blake2b(written.encode(), digest_size=8).hexdigest()


def _build_auth(auth: Values) -> Auth:
    return Auth(bearer=auth.get("bearer"), basic=auth.get("basic"), headers=auth.get("headers", {}))


def _build_request(part: Values) -> Request:
    line = part["request"]
    return Request(
        method=line.method,
        path=line.path,
        headers=part.get("headers", {}),
        body=part.get("body"),
    )


def _build_operation(values: Values, written: str) -> Operation:
    limits = {name: values[name] for name in LIMITS if name in values}
    key_field = ".".join(values["key_field"]) if "key_field" in values else None
    poll = values.get("poll")
    return Operation(
        capabilities=Capabilities(
            **limits, can_cancel="cancel" in values, names_targets=key_field is not None
        ),
        key_field=key_field,
        may_repeat=values.get("may_repeat", False),
        needs_one_of=values.get("needs_one_of", ()),
        fields=values.get("fields", {}),
        submit=_build_submit(values["submit"]),
        poll=None if poll is None else _build_poll(poll),
        results=_build_results(values["results"]),
        cancel=_build_request(values["cancel"]) if "cancel" in values else None,
        digest=written,
    )


def _build_submit(values: Values) -> Submit:
    repeated = values.get("repeated")
    return Submit(
        request=_build_request(values),
        items=values.get("items", ()),
        ref=values.get("ref"),
        repeated=None
        if repeated is None
        else Repeated(
            statuses=repeated.get("status", frozenset()),
            codes=frozenset(repeated.get("code", ())),
            message=repeated.get("message", ""),
        ),
    )


def _build_poll(values: Values) -> Poll:
    figures = ("word", "total", "done", "succeeded", "failed", "progress", "percent", "message")
    return Poll(
        request=_build_request(values),
        **{"word": None, **{name: values[name] for name in figures if name in values}},
    )


def _build_results(values: Values) -> Results:
    plain = {
        name: value
        for name, value in values.items()
        if name not in {"request", "body", "in_order", "words"}
    }
    return Results(
        request=_build_request(values) if "request" in values else None,
        words={word.strip().casefold(): state for word, state in values.get("words", {}).items()},
        **plain,
    )
