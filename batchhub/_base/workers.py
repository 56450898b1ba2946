"""What to do where nobody drives an account of a store on PostgreSQL: start a worker."""

from __future__ import annotations

import shlex

from .show import clean


def explain_absence(account: str, store: str, *, is_anybody_there: bool) -> str:
    """
    Return in a sentence that no worker drives an account, and what to start.

    Args:
        account: The account's name.
        store: What the store is called in messages.
        is_anybody_there: Whether workers live that drive other accounts.
    """
    start = shlex.join(["batchhub", "worker", "--store", store])
    if is_anybody_there:
        return (
            f"no live worker has account {clean(account, 40)!r} in its settings; add it there, or "
            f"start one that has: {start}"
        )
    return f"no live worker drives account {clean(account, 40)!r}; start one that has it: {start}"
