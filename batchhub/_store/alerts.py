"""
Alerts in the store: what is wrong, what is said of it, and who has been told.

Whatever changes goes into one transaction: the states, the message that tells of them, and a
delivery for each of its channels; and only the holder of a lease may write it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, inspect, select, update

from .alert_records import AlertRow, AlertState, Delivery, NewMessage
from .codec import from_text, to_text, to_words
from .damage import Damaged
from .database import Database
from .leases import Lease, is_held
from .statements import Row, Statement
from .tables import alert_deliveries, alert_messages, alerts, consumers, deliveries

CONSUMER: Final = "batchhub-alerts"
"""Who hears of each job that ends: see `deliveries`."""

_GET_ALL: Final = Statement(select(alerts).order_by(alerts.c.since, alerts.c.condition))
_THIS: Final = and_(
    alerts.c.condition == bindparam("this_condition"), alerts.c.account == bindparam("this_account")
)
_DROP: Final = Statement(delete(alerts).where(_THIS))
_ADD: Final = Statement(insert(alerts))
_ADD_MESSAGE: Final = Statement(insert(alert_messages).returning(alert_messages.c.message_no))
_ADD_DELIVERY: Final = Statement(insert(alert_deliveries))
_HEARD: Final = Statement(
    delete(deliveries).where(
        deliveries.c.consumer == CONSUMER, deliveries.c.job_no == bindparam("this_job")
    )
)
_deliveries: Final = select(
    alert_deliveries, alert_messages.c.message_id, alert_messages.c.made_at
).join_from(
    alert_deliveries,
    alert_messages,
    alert_messages.c.message_no == alert_deliveries.c.message_no,
)
_NEXT: Final = Statement(
    _deliveries.add_columns(alert_messages.c.body)
    .where(
        alert_deliveries.c.channel == bindparam("this_channel"),
        alert_deliveries.c.due_at.is_not(None),
    )
    .order_by(alert_deliveries.c.message_no)
    .limit(1)
)
_LIST: Final = Statement(_deliveries.order_by(alert_deliveries.c.message_no))
_NOTE: Final = Statement(
    update(alert_deliveries)
    .where(
        alert_deliveries.c.channel == bindparam("this_channel"),
        alert_deliveries.c.message_no == bindparam("this_message"),
        alert_deliveries.c.due_at.is_not(None),
    )
    .values(
        tries=bindparam("new_tries"),
        due_at=bindparam("new_due"),
        taken_at=bindparam("taken"),
        given_up_at=bindparam("given_up"),
        problem=bindparam("why"),
    )
)
_OLD: Final = Statement(
    select(alert_messages.c.message_no).where(
        alert_messages.c.made_at < bindparam("before"),
        ~exists().where(
            alert_deliveries.c.message_no == alert_messages.c.message_no,
            alert_deliveries.c.due_at.is_not(None),
        ),
    )
)
_DROP_DELIVERIES: Final = Statement(
    delete(alert_deliveries).where(alert_deliveries.c.message_no == bindparam("this_message"))
)
_DROP_MESSAGE: Final = Statement(
    delete(alert_messages).where(alert_messages.c.message_no == bindparam("this_message"))
)
_WAITING: Final = Statement(
    select(alert_deliveries.c.channel).where(alert_deliveries.c.due_at.is_not(None)).distinct()
)
_FORGET: Final = Statement(
    delete(alert_deliveries).where(
        alert_deliveries.c.channel == bindparam("this_channel"),
        alert_deliveries.c.due_at.is_not(None),
    )
)
_GET_CONSUMER: Final = Statement(
    select(consumers.c.consumer).where(consumers.c.consumer == CONSUMER)
)
_ADD_CONSUMER: Final = Statement(insert(consumers))
_DROP_CONSUMER: Final = Statement(delete(consumers).where(consumers.c.consumer == CONSUMER))
_DROP_HEARD: Final = Statement(delete(deliveries).where(deliveries.c.consumer == CONSUMER))
_TIMES: Final = ("since", "fired_at", "well_since", "told_at")


@frozen(kw_only=True)
class AlertChange:
    """
    What is written together.

    Attributes:
        puts: The rows that are new or have changed.
        drops: Condition and account of rows that are gone.
        messages: What is told.
        heard: The numbers of jobs whose end was taken in.
    """

    puts: Sequence[AlertRow] = ()
    drops: Sequence[tuple[str, str]] = ()
    messages: Sequence[NewMessage] = ()
    heard: Sequence[int] = ()

    def __bool__(self) -> bool:
        return bool(self.puts or self.drops or self.messages or self.heard)


class Alerts:
    """
    The alerts of a store.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written. What takes a lease writes nothing without it, and returns whether it was held.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def rows(self) -> list[AlertRow]:
        """Return what holds, or held a short while ago; a row that makes no sense is left out."""

        def work(connection: Connection) -> list[AlertRow]:
            if not self._has_tables(connection):
                return []
            found = map(_read_alert, _GET_ALL.rows(connection))
            return [row for row in found if row is not None]

        return await self._db.read(work)

    async def commit(self, lease: Lease, change: AlertChange, at: datetime) -> bool:
        """
        Write what has changed, and what is told of it.

        Args:
            lease: Of who writes.
            change: What has changed.
            at: The time; the messages are due then.
        """

        def work(connection: Connection) -> bool:
            if not is_held(connection, lease):
                return False
            for key in (*change.drops, *(row.key for row in change.puts)):
                _DROP.run(connection, {"this_condition": key[0], "this_account": key[1]})
            for row in change.puts:
                _ADD.run(connection, _alert_columns(row))
            for message in change.messages:
                _add_message(connection, message, at)
            for job_no in change.heard:
                _HEARD.run(connection, {"this_job": job_no})
            return True

        return await self._db.write(work)

    async def listen(self, lease: Lease, at: datetime) -> bool:
        """Have the end of each job that ends from now on noted, if that is not done yet."""

        def work(connection: Connection) -> bool:
            if not is_held(connection, lease):
                return False
            if _GET_CONSUMER.first(connection) is None:
                _ADD_CONSUMER.run(connection, {"consumer": CONSUMER, "since": to_text(at)})
            return True

        return await self._db.write(work)

    async def close(self, lease: Lease) -> bool:
        """Forget all that holds and all that nobody was told, without a word."""

        def work(connection: Connection) -> bool:
            if not is_held(connection, lease):
                return False
            for row in list(_GET_ALL.rows(connection)):
                this = {"this_condition": row["condition"], "this_account": row["account"]}
                _DROP.run(connection, this)
            _forget_channels(connection, keep=())
            _DROP_HEARD.run(connection)
            _DROP_CONSUMER.run(connection)
            return True

        return await self._db.write(work)

    async def is_empty(self) -> bool:
        """Whether there is nothing that `close` would forget."""

        def work(connection: Connection) -> bool:
            queries = (_GET_ALL, _WAITING, _GET_CONSUMER)
            return all(query.first(connection) is None for query in queries)

        return await self._db.read(work)

    async def keep_channels(self, lease: Lease, names: Collection[str]) -> bool:
        """Forget what channels that are no more were not told."""

        def work(connection: Connection) -> bool:
            if not is_held(connection, lease):
                return False
            _forget_channels(connection, keep=names)
            return True

        return await self._db.write(work)

    async def next_delivery(self, channel: str) -> Delivery | None:
        """Return the oldest message that a channel has neither taken nor missed for good."""

        def work(connection: Connection) -> Delivery | None:
            row = _NEXT.first(connection, {"this_channel": channel})
            return None if row is None else _read_delivery(row)

        return await self._db.read(work)

    async def note_try(self, lease: Lease, delivery: Delivery) -> bool:
        """Keep that a message is about to be handed over: whoever does it again says so."""
        facts = {"new_due": to_text(delivery.due_at), "why": delivery.problem}
        return await self._note(lease, delivery, facts)

    async def note_taken(self, lease: Lease, delivery: Delivery, at: datetime) -> bool:
        """Keep that a channel has taken a message."""
        return await self._note(lease, delivery, {"taken": to_text(at)})

    async def note_failure(
        self, lease: Lease, delivery: Delivery, problem: str, due_at: datetime
    ) -> bool:
        """Keep that a message could not be handed over, and when it is tried again."""
        facts = {"new_due": to_text(due_at), "why": to_words(problem)}
        return await self._note(lease, delivery, facts)

    async def give_up(self, lease: Lease, delivery: Delivery, problem: str, at: datetime) -> bool:
        """Keep that a message is not tried any more."""
        facts = {"given_up": to_text(at), "why": to_words(problem)}
        return await self._note(lease, delivery, facts)

    async def deliveries(self) -> list[Delivery]:
        """Return all deliveries, without what they say, the oldest message first."""

        def work(connection: Connection) -> list[Delivery]:
            if not self._has_tables(connection):
                return []
            return [_read_delivery(row) for row in _LIST.rows(connection)]

        return await self._db.read(work)

    async def drop_old(self, lease: Lease, before: datetime) -> bool:
        """Forget the messages from before a time that every channel has taken or missed."""

        def work(connection: Connection) -> bool:
            if not is_held(connection, lease):
                return False
            for row in list(_OLD.rows(connection, {"before": to_text(before)})):
                this = {"this_message": row["message_no"]}
                _DROP_DELIVERIES.run(connection, this)
                _DROP_MESSAGE.run(connection, this)
            return True

        return await self._db.write(work)

    async def _note(self, lease: Lease, delivery: Delivery, facts: dict[str, Any]) -> bool:
        nothing = {"new_due": None, "taken": None, "given_up": None, "why": None}
        values = {
            **nothing,
            "new_tries": delivery.tries + 1,
            **facts,
            "this_channel": delivery.channel,
            "this_message": delivery.message_no,
        }

        def work(connection: Connection) -> bool:
            if not is_held(connection, lease):
                return False
            _NOTE.run(connection, values)
            return True

        return await self._db.write(work)

    def _has_tables(self, connection: Connection) -> bool:
        # An older store that can only be read has none.
        return not self._db.is_read_only or inspect(connection).has_table(alerts.name)


