"""
The store: jobs, tickets, items and results in SQL. Nothing here knows a vendor or a clock.

It may import `_adapter`, `models` and below, never HTTP. Begin with `store`, whose methods are
one transaction each; `queries` has their SQL, `records` what they take and return, `codec` how
records become rows, `tables` the schema and `migrations` its history, `database` the connection.
"""

from .records import JobRecord, TicketPlan, TicketRecord, make_job_id, make_status
from .store import Store, StoredJob

__all__ = [
    "JobRecord",
    "Store",
    "StoredJob",
    "TicketPlan",
    "TicketRecord",
    "make_job_id",
    "make_status",
]
