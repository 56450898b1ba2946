"""Requests of a description, filled in for one account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from attrs import fields

from batchhub._adapter.account import Account
from batchhub._adapter.exchange import Credentials
from batchhub._adapter.plain import encode_json

from .description import Auth, Submit
from .templates import IDEMPOTENCY_KEY, Template

_A_KEY: Final = "0" * 36


def find_values(account: Account) -> Mapping[str, str]:
    """Return what can be filled in for an account, by name."""
    return {each.name: _to_text(getattr(account, each.name)) for each in fields(type(account))}


def make_credentials(auth: Auth, values: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that authorise a request."""
    headers = {name: each.fill(values) for name, each in auth.headers.items()}
    if auth.bearer is not None:
        headers["Authorization"] = f"Bearer {auth.bearer.fill(values)}"
    if auth.basic is not None:
        user, password = auth.basic
        headers |= Credentials.basic(user.fill(values), password.fill(values)).headers
    return headers


def fill_body(body: Any, values: Mapping[str, str]) -> Any:
    """Return a body with its templates filled in."""
    if isinstance(body, Template):
        return body.fill(values)
    if isinstance(body, Mapping):
        return {name: fill_body(each, values) for name, each in body.items()}
    if isinstance(body, list):
        return [fill_body(each, values) for each in body]
    return body


def make_submit_body(submit: Submit, items: bytes, values: Mapping[str, str]) -> bytes:
    """
    Return the body of a submit.

    Args:
        submit: What is around the items.
        items: The items, as a JSON array.
        values: What is filled in.
    """
    if not submit.items:
        return items
    body: dict[str, Any] = fill_body(submit.request.body or {}, values)
    part = body
    for name in submit.items[:-1]:
        part = part.setdefault(name, {})
    part[submit.items[-1]] = msgspec.Raw(items)
    return encode_json(body)


def measure_envelope(submit: Submit, values: Mapping[str, str]) -> int:
    """Return the bytes of a submit's body without items."""
    return len(make_submit_body(submit, b"[]", {**values, IDEMPOTENCY_KEY: _A_KEY}))


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
