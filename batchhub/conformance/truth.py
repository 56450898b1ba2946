"""What the stand-in has executed, held against what batchhub says of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from batchhub.models import BatchStatus, ItemResult, ItemState
from batchhub.sandbox import Execution

_ERROR: Final = 400
_TRIED_AGAIN: Final = 500


def find_lies(
    names: Sequence[str],
    status: BatchStatus,
    results: Sequence[ItemResult],
    executions: Sequence[Execution],
    *,
    may_run_twice: bool = False,
) -> list[str]:
    """
    Return, a line each, where results and executions do not agree.

    Each item has one result, in order; none ran twice, but for those that the vendor itself tries
    again after a 5xx; what is called a success ran, and what is called not executed did not.

    Args:
        names: What the stand-in calls the items, in their order.
        status: The job's status.
        results: The job's results; none if it is held.
        executions: What the stand-in executed.
        may_run_twice: Whether the adapter says that these items may be repeated.
    """
    ran = find_runs(executions)
    lies = [] if may_run_twice else find_doubles(ran)
    if not status.state.is_terminal:
        return lies
    if len(results) != len(names):
        return [*lies, f"{len(names)} items have {len(results)} results"]
    counts = status.counts
    counted = (counts.succeeded, counts.failed, counts.not_executed, counts.unknown)
    if sum(counted) != counts.total or counts.total != len(names):
        lies.append(f"the counts {counted} do not add up to {len(names)} items")
    for name, result in zip(names, results, strict=True):
        codes = ran.get(name, [])
        succeeded = any(code < _ERROR for code in codes)
        match result.state:
            case ItemState.SUCCEEDED if not succeeded:
                lies.append(f"{name} is called a success, and {_show(codes)}")
            case ItemState.FAILED if succeeded:
                lies.append(f"{name} is called a failure, and {_show(codes)}")
            case ItemState.NOT_EXECUTED if codes:
                lies.append(f"{name} is called not executed, and {_show(codes)}")
    return lies


def find_runs(executions: Sequence[Execution]) -> Mapping[str, list[int]]:
    """Return with which statuses each item ran in a batch, by what the stand-in calls it."""
    ran: defaultdict[str, list[int]] = defaultdict(list)
    for execution in executions:
        if execution.ticket is not None and execution.status < _TRIED_AGAIN:
            ran[str(execution.item_id)].append(execution.status)
    return ran


def find_doubles(ran: Mapping[str, list[int]]) -> list[str]:
    """Return, a line each, which items ran more than once."""
    return [f"{name} ran {len(codes)} times" for name, codes in ran.items() if len(codes) > 1]


def is_refusal(status: int) -> bool:
    """Whether a status of an item says that it was refused."""
    return status >= _ERROR


def _show(codes: Sequence[int]) -> str:
    if not codes:
        return "did not run"
    return f"ran with the status {', '.join(map(str, codes))}"
