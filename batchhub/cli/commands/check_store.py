"""What `check` says of a store that is a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attrs import frozen

from batchhub._base.show import clean, count, duration
from batchhub._base.store_place import find_store_place
from batchhub._cluster.inspection import StoreInspection, inspect_store
from batchhub.cli.screen.advice import command_line
from batchhub.cli.shell.exits import ExitCode, exit_code
from batchhub.cli.shell.open import find_store
from batchhub.cli.shell.options import Common
from batchhub.errors import BatchHubError
from batchhub.settings import Settings

_MOST_AHEAD_S: Final = 5.0
"""Seconds of difference between clocks that are worth a word; times are the database's anyway."""

_POOLED: Final = (
    "a pooler gives each transaction another connection, which is not supported: give the address "
    "of PostgreSQL itself"
)


@frozen(kw_only=True)
class StoreVerdict:
    """
    The outcome of checking a store.

    Attributes:
        store: The store, without passwords.
        code: The exit code it stands for.
        error: What is wrong, in one line; `None` if nothing is.
        found: How it is; `None` if it can't be used.
        start: The command that starts a worker.
    """

    store: str
    code: ExitCode
    error: str | None
    found: StoreInspection | None
    start: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        found = {} if self.found is None else self.found.to_dict()
        return {"ok": self.code is ExitCode.OK, "store": self.store, "error": self.error, **found}

    def lines(self, *, is_brief: bool) -> Iterator[str]:
        """Yield it as lines."""
        name = f"store {clean(self.store, 200)}"
        if self.error is not None or is_brief:
            why = (self.error or "").removeprefix(f"{name}: ")
            yield f"{name}: {clean(why, 1000) or 'OK'}"
        else:
            yield f"{name}: OK"
        if self.found is None or is_brief:
            return
        facts = [*_facts(self.found, self.start)]
        width = max(len(fact) for fact, _ in facts)
        for fact, what in facts:
            yield f"  {fact:<{width}}  {what}"


async def check_store(common: Common, settings: Settings) -> StoreVerdict | None:
    """
    Check the store that a command would use; what is wrong with it is a verdict, too.

    A file needs no check: there is no verdict.
    """
    name = "of the settings" if common.store is None else "as given"
    try:
        url = find_store(common, settings)
        place = find_store_place(url)
        if not place.is_postgres:
            return None
        name = place.name
        found = await inspect_store(url)
    except BatchHubError as error:
        return StoreVerdict(store=name, code=exit_code(error), error=str(error), found=None)
    obstacle = found.obstacle or (_POOLED if found.is_pooled else None)
    code = ExitCode.OK if obstacle is None else ExitCode.UNFINISHED
    start = command_line(common, "worker")
    return StoreVerdict(store=name, code=code, error=obstacle, found=found, start=start)


def _facts(found: StoreInspection, start: str) -> Iterator[tuple[str, str]]:
    yield "server", f"PostgreSQL {clean(found.postgres, 40)}"
    yield "tables", f"version {clean(found.tables, 40)}"
    apart = duration(abs(found.ahead_s))
    if abs(found.ahead_s) > _MOST_AHEAD_S:
        direction = "ahead of" if found.ahead_s > 0 else "behind"
        yield "clock", f"{apart} {direction} this machine's; jobs have the database's time"
    else:
        yield "clock", f"as this machine's, within {max(1, round(abs(found.ahead_s)))} s"
    none = f"none gives signs of life; start one: {clean(start, 400)}"
    yield "workers", count(found.workers, "worker") if found.workers else none
    by_looking = "by looking every second, as listen=off says"
    yield "news", "by LISTEN/NOTIFY" if found.listens else by_looking
