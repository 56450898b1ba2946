"""A vendor's answer, as adapters get it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import msgspec
from attrs import field, frozen
from multidict import CIMultiDict

from batchhub._adapter.answers import repair_text
from batchhub._base.json import loads
from batchhub._base.secrets import blank_json
from batchhub.errors import BodyError, ReplyError

T = TypeVar("T")


@frozen(kw_only=True, eq=False)
class Reply:
    """
    A vendor's answer with a status of 2xx, or another that is no error.

    Attributes:
        status: Its HTTP status.
        headers: Its headers; names are not case-sensitive.
        body: Its body, decompressed, with the account's secrets blanked. JSON is UTF-8 without a
            byte order mark, however it came.
        age_s: Seconds it has been in a cache; `None` if it does not say.
        vendor: The adapter's name.
        account: The account's identity at the vendor.
    """

    status: int
    headers: Mapping[str, str] = field(factory=CIMultiDict, repr=False)
    body: bytes = field(default=b"", repr=lambda body: f"<{len(body)} bytes>")
    age_s: float | None = None
    vendor: str | None = None
    account: str | None = None

    def json(self) -> Any:
        """
        Decode the body as one JSON document.

        Broken text in it is repaired, and NaN and Infinity are null.

        Raises:
            ReplyError: It is not valid JSON.
        """
        body = blank_json(self.body)
        try:
            return loads(body)
        except ValueError as error:
            wrong = error
        try:
            return loads(repair_text(body))
        except ValueError:
            self._refuse(f"without valid JSON: {wrong}", wrong)

    def find(self, expression: str, kind: type[T]) -> T:
        """
        Return what stands at a place of the body, where a type for all of it would be too much.

        Args:
            expression: The place, in JMESPath: ``feed.id``, ``results[*].sku``.
            kind: What it must be, such as `str` or ``list[str]``; a whole number may be a float.

        Raises:
            ReplyError: The body is not valid JSON, or there is nothing of that type.
        """
        import jmespath  # noqa: PLC0415  # slow to import, and few commands need it

        compiled, answer = jmespath.compile(expression), self.json()
        try:
            return msgspec.convert(compiled.search(answer), kind)
        except (jmespath.exceptions.JMESPathError, msgspec.ValidationError) as error:
            self._refuse(f"without {expression}: {' '.join(str(error).split())}", error)

    def as_(self, kind: type[T]) -> T:
        """
        Make an object of a type from the body, as `ItemResult.as_` does of an item's.

        Broken text in it is repaired.

        Args:
            kind: Such as a `msgspec.Struct` with the fields that are needed; others are ignored.

        Raises:
            ReplyError: It is not valid JSON, or none of that type; says which fields are wrong.
        """
        from batchhub._wire.body import read_body  # noqa: PLC0415  # cattrs is slow to import

        body = blank_json(self.body)
        try:
            return read_body(body, kind, "")
        except BodyError as error:
            wrong = error
        try:
            return read_body(repair_text(body), kind, "")
        except BodyError:
            self._refuse(f"something else than {kind.__name__}: {'; '.join(wrong.problems)}", wrong)

    def _refuse(self, what: str, error: Exception) -> NoReturn:
        raise ReplyError(
            f"{self.vendor or 'the vendor'} answered {self.status} {what}",
            vendor=self.vendor,
            account=self.account,
            status=self.status,
        ) from error
