"""The first version: jobs, their tickets, their items and results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.String(32)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "jobs",
        sa.Column("job_no", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.String(64), nullable=False, unique=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("adapter", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("stop_on_first_failure", sa.Boolean, nullable=False),
        sa.Column("deadline_s", sa.Float, nullable=False),
        sa.Column("retry_of", sa.String(64)),
        sa.Column("contact", sa.String(16), nullable=False),
        sa.Column("contact_note", sa.Text),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("observed_at", _TIME),
        sa.Column("cancelled_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.UniqueConstraint("lane", "key", name="uq_jobs_lane_key"),
    )
    op.create_index("ix_jobs_lane_ended", "jobs", ["lane", "ended_at"])
    op.create_index("ix_jobs_retry_of", "jobs", ["retry_of"])
    op.create_table(
        "tickets",
        sa.Column("job_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("first_item", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("waits_for_previous", sa.Boolean, nullable=False),
        sa.Column("attempt_id", sa.String(36)),
        sa.Column("attempted_at", _TIME),
        sa.Column("accepted_at", _TIME),
        sa.Column("finished_as", sa.String(16)),
        sa.Column("finished_at", _TIME),
        sa.Column("settling_since", _TIME),
        sa.Column("vendor_refs", sa.JSON, nullable=False),
        sa.Column("vendor_state", sa.Text),
        sa.Column("vendor", sa.JSON, nullable=False),
        sa.Column("progress", sa.Float),
        sa.Column("message", sa.Text),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("succeeded", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("not_executed", sa.Integer, nullable=False),
        sa.Column("unknown", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
    )
    op.create_table(
        "items",
        sa.Column("job_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("wire", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
    )
    op.create_table(
        "results",
        sa.Column("job_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.Integer),
        sa.Column("message", sa.Text),
        sa.Column("vendor_ref", sa.Text),
        sa.Column("raw", sa.LargeBinary),
        sa.Column("retried_in", sa.String(64)),
        sa.ForeignKeyConstraint(["job_no", "position"], ["items.job_no", "items.position"]),
    )
