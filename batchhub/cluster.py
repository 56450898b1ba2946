"""
Many machines: several processes drive one store on PostgreSQL, and an engine shares it out.

Lanes are hashed into `SHARDS` shards. `hub.drive(engine)` hands an engine two functions, an `Own`
and an `OpenLanes`, and the engine sees to it that each open shard is owned by some process. Which
one may send is decided by the store, so an engine may be as simple as you like: at worst a lane
waits. `Procrastinate` is the one that comes with batchhub, by the extra ``cluster``.
"""

from ._cluster.procrastinate import Procrastinate
from ._engine.shards import Engine, OpenLanes, Own
from ._store.shards import SHARDS

__all__ = ["SHARDS", "Engine", "OpenLanes", "Own", "Procrastinate"]
