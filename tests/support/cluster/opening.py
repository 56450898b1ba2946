"""Opening a cluster under test: its database and its shops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.cluster.audit import AUDIT
from support.cluster.cluster import DATABASE, Cluster
from support.cluster.street import open_street
from support.crash_lab import Lab
from support.crashing import Plan
from support.postgres import GUARDED_PASSWORD, GUARDED_USER, PostgresServer


@contextmanager
def open_cluster(
    lab: Lab,
    folder: Path,
    server: PostgresServer,
    *,
    shops: int,
    forgetful: int = 0,
    standby: PostgresServer | None = None,
    polling: str = "fixed 0.3",
    plan: Plan,
    item_s: float = 0.05,
) -> Iterator[Cluster]:
    """
    Open a database for workers, and shops for them.

    Args:
        lab: What starts processes.
        folder: Where to; empty.
        server: The database's server; it has no such database yet.
        shops: How many shops there are.
        forgetful: How many of a vendor that does not know a batch again, beside those.
        standby: Another server that follows it.
        polling: When they ask.
        plan: What befalls each worker.
        item_s: Seconds an item takes at a vendor.
    """
    server.execute(f'CREATE DATABASE "{DATABASE}" OWNER {GUARDED_USER} TEMPLATE template0')
    try:
        url = server.url(DATABASE, user=GUARDED_USER, password=GUARDED_PASSWORD)
        if standby is not None:
            url = url.replace(
                f"host={server.folder}",
                f"host={server.folder},{standby.folder}&target_session_attrs=read-write",
            )
        done = lab.run(folder, "cluster", "init", "--store", url)
        assert done.code == 0, done.err
        assert GUARDED_PASSWORD not in done.out + done.err
        server.execute(AUDIT, database=DATABASE)
        with ExitStack() as stack:
            street = stack.enter_context(open_street(shops, forgetful=forgetful, item_s=item_s))
            cluster = Cluster(folder, lab, street, server, url, polling, plan)
            stack.callback(cluster.close)
            yield cluster
    finally:
        if server.is_running:
            server.drop_database(DATABASE)
