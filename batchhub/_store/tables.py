"""The store's tables. A change here comes with a migration; a test compares the two."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    literal_column,
    text,
)

from batchhub.models import BatchState

metadata: Final = MetaData()

# Everywhere sorted and compared as SQLite does it: by the characters' numbers, in no language.
_TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")


def _string(length: int) -> String:
    return String(length).with_variant(Text(collation="C"), "postgresql")


LARGEST: Final = 2**31 - 1
"""The largest number that a column of numbers has room for, whatever the database."""

TICKET_COUNTS: Final = tuple(f"tickets_{state.value}" for state in BatchState)
"""The columns that count a job's tickets by state."""

ITEM_COUNTS: Final = ("total", "succeeded", "failed", "not_executed", "unknown")
"""The columns that count a job's items by how they went."""

# Times are stored as ISO 8601 text in UTC: sortable, readable in any tool, the same everywhere.
_TIME: Final = _string(32)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


_OPEN: Final = text("ended_at IS NULL")

jobs: Final = Table(
    "jobs",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=True),
    Column("job_id", _string(64), nullable=False, unique=True),
    Column("account", _TEXT, nullable=False),
    Column("lane", _TEXT, nullable=False),
    Column("adapter", _TEXT, nullable=False),
    Column("operation", _TEXT, nullable=False),
    Column("key", _TEXT),
    Column("fingerprint", _string(64), nullable=False),
    Column("label", _TEXT),
    Column("options", JSON, nullable=False),
    Column("stop_on_first_failure", Boolean, nullable=False),
    Column("deadline_s", Float, nullable=False),
    Column("retry_of", _string(64)),
    Column("contact", _string(16), nullable=False),
    Column("contact_note", _TEXT),
    Column("findings", JSON, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
    Column("observed_at", _TIME),
    Column("cancelled_at", _TIME),
    Column("ended_at", _TIME),
    # Where the job stands in its lane. Without a place it is not there yet, or no more: a process
    # loads it or deletes it, and nobody else sees it.
    Column("place", Integer),
    Column("loaded_by", _string(64)),
    Column("ahead", Boolean, nullable=False, server_default=false()),
    # What follows from the tickets, kept up with each of them: a job may have 100,000.
    Column("state", _string(16), nullable=False, server_default="pending"),
    Column("outcome", _string(16)),
    Column("progress", Float),
    Column("ticket_findings", JSON, nullable=False, server_default="[]"),
    *(_count(name) for name in ITEM_COUNTS),
    *(_count(name) for name in TICKET_COUNTS),
    UniqueConstraint("lane", "key", name="uq_jobs_lane_key"),
    Index("ix_jobs_lane_ended_place", "lane", "ended_at", "place"),
    Index("ix_jobs_lane_place", "lane", "place"),
    Index("ix_jobs_loaded_by", "loaded_by"),
    Index("ix_jobs_retry_of", "retry_of"),
    # What has not ended is asked for again and again, among thousands of jobs that have.
    Index("ix_jobs_open", "job_no", sqlite_where=_OPEN, postgresql_where=_OPEN),
    # SQLite gives the number of a deleted job out again without it.
    sqlite_autoincrement=True,
)

lanes: Final = Table(
    "lanes",
    metadata,
    Column("lane", _TEXT, primary_key=True),
    # Raised by whoever takes the lane over; what was begun under an older one is sent no more.
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("owner", _string(64)),
    Column("owner_pid", Integer),
    Column("owner_host", _TEXT),
    Column("seen_at", _TIME),
    # The newest time that was ever written here: a clock that was set back is known by it.
    Column("latest_at", _TIME),
    Column("last_place", Integer, nullable=False, server_default="0"),
    Column("sent", JSON),
    Column("cooled", JSON),
    # What `shards.shard_of` says of its name.
    Column("shard", Integer, nullable=False, server_default="0"),
    Index("ix_lanes_owner", "owner"),
    Index("ix_lanes_shard", "shard"),
)

