"""Every metric there is: its name, what it says, and by what it is told apart."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import frozen


class Kind(StrEnum):
    """The types of metrics, as Prometheus calls them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@frozen
class Family:
    """
    A metric.

    Attributes:
        name: Its name, with the ending of its type (`_total`, `_info`).
        kind: Its type.
        says: What it says, in a sentence.
        labels: The names of its labels.
    """

    name: str
    kind: Kind
    says: str
    labels: tuple[str, ...] = ()


_C, _G = Kind.COUNTER, Kind.GAUGE
_ADAPTER: Final = ("adapter",)

BUILD: Final = Family(
    "batchhub_build_info", Kind.INFO, "The version of batchhub that runs.", ("version",)
)
DRIVING: Final = Family("batchhub_driving", _G, "Whether the process drives its accounts.")
DRIVING_SINCE: Final = Family(
    "batchhub_driving_since_timestamp_seconds",
    _G,
    "When the process began to drive, as a Unix time.",
)
ACCOUNTS: Final = Family(
    "batchhub_accounts", _G, "Accounts in the settings of the process.", _ADAPTER
)
SETTINGS_OK: Final = Family(
    "batchhub_settings_last_reload_successful",
    _G,
    "Whether the settings were taken when they were last read.",
)
SETTINGS_AT: Final = Family(
    "batchhub_settings_last_reload_success_timestamp_seconds",
    _G,
    "When the settings were last taken, as a Unix time.",
)

JOBS: Final = Family(
    "batchhub_jobs", _G, "Open jobs, by state; `unconfirmed` ones are held.", ("adapter", "state")
)
JOBS_UNDRIVEN: Final = Family(
    "batchhub_jobs_undriven", _G, "Open jobs that no process drives at the moment.", _ADAPTER
)
UNOWNED_LANES: Final = Family(
    "batchhub_unowned_lanes", _G, "Accounts with open jobs that no process drives at the moment."
)
OLDEST_UNOWNED: Final = Family(
    "batchhub_oldest_unowned_seconds",
    _G,
    "For how long nobody has driven the account of the oldest open job that nobody drives.",
)
WORKERS: Final = Family(
    "batchhub_workers", _G, "Processes that drive the store's accounts until they are stopped."
)
SHARDS_OWNED: Final = Family(
    "batchhub_shards_owned", _G, "Shards of a PostgreSQL store that the process drives."
)
LANES_LEFT: Final = Family(
    "batchhub_lanes_not_drivable",
    _G,
    "Accounts with open jobs that this process can't drive: not in its settings, or they fail.",
)
OLDEST_OPEN: Final = Family(
    "batchhub_oldest_open_job_age_seconds",
    _G,
    "How long ago the oldest open job was submitted; 0 without one.",
    _ADAPTER,
)
ACCOUNT_JOBS: Final = Family(
    "batchhub_account_jobs", _G, "Open jobs of an account.", ("adapter", "account")
)
TICKETS_HELD: Final = Family(
    "batchhub_tickets_held",
    _G,
    "Tickets that nobody knows the vendor has; somebody has to decide.",
    _ADAPTER,
)
TICKETS_STALLED: Final = Family(
    "batchhub_tickets_stalled",
    _G,
    "Tickets that the vendor makes no progress with, in jobs unchanged for 10 minutes.",
    _ADAPTER,
)
JOBS_ENDED: Final = Family(
    "batchhub_jobs_ended_total", _C, "Jobs that ended, by outcome.", ("adapter", "outcome")
)
ITEMS: Final = Family(
    "batchhub_items_total",
    _C,
    "Items whose end was stored, by how they went.",
    ("adapter", "outcome"),
)

