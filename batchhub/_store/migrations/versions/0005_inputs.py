"""The rows that items were made of, the files of results, and failures that nobody repeats yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables for them, empty: earlier versions kept nothing of it; and find open failures."""
    op.create_table(
        "inputs",
        sa.Column("job_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
    )
    op.create_table(
        "input_blocks",
        sa.Column("job_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("first_row", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("first_item", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
    )
    op.create_table(
        "exports",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("written_at", sa.String(32), nullable=False),
    )
    op.create_index("ix_exports_job_id", "exports", ["job_id"])
    op.create_index(
        "ix_results_open_failures",
        "results",
        ["job_no", "position"],
        sqlite_where=sa.text(
            "state IN ('failed', 'not_executed', 'unknown') AND retried_in IS NULL"
        ),
    )
