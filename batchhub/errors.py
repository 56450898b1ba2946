"""
Every error batchhub raises, grouped by what the caller can do about it.

    BatchHubError
    ├── UsageError (ValueError)           fix the call, the input or the settings; nothing was sent
    │   ├── InputError                    an item can't be sent as it is
    │   ├── SettingsError                 a setting is missing, unknown or wrong
    │   ├── NotKnownError (LookupError)   no account, job, operation or adapter has that name
    │   ├── UnsupportedError              the vendor can't do this
    │   └── KeyConflictError              the key is taken by a job with other items or options
    ├── WaitTimeoutError (TimeoutError)   the wait timed out; the job continues
    ├── BodyError (ValueError)            an item's body does not have the requested type
    ├── ItemFailedError                   an item did not succeed, so there is nothing to read
    ├── VendorError                       the vendor answered with an error, or not usably
    │   ├── CredentialsError              401, 403 by the vendor: fix the credentials, then resume
    │   ├── RefusedError                  other 4xx, redirects: a retry would be refused again
    │   │   └── NotFoundError             404, 410
    │   ├── RateLimitedError              429: too many requests; try later
    │   ├── BusyError                     the vendor did not run the request; try again
    │   ├── OtherHostError                refused where no credentials are sent; try again
    │   ├── RepeatedError                 the vendor has had this very body; try much later
    │   ├── ServerError                   408, 5xx: a write may or may not have run
    │   └── ReplyError                    the answer can't be understood
    │       ├── ReplyTooLargeError        over the size limit; not read to the end
    │       └── ResultsMissingError       the batch is finished, but its results are missing
    ├── CantTellError                     nobody can tell whether the vendor has a batch
    ├── ContactError (ConnectionError)    no answer
    │   ├── ConnectError                  not connected: nothing was sent, nothing ran
    │   ├── BlockedError                  something on the way refused; the vendor was not reached
    │   └── NoAnswerError                 sent, but not answered: a write may or may not have run
    ├── StoreError                        the store can't be read or written; no job has changed
    │   └── StoreVersionError             the store was written by a newer batchhub
    └── AdapterError                      an adapter can't be loaded, or breaks the adapter API

Messages say what happened, to which job or account, and what to do next; attributes hold the same
facts for programs. No message contains a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final, Self

__all__ = [
    "AdapterError",
    "BatchHubError",
    "BlockedError",
    "BodyError",
    "BusyError",
    "CantTellError",
    "ConnectError",
    "ContactError",
    "CredentialsError",
    "InputError",
    "ItemFailedError",
    "KeyConflictError",
    "NoAnswerError",
    "NotFoundError",
    "NotKnownError",
    "OtherHostError",
    "RateLimitedError",
    "RefusedError",
    "RepeatedError",
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


_FAULTS_UNTIL_PAUSED: Final = 10
"""How many faults of one verb in a row pause an account."""


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
        line: The line of the input file, from 1, if it came from one; in a workbook or a frame
            the row.
        place: What `line` counts: ``line``, ``row`` or ``element``.
    """

    def __init__(
        self,
        reason: str,
        *,
        position: int | None = None,
        item_id: str | None = None,
        line: int | None = None,
        place: str = "line",
    ) -> None:
        where = f"{place} {line}" if line else f"item {position}" if position else ""
        if where and item_id is not None and item_id != str(position):
            where += f" (id {item_id!r})"
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.position = position
        self.item_id = item_id
        self.line = line
        self.place = place


class SettingsError(UsageError):
    """
    A setting is missing, unknown or wrong.

    Attributes:
        key: The setting's dotted name, such as ``accounts.shop.token``.
        path: The file it was read from, if any.
        problems: All that is wrong, a line each with its place, where a file was read to its end;
            the message is then a heading, with these lines below it. Empty for a single problem.
    """

    def __init__(
        self,
        message: str,
        *,
        key: str | None = None,
        path: str | None = None,
        problems: Iterable[str] = (),
    ) -> None:
        self.key = key
        self.path = path
        self.problems = tuple(problems)
        super().__init__("\n  ".join([message, *self.problems]))


class NotKnownError(UsageError, LookupError):
    """
    There is no account, job, operation or adapter with this name.

    Attributes:
        kind: What was looked for: ``account``, ``job``, ``operation``, ``adapter``.
        name: The name that was asked for.
        known: The names that exist, sorted; empty if there are too many to list.
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
        """Copy it from its arguments: the message alone is not enough."""
        return type(self), (self.kind, self.name, self.known, self.hint), self.__dict__


class UnsupportedError(UsageError):
    """The vendor can't do this. Nothing was sent."""


