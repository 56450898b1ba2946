"""
Lanes with an owner, places in them, what follows from the tickets, deliveries of events.

The table of jobs is made anew, since SQLite can't add AUTOINCREMENT to one that is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.String(32)
_ITEMS = ("total", "succeeded", "failed", "not_executed", "unknown")
_STATES = (
    "pending",
    "queued",
    "in_progress",
    "unconfirmed",
    "completed",
    "failed",
    "cancelled",
    "lost",
)


def upgrade() -> None:
    """Change the tables, and work out for each job what follows from its tickets."""
    _create_deliveries()
    _add_to_jobs()
    _add_to_tickets()
    _create_lanes()
    _create_pushes()
    for job in _derive():
        op.get_bind().execute(_SAVE, job)


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _add_to_jobs() -> None:
    op.drop_index("ix_jobs_lane_ended", "jobs")
    op.drop_index("ix_jobs_told_ended", "jobs")
    with op.batch_alter_table(
        "jobs", recreate="always", table_kwargs={"sqlite_autoincrement": True}
    ) as jobs:
        jobs.drop_column("telling_at")
        jobs.drop_column("told_at")
        jobs.add_column(sa.Column("place", sa.Integer))
        jobs.add_column(sa.Column("loaded_by", sa.String(64)))
        jobs.add_column(sa.Column("ahead", sa.Boolean, nullable=False, server_default=sa.false()))
        jobs.add_column(sa.Column("state", sa.String(16), nullable=False, server_default="pending"))
        jobs.add_column(sa.Column("outcome", sa.String(16)))
        jobs.add_column(sa.Column("progress", sa.Float))
        jobs.add_column(sa.Column("ticket_findings", sa.JSON, nullable=False, server_default="[]"))
        for name in _ITEMS:
            jobs.add_column(_count(name))
        for state in _STATES:
            jobs.add_column(_count(f"tickets_{state}"))
    op.create_index("ix_jobs_lane_ended_place", "jobs", ["lane", "ended_at", "place"])
    op.create_index("ix_jobs_lane_place", "jobs", ["lane", "place"])
    op.create_index("ix_jobs_loaded_by", "jobs", ["loaded_by"])
    # So far jobs went in the order of their numbers.
    op.execute("UPDATE jobs SET place = job_no")


def _add_to_tickets() -> None:
    op.add_column("tickets", sa.Column("attempted_boot", sa.String(64)))
    op.add_column("tickets", sa.Column("attempted_boot_s", sa.Float))
    op.add_column("tickets", _count("sends"))
    op.add_column("tickets", sa.Column("kept", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("tickets", sa.Column("body", sa.LargeBinary))
    op.add_column("tickets", sa.Column("targets", sa.LargeBinary))
    op.create_index("ix_tickets_body", "tickets", ["body"])
    # An attempt that is there was sent, or about to be.
    op.execute("UPDATE tickets SET sends = 1 WHERE attempt_id IS NOT NULL")


def _create_lanes() -> None:
    op.create_table(
        "lanes",
        sa.Column("lane", sa.Text, primary_key=True),
        _count("epoch"),
        sa.Column("owner", sa.String(64)),
        sa.Column("owner_pid", sa.Integer),
        sa.Column("owner_host", sa.Text),
        sa.Column("seen_at", _TIME),
        sa.Column("latest_at", _TIME),
        _count("last_place"),
        sa.Column("sent", sa.JSON),
        sa.Column("cooled", sa.JSON),
    )
    op.create_index("ix_lanes_owner", "lanes", ["owner"])
    # An epoch above 0: an earlier version may have sent a moment ago.
    op.execute(
        "INSERT INTO lanes (lane, last_place, latest_at, epoch) "
        "SELECT lane, MAX(place), MAX(updated_at), 1 FROM jobs GROUP BY lane"
    )


def _create_pushes() -> None:
    op.create_table(
        "pushes",
        sa.Column("push_no", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("vendor_ref", sa.Text, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.UniqueConstraint("lane", "vendor_ref", name="uq_pushes_lane_ref"),
    )


def _create_deliveries() -> None:
    op.create_table(
        "consumers",
        sa.Column("consumer", sa.String(64), primary_key=True),
        sa.Column("since", _TIME, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("consumer", sa.String(64), primary_key=True),
        sa.Column("job_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("claimed_by", sa.String(64)),
        sa.Column("claimed_at", _TIME),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due_at", _TIME),
        sa.Column("failed_at", _TIME),
        sa.ForeignKeyConstraint(["job_no"], ["jobs.job_no"]),
    )
    op.create_index("ix_deliveries_job_no", "deliveries", ["job_no"])
    op.create_index(
        "ix_deliveries_due", "deliveries", ["consumer", "claimed_by", "due_at", "job_no"]
    )
    # So far programs and commands shared one list of events: what is left of it is for both.
    bind, now = op.get_bind(), datetime.now(UTC).isoformat(timespec="microseconds")
    for consumer in ("default", "command"):
        bind.execute(_REGISTER, {"consumer": consumer, "now": now})
        bind.execute(_DELIVER, {"consumer": consumer})


_REGISTER = sa.text("INSERT INTO consumers (consumer, since) VALUES (:consumer, :now)")
_DELIVER = sa.text(
    "INSERT INTO deliveries (consumer, job_no, due_at, claimed_at)"
    " SELECT :consumer, job_no, ended_at, telling_at FROM jobs"
    " WHERE ended_at IS NOT NULL AND told_at IS NULL"
)

_jobs = sa.table(
    "jobs",
    sa.column("job_no"),
    sa.column("stop_on_first_failure"),
    sa.column("state"),
    sa.column("outcome"),
    sa.column("progress"),
    sa.column("ticket_findings", sa.JSON),
    *(sa.column(name) for name in _ITEMS),
    *(sa.column(f"tickets_{state}") for state in _STATES),
)
_tickets = sa.table(
    "tickets",
    sa.column("job_no"),
    sa.column("position"),
    sa.column("state"),
    sa.column("progress"),
    sa.column("findings", sa.JSON),
    *(sa.column(name) for name in _ITEMS),
)
_SAVE = sa.update(_jobs).where(_jobs.c.job_no == sa.bindparam("this_job"))


def _derive() -> Iterator[dict[str, Any]]:
    """Yield for each job the columns that follow from its tickets."""
    bind = op.get_bind()
    query = sa.select(_jobs.c.job_no, _jobs.c.stop_on_first_failure)
    for job_no, stops in bind.execute(query).all():
        mine = _tickets.c.job_no == job_no
        rows = bind.execute(sa.select(_tickets).where(mine).order_by(_tickets.c.position))
        found = list(rows.mappings())
        if found:
            yield {"this_job": job_no, **_columns(found, stops=bool(stops))}


def _columns(tickets: list[Any], *, stops: bool) -> dict[str, Any]:
    items = {name: sum(ticket[name] for ticket in tickets) for name in _ITEMS}
    states = {state: sum(ticket["state"] == state for ticket in tickets) for state in _STATES}
    state = _state(states, stops=stops)
    return {
        **items,
        **{f"tickets_{name}": number for name, number in states.items()},
        "state": state,
        "outcome": _outcome(state, items),
        "progress": _progress(state, tickets, items["total"]),
        "ticket_findings": _findings(tickets),
    }


def _state(states: dict[str, int], *, stops: bool) -> str:
    is_open = states["pending"] + states["queued"] + states["in_progress"] + states["unconfirmed"]
    if not is_open:
        order = ("completed", "lost", "failed", "cancelled")
        return next(state for state in order if states[state])
    at_vendor = states["queued"] + states["in_progress"]
    if states["unconfirmed"] and not at_vendor and (stops or not states["pending"]):
        return "unconfirmed"
    if states["in_progress"] or is_open < sum(states.values()):
        return "in_progress"
    return "queued" if states["queued"] else "pending"


def _outcome(state: str, items: dict[str, int]) -> str | None:
    if state not in {"completed", "lost", "failed", "cancelled"}:
        return None
    if items["unknown"]:
        return "indeterminate"
    if items["succeeded"] == items["total"]:
        return "succeeded"
    return "partial" if items["succeeded"] else "failed"


def _progress(state: str, tickets: list[Any], total: int) -> float | None:
    if state == "completed":
        return 1.0
    shares = [1.0 if one["state"] == "completed" else one["progress"] for one in tickets]
    if not total or all(share is None for share in shares):
        return None
    weighted = zip(tickets, shares, strict=True)
    return float(sum(one["total"] * (share or 0.0) for one, share in weighted) / total)


def _findings(tickets: list[Any]) -> list[dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for ticket in tickets:
        for new in ticket["findings"]:
            old = merged.setdefault(new["code"], {**new, "count": 0, "examples": []})
            old["count"] += new["count"]
            old["examples"] = list(dict.fromkeys(old["examples"] + new["examples"]))[:5]
    return list(merged.values())
