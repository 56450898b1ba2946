"""The store's tables. A change here comes with a migration; a test compares the two."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
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
    false,
)

metadata: Final = MetaData()

# Times are stored as ISO 8601 text in UTC: sortable, readable in any tool, the same everywhere.
_TIME = String(32)

jobs: Final = Table(
    "jobs",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(64), nullable=False, unique=True),
    Column("account", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("adapter", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("key", Text),
    Column("fingerprint", String(64), nullable=False),
    Column("label", Text),
    Column("options", JSON, nullable=False),
    Column("stop_on_first_failure", Boolean, nullable=False),
    Column("deadline_s", Float, nullable=False),
    Column("retry_of", String(64)),
    Column("contact", String(16), nullable=False),
    Column("contact_note", Text),
    Column("findings", JSON, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
    Column("observed_at", _TIME),
    Column("cancelled_at", _TIME),
    Column("ended_at", _TIME),
    Column("telling_at", _TIME, key="claimed_at"),
    Column("told_at", _TIME, key="acknowledged_at"),
    UniqueConstraint("lane", "key", name="uq_jobs_lane_key"),
    Index("ix_jobs_lane_ended", "lane", "ended_at"),
    Index("ix_jobs_retry_of", "retry_of"),
    Index("ix_jobs_told_ended", "acknowledged_at", "ended_at"),
)

tickets: Final = Table(
    "tickets",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("first_item", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("waits_for_previous", Boolean, nullable=False),
    Column("attempt_id", String(36)),
    Column("attempted_at", _TIME),
    Column("accepted_at", _TIME),
    Column("finished_as", String(16)),
    Column("finished_at", _TIME),
    Column("settling_since", _TIME),
    Column("vendor_refs", JSON, nullable=False),
    Column("vendor_state", Text),
    Column("vendor", JSON, nullable=False),
    Column("progress", Float),
    Column("message", Text),
    Column("findings", JSON, nullable=False),
    Column("succeeded", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("not_executed", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
)

items: Final = Table(
    "items",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("item_id", Text, nullable=False),
    Column("wire", LargeBinary, nullable=False),
    ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
)

results: Final = Table(
    "results",
    metadata,
    Column("job_no", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("code", Integer),
    Column("message", Text),
    Column("vendor_ref", Text),
    Column("raw", LargeBinary),
    Column("retried_in", String(64)),
    Column("packed", Boolean, nullable=False, server_default=false()),
    ForeignKeyConstraint(["job_no", "position"], ["items.job_no", "items.position"]),
)
