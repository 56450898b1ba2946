"""
The model all vendors are mapped to: items, tickets, the status of a job, one result per item.

A `BatchStatus` is folded from a tally of its tickets when it is made, so its state, outcome, counts
and progress can't contradict each other. Begin with `states`; `fold` has the rules, `words` the
texts.
"""

from .exchanges import Exchange
from .exported import ExportedFile
from .failures import FailureGroup
from .health import AccountHealth, Health, Problem, Trouble, WorkerHealth
from .items import BatchItem, ItemResult
from .open_failures import FailedItem, OpenFailures
from .rows import Cell, InputHead, InputRow, InputRows, OddCell
from .states import BatchState, Contact, ItemState, Outcome
from .status import BatchEvent, BatchStatus
from .tickets import Counts, Finding, Ticket

__all__ = [
    "AccountHealth",
    "BatchEvent",
    "BatchItem",
    "BatchState",
    "BatchStatus",
    "Cell",
    "Contact",
    "Counts",
    "Exchange",
    "ExportedFile",
    "FailedItem",
    "FailureGroup",
    "Finding",
    "Health",
    "InputHead",
    "InputRow",
    "InputRows",
    "ItemResult",
    "ItemState",
    "OddCell",
    "OpenFailures",
    "Outcome",
    "Problem",
    "Ticket",
    "Trouble",
    "WorkerHealth",
]
