"""What the keys of a description have to do with each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from .account import check_base_url, check_field_name
from .mistakes import Mistakes, Wrong, suggest
from .readers import AccountKind, Line
from .templates import IDEMPOTENCY_KEY, REF, Template

Values = Mapping[str, Any]
Place = tuple[str, ...]

_JOINS: Final = ("key", "id", "position", "in_order")
_FIGURES: Final = ("done", "succeeded", "failed", "progress", "percent", "message")
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
    fields = _Fields(values, table)
    _check_account(values.get("account", {}), mistakes)
    _check_auth(values, fields, mistakes)
    for name, template in values.get("headers", {}).items():
        fields.check(template, ("headers", name), mistakes)
    _check_words(values.get("states", {}), ("states",), mistakes)
    if "probe" in values:
        _check_request(values["probe"], ("probe",), fields, mistakes)
    for name, operation in values.get("operations", {}).items():
        if isinstance(operation, Mapping):
            written = table["operations"][name]
            has_states = bool(table.get("states"))
            _Operation(name, operation, written, fields, mistakes).check(has_states=has_states)


class _Fields:
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


def _check_auth(values: Values, fields: _Fields, mistakes: Mistakes) -> None:
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


def _check_words(words: Values, place: Place, mistakes: Mistakes) -> None:
    known: set[str] = set()
    for word in words:
        folded = word.strip().casefold()
        if folded in known:
            mistakes.add((*place, word), "is there already; case does not matter")
        known.add(folded)


def _check_request(
    values: Values, place: Place, fields: _Fields, mistakes: Mistakes, more: Collection[str] = ()
) -> None:
    line = values.get("request")
    if isinstance(line, Line):
        fields.check(line.path, (*place, "request"), mistakes, more)
        if line.method == "GET" and "body" in values:
            mistakes.add((*place, "body"), "a GET has no body")
    for name, template in values.get("headers", {}).items():
        fields.check(template, (*place, "headers", name), mistakes, more)
    for inside, template in _find_templates(values.get("body")):
        fields.check(template, (*place, "body", *inside), mistakes, more)


def _find_templates(value: Any, inside: Place = ()) -> Iterator[tuple[Place, Template]]:
    if isinstance(value, Template):
        yield inside, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _find_templates(each, (*inside, name))
    elif isinstance(value, list):
        for each in value:
            yield from _find_templates(each, inside)


class _Operation:
    """Checks one operation."""

    def __init__(
        self, name: str, values: Values, written: Values, fields: _Fields, mistakes: Mistakes
    ) -> None:
        self._values = values
        self._written = written
        self._place = ("operations", name)
        self._fields = fields
        self._mistakes = mistakes

    def check(self, *, has_states: bool) -> None:
        """Add its mistakes."""
        for name, more in (
            ("submit", [IDEMPOTENCY_KEY]),
            ("poll", [REF]),
            ("results", [REF]),
            ("cancel", [REF]),
        ):
            part = self._part(name)
            _check_request(part, (*self._place, name), self._fields, self._mistakes, more)
        self._check_submit()
        if "poll" in self._written:
            self._check_poll(has_states=has_states)
        elif "cancel" in self._written:
            self._add("cancel", why="there is nothing to stop: the vendor answers at once")
        self._check_results()

    def _check_submit(self) -> None:
        submit, written = self._part("submit"), self._part("submit", self._written)
        line = submit.get("request")
        if isinstance(line, Line) and line.method == "GET":
            self._add("submit", "request", why="a GET can't send a batch")
        if "body" in written and "items" not in written:
            self._add("submit", "items", why="is missing: where in the body the items go")
        body, items = submit.get("body", {}), submit.get("items", ())
        if items and _is_taken(body, items):
            self._add("submit", "items", why=f"the body has {'.'.join(items)} already")
        has_poll = "poll" in self._written
        if has_poll and "ref" not in written:
            self._add("submit", "ref", why="is missing: poll asks about a batch by its id")
        if not has_poll and "ref" in written:
            self._add("submit", "ref", why="is not used: without poll the answer has the results")
        if "repeated" in written and not written["repeated"]:
            self._add("submit", "repeated", why="is empty: it needs status, code or message")
        if self._values.get("dedup_window_s") and not self._sends_key(submit):
            why = "needs {idempotency_key} somewhere in submit"
            self._add("dedup_window_s", why=why)

    def _sends_key(self, submit: Values) -> bool:
        line, body = submit.get("request"), submit.get("body")
        templates = [each for _, each in _find_templates([submit.get("headers", {}), body])]
        if isinstance(line, Line):
            templates.append(line.path)
        return line is None or any(IDEMPOTENCY_KEY in each.names for each in templates)

    def _check_poll(self, *, has_states: bool) -> None:
        poll, written = self._part("poll"), self._part("poll", self._written)
        is_folded = poll.get("fold", False)
        if "word" in written and is_folded:
            self._add("poll", "fold", why="and word exclude each other: is there a word or not?")
        if "word" not in written and not is_folded:
            why = "is missing; where a batch has no word of its own, say fold = true"
            self._add("poll", "word", why=why)
        if "word" in written and not has_states:
            self._mistakes.add(("states",), "is missing: what the words of a batch mean")
        line = poll.get("request")
        if isinstance(line, Line) and not self._names_ref(poll):
            self._add("poll", "request", why="does not say {ref}, so it asks about no batch")
        if "progress" in written and "percent" in written:
            self._add("poll", "percent", why="and progress are the same figure; give one of them")
        if is_folded:
            self._check_fold(written)

    def _names_ref(self, part: Values) -> bool:
        templates = [each for _, each in _find_templates(part.get("body"))]
        return any(REF in each.names for each in [part["request"].path, *templates])

    def _check_fold(self, poll: Values) -> None:
        results = self._part("results", self._written)
        if "request" in results:
            self._add("poll", "fold", why="needs the items in the answer to the poll")
        if "rest" in results:
            why = "does not go with fold: a batch has ended when each of its items has a word"
            self._add("results", "rest", why=why)
        if "word" not in results:
            self._add("results", "word", why="is missing: fold needs the words of the items")
        for name in ("done", "succeeded", "failed", "progress", "percent"):
            if name in poll:
                self._add("poll", name, why="is not used: fold counts the items")

    def _check_results(self) -> None:
        results, written = self._part("results"), self._part("results", self._written)
        if not isinstance(self._written.get("results"), Mapping):
            return
        joins = [
            name for name in _JOINS if name in written and results.get(name, True) is not False
        ]
        if len(joins) != 1:
            given = f"not {' and '.join(joins)}" if joins else "none is there"
            self._add("results", why=f"needs one of {', '.join(_JOINS)}: {given}")
        if "key" in joins and "key_field" not in self._written:
            why = "is missing: results.key is compared with it"
            self._add("key_field", why=why)
        if "first_position" in written and "position" not in written:
            self._add("results", "first_position", why="is not used without position")
        if ("word" in written) == ("named" in written):
            self._add("results", why="needs word (with words) or named: how the items went")
        if "word" in written and not written.get("words"):
            self._add("results", "words", why="is missing: what the words of the items mean")
        _check_words(results.get("words", {}), (*self._place, "results", "words"), self._mistakes)
        if "words" in written and "word" not in written:
            self._add("results", "words", why="is not used without word")
        if "request" in written and "poll" not in self._written:
            self._add("results", "request", why="is not used: without poll the answer has them")
        if "in_order" in joins and "rest" in written:
            self._add("results", "rest", why="does not go with in_order: every item has an entry")
        line = results.get("request")
        if isinstance(line, Line) and not self._names_ref(results):
            self._add("results", "request", why="does not say {ref}, so it asks for no batch")

    def _part(self, name: str, values: Values | None = None) -> Values:
        part = (self._values if values is None else values).get(name)
        return part if isinstance(part, Mapping) else {}

    def _add(self, *keys: str, why: str) -> None:
        self._mistakes.add((*self._place, *keys), why)


def _is_taken(body: Any, items: Place) -> bool:
    """Whether a body's fixed fields leave no room for the items."""
    for name in items:
        if not isinstance(body, Mapping):
            return True
        if name not in body:
            return False
        body = body[name]
    return True
