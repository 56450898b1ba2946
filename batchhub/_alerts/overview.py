"""What there is to see of alerts in a store, whoever looks for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from batchhub._base.show import clean
from batchhub._engine.open_hub import OpenHub
from batchhub._engine.owner_watch import SILENT_S
from batchhub._engine.process_lock import Verdict
from batchhub._store import AlertRow, AlertState, Delivery
from batchhub.hub import BatchHub, opened
from batchhub.models.plain import Plain

from .lease import NAME
from .messages import MOST_NAMED
from .states import jobs_of, since_of

_SHOWN_WHY: Final = 400


@frozen(kw_only=True)
class Alert(Plain):
    """
    Something that is wrong with an account, and who was told.

    Attributes:
        condition: Which condition it is.
        account: The account.
        state: ``firing``; ``pending`` before it is told; ``clearing`` before its end is.
        since: Since when it holds, as far as that is known.
        told_at: When it was told of last; `None` if it was not.
        why: What is wrong, in a sentence.
        jobs: Some of the jobs it is about.
        more_jobs: How many others there are.
        delivered: The channels that have taken the last message about it.
        waiting: Those that have not, and are tried again.
        given_up: Those that never get it.
    """

    condition: str
    account: str
    state: str
    since: datetime
    told_at: datetime | None
    why: str
    jobs: tuple[str, ...]
    more_jobs: int
    delivered: tuple[str, ...]
    waiting: tuple[str, ...]
    given_up: tuple[str, ...]


@frozen(kw_only=True)
class ChannelOverview(Plain):
    """
    What a channel has had.

    Attributes:
        channel: Its name.
        waiting: How many messages it has not taken yet.
        waiting_since: When the oldest of them was made.
        given_up: How many it never gets; of the last seven days.
        last_taken_at: When it took one last.
        problem: What went wrong last, with a message that waits or was given up.
    """

    channel: str
    waiting: int
    waiting_since: datetime | None
    given_up: int
    last_taken_at: datetime | None
    problem: str | None


@frozen(kw_only=True)
class AlertsOverview(Plain):
    """
    What there is to see of alerts.

    Attributes:
        checked_at: When it was looked at.
        watched_by: The process that looks for alerts, in words; `None` if none does.
        alerts: What is wrong, the oldest first.
        channels: What the channels have had, by their names.
    """

    checked_at: datetime
    watched_by: str | None
    alerts: tuple[Alert, ...]
    channels: tuple[ChannelOverview, ...]


async def look_over(hub: BatchHub) -> AlertsOverview:
    """
    Return what there is to see of alerts in the store of a hub.

    Raises:
        StoreError: The store can't be read.
    """
    there = await opened(hub)
    rows = await there.store.alerts.rows()
    deliveries = await there.store.alerts.deliveries()
    by_message: dict[str, list[Delivery]] = defaultdict(list)
    by_channel: dict[str, list[Delivery]] = defaultdict(list)
    for each in deliveries:
        by_message[each.message_id].append(each)
        by_channel[each.channel].append(each)
    return AlertsOverview(
        checked_at=there.clock.now(),
        watched_by=await _find_watcher(there),
        alerts=tuple(_alert(row, by_message) for row in rows),
        channels=tuple(_channel(name, by_channel[name]) for name in sorted(by_channel)),
    )


async def _find_watcher(there: OpenHub) -> str | None:
    row = await there.store.leases.find(NAME)
    if row is None or row.holder is None:
        return None
    verdict = there.process.verdict(row.holder.token)
    seen_at = row.seen_at
    is_silent = seen_at is None or (there.clock.now() - seen_at).total_seconds() > 2 * SILENT_S
    if verdict is Verdict.DEAD or (verdict is Verdict.UNKNOWN and is_silent):
        return None
    stands = ", which gives no sign of life" if is_silent else ""
    return f"process {row.holder.pid} on {row.holder.host}{stands}"


def _alert(row: AlertRow, by_message: Mapping[str, Sequence[Delivery]]) -> Alert:
    jobs = jobs_of(row)
    messages: Any = row.facts.get("messages")
    ids = messages if isinstance(messages, list) else []
    theirs = [each for message_id in ids for each in by_message.get(str(message_id), ())]
    return Alert(
        condition=row.condition,
        account=row.account,
        state=row.state.value,
        since=since_of(row),
        told_at=row.told_at if row.state is not AlertState.PENDING else None,
        why=clean(str(row.facts.get("why", "")), _SHOWN_WHY),
        jobs=jobs[:MOST_NAMED],
        more_jobs=max(0, len(jobs) - MOST_NAMED),
        delivered=tuple(each.channel for each in theirs if each.taken_at is not None),
        waiting=tuple(each.channel for each in theirs if each.due_at is not None),
        given_up=tuple(each.channel for each in theirs if each.given_up_at is not None),
    )


def _channel(name: str, theirs: Sequence[Delivery]) -> ChannelOverview:
    waiting = [each for each in theirs if each.due_at is not None]
    given_up = [each for each in theirs if each.given_up_at is not None]
    problems = [each.problem for each in (*given_up, *waiting) if each.problem]
    return ChannelOverview(
        channel=name,
        waiting=len(waiting),
        waiting_since=min((each.made_at for each in waiting), default=None),
        given_up=len(given_up),
        last_taken_at=max(
            (each.taken_at for each in theirs if each.taken_at is not None), default=None
        ),
        problem=problems[-1] if problems else None,
    )
