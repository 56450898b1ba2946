"""The names in a description: those that templates fill in, and the vendor's words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .mistakes import Mistakes, suggest
from .readers import AccountKind, Line
from .templates import Template

Values = Mapping[str, Any]
Place = tuple[str, ...]


class FieldNames:
    """The names that a template may have."""

    def __init__(self, values: Values, table: Values) -> None:
        account = table.get("account")
        written = account.get("fields") if isinstance(account, Mapping) else None
        self._known = set(written) if isinstance(written, Mapping) else set()
        fields = values.get("account", {}).get("fields", {})
        self.secrets = {
            name for name, each in fields.items() if each.get("kind") is AccountKind.SECRET
        }

    def check(
        self,
        template: Template,
        place: Place,
        mistakes: Mistakes,
        more: Collection[str] = (),
        *,
        takes_secrets: bool = False,
    ) -> None:
        """Add the names of a template that nothing can be filled in for."""
        known = [*sorted(self._known), *more]
        for name in template.names:
            if name not in known:
                what = f"{{{name}}} is no field of the account"
                mistakes.add(place, f"{what}{suggest(name, known)}")
            elif name in self.secrets and not takes_secrets:
                mistakes.add(place, f"{{{name}}} is a secret, which only auth may send")


def check_request(
    values: Values, place: Place, fields: FieldNames, mistakes: Mistakes, more: Collection[str] = ()
) -> None:
    line = values.get("request")
    if isinstance(line, Line):
        fields.check(line.path, (*place, "request"), mistakes, more)
        if line.method == "GET" and "body" in values:
            mistakes.add((*place, "body"), "a GET has no body")
    for name, template in values.get("headers", {}).items():
        fields.check(template, (*place, "headers", name), mistakes, more)
    for inside, template in find_templates(values.get("body")):
        fields.check(template, (*place, "body", *inside), mistakes, more)


def check_words(words: Values, place: Place, mistakes: Mistakes) -> None:
    known: set[str] = set()
    for word in words:
        folded = word.strip().casefold()
        if folded in known:
            mistakes.add((*place, word), "is there already; case does not matter")
        known.add(folded)


def find_templates(value: Any, inside: Place = ()) -> Iterator[tuple[Place, Template]]:
    if isinstance(value, Template):
        yield inside, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from find_templates(each, (*inside, name))
    elif isinstance(value, list):
        for each in value:
            yield from find_templates(each, inside)
