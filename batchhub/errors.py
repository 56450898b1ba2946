"""
Every error batchhub raises, grouped by what the caller can do about it.

    BatchHubError
    ├── UsageError (ValueError)           mend the call, the input or the settings; nothing was sent
    │   ├── InputError                    an item can't be sent as it is
    │   ├── SettingsError                 a setting is missing, unknown or wrong
    │   ├── NotKnownError (LookupError)   no account, job, operation or adapter of that name
    │   ├── UnsupportedError              the vendor has no such ability
    │   └── KeyConflictError              the key belongs to a job with other items or options
    ├── WaitTimeoutError (TimeoutError)   waited long enough; the job goes on
    ├── BodyError (ValueError)            an item's body is not of the type asked for
    ├── VendorError                       the vendor answered, and the answer is no use
    │   ├── CredentialsError              401, 403: mend the credentials, then resume
    │   ├── RefusedError                  other 4xx, redirects: would be refused again
    │   │   └── NotFoundError             404, 410
    │   ├── RateLimitedError              429: too many requests; try later
    │   ├── BusyError                     the vendor says that it did not run the request; try again
    │   ├── ServerError                   408, 5xx: whether a write ran is unknown
    │   └── ReplyError                    an answer that can't be understood
    │       ├── ReplyTooLargeError        larger than the bound; not read to its end
    │       └── ResultsMissingError       well-formed and finished, but without the results
    ├── ContactError (ConnectionError)    no answer at all
    │   ├── ConnectError                  before a byte was sent: certain that nothing ran
    │   └── NoAnswerError                 after bytes were sent: whether a write ran is unknown
    ├── StoreError                        our own database; the jobs are as they were
    │   └── StoreVersionError             the store was written by a newer batchhub
    └── AdapterError                      a plug-in that does not load or breaks the seam's rules

Messages say what happened, which job or account, and what to do next; the
attributes say it to programs. No message holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

__all__ = [
    "AdapterError",
    "BatchHubError",
    "BodyError",
    "BusyError",
    "ConnectError",
    "ContactError",
    "CredentialsError",
    "InputError",
    "KeyConflictError",
    "NoAnswerError",
    "NotFoundError",
    "NotKnownError",
    "RateLimitedError",
    "RefusedError",
    "ReplyError",
    "ReplyTooLargeError",
    "ResultsMissingError",
    "ServerError",
    "SettingsError",
    "StoreError",
    "StoreVersionError",
    "UnsupportedError",
    "UsageError",
    "VendorError",
    "WaitTimeoutError",
]


class BatchHubError(Exception):
    """
    The root of every error batchhub raises.

    Attributes:
        job_id: The job it happened to, if it happened to one.
        retryable: Whether the same call may succeed later without a change.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, job_id: str | None = None) -> None:
        super().__init__(message)
        self.job_id = job_id


class UsageError(BatchHubError, ValueError):
    """The call, the input or the settings are wrong. Nothing was sent, nothing was stored."""

    may_have_run: ClassVar[bool] = False


class InputError(UsageError):
    """
    An item can't be sent as it is.

    Attributes:
        reason: What is wrong with it, without the place.
        position: The item's place in the input, from 1.
        item_id: The item's id, if it has one.
        line: The line of the input file, from 1, if it came from one.
    """

    def __init__(
        self,
        reason: str,
        *,
        position: int | None = None,
        item_id: str | None = None,
        line: int | None = None,
    ) -> None:
        where = f"line {line}" if line else f"item {position}" if position else ""
        if where and item_id is not None and item_id != str(position):
            where += f" (id {item_id!r})"
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.position = position
        self.item_id = item_id
        self.line = line


class SettingsError(UsageError):
    """
    A setting is missing, unknown or wrong.

    Attributes:
        key: The setting's dotted name, such as ``accounts.shop.token``.
        path: The file it was read from, if any.
    """

    def __init__(self, message: str, *, key: str | None = None, path: str | None = None) -> None:
        super().__init__(message)
        self.key = key
        self.path = path