TICKETS_SENT: Final = Family(
    "batchhub_tickets_sent_total", _C, "Tickets sent, each resend included.", _ADAPTER
)
TICKETS_ACCEPTED: Final = Family(
    "batchhub_tickets_accepted_total", _C, "Tickets the vendor took.", _ADAPTER
)
TICKETS_REFUSED: Final = Family(
    "batchhub_tickets_refused_total", _C, "Tickets the vendor refused for good.", _ADAPTER
)
TICKETS_UNCONFIRMED: Final = Family(
    "batchhub_tickets_unconfirmed_total",
    _C,
    "Tickets that became held: sent, and no answer that could be understood.",
    _ADAPTER,
)
REQUESTS: Final = Family(
    "batchhub_requests_total",
    _C,
    "Requests to vendors, by the HTTP status of the answer; `none` for no answer.",
    ("adapter", "status"),
)
POLLS: Final = Family("batchhub_polls_total", _C, "Times that a ticket was asked about.", _ADAPTER)
LATENESS: Final = Family(
    "batchhub_poll_lateness_seconds",
    Kind.HISTOGRAM,
    "How long after it was due a poll began, waits for the budget included.",
    _ADAPTER,
)
BUDGET_LEFT: Final = Family(
    "batchhub_budget_left_requests",
    _G,
    "Requests that an account may send at once; 0 in a cool-down.",
    ("adapter", "account"),
)
LANES_DRIVEN: Final = Family(
    "batchhub_lanes_driven", _G, "Accounts that the process has something to do for now.", _ADAPTER
)
LANES_COOLED: Final = Family(
    "batchhub_lanes_cooled",
    _G,
    "Accounts that send nothing for a while, as their vendor asked.",
    _ADAPTER,
)
LANES_PAUSED: Final = Family(
    "batchhub_lanes_paused",
    _G,
    "Accounts whose credentials were refused; one request is tried now and then.",
    _ADAPTER,
)

STORE_READABLE: Final = Family(
    "batchhub_store_readable", _G, "Whether the store could be read when it was last tried."
)
STORE_WRITABLE: Final = Family(
    "batchhub_store_writable", _G, "Whether the store could be written when it was last tried."
)
STORE_SIZE: Final = Family(
    "batchhub_store_size_bytes", _G, "Room that the store takes on the disk, its log included."
)
STORE_FREE: Final = Family("batchhub_store_free_bytes", _G, "Room left on the disk of the store.")
COMMITS: Final = Family("batchhub_store_commits_total", _C, "Transactions written to the store.")
COMMIT_FAILURES: Final = Family(
    "batchhub_store_commit_failures_total",
    _C,
    "Transactions that the store could not take: a full disk, a lock, a file that is gone.",
)
SAMPLE_AGE: Final = Family(
    "batchhub_sample_age_seconds",
    _G,
    "How old the figures are that were read from the store, which is every 15 seconds.",
)
SAMPLE_TOOK: Final = Family(
    "batchhub_sample_duration_seconds", _G, "How long it took to read the figures from the store."
)
ALERTS: Final = Family(
    "batchhub_alerts_firing", _G, "Alerts that are firing, by condition.", ("condition",)
)

FAMILIES: Final = (
    *(BUILD, DRIVING, DRIVING_SINCE, ACCOUNTS, SETTINGS_OK, SETTINGS_AT),
    *(UNOWNED_LANES, OLDEST_UNOWNED, WORKERS, SHARDS_OWNED, LANES_LEFT),
    *(JOBS, JOBS_UNDRIVEN, OLDEST_OPEN, ACCOUNT_JOBS, TICKETS_HELD, TICKETS_STALLED),
    *(JOBS_ENDED, ITEMS, TICKETS_SENT, TICKETS_ACCEPTED, TICKETS_REFUSED, TICKETS_UNCONFIRMED),
    *(REQUESTS, POLLS, LATENESS, BUDGET_LEFT, LANES_DRIVEN, LANES_COOLED, LANES_PAUSED),
    *(STORE_READABLE, STORE_WRITABLE, STORE_SIZE, STORE_FREE, COMMITS, COMMIT_FAILURES),
    *(SAMPLE_AGE, SAMPLE_TOOK, ALERTS),
)
"""All metrics, in the order in which they are shown."""