tickets: Final = Table(
    "tickets",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("first_item", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("state", _string(16), nullable=False),
    Column("waits_for_previous", Boolean, nullable=False),
    Column("attempt_id", _string(36)),
    Column("attempted_at", _TIME),
    Column("accepted_at", _TIME),
    Column("finished_as", _string(16)),
    Column("finished_at", _TIME),
    Column("settling_since", _TIME),
    Column("vendor_refs", JSON, nullable=False),
    Column("vendor_state", _TEXT),
    Column("vendor", JSON, nullable=False),
    Column("progress", Float),
    Column("message", _TEXT),
    Column("findings", JSON, nullable=False),
    Column("succeeded", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("not_executed", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    # The age of the attempt for any process of the same boot, whatever the wall clock does.
    Column("attempted_boot", _string(64)),
    Column("attempted_boot_s", Float),
    Column("sends", Integer, nullable=False, server_default="0"),
    # What its submit keeps between two requests, by name.
    Column("kept", JSON, nullable=False, server_default="{}"),
    # The hash of what was sent, at a vendor that refuses to take the same again for a while. Not
    # read with the ticket.
    Column("body", LargeBinary),
    # Hashes of what the items change, 8 bytes each and in their order, zeros for an item that
    # changes nothing; empty meets nothing, NULL meets everything. Not read with the ticket.
    Column("targets", LargeBinary),
    ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
    Index("ix_tickets_body", "body"),
)

items: Final = Table(
    "items",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("item_id", _TEXT, nullable=False),
    Column("wire", LargeBinary, nullable=False),
    ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
)

results: Final = Table(
    "results",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("state", _string(16), nullable=False),
    Column("code", Integer),
    Column("message", _TEXT),
    Column("vendor_ref", _TEXT),
    Column("raw", LargeBinary),
    Column("retried_in", _string(64)),
    Column("packed", Boolean, nullable=False, server_default=false()),
    ForeignKeyConstraint(["job_no", "position"], ["items.job_no", "items.position"]),
)

# With the words themselves, not with parameters: SQLite uses an index of some rows only for a query
# that says the same.
OPEN_FAILURE: Final = and_(
    results.c.state.in_(
        [literal_column(f"'{word}'") for word in ("failed", "not_executed", "unknown")]
    ),
    results.c.retried_in.is_(None),
)
"""Whether a result is a failure that no retry repeats; `ix_results_open_failures` finds them."""

Index(
    "ix_results_open_failures",
    results.c.job_no,
    results.c.position,
    sqlite_where=OPEN_FAILURE,
    postgresql_where=OPEN_FAILURE,
)

# What is known of a job's input as a whole: packed, as its rows are. A job without it kept none.
inputs: Final = Table(
    "inputs",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=False),
    Column("head", LargeBinary, nullable=False),
    ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
)

# The rows of the input, many in a block: one by one compression saves nothing.
input_blocks: Final = Table(
    "input_blocks",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=False),
    Column("first_row", Integer, primary_key=True, autoincrement=False),
    # The position of the first item that is made of this row or one behind it.
    Column("first_item", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
)

# Files of results that were written: one that is as it was then may be written over.
exports: Final = Table(
    "exports",
    metadata,
    Column("path", _TEXT, primary_key=True),
    Column("job_id", _string(64), nullable=False),
    Column("size", Integer().with_variant(BigInteger, "postgresql"), nullable=False),
    Column("digest", _TEXT, nullable=False),
    Column("written_at", _TIME, nullable=False),
    Index("ix_exports_job_id", "job_id"),
)

# Calls by vendors (webhooks) that the lane's driver has not looked at yet: ids of batches.
pushes: Final = Table(
    "pushes",
    metadata,
    Column("push_no", Integer, primary_key=True, autoincrement=True),
    Column("lane", _TEXT, nullable=False),
    Column("vendor_ref", _TEXT, nullable=False),
    Column("received_at", _TIME, nullable=False),
    UniqueConstraint("lane", "vendor_ref", name="uq_pushes_lane_ref"),
)

# What was learned of a kind of batches, packed. Of each version by itself: an older program leaves
# alone what a newer one has learned.
lessons: Final = Table(
    "lessons",
    metadata,
    Column("name", _TEXT, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
    Column("updated_at", _TIME, nullable=False),
)

consumers: Final = Table(
    "consumers",
    metadata,
    Column("consumer", _string(64), primary_key=True),
    Column("since", _TIME, nullable=False),
)

# The end of a job, for a consumer that has not acknowledged it yet or has given it up (`failed_at`,
# and never due again). First due when the job ended.
deliveries: Final = Table(
    "deliveries",
    metadata,
    Column("consumer", _string(64), primary_key=True),
    Column("job_no", Integer, primary_key=True, autoincrement=False),
    Column("claimed_by", _string(64)),
    Column("claimed_at", _TIME),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("due_at", _TIME),
    Column("failed_at", _TIME),
    ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
    Index("ix_deliveries_job_no", "job_no"),
    # What is free, by the time it is due; and the few that are claimed.
    Index("ix_deliveries_due", "consumer", "claimed_by", "due_at", "job_no"),
)

# What only one process of the store does at a time, such as to look for alerts.
leases: Final = Table(
    "leases",
    metadata,
    Column("name", _string(64), primary_key=True),
    # Raised by whoever takes it over; what was begun under an older one is not written any more.
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("holder", _string(64)),
    Column("pid", Integer),
    Column("host", _TEXT),
    Column("seen_at", _TIME),
)

# The processes that drive lanes until they are stopped, also while nothing is to be done there.
attendants: Final = Table(
    "attendants",
    metadata,
    Column("token", _string(64), primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("host", _TEXT, nullable=False),
    # Not known of one of an earlier version.
    Column("began_at", _TIME),
    Column("seen_at", _TIME, nullable=False),
)

# The lanes they drive.
attended: Final = Table(
    "attended",
    metadata,
    Column("lane", _TEXT, primary_key=True),
    Column("token", _string(64), primary_key=True),
    Index("ix_attended_token", "token"),
)

# What is wrong now, or was a short while ago: one row for each condition and account.
alerts: Final = Table(
    "alerts",
    metadata,
    Column("condition", _string(32), primary_key=True),
    Column("account", _TEXT, primary_key=True),
    Column("state", _string(16), nullable=False),
    Column("since", _TIME, nullable=False),
    Column("fired_at", _TIME),
    Column("well_since", _TIME),
    # When the last message said so, and which one that was.
    Column("told_at", _TIME),
    Column("message_id", _string(64)),
    Column("facts", JSON, nullable=False),
)

# What is said about alerts: written in the transaction of their state, and never changed after
# that, so that a message that is sent twice is the same one.
alert_messages: Final = Table(
    "alert_messages",
    metadata,
    Column("message_no", Integer, primary_key=True, autoincrement=True),
    Column("message_id", _string(64), nullable=False, unique=True),
    Column("made_at", _TIME, nullable=False),
    Column("body", JSON, nullable=False),
    sqlite_autoincrement=True,
)

# Each message for each of its channels. Without a time at which it is due it was taken or given up.
alert_deliveries: Final = Table(
    "alert_deliveries",
    metadata,
    Column("channel", _TEXT, primary_key=True),
    Column("message_no", Integer, primary_key=True, autoincrement=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("due_at", _TIME),
    Column("taken_at", _TIME),
    Column("given_up_at", _TIME),
    Column("problem", _TEXT),
    ForeignKeyConstraint(["message_no"], ["alert_messages.message_no"]),
    Index("ix_alert_deliveries_message_no", "message_no"),
    Index("ix_alert_deliveries_due", "due_at", "channel", "message_no"),
)

# What is true of the store as a whole, such as the name of the cluster it belongs to.
facts: Final = Table(
    "facts",
    metadata,
    Column("name", _string(64), primary_key=True),
    Column("value", _TEXT, nullable=False),
)

# On PostgreSQL, what each connection that writes has committed; see `commit_marks`.
writers: Final = Table(
    "writers",
    metadata,
    Column("token", _string(64), primary_key=True),
    Column("commits", BigInteger, nullable=False),
    Column("since", _TIME, nullable=False),
)

# What a process asks of whoever drives a lane, and what the answer was.
wishes: Final = Table(
    "wishes",
    metadata,
    Column("wish_no", Integer, primary_key=True, autoincrement=True),
    Column("lane", _TEXT, nullable=False),
    Column("job_id", _string(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("attempt_id", _string(36)),
    Column("vendor_refs", JSON, nullable=False),
    Column("asked_at", _TIME, nullable=False),
    Column("asked_by", _string(64)),
    Column("answer", JSON),
    Column("answered_at", _TIME),
    Index("ix_wishes_lane", "lane"),
    sqlite_autoincrement=True,
)
