"""What the vendor's journal says happened, held against what batchhub says of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def check_truth(
    names: Mapping[str, str] | Sequence[str],
    results: Sequence[Mapping[str, Any]],
    executions: Iterable[Mapping[str, Any]],
    *,
    most: int = 1,
) -> None:
    """
    Hold the results against the executions, item by item.

    Each item has one result, in order; no item ran twice, but for those that the vendor itself
    tries again after a 5xx; what is called a success ran and answered 200; what is called not
    executed never ran.

    Args:
        names: The items' ids, in order; or, where the vendor has other names for them, those by
            the ids.
        results: What batchhub says.
        executions: What the vendor did.
        most: How often an item may have run: more than once only if it comes to the same.
    """
    by_id = names if isinstance(names, Mapping) else {name: name for name in names}
    assert [r["id"] for r in results] == [*by_id]
    ran: defaultdict[str, list[int]] = defaultdict(list)
    for execution in executions:
        if execution["ticket"] is not None and execution["status"] < 500:
            ran[execution["item_id"]].append(execution["status"])
    for result in results:
        statuses = ran[by_id[result["id"]]]
        assert len(statuses) <= most, f"{result['id']} ran {len(statuses)} times"
        match result["state"]:
            case "succeeded":
                assert set(statuses) == {200}, result
            case "failed":
                assert 200 not in statuses, result
            case "not_executed":
                assert statuses == [], result
            case state:
                assert state == "unknown", result
