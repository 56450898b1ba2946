"""Events of jobs that ended: claimed and acknowledged; results compressed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.String(32)


def upgrade() -> None:
    """Add the columns; what ended before counts as acknowledged."""
    op.add_column("jobs", sa.Column("telling_at", _TIME))
    op.add_column("jobs", sa.Column("told_at", _TIME))
    op.create_index("ix_jobs_told_ended", "jobs", ["told_at", "ended_at"])
    op.execute("UPDATE jobs SET told_at = ended_at")
    op.add_column(
        "results", sa.Column("packed", sa.Boolean, nullable=False, server_default=sa.false())
    )
