"""What the keys of one operation have to do with each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .mistakes import Mistakes
from .names import FieldNames, Place, Values, check_request, check_words, find_templates
from .readers import Line
from .templates import IDEMPOTENCY_KEY, REF

_JOINS: Final = ("key", "id", "position", "in_order")
_SHARES: Final = ("done", "succeeded", "failed", "progress", "percent")


class OperationCheck:
    """Checks one operation."""

    def __init__(
        self, name: str, values: Values, written: Values, fields: FieldNames, mistakes: Mistakes
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
            check_request(part, (*self._place, name), self._fields, self._mistakes, more)
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
        templates = [each for _, each in find_templates([submit.get("headers", {}), body])]
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
        templates = [each for _, each in find_templates(part.get("body"))]
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
        for name in _SHARES:
            if name in poll:
                self._add("poll", name, why="is not used: fold counts the items")

    def _check_results(self) -> None:
        results, written = self._part("results"), self._part("results", self._written)
        if not isinstance(self._written.get("results"), Mapping):
            return
        self._check_join(results, written)
        self._check_words(results, written)
        if "request" in written and "poll" not in self._written:
            self._add("results", "request", why="is not used: without poll the answer has them")
        line = results.get("request")
        if isinstance(line, Line) and not self._names_ref(results):
            self._add("results", "request", why="does not say {ref}, so it asks for no batch")

    def _check_join(self, results: Values, written: Values) -> None:
        """Check how an entry says which item it is about."""
        joins = [
            name for name in _JOINS if name in written and results.get(name, True) is not False
        ]
        if len(joins) != 1:
            given = f"not {' and '.join(joins)}" if joins else "none is there"
            self._add("results", why=f"needs one of {', '.join(_JOINS)}: {given}")
        if "key" in joins and "key_field" not in self._written:
            self._add("key_field", why="is missing: results.key is compared with it")
        if "first_position" in written and "position" not in written:
            self._add("results", "first_position", why="is not used without position")
        if "in_order" in joins and "rest" in written:
            self._add("results", "rest", why="does not go with in_order: every item has an entry")

    def _check_words(self, results: Values, written: Values) -> None:
        """Check how an entry says how its item went."""
        words = results.get("words", {})
        if ("word" in written) == ("named" in written):
            self._add("results", why="needs word (with words) or named: how the items went")
        if "word" in written and not written.get("words"):
            self._add("results", "words", why="is missing: what the words of the items mean")
        if "words" in written and "word" not in written:
            self._add("results", "words", why="is not used without word")
        check_words(words, (*self._place, "results", "words"), self._mistakes)
        for word, state in words.items():
            if state is None and "poll" not in self._written:
                why = "pending needs poll: else nobody asks again"
                self._add("results", "words", word, why=why)

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
