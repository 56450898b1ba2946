"""What to do next: commands to paste, depending on a job's status."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from batchhub._base.store_place import find_store_place
from batchhub._settings.environment import STORE_VARIABLE
from batchhub.models.advice import NO_RETRIES, Retries, next_steps

if TYPE_CHECKING:
    from batchhub.cli.shell.options import Common
    from batchhub.models import BatchStatus, FailureGroup

Advice = tuple[str, str]
"""A purpose, and the command for it."""


def command_line(common: Common, *words: str) -> str:
    """Return a command to paste into a shell, with this one's --config and --store."""
    return shlex.join(["batchhub", *words, *repeat_common(common)])


def repeat_common(common: Common) -> Iterator[str]:
    """Yield the --config and --store of a command, for another one."""
    if common.config is not None:
        yield from ("--config", str(common.config))
    if common.store is None:
        return
    place = find_store_place(common.store)
    if not place.is_postgres:
        yield from ("--store", common.store)
    elif not place.passwords or os.environ.get(STORE_VARIABLE) != common.store:
        yield from ("--store", place.name)  # the variable has it with its password


def advise(
    status: BatchStatus,
    common: Common,
    *,
    has_results: bool = False,
    later: Sequence[str] = (),
    retries: Retries = NO_RETRIES,
    failures: Sequence[FailureGroup] | None = None,
    driver: str | None = None,
    needs_worker: bool = False,
) -> Iterator[Advice]:
    """
    Yield what can be done with a job next, as commands to paste.

    Args:
        status: Its status.
        common: The options of this command.
        has_results: As for `next_steps`, and so are the others.
        later: The options of `results` that write them, if a file for them was named.
        retries: The jobs that retry its items already, and the one it retries.
        failures: Why its items did not succeed; `None` if nobody looked.
        driver: Another process that goes on with it.
        needs_worker: Whether only a worker can continue it.
    """
    steps = next_steps(
        status,
        has_results=has_results,
        later=later,
        retries=retries,
        failures=failures,
        driver=driver,
        needs_worker=needs_worker,
    )
    for what, words in steps:
        yield what, command_line(common, *words)


def write_advice(advice: Iterator[Advice]) -> Iterator[str]:
    """Yield advice as lines, with the commands aligned."""
    found = list(advice)
    width = max((len(what) for what, _ in found), default=0)
    for what, command in found:
        yield f"  {what:{width}}  {command}"
