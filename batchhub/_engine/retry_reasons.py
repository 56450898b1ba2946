"""Why a job has nothing to retry, in a line that says what else there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from batchhub._base.show import count, number
from batchhub._store.retry_rows import Selection
from batchhub.models import BatchStatus, FailureGroup, ItemState

_MOST: Final = 8


def explain_nothing(
    status: BatchStatus,
    selection: Selection,
    groups: Sequence[FailureGroup],
    superseded: Counter[str],
) -> str:
    """
    Say why nothing of a job is left to be retried.

    Args:
        status: The job.
        selection: Which of its items were meant.
        groups: Its items that did not succeed.
        superseded: How many items stay out because of which newer job, or of this one, where later
            items of it change the same.
    """
    head = f"job {status.job_id} has no items to retry"
    if superseded:
        newer = next((job_id for job_id in superseded if job_id != status.job_id), None)
        what = (
            "later items of it changed" if newer is None else f"newer jobs change, such as {newer}"
        )
        would = f"{superseded.total()} would overwrite what {what}"
        return f"{head}: {would} (retry those with superseded)"
    if any(selection.takes(group.state, group.code) and group.retried for group in groups):
        return f"{head}: the retry that has them was pruned"
    others = [group for group in groups if group.state in selection.states]
    if others:  # none of them has one of the codes
        found = list_codes(others)
        wanted = "" if not selection.codes else f" with code {_list(selection.codes)}"
        return f"{head}{wanted}: the codes of its items are {found}"
    if status.counts.unknown and ItemState.UNKNOWN not in selection.states:
        return f"{head}; {status.counts.unknown} items are unknown (retry those with unknown)"
    done = status.counts.succeeded
    is_whole = done == status.counts.total
    return f"{head}: all {number(done)} succeeded" if is_whole and done > 1 else head


def list_codes(groups: Iterable[FailureGroup]) -> str:
    """Return how many items have which code: 404 (2 items), none (1)."""
    codes: Counter[int | None] = Counter()
    for group in groups:
        codes[group.code] += group.count
    shown = [
        f"{'none' if code is None else code} ({count(times, 'item') if not n else number(times)})"
        for n, (code, times) in enumerate(codes.most_common(_MOST))
    ]
    return ", ".join(shown) + (", …" if len(codes) > _MOST else "")


def _list(codes: Iterable[int]) -> str:
    found = sorted(codes)
    return ", ".join(map(str, found[:_MOST])) + (", …" if len(found) > _MOST else "")
