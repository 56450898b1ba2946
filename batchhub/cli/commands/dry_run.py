"""`run` and `submit` with `--dry-run`: what would be sent, and what would be refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from shutil import get_terminal_size
from typing import Any, Final

from attrs import asdict, evolve

from batchhub._base.secrets import blank, blank_all
from batchhub._base.show import clean, count, duration, number
from batchhub.cli.screen.console import say, say_warning, write, write_json
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.job_options import SubmitOptions
from batchhub.cli.shell.open import find_store, store_exists
from batchhub.cli.shell.refusals import Refusals, explain
from batchhub.cli.shell.reject_options import RejectOptions
from batchhub.errors import InputError
from batchhub.models import Finding
from batchhub.models.words import finding_text
from batchhub.tables import ColumnReading, ItemReader
from batchhub.wire import dumps

from .run import Submission, prepare, say_omitted

_SAMPLE: Final = "the first item is "
_SAMPLE_CHARS: Final = 300
_LEAST_CHARS: Final = 20
_SHOWN_COLUMNS: Final = 40
_SHOWN_UNUSED: Final = 10
_WIDEST: Final = 30
_OURS: Final = frozenset({"_batchhub_line", "_batchhub_reason"})
"""Columns of a file of rows that were set aside, which nobody expects to be used."""

_SAID: Final = {"adapter": "", "user": ", as asked", "cells": ", by its cells"}
_KINDS: Final = {
    "integer": "whole number",
    "number": "number",
    "number_as_text": "number",
    "text": "text",
    "flag": "true or false",
}


async def show_plan(
    invocation: Invocation,
    options: SubmitOptions,
    reading: RejectOptions,
) -> ExitCode:
    """Read all items as a submit would, and show what it would do; nothing is sent or stored."""
    with prepare(invocation, options, reading) as submission:
        # Nothing is written, not even what would be set aside.
        refusals = evolve(submission.refusals, is_set_aside=False)
        submission.items.on_refused, submission.items.on_end = refusals.add, None
        submission.items.shows_all = True
        try:
            plan = await _plan(invocation, submission, refusals)
        finally:
            refusals.show()
        if submission.items.is_cut_off:
            say(f"{submission.items.name} can't be read further; later items are not counted")
        if not (plan["items"] or refusals.total):
            raise submission.items.explain(InputError("there are no items"))
        obstacle = _find_obstacle(submission, refusals)
    aside = 0 if obstacle else refusals.total
    for finding in plan["findings"]:
        say_warning(finding_text(Finding(**finding)))
    say_omitted(submission.items)
    if invocation.common.json:
        found = {"refused": refusals.total, "set_aside": aside, "refusals": refusals.found}
        write_json(plan | found)
    elif obstacle:
        _write_obstacle(plan, obstacle)
    else:
        _write_plan(plan)
        if aside:
            write(f"{count(aside, 'row')} would be set aside in {reading.rejects}")
        write("dry run: nothing was sent or stored")
    if obstacle:
        return ExitCode.USAGE
    return ExitCode.UNSUCCESSFUL if aside else ExitCode.OK


def _find_obstacle(submission: Submission, refusals: Refusals) -> str | None:
    """Say why nothing at all would be sent; `None` if what can be sent would be."""
    rejects, total, items = submission.rejects, refusals.total, submission.items
    if not total:
        return None
    if rejects is None:
        return f"{items.name} has {count(total, 'error')}{refusals.advise(items.row)}"
    try:
        rejects.check_number(total, items.row)
    except InputError as error:
        return f"{items.name}: {error}"
    return None


async def _plan(
    invocation: Invocation, submission: Submission, refusals: Refusals
) -> dict[str, Any]:
    """Make the plan as a JSON object; a job that would be joined is there with its age."""
    options, hub, key = submission.options, submission.hub, submission.options.key
    async with AsyncExitStack() as stack:
        if key is not None:
            if store_exists(find_store(invocation.common)):
                await stack.enter_async_context(hub)
            else:
                key = None  # it can't be taken, and a dry run creates no store
        try:
            plan = await hub.plan(
                options.account,
                submission.items,
                operation=options.operation,
                stop_on_first_failure=options.stop,
                key=key,
                options=submission.operation_options,
                on_refused=refusals.add,
                keep_input=not options.no_keep_input,
            )
        except InputError as error:
            raise explain(submission.items, error) from None
        age_s = None
        if plan.joins is not None:
            job = await hub.job(plan.joins)
            age_s = (datetime.now(UTC) - job.status.created_at).total_seconds()
    said = {"joins_age_s": age_s, "sample": _read_sample(plan.sample)}
    return asdict(plan) | said | _describe_table(submission.items)


def _describe_table(items: ItemReader) -> dict[str, Any]:
    """Return how a table is read, as JSON; `None` for what is no table."""
    survey = items.survey
    return {
        "columns": None if survey is None else [_describe_column(each) for each in survey.columns],
        "decimal": None if survey is None else survey.notation,
        "warnings": [] if survey is None else [blank(text) for text in survey.warnings],
        "omitted": dict(items.omitted),
    }


def _describe_column(column: ColumnReading) -> dict[str, Any]:
    kind = None if column.kind is None else column.kind.value
    by = column.by if column.fields else None
    return {"name": column.name, "fields": list(column.fields), "kind": kind, "by": by}


def _read_sample(wire: bytes | None) -> Any:
    """Return an item as it is sent: as JSON, or as text if it is not JSON; without secrets."""
    if wire is None:
        return None
    try:
        return blank_all(json.loads(wire, parse_float=Decimal))  # no digit is lost
    except (ValueError, RecursionError):
        return blank(wire.decode(errors="backslashreplace"))


def _write_obstacle(plan: Mapping[str, Any], obstacle: str) -> None:
    write(f"nothing would be sent: {obstacle}")
    if plan["items"]:
        write(f"the others are {_describe(plan)[0]}, for {_describe(plan)[1]}")
        _write_sample(plan["sample"])
    _write_columns(plan)


def _write_plan(plan: Mapping[str, Any]) -> None:
    batch, to = _describe(plan)
    if plan["joins"] is not None:
        ago = duration(max(0, plan["joins_age_s"]))
        write(f"joins job {plan['joins']}, submitted {ago} ago; nothing would be sent")
        return
    write(f"would send {batch}, to {to}")
    _write_sample(plan["sample"])
    _write_columns(plan)
    least_s = plan["least_s"]
    if least_s is not None:
        text = f"at least {duration(least_s)}" if least_s >= 1 else "less than a second"
        write(f"the requests alone take {text}, without the vendor's own time")


def _describe(plan: Mapping[str, Any]) -> tuple[str, str]:
    """Return what would be sent, and to whom."""
    batch = f"{count(plan['items'], 'item')} in {count(plan['tickets'], 'ticket')}"
    to = f"{clean(plan['account'], 40)} ({plan['adapter']}, {plan['operation']})"
    return f"{batch}, {number(plan['bytes'])} bytes", to


def _write_columns(plan: Mapping[str, Any]) -> None:
    """Write how the columns of a table are read: what each is, who says so, where it goes."""
    columns = plan["columns"] or []
    used = [column for column in columns if column["fields"]]
    if not used:
        return
    notation = f"; figures have a decimal {plan['decimal']}" if plan["decimal"] else ""
    write(f"columns are read as{notation}:")
    width = min(_WIDEST, max(len(clean(column["name"], _WIDEST)) for column in used))
    for column in used[:_SHOWN_COLUMNS]:
        kind = _KINDS.get(column["kind"], "by row")
        how = _SAID[column["by"]]
        fields = ", ".join(clean(field, 40) for field in column["fields"])
        write(f"  {clean(column['name'], _WIDEST):{width}}  {kind + how:27}  {fields}")
    if len(used) > _SHOWN_COLUMNS:
        write(f"  and {number(len(used) - _SHOWN_COLUMNS)} more")
    unused = [
        clean(column["name"], 40)
        for column in columns
        if not (column["fields"] or column["name"] in _OURS)
    ]
    if unused:
        more = (
            f" and {number(len(unused) - _SHOWN_UNUSED)} more"
            if len(unused) > _SHOWN_UNUSED
            else ""
        )
        write(f"  not used: {', '.join(unused[:_SHOWN_UNUSED])}{more}")


def _write_sample(sample: Any) -> None:
    text = sample if isinstance(sample, str) else dumps(sample).decode()
    room = _SAMPLE_CHARS
    if sys.stdout.isatty():
        room = max(_LEAST_CHARS, min(room, get_terminal_size().columns - len(_SAMPLE)))
    write(f"{_SAMPLE}{clean(text, room)}")
