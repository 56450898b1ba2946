"""A vendor's answer, as adapters get it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from multidict import CIMultiDict

from batchhub._base.json import loads
from batchhub.errors import ReplyError


@frozen(kw_only=True, eq=False)
class Reply:
    """
    A vendor's answer with a status of 2xx, or another that is no error.

    Attributes:
        status: Its HTTP status.
        headers: Its headers; names are not case-sensitive.
        body: Its body, decompressed, with the account's secrets blanked.
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

        Raises:
            ReplyError: It is not valid JSON.
        """
        try:
            return loads(self.body)
        except ValueError as error:
            raise ReplyError(
                f"{self.vendor or 'the vendor'} answered {self.status} without valid JSON: {error}",
                vendor=self.vendor,
                account=self.account,
                status=self.status,
            ) from error
