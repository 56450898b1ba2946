"""Alerts and their messages, leases, attendants, wishes, and an index of open jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables for them, empty: earlier versions had nothing of it; and find open jobs."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
        sa.Column("holder", sa.String(64)),
        sa.Column("pid", sa.Integer),
        sa.Column("host", sa.Text),
        sa.Column("seen_at", sa.String(32)),
    )
    op.create_table(
        "attendants",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "attended",
        sa.Column("lane", sa.Text, primary_key=True),
        sa.Column("token", sa.String(64), primary_key=True),
    )
    op.create_index("ix_attended_token", "attended", ["token"])
    op.create_table(
        "alerts",
        sa.Column("condition", sa.String(32), primary_key=True),
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("fired_at", sa.String(32)),
        sa.Column("well_since", sa.String(32)),
        sa.Column("told_at", sa.String(32)),
        sa.Column("message_id", sa.String(64)),
        sa.Column("facts", sa.JSON, nullable=False),
    )
    op.create_table(
        "alert_messages",
        sa.Column("message_no", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("message_id", sa.String(64), nullable=False, unique=True),
        sa.Column("made_at", sa.String(32), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("message_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due_at", sa.String(32)),
        sa.Column("taken_at", sa.String(32)),
        sa.Column("given_up_at", sa.String(32)),
        sa.Column("problem", sa.Text),
        sa.ForeignKeyConstraint(["message_no"], ["alert_messages.message_no"]),
    )
    op.create_index("ix_alert_deliveries_message_no", "alert_deliveries", ["message_no"])
    op.create_index(
        "ix_alert_deliveries_due", "alert_deliveries", ["due_at", "channel", "message_no"]
    )
    op.create_table(
        "wishes",
        sa.Column("wish_no", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("attempt_id", sa.String(36)),
        sa.Column("vendor_refs", sa.JSON, nullable=False),
        sa.Column("asked_at", sa.String(32), nullable=False),
        sa.Column("asked_by", sa.String(64)),
        sa.Column("answer", sa.JSON),
        sa.Column("answered_at", sa.String(32)),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_wishes_lane", "wishes", ["lane"])
    op.create_index("ix_jobs_open", "jobs", ["job_no"], sqlite_where=sa.text("ended_at IS NULL"))
