"""What a database itself writes down of who has had which lane, and from when to when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from attrs import frozen

SCHEMA: Final = "batchhub"

# Written by the transaction that it is about: it is there if and only if that one was committed.
AUDIT: Final = f"""
CREATE SCHEMA seen;
CREATE TABLE seen.lanes (
    no bigint GENERATED ALWAYS AS IDENTITY,
    at double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp()),
    lane text NOT NULL,
    epoch integer NOT NULL,
    pid integer
);
CREATE FUNCTION seen.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen.lanes (lane, epoch, pid) VALUES (
        NEW.lane,
        NEW.epoch,
        CASE WHEN NEW.owner IS DISTINCT FROM OLD.owner OR NEW.seen_at IS DISTINCT FROM OLD.seen_at
        THEN NEW.owner_pid END
    );
    RETURN NULL;
END $$;
CREATE TRIGGER seen AFTER UPDATE ON {SCHEMA}.lanes FOR EACH ROW
    WHEN (NEW.epoch <> OLD.epoch OR NEW.owner IS DISTINCT FROM OLD.owner)
    EXECUTE FUNCTION seen.note();
GRANT USAGE ON SCHEMA seen TO PUBLIC;
GRANT INSERT, SELECT ON seen.lanes TO PUBLIC;
"""
"""An epoch that is raised without a new owner or a sign of life of one ends a hold."""

FIND_ALL: Final = "SELECT at, lane, epoch, pid FROM seen.lanes ORDER BY no"


@frozen(kw_only=True)
class Held:
    """
    A time for which a process had a lane.

    Attributes:
        lane: The lane.
        pid: The process.
        since: From when, in seconds of the machine's clock; no later than its commit.
        until: To when; `None` if it has it still.
    """

    lane: str
    pid: int
    since: float
    until: float | None


def read_holds(rows: Iterable[tuple[float, str, int, int | None]]) -> dict[str, list[Held]]:
    """Read what `FIND_ALL` finds: the holds of each lane, in their order."""
    changes: defaultdict[str, list[tuple[int, float, int | None]]] = defaultdict(list)
    for at, lane, epoch, pid in rows:
        changes[lane].append((epoch, at, pid))
    holds: dict[str, list[Held]] = {}
    for lane, found in changes.items():
        # Who takes it and who lets it go write of one epoch; the row's lock keeps their order.
        ends = [*(at for _, at, _ in found[1:]), None]
        holds[lane] = [
            Held(lane=lane, pid=pid, since=at, until=until)
            for (_, at, pid), until in zip(found, ends, strict=True)
            if pid is not None
        ]
    return holds
