"""What is kept of alerts: what is wrong, what is said of it, and who has been told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen


class AlertState(StrEnum):
    """How far a condition has come."""

    PENDING = "pending"
    """It holds, and nobody is told before it has held for some time."""

    FIRING = "firing"
    """It holds, and it is told."""

    CLEARING = "clearing"
    """It holds no more, and nobody is told before that has lasted."""


@frozen(kw_only=True)
class AlertRow:
    """
    A condition of an account that holds, or held a short while ago.

    Attributes:
        condition: Which one.
        account: Of which account.
        state: How far it has come.
        since: When it was first seen.
        fired_at: When it was told; `None` if it was not.
        well_since: Since when it has not been seen any more; `None` if it is seen.
        told_at: When something was told of it last.
        message_id: The message that said so last.
        facts: What else is known of it, as JSON values.
    """

    condition: str
    account: str
    state: AlertState
    since: datetime
    fired_at: datetime | None = None
    well_since: datetime | None = None
    told_at: datetime | None = None
    message_id: str | None = None
    facts: Mapping[str, Any] = field(factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others."""
        return self.condition, self.account


@frozen(kw_only=True)
class NewMessage:
    """
    A message that is to be sent.

    Attributes:
        message_id: Names it, however often it is sent.
        body: What it says, as JSON values.
        channels: Who gets it.
    """

    message_id: str
    body: Mapping[str, Any]
    channels: Sequence[str]


@frozen(kw_only=True)
class Delivery:
    """
    A message for one channel.

    Attributes:
        channel: The channel.
        message_no: The number of the message: they are sent in this order.
        message_id: Its id.
        made_at: When it was made.
        body: What it says; empty if it can't be read.
        tries: How often it was tried; when a process was killed at it, that counts.
        due_at: When it is tried next; `None` if it was taken or given up.
        taken_at: When the channel took it.
        given_up_at: When it was given up.
        problem: What went wrong last.
    """

    channel: str
    message_no: int
    message_id: str
    made_at: datetime
    body: Mapping[str, Any] = field(factory=dict)
    tries: int = 0
    due_at: datetime | None = None
    taken_at: datetime | None = None
    given_up_at: datetime | None = None
    problem: str | None = None


@frozen(kw_only=True)
class EndedJob:
    """
    A job that has ended, and that nobody has looked at for alerts; the numbers are those of items.

    Attributes:
        is_cancelled: Whether somebody asked for its end.
    """

    job_no: int
    job_id: str
    account: str
    operation: str
    retry_of: str | None
    ended_at: datetime | None
    is_cancelled: bool
    total: int
    succeeded: int
    failed: int
    not_executed: int
    unknown: int
