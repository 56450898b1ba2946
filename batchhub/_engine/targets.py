"""What the items of a job change at the vendor: hashes, and what is changed twice."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from batchhub._adapter.capabilities import JSONMapping
from batchhub._store.targets import HASH_BYTES, NOTHING
from batchhub.errors import AdapterError, InputError
from batchhub.models import BatchItem, Finding
from batchhub.models.tickets import MAX_EXAMPLES

from .guarded import GuardedAdapter
from .raw_items import CountsRows

_LONGEST_SHOWN: Final = 80


_EMPTY: Final = blake2b(digest_size=HASH_BYTES)


def hash_target(target: str) -> bytes:
    """Return the hash a target is kept by."""
    made = _EMPTY.copy()  # a third faster than a new one
    made.update(target.encode("utf-8", "replace"))
    digest = made.digest()
    return digest if digest != NOTHING else b"\1" * HASH_BYTES


class JobTargets:
    """
    The targets of the items of a job that is taken in.

    Args:
        adapter: Says what an item changes.
        operation: The kind of batch.
        options: What `Adapter.check_options` gave.
        counted: The items, if they are made of rows; messages name these by their lines.
    """

    def __init__(
        self,
        adapter: GuardedAdapter,
        operation: str,
        options: JSONMapping,
        counted: CountsRows | None = None,
    ) -> None:
        self._find = adapter.target if adapter.has_targets else None
        self._name = adapter.name
        self._operation = operation
        capabilities = adapter.capabilities(operation, options)
        self._is_named = capabilities.names_targets or adapter.key_field is not None
        self._is_ordered = capabilities.runs_in_order
        # The options' doing, then: the user can take them back.
        self._is_unordered = not self._is_ordered and adapter.capabilities(operation).runs_in_order
        # In parts, since the growth of one large table would take long.
        self._first: list[dict[bytes, int]] = [{} for _ in range(256)]
        self._counted = counted
        self._repeated = 0
        self._examples: list[str] = []

    def read(self, item: BatchItem, spot: int) -> bytes | None:
        """
        Return the hash of what an item changes: `NOTHING` if it changes nothing, `None` if nobody
        knows.

        Args:
            item: The item.
            spot: Its line, or its number if it is of none.

        Raises:
            InputError: An earlier item changes the same, and the vendor could not tell the two
                apart, or the job's options let it run them in any order.
        """
        if self._find is None:
            return None
        target = self._find(self._operation, item)
        if target is None:
            return NOTHING
        try:
            made = _EMPTY.copy()  # as `hash_target` does; of a million items each call counts
            made.update(target.encode())
            hashed = made.digest()
        except UnicodeEncodeError:
            hashed = hash_target(target)
        except AttributeError:
            kind = type(target).__name__
            fault = f"adapter {self._name!r} gave a target that is no text but {kind}"
            raise AdapterError(fault) from None
        if hashed == NOTHING:
            hashed = hash_target(target)
        # Of all items: no more is kept of each than that.
        first = self._first[hashed[0]].setdefault(hashed, spot)
        if first != spot:
            self._note(target, first, spot, item.id)
        return hashed

    def findings(self) -> tuple[Finding, ...]:
        """Return what a reader should know: that items overwrite others of the job."""
        if not self._repeated:
            return ()
        counts = (
            "the last one counts"
            if self._is_ordered
            else "nothing says in which order the vendor runs them"
        )
        message = f"items that change what an earlier item of the job changes; {counts}"
        return (
            Finding(
                code="same_target",
                message=message,
                count=self._repeated,
                examples=tuple(self._examples),
            ),
        )

    def _note(self, target: str, first: int, this: int, item_id: str | None) -> None:
        unit = "item" if self._counted is None else self._counted.place
        shown = target if len(target) <= _LONGEST_SHOWN else target[: _LONGEST_SHOWN - 1] + "…"
        if self._is_named:
            raise InputError(
                f"{shown} is also in {unit} {first}; the vendor could not tell them apart"
            )
        if self._is_unordered:
            raise InputError(
                f"it changes {shown}, and so does {unit} {first}; with these options the vendor "
                "runs items in any order, so nobody could tell which one counts"
            )
        self._repeated += 1
        named = "" if item_id in (None, str(this)) else f" (id {item_id!r})"
        if len(self._examples) < MAX_EXAMPLES:
            self._examples.append(f"{shown}: {unit}s {first} and {this}{named}")
