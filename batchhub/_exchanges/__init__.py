"""
The record of what was exchanged with vendors, in a file of its own beside the store.

Of a store on PostgreSQL it is on the machine that sent the requests: `where` says in which file.

Begin with `log`: the transport hands it what was sent and answered, and a thread of its own writes
that to the `file`, by `writer`, with what `keep` leaves of bodies. `reading` is how anybody reads
it. The record is no part of the store: it is never in a transaction of a ticket's, nobody waits for
it, and where it can't be written, work goes on without it.
"""

from batchhub.models import Exchange

from .log import ExchangeLog
from .reading import read_exchanges, read_record
from .where import find_record
from .words import explain_none

__all__ = [
    "Exchange",
    "ExchangeLog",
    "explain_none",
    "find_record",
    "read_exchanges",
    "read_record",
]
