"""The class of a declared adapter's accounts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import Attribute, frozen

from batchhub._adapter.account import (
    Account,
    Budget,
    flag,
    header_secret,
    identity,
    secret,
    whole_number,
)
from batchhub.errors import SettingsError

from .mistakes import Wrong
from .readers import AccountKind
from .templates import Template

_TYPES: Final[Mapping[AccountKind, type]] = {
    AccountKind.TEXT: str,
    AccountKind.WHOLE_NUMBER: int,
    AccountKind.FLAG: bool,
    AccountKind.SECRET: str,
}
_EMPTY: Final = {AccountKind.TEXT: '""', AccountKind.WHOLE_NUMBER: "0", AccountKind.FLAG: "false"}


def make_account_type(values: Mapping[str, Any]) -> type[Account]:
    """
    Make the class of an adapter's accounts.

    Args:
        values: A description without mistakes.
    """
    name, account, auth = values["name"], values["account"], values.get("auth", {})
    budget = Budget(**account["budget"])
    in_headers = _find_names(
        auth.get("bearer"), auth.get("headers", {}).values(), values.get("headers", {}).values()
    )
    in_basic = _find_names(auth.get("basic", ())[:1])
    annotations: dict[str, Any] = {}
    namespace: dict[str, Any] = {
        "__annotations__": annotations,
        "__doc__": _document(values),
        "__module__": __name__,
        "adapter": name,
        "settings_text": "\n".join(_write_settings(name, account)) + "\n",
        "budget": property(lambda self: budget),  # noqa: ARG005  # a property's
    }
    for key, each in account["fields"].items():
        annotations[key] = _TYPES[each["kind"]]
        namespace[key] = _make_field(each, key in in_headers, key in in_basic)
    if "base_url" in account:
        annotations["base_url"] = str
        namespace["base_url"] = account["base_url"]
    made = type(f"{_to_class_name(name)}Account", (Account,), namespace)
    finished: type[Account] = frozen(kw_only=True)(made)
    return finished


def check_base_url(text: str) -> None:
    """
    Refuse what can't be the address of a vendor.

    Raises:
        Wrong: It is none.
    """
    try:
        _Anybody(base_url=text)
    except SettingsError as error:
        raise Wrong(str(error).removeprefix("base_url ")) from None


def check_field_name(name: str) -> None:
    """
    Refuse names that every account has, with another meaning.

    Raises:
        Wrong: It is one of those.
    """
    if hasattr(_Anybody, name) or name in {"base_url", "ref", "idempotency_key"}:
        raise Wrong(f"{name} has a meaning of its own; choose another name")


@frozen(kw_only=True)
class _Anybody(Account):
    """An account that is nobody's, to try an address with."""

    adapter = ""
    budget = Budget(requests=1, per_s=1.0)


def _make_field(values: Mapping[str, Any], is_in_header: bool, is_in_basic: bool) -> Any:
    default = {"default": values["default"]} if "default" in values else {}
    kind = values["kind"]
    if kind is AccountKind.SECRET:
        if is_in_header:
            return header_secret()
        return secret(validator=_check_user if is_in_basic else _check_text)
    if kind is AccountKind.FLAG:
        return flag(**default)
    if kind is AccountKind.WHOLE_NUMBER:
        is_identity = values.get("identity", False)
        return whole_number(metadata={"identity": is_identity}, **default)
    made = identity(**default)
    made.metadata = {"identity": values.get("identity", False)}
    if is_in_header or is_in_basic:
        made.validator(_check_header_text if is_in_header else _check_user)
    return made


def _check_text(_: object, attribute: Attribute[str], value: object) -> None:
    key = attribute.name
    if not isinstance(value, str) or not value or not value.isprintable():
        raise SettingsError(f"{key} must be text that is not empty", key=key)


def _check_user(_: object, attribute: Attribute[str], value: object) -> None:
    _check_text(_, attribute, value)
    if ":" in str(value):
        key = attribute.name
        raise SettingsError(f"{key} has a colon, which no user name of HTTP Basic has", key=key)


def _check_header_text(_: object, attribute: Attribute[str], value: object) -> None:
    if not str(value).isascii():
        key = attribute.name
        raise SettingsError(f"{key} has a character that no header can carry", key=key)


def _find_names(*parts: Any) -> set[str]:
    """Return the names in templates, and in lists of them."""
    found: set[str] = set()
    for part in parts:
        if isinstance(part, Template):
            found.update(part.names)
        elif part is not None:
            found |= _find_names(*part)
    return found


def _write_settings(name: str, account: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that ``batchhub init`` writes."""
    for key, each in account["fields"].items():
        about, kind = each.get("about"), each["kind"]
        if about is not None:
            yield f"# {about}"
        if "default" in each:
            yield f"#{key} = {json.dumps(each['default'], ensure_ascii=False)}"
        elif kind is AccountKind.SECRET:
            variable = re.sub(r"[^A-Z0-9]", "_", f"{name}_{key}".upper())
            yield f'{key} = {{ env = "{variable}" }}'
        else:
            yield f"{key} = {_EMPTY[kind]}"
    yield "# Scheme and host of the API."
    if "base_url" in account:
        yield f"#base_url = {json.dumps(account['base_url'])}"
    else:
        yield 'base_url = ""'


def _document(values: Mapping[str, Any]) -> str:
    lines = [f"An account at {values.get('title', values['name'])}.", "", "Attributes:"]
    for key, each in values["account"]["fields"].items():
        about = each.get("about", f"A {each['kind'].value}.")
        lines.append(f"    {key}: {about}")
    return "\n".join(lines)


def _to_class_name(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[-_]", name))