def _add_message(connection: Connection, message: NewMessage, at: datetime) -> None:
    row = {"message_id": message.message_id, "made_at": to_text(at), "body": message.body}
    number = _ADD_MESSAGE.scalar(connection, row)
    for channel in message.channels:
        new = {"channel": channel, "message_no": number, "due_at": to_text(at)}
        _ADD_DELIVERY.run(connection, new)


def _forget_channels(connection: Connection, keep: Iterable[str]) -> None:
    waiting = {row["channel"] for row in _WAITING.rows(connection)}
    for channel in waiting - {*keep}:
        _FORGET.run(connection, {"this_channel": channel})


def _alert_columns(row: AlertRow) -> dict[str, Any]:
    return {
        "condition": row.condition,
        "account": row.account,
        "state": row.state.value,
        **{name: to_text(getattr(row, name)) for name in _TIMES},
        "message_id": row.message_id,
        "facts": dict(row.facts),
    }


def _read_alert(row: Row) -> AlertRow | None:
    """Return what a row says; `None` if it makes no sense: then it is seen anew."""
    try:
        times = {name: from_text(row[name]) for name in _TIMES}
        state = AlertState(row["state"])
    except (TypeError, ValueError):
        return None
    facts, since = row["facts"], times.pop("since")
    if isinstance(facts, Damaged) or not isinstance(facts, dict) or since is None:
        return None
    return AlertRow(
        condition=row["condition"],
        account=row["account"],
        state=state,
        since=since,
        message_id=row["message_id"],
        facts=facts,
        **times,
    )


def _read_delivery(row: Row) -> Delivery:
    body = row.get("body")
    times = {name: _read_time(row[name]) for name in ("due_at", "taken_at", "given_up_at")}
    return Delivery(
        channel=row["channel"],
        message_no=row["message_no"],
        message_id=str(row["message_id"]),
        made_at=_read_time(row["made_at"]) or _LONG_AGO,
        body=body if isinstance(body, dict) else {},
        tries=row["tries"] if isinstance(row["tries"], int) else 0,
        problem=None if row["problem"] is None else str(row["problem"]),
        **times,
    )


_LONG_AGO: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def _read_time(text: Any) -> datetime | None:
    """Return a time; where somebody wrote another text, one that is long over."""
    try:
        return from_text(text)
    except (TypeError, ValueError):
        return _LONG_AGO


__all__ = ["CONSUMER", "AlertChange", "AlertRow", "AlertState", "Alerts"]
