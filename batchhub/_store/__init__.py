"""Jobs, tickets, items and results in SQL; nothing here knows a vendor or a clock."""

from .records import JobRecord, ResultRow, TicketPlan, TicketRecord, make_job_id, make_status
from .store import Store, StoredJob

__all__ = [
    "JobRecord",
    "ResultRow",
    "Store",
    "StoredJob",
    "TicketPlan",
    "TicketRecord",
    "make_job_id",
    "make_status",
]
