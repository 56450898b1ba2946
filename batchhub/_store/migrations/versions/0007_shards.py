"""The shard of each lane, by which processes share out work; facts; writers; attendants' age."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the shard, and find it for the lanes that are there; tables of facts and writers."""
    op.add_column("lanes", sa.Column("shard", sa.Integer, nullable=False, server_default="0"))
    connection = op.get_bind()
    names = list(connection.execute(sa.text("SELECT lane FROM lanes")).scalars())
    rows = [{"name": name, "shard": _find_shard(name)} for name in names]
    if rows:
        connection.execute(sa.text("UPDATE lanes SET shard = :shard WHERE lane = :name"), rows)
    op.create_index("ix_lanes_shard", "lanes", ["shard"])
    op.add_column("attendants", sa.Column("began_at", sa.String(32)))
    op.create_table(
        "facts",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "writers",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("commits", sa.BigInteger, nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
    )


def _find_shard(lane: str) -> int:
    # As it is found today: what is written does not change with the code.
    return hashlib.blake2b(lane.encode(), digest_size=1).digest()[0]