class KeyConflictError(UsageError):
    """The key is taken by a job with a different operation, options or items."""


class WaitTimeoutError(BatchHubError, TimeoutError):
    """The wait timed out before the job ended. The job continues; it can be waited for again."""

    retryable = True


class BodyError(BatchHubError, ValueError):
    """
    A body can't be read as the requested type. Other items are not affected.

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


class ItemFailedError(BatchHubError):
    """
    An item did not succeed, so its body is not what was asked for. Other items are not affected.

    Attributes:
        item_id: The item's id.
        state: How it went: ``failed``, ``not_executed`` or ``unknown``.
        code: The item's own HTTP status; `None` if the vendor gave none.
        reason: The vendor's message, or why the outcome is unknown; `None` if there is none.
    """

    def __init__(
        self,
        message: str,
        *,
        item_id: str | None = None,
        state: str = "failed",
        code: int | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.item_id = item_id
        self.state = state
        self.code = code
        self.reason = reason


class VendorError(BatchHubError):
    """
    The vendor answered, but with an error or with something unusable.

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
    """The vendor refused the credentials (401, 403). Fix them, then resume the job."""


class RefusedError(VendorError):
    """The vendor refused the request, and would refuse it again."""


class NotFoundError(RefusedError):
    """The vendor does not have what was requested (404, 410)."""


class RateLimitedError(VendorError):
    """Too many requests (429). All requests of the account are paused."""

    retryable = True


class BusyError(VendorError):
    """The vendor was busy and did not run the request."""

    retryable = True


class OtherHostError(VendorError):
    """
    A request without the account's credentials was refused (401, 403, 404, 410, 429).

    Such as one to a storage, by a link that has expired. It says nothing of the account, so nothing
    is paused; the step is tried again, with a new link. The request did not run.
    """

    retryable = True


class RepeatedError(VendorError):
    """
    The vendor refused a body because it had the same one a short while ago.

    Raised by adapters. The earlier request with this body ran, or may have; it left no id.
    """

    retryable = True
    may_have_run = True


class ServerError(VendorError):
    """The vendor failed (408, 5xx). A write may or may not have run."""

    retryable = True
    may_have_run = True


class ReplyError(VendorError):
    """The vendor's answer can't be understood. A write may or may not have run."""

    retryable = True
    may_have_run = True


class ReplyTooLargeError(ReplyError):
    """The answer is over the size limit and was not read to the end."""


class ResultsMissingError(ReplyError):
    """The vendor reports the batch as finished, but without its results."""


class CantTellError(BatchHubError):
    """
    Nobody can tell whether the vendor has a batch that was sent and not answered.

    Raised by `Adapter.find_attempt`. The ticket is held for a decision.
    """


class ContactError(BatchHubError, ConnectionError):
    """
    The vendor did not answer.

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
    """No connection could be made. Nothing was sent, so nothing can have run."""


class BlockedError(ContactError):
    """
    A firewall, a proxy or a gate page answered in place of the vendor.

    By a page with a 401, 403, 404 or 410, a challenge, or a sign-in page of a network. The vendor
    was not reached, so this says nothing of credentials and batches, and nothing ran.

    Attributes:
        status: The answer's HTTP status.
    """

    def __init__(
        self,
        message: str,
        *,
        vendor: str | None = None,
        account: str | None = None,
        status: int | None = None,
        job_id: str | None = None,
    ) -> None:
        super().__init__(message, vendor=vendor, account=account, job_id=job_id)
        self.status = status


class NoAnswerError(ContactError):
    """The request was sent, but not answered. A write may or may not have run."""

    may_have_run = True


class StoreError(BatchHubError):
    """The store can't be read or written. Jobs keep the state they were last saved with."""

    retryable = True


class StoreVersionError(StoreError):
    """The store was written by a newer version of batchhub."""

    retryable = False


class AdapterError(BatchHubError):
    """
    An adapter can't be loaded, or breaks a rule of the adapter API.

    Attributes:
        may_have_run: Whether a request with an effect may have had it.
        faults: How many times in a row the same verb has failed like this.
    """

    may_have_run = False
    faults = 0

    @property
    def is_lasting(self) -> bool:
        """Whether it has failed so often in a row that nothing more is asked for a while."""
        return self.faults >= _FAULTS_UNTIL_PAUSED
