"""What a handler is given: one request with its body, and how to read it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web
from attrs import field, frozen

from .answers import AnswerError
from .form import Form, FormError, read_form

T = TypeVar("T")


@frozen(kw_only=True, eq=False)
class Call:
    """
    A request that has come in whole. What can't be read is refused with 400.

    Attributes:
        request: The request.
        body: Its body; empty if it had none.
        refuse: Makes the vendor's error of a status and a message; a handler raises it.
    """

    request: web.Request
    body: bytes = field(default=b"", repr=False)
    refuse: Callable[[int, str], AnswerError] = field(repr=False)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.request.method

    @property
    def params(self) -> Mapping[str, str]:
        """What stood for the names in braces of the route's path, decoded."""
        return self.request.match_info

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters, decoded."""
        return self.request.query

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, whatever their case."""
        return self.request.headers

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case and without parameters."""
        return self.request.content_type.lower()

    @property
    def bearer(self) -> str | None:
        """The token of the header ``Authorization: Bearer …``, if there is one."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    @property
    def basic(self) -> tuple[str, str] | None:
        """The name and the password of the header ``Authorization: Basic …``, if there is one."""
        scheme, _, text = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = (
                base64.b64decode(text.strip(), validate=True).decode().partition(":")
            )
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name, password

    def json(self) -> Any:
        """
        Read the body as JSON.

        Raises:
            AnswerError: 400, it is not JSON.
        """
        try:
            return read_json(self.body)
        except ValueError:
            raise self.refuse(400, "The body is not JSON") from None

    def form(self) -> Form:
        """
        Read the body as a form: ``multipart/form-data`` or ``x-www-form-urlencoded``.

        Raises:
            AnswerError: 400, it is not a form, or not a whole one; 415, it is no form's type.
        """
        try:
            form = read_form(self.headers.get("Content-Type", ""), self.body)
        except FormError as error:
            raise self.refuse(400, str(error)) from None
        if form is None:
            raise self.refuse(415, f"A form can't be of the type {self.content_type}")
        return form

    def flag(self, name: str, *, default: bool) -> bool:
        """
        Read a query parameter that is ``true`` or ``false``, in lower case.

        Raises:
            AnswerError: 400, it is something else.
        """
        text = self.query.get(name, "true" if default else "false")
        if text not in {"true", "false"}:
            raise self.refuse(400, f"Parameter {name} must be true or false, not {text}")
        return text == "true"

    def number(self, name: str, default: int) -> int:
        """
        Read a query parameter that is a whole number of 0 or more.

        Raises:
            AnswerError: 400, it is something else.
        """
        try:
            return read_number(self.query, name, default)
        except ValueError as error:
            raise self.refuse(400, str(error)) from None

    def page(self, entries: Sequence[T], size: int) -> Sequence[T]:
        """
        Return the page of a list that the parameters `limit` and `offset` name.

        Args:
            entries: The list.
            size: The most entries of a page, and how many it has unless asked.

        Raises:
            AnswerError: 400, one of them is no number.
        """
        limit = min(self.number("limit", size), size)
        offset = self.number("offset", 0)
        return entries[offset : offset + limit]


def read_json(text: str | bytes) -> Any:
    """
    Decode JSON, without the constants that Python takes besides.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_number(query: Mapping[str, str], name: str, default: int) -> int:
    """
    Read a parameter that is a whole number of 0 or more.

    Raises:
        ValueError: It is something else; says so.
    """
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"Parameter {name} must be a number, not {text}")
    return int(text)


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")
