"""Which account goes on with jobs of an earlier version, whose lanes had no host."""

from __future__ import annotations

from collections.abc import Mapping

from batchhub._adapter.account import Account
from batchhub._base.log import get_logger
from batchhub._store import Store

_log = get_logger()


async def move_old_jobs(store: Store, accounts: Mapping[str, Account]) -> None:
    """
    Give the jobs whose lane has no host to the account of their name, if it is certainly theirs.

    It is if adapter and identity fit, and no other account has that identity at another host. The
    rest stays as it is: no job ever moves to another host by itself.

    Args:
        store: The store.
        accounts: All accounts that are known, by name.

    Raises:
        StoreError: The store can't be read or written.
    """
    hosts: dict[str, set[str]] = {}
    for account in accounts.values():
        hosts.setdefault(account.lane_without_host, set()).add(account.lane)
    for old_lane, name in await store.lanes.find_old(hosts):
        found = accounts.get(name)
        if found is None or found.lane_without_host != old_lane or len(hosts[old_lane]) > 1:
            continue
        if await store.lanes.move_jobs(old_lane, found.lane, name):
            _log.info("lane.moved", lane=found.lane, account=name, before=old_lane)
