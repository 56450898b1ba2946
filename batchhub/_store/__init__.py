"""Jobs, tickets, items and results in SQL; nothing here knows a vendor or a clock."""

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
