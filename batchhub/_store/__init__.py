"""
The store: jobs, tickets, items and results in SQL. Nothing here knows a vendor, or a clock but
`bell`, by which the processes of a store on PostgreSQL hear of each other.

It may import `_adapter`, `models` and below, never HTTP. Begin with `store`, which has a door by
subject: `jobs`, `tickets`, `results`, `lanes`, `deliveries` of events, `loads` for how jobs come
and go by chunks, `inputs` for the rows that items are made of, `targets` for what items change,
`failures` for what no retry has, `pushes` for calls by vendors, `wishes` for
what a process asks of the one that drives, `lessons` for how long batches
take, `exports` for the files that results were written to, `leases` for what one process does for
all, `shards` for which process drives which lanes, `alerts` for what somebody is told of and
`alert_looks` for what that takes, `pages` for what screens show, `vitals` for how it does, and
`store_time` for what time it is there. Each of their methods is one transaction.

What these ask of the tables is in functions that run inside a transaction: `job_rows`,
`ticket_rows` and `ticket_changes`, `result_rows`, `last_words` over retries, `figures`, `attempts`,
`adopting`, `bodies`, `lane_rows`, `delivery_rows`, `load_rows`, `chunks` and `deleting`,
`open_jobs`, `page_lanes`, `page_jobs`, `page_tickets`, `page_items`, and `moves` for jobs of
earlier versions.
`statements` is what they run, `records`, `lane_records` and `alert_records` what they take and
return, `codec` how a record becomes a row, `row_blocks` how rows of an input become a block,
`damage` what can't be read, `tables` the schema and `migrations` its history.

Below that is `database`, with its `transactions` in the threads of `worker`; `opening` makes one,
`store_file` looks after its file, `gaps` gives room back to the disk, `explain` says what went
wrong.
"""

from .adopting import Adopted, RefOwner
from .alert_looks import OldestJob
from .alert_records import AlertRow, AlertState, Delivery, EndedJob, NewMessage
from .alerts import AlertChange
from .attempts import Fenced
from .attendants import Attendant
from .bell import ANYTHING, Bell, News
from .chunks import RepeatedMeanwhileError
from .damage import DamagedError
from .database import StoreClosedError, StoreMovedError
from .delivery_rows import Candidate, Claimed
from .exports import Export
from .job_rows import StoredJob
from .lane_records import Hold, LaneOwner, LaneRow, Traffic
from .leases import Lease, LeaseRow
from .marks import StoreMarkedError
from .open_jobs import OpenJob
from .pushes import Push
from .records import JobRecord, Summary, TicketPlan, TicketRecord, make_job_id, make_status
from .shard_leases import OpenLane
from .store import Store
from .store_time import TimeRead
from .ticket_view import TicketList
from .vitals import LaneSign, OpenGroup, StoreFigures
from .wishes import Wish, WishState

__all__ = [
    "ANYTHING",
    "Adopted",
    "AlertChange",
    "AlertRow",
    "AlertState",
    "Attendant",
    "Bell",
    "Candidate",
    "Claimed",
    "DamagedError",
    "Delivery",
    "EndedJob",
    "Export",
    "Fenced",
    "Hold",
    "JobRecord",
    "LaneOwner",
    "LaneRow",
    "LaneSign",
    "Lease",
    "LeaseRow",
    "NewMessage",
    "News",
    "OldestJob",
    "OpenGroup",
    "OpenJob",
    "OpenLane",
    "Push",
    "RefOwner",
    "RepeatedMeanwhileError",
    "Store",
    "StoreClosedError",
    "StoreFigures",
    "StoreMarkedError",
    "StoreMovedError",
    "StoredJob",
    "Summary",
    "TicketList",
    "TicketPlan",
    "TicketRecord",
    "TimeRead",
    "Traffic",
    "Wish",
    "WishState",
    "make_job_id",
    "make_status",
]
