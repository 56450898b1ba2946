"""A new job: its arguments checked, its items taken in, and all of it stored at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from batchhub._adapter.account import Account
from batchhub._adapter.capabilities import JSONMapping
from batchhub._base.clock import Clock
from batchhub._base.failpoints import failpoint
from batchhub._base.log import get_logger
from batchhub._base.secrets import MIN_LENGTH
from batchhub._store import JobRecord, make_job_id
from batchhub._store.load_rows import Added
from batchhub.errors import InputError, NotKnownError, UnsupportedError, UsageError
from batchhub.models import Finding

from .guarded import GuardedAdapter
from .intake import Intake
from .loading import Loader
from .raw_items import RawItems

_LONGEST_KEY: Final = 500
"""Characters: an index of PostgreSQL's holds 2,704 bytes, and a character takes up to four."""

_log = get_logger()


async def store_job(
    loader: Loader,
    clock: Clock,
    adapter: GuardedAdapter,
    items: RawItems,
    *,
    account: str,
    operation: str | None,
    stop: bool,
    key: str | None,
    label: str | None,
    deadline_s: float | None,
    options: Mapping[str, Any],
    ahead: bool,
    on_finding: Callable[[Finding], None] | None,
    on_refused: Callable[[InputError], None] | None,
    keep_input: bool,
) -> Added:
    """
    Store items as a job, or find the job that has the same key.

    The arguments are those of `BatchHub.submit`, and so are the errors; those that need no
    adapter were checked with `check_arguments`.
    """
    operation, checked = check_operation(adapter, operation, options, stop=stop)
    _check_secrets(adapter.account, {"key": key, "label": label})
    now = clock.now()
    record = JobRecord(
        job_no=0,
        job_id=make_job_id(now),
        account=account,
        lane=adapter.account.lane,
        adapter=adapter.name,
        operation=operation,
        key=key,
        fingerprint="",
        label=label,
        options=MappingProxyType(dict(checked)),
        stop_on_first_failure=stop,
        deadline_s=deadline_s or 0.0,
        ahead=ahead,
        retry_of=None,
        created_at=now,
        updated_at=now,
    )
    async with loader.load(record) as load:
        intake = Intake(adapter, operation, load.put)
        await intake.take(items, checked, on_refused=on_refused, keep_input=keep_input)
        if not intake.total:
            raise InputError(f"{_why_none(intake.refused)}; nothing was sent")
        findings = intake.findings()
        if on_finding is not None:
            for finding in findings:
                on_finding(finding)
        now = clock.now()
        added = await load.finish(
            intake.take_last(),
            fingerprint=make_fingerprint(intake, operation, checked, stop=stop),
            findings=findings,
            deadline_s=deadline_s or adapter.deadline_s(operation, checked, intake.total),
            created_at=now,
            updated_at=now,
        )
    failpoint("items.kept")
    _log.info(
        "job.submitted" if added.is_new else "job.joined",
        job_id=added.job.job_id,
        account=added.job.account,
        lane=added.job.lane,
        items=intake.total,
        refused=intake.refused,
    )
    return added


def check_operation(
    adapter: GuardedAdapter, operation: str | None, options: Mapping[str, Any], *, stop: bool
) -> tuple[str, JSONMapping]:
    """
    Return the operation that is meant and its options, as the adapter wants them.

    Raises:
        NotKnownError: There is no such operation.
        UnsupportedError: It can't stop on the first failure.
        InputError: An option is wrong.
    """
    if operation is None:
        operation = next(iter(adapter.operations))
    elif operation not in adapter.operations:
        raise NotKnownError("operation", operation, adapter.operations)
    if stop and not adapter.capabilities(operation).stops_on_first_failure:
        raise UnsupportedError(f"{adapter.name} {operation} can't stop on the first failure")
    return operation, adapter.check_options(operation, dict(options))


def check_arguments(
    *, key: str | None, label: str | None = None, deadline_s: float | None = None
) -> None:
    """
    Check what can be checked before the store is opened.

    Raises:
        UsageError: The deadline is no time that will come.
        InputError: A text is none that a database can hold, or the key is too long.
    """
    if deadline_s is not None and not 0 < deadline_s < math.inf:
        raise UsageError(f"deadline_s must be a number of seconds above 0, not {deadline_s}")
    for name, text in (("key", key), ("label", label)):
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            raise InputError(f"the {name} {text!r} is no valid Unicode text") from None
    if key is not None and len(key) > _LONGEST_KEY:
        raise InputError(
            f"the key has {len(key):,} characters, of {_LONGEST_KEY} at most; use a digest of it"
        )


def make_fingerprint(intake: Intake, operation: str, options: JSONMapping, *, stop: bool) -> str:
    """Return the digest by which a submit with the same key is found to be the same job."""
    return intake.fingerprint(operation=operation, options=dict(options), stop=stop)


def _why_none(refused: int) -> str:
    """Say why no item is left to be sent."""
    if not refused:
        return "there are no items"
    return "the only item was refused" if refused == 1 else f"all {refused} items were refused"


def _check_secrets(account: Account, texts: Mapping[str, str | None]) -> None:
    """Refuse texts that would put a secret of the account into the store."""
    secrets = [secret for secret in account.secrets if len(secret) >= MIN_LENGTH]
    for name, text in texts.items():
        if text and any(secret in text for secret in secrets):
            raise InputError(f"the {name} holds a secret of the account, which would be stored")
