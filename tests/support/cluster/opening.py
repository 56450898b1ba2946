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
    base = _make_base(lab, folder, server)
    server.execute(f'CREATE DATABASE "{DATABASE}" OWNER {GUARDED_USER} TEMPLATE "{base}"')
    try:
        url = server.url(DATABASE, user=GUARDED_USER, password=GUARDED_PASSWORD)
        if standby is not None:
            url = url.replace(
                f"host={server.folder}",
                f"host={server.folder},{standby.folder}&target_session_attrs=read-write",
            )
        with ExitStack() as stack:
            street = stack.enter_context(open_street(shops, forgetful=forgetful, item_s=item_s))
            cluster = Cluster(folder, lab, street, server, url, polling, plan)
            stack.callback(cluster.close)
            yield cluster
    finally:
        if server.is_running:
            server.drop_database(DATABASE)


def _make_base(lab: Lab, folder: Path, server: PostgresServer) -> str:
    """Have the command make all tables of a cluster, once a server; return the database's name."""
    name = f"{DATABASE}_base"
    if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", name):
        return name
    server.execute(f'CREATE DATABASE "{name}" OWNER {GUARDED_USER} TEMPLATE template0')
    url = server.url(name, user=GUARDED_USER, password=GUARDED_PASSWORD)
    done = lab.run(folder, "cluster", "init", "--store", url)
    assert done.code == 0, done.err
    assert GUARDED_PASSWORD not in done.out + done.err
    server.execute(AUDIT, database=name)
    server.make_template(name)
    return name