class NotKnownError(UsageError, LookupError):
    """
    A name that nothing is known under.

    Attributes:
        kind: What was looked for: ``account``, ``job``, ``operation``, ``adapter``.
        name: The name that was asked for.
        known: The names that exist, sorted; empty where they are too many to list.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), hint: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        self.hint = hint
        known_text = f"; known: {', '.join(self.known)}" if self.known else ""
        hint_text = f"; {hint}" if hint else ""
        super().__init__(f"no {kind} named {name!r}{known_text}{hint_text}")

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...], dict[str, Any]]:
        """Copy by what it was made of: the message alone would not do."""
        return type(self), (self.kind, self.name, self.known, self.hint), self.__dict__


class UnsupportedError(UsageError):
    """The vendor has no such ability, so nothing was sent."""


class KeyConflictError(UsageError):
    """The key belongs to a job with another operation, other options or other items."""


class WaitTimeoutError(BatchHubError, TimeoutError):
    """The wait is over before the job is; the job goes on and can be waited for again."""

    retryable = True


class BodyError(BatchHubError, ValueError):
    """
    A body can't be read as the type that was asked for. The other items are not touched by it.

    Attributes:
        item_id: The item's id.
        problems: What is wrong, each with its path: ``Expected `int`, got `str` @ $.items[3].id``.
    """

    def __init__(
        self, message: str, *, item_id: str | None = None, problems: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.item_id = item_id
        self.problems = problems


class VendorError(BatchHubError):
    """
    The vendor answered, and the answer is no use.

    Attributes:
        vendor: The adapter's name.
        account: The account's identity at the vendor (never a credential).
        status: The answer's HTTP status.
        code: The vendor's own error code, if it gave one.
        retry_after_s: Seconds the vendor asked to wait, if it did.
        raw: The answer's body, secrets blanked, as far as it was read.
        may_have_run: Whether a request with an effect may have had it.
    """

    may_have_run: ClassVar[bool] = False
    raw: bytes = b""

    def __init__(
        self,
        message: str,
        *,
        vendor: str | None = None,
        account: str | None = None,
        status: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        job_id: str | None = None,
    ) -> None:
        super().__init__(message, job_id=job_id)
        self.vendor = vendor
        self.account = account
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


class CredentialsError(VendorError):
    """The vendor refused the credentials (401, 403). Mend them, then resume the job."""


class RefusedError(VendorError):
    """The vendor refused the request and would refuse it again."""


class NotFoundError(RefusedError):
    """The vendor does not know what was asked for (404, 410)."""


class RateLimitedError(VendorError):
    """Too many requests (429); the whole lane cools down."""

    retryable = True


class BusyError(VendorError):
    """The vendor says that it did not run the request."""

    retryable = True


class ServerError(VendorError):
    """The vendor had trouble (408, 5xx). Whether a write ran is unknown."""

    retryable = True
    may_have_run = True


class ReplyError(VendorError):
    """The vendor's answer can't be understood. Whether a write ran is unknown."""

    retryable = True
    may_have_run = True


class ReplyTooLargeError(ReplyError):
    """The answer is larger than the bound and was not read to its end."""


class ResultsMissingError(ReplyError):
    """The vendor says that the batch is finished and does not say with which results."""


class ContactError(BatchHubError, ConnectionError):
    """
    There was no answer at all.

    Attributes:
        vendor: The adapter's name.
        account: The account's identity at the vendor (never a credential).
        may_have_run: Whether a request with an effect may have had it.
    """

    retryable = True
    may_have_run: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        vendor: str | None = None,
        account: str | None = None,
        job_id: str | None = None,
    ) -> None:
        super().__init__(message, job_id=job_id)
        self.vendor = vendor
        self.account = account


class ConnectError(ContactError):
    """No connection was made: not a byte was sent, so nothing can have run."""


class NoAnswerError(ContactError):
    """The request was on its way and no answer came. Whether a write ran is unknown."""

    may_have_run = True


class StoreError(BatchHubError):
    """Our own database can't be read or written. The jobs are as they were last written."""

    retryable = True


class StoreVersionError(StoreError):
    """The store was written by a newer batchhub; this one would not understand it."""

    retryable = False


class AdapterError(BatchHubError):
    """A plug-in does not load, or breaks a rule of the seam."""
