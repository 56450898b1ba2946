"""What may be written of an entity: which fields it has, and the type of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from batchhub.sandbox import AnswerError, read_json

from .errors import WRONG_PARAMETER, refuse

_NUMBER: Final = ("a number", frozenset({int, float}))
_INTEGER: Final = ("a whole number", frozenset({int, float}))
_FLAG: Final = ("true or false", frozenset({bool}))
_TEXT: Final = ("a text", frozenset({str}))
_LIST: Final = ("an array", frozenset({list}))
_OBJECT: Final = ("an object", frozenset({dict}))


class Fields:
    """
    The fields of a kind of entity, by their types; those that can only be read besides.

    Assumed: null is taken for any field, and empties it; what can only be read is ignored; a
    value of a wrong type, or a name it does not have, is answered 400.

    Args:
        entity: What the vendor calls it, such as ``Product``.
        number: Fields that are numbers.
        integer: Fields that are whole numbers.
        flag: Fields that are true or false.
        text: Fields that are texts.
        array: Fields that are arrays.
        record: Fields that are objects.
        read_only: Fields that answers have and writes don't.
        positive: Numbers that may not be below zero.
    """

    def __init__(
        self,
        entity: str,
        *,
        number: str = "",
        integer: str = "",
        flag: str = "",
        text: str = "",
        array: str = "",
        record: str = "",
        read_only: str = "",
        positive: str = "",
    ) -> None:
        self.entity = entity
        groups = {
            number: _NUMBER,
            integer: _INTEGER,
            flag: _FLAG,
            text: _TEXT,
            array: _LIST,
            record: _OBJECT,
        }
        self._kinds = {name: kind for names, kind in groups.items() for name in names.split()}
        self._types = {name: types for name, (_, types) in self._kinds.items()}
        self._integer = frozenset(integer.split())
        self._read_only = frozenset(read_only.split())
        self._positive = frozenset(positive.split())

    @property
    def names(self) -> frozenset[str]:
        """Every field that an answer may have."""
        return self._read_only | self._types.keys()

    def read(self, body: Any, *, strict: bool) -> dict[str, Any]:
        """
        Check what is to be written.

        Args:
            body: The body of the call: an object, or the text of one.
            strict: Whether a name it does not have is refused; otherwise it is kept.

        Returns:
            What is written; without what can only be read.

        Raises:
            AnswerError: 400, it is no object or a field is wrong; 409, a number is negative.
        """
        fields = _read_object(body)
        if self._read_only.isdisjoint(fields):
            written = fields
        else:
            written = {k: v for k, v in fields.items() if k not in self._read_only}
        for name, value in written.items():
            types = self._types.get(name)
            if types is None:
                if strict:
                    raise self._refuse(name, "unknown")
            elif value is not None:
                if type(value) not in types or not self._is_good(name, value):
                    raise self._wrong(name)
                if name in self._positive and value < 0:
                    raise refuse(409, f"{self.entity}.{name} can't be negative", "WRONG_VALUE")
        return written

    def missing(self, name: str) -> AnswerError:
        """
        Return the answer to a body without a field that it must have.

        Source: the vendor's document "Orders" of 2020, errors (``Field OrderItem.quantity is
        absent``).
        """
        return self._refuse(name, "absent")

    def _is_good(self, name: str, value: Any) -> bool:
        if type(value) is not float:
            return True
        return math.isfinite(value) and (name not in self._integer or value.is_integer())

    def _wrong(self, name: str) -> AnswerError:
        return self._refuse(name, f"wrong: it must be {self._kinds[name][0]}")

    def _refuse(self, name: str, what: str) -> AnswerError:
        return refuse(400, f"Field {self.entity}.{name[:60]} is {what}", WRONG_PARAMETER)


def _read_object(body: Any) -> dict[str, Any]:
    if isinstance(body, str):
        # The documents call the body of an item a string, but clients send an object.
        with suppress(ValueError):
            body = read_json(body)
    if not isinstance(body, dict):
        raise refuse(400, "The body must be a JSON object", WRONG_PARAMETER)
    return body


def project(entity: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the part of an entity that the parameter `responseFields` asks for.

    Source: the vendor's Order page, "How can I specify what fields I want to receive".

    Args:
        entity: The entity.
        names: The names asked for; each with those inside it, or with nothing for all of it.
    """
    return {
        name: _project_value(entity[name], inside)
        for name, inside in names.items()
        if name in entity
    }


def _project_value(value: Any, inside: Mapping[str, Any]) -> Any:
    if not inside:
        return value
    if isinstance(value, Mapping):
        return project(value, inside)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [project(each, inside) if isinstance(each, Mapping) else each for each in value]
    return value
