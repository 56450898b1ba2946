"""What the keys of a description have to do with each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .account import check_base_url, check_field_name
from .mistakes import Mistakes, Wrong
from .names import FieldNames, Place, Values, check_request, check_words
from .operation_checks import OperationCheck
from .readers import AccountKind
from .templates import Template

_DEFAULTS: Final[Mapping[AccountKind, tuple[Callable[[Any], bool], str]]] = {
    AccountKind.TEXT: (lambda value: isinstance(value, str) and bool(value.strip()), "text"),
    AccountKind.WHOLE_NUMBER: (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
        "a whole number above zero",
    ),
    AccountKind.FLAG: (lambda value: isinstance(value, bool), "true or false"),
}


def check_values(values: Values, table: Values, mistakes: Mistakes) -> None:
    """
    Add what is wrong about a description beyond the values of single keys.

    Args:
        values: What could be read of it.
        table: All of it, as it was written: what has a mistake of its own is still there.
        mistakes: Where to add.
    """
    fields = FieldNames(values, table)
    _check_account(values.get("account", {}), mistakes)
    _check_auth(values, fields, mistakes)
    for name, template in values.get("headers", {}).items():
        fields.check(template, ("headers", name), mistakes)
    check_words(values.get("states", {}), ("states",), mistakes)
    if "probe" in values:
        check_request(values["probe"], ("probe",), fields, mistakes)
    for name, operation in values.get("operations", {}).items():
        if isinstance(operation, Mapping):
            written = table["operations"][name]
            has_states = bool(table.get("states"))
            OperationCheck(name, operation, written, fields, mistakes).check(has_states=has_states)


def _check_account(account: Values, mistakes: Mistakes) -> None:
    if "base_url" in account:
        _try(check_base_url, account["base_url"], ("account", "base_url"), mistakes)
    place, fields = ("account", "fields"), account.get("fields", {})
    for name, each in fields.items():
        _try(check_field_name, name, (*place, name), mistakes)
        kind = each.get("kind")
        if "default" in each and kind is not None:
            _check_default((*place, name, "default"), kind, each["default"], mistakes)
        if each.get("identity") and kind in {AccountKind.FLAG, AccountKind.SECRET}:
            mistakes.add((*place, name, "identity"), f"a {kind.value} can't say who the account is")
    identities = [name for name, each in fields.items() if each.get("identity")]
    if len(identities) > 1:
        mistakes.add(place, f"have more than one identity: {', '.join(identities)}")
    if fields and not identities and not mistakes.has_below(place):
        mistakes.add(place, "have no identity: one says who the account is, by identity = true")


def _try(check: Callable[[str], None], value: str, place: Place, mistakes: Mistakes) -> None:
    try:
        check(value)
    except Wrong as error:
        mistakes.add(place, error.why)


def _check_default(place: Place, kind: AccountKind, value: Any, mistakes: Mistakes) -> None:
    if kind is AccountKind.SECRET:
        mistakes.add(place, "a secret has no default")
        return
    is_right, what = _DEFAULTS[kind]
    if not is_right(value):
        mistakes.add(place, f"must be {what}, as its kind says")


def _check_auth(values: Values, fields: FieldNames, mistakes: Mistakes) -> None:
    auth = values.get("auth", {})
    templates: list[tuple[Place, Template]] = [(("basic",), each) for each in auth.get("basic", ())]
    if "bearer" in auth:
        templates.append((("bearer",), auth["bearer"]))
    templates += [(("headers", name), each) for name, each in auth.get("headers", {}).items()]
    for key, template in templates:
        fields.check(template, ("auth", *key), mistakes, takes_secrets=True)
        if not template.names:
            why = "names no field of the account; credentials belong in the settings"
            mistakes.add(("auth", *key), why)
    if "bearer" in auth and "basic" in auth:
        mistakes.add(("auth", "basic"), "and bearer are both Authorization; give one of them")
