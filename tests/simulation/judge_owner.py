"""One owner of a lane at a time, judged from the requests as they left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchhub._store.shards import shard_of

from .witness import LawBrokenError

if TYPE_CHECKING:
    from .world import World


def judge_owner(world: World) -> None:
    """
    Hold each request against who had its shard when it began.

    Raises:
        LawBrokenError: Another process had, or nobody.
    """
    for account in world.vendors.accounts(world.plan).values():
        shard = shard_of(account.lane)
        taken = [one for one in world.taken if one.shard == shard]
        owners = {one.host for one in taken}
        if len(owners) > 1:
            world.count_law("owner")
        for sent in world.loop.wire.sent:
            if sent.vendor != account.adapter and not sent.vendor.startswith(f"{account.adapter}-"):
                continue
            before = [one for one in taken if one.at_s <= sent.begun_s]
            if not before or before[-1].host != sent.host:
                has = f"{before[-1].host} since {before[-1].at_s:.2f} s" if before else "nobody"
                raise LawBrokenError(
                    f"{sent.host} sent {sent.method} {sent.path} to {sent.vendor} at "
                    f"{sent.begun_s:.2f} s; its shard had {has}"
                )
