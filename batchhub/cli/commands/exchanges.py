"""`exchanges`: the requests of a job and their answers, for an argument with the vendor."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from batchhub._base.show import clean, count, number, words
from batchhub._base.store_place import find_store_place
from batchhub._exchanges import explain_none, find_record
from batchhub.cli.screen.console import make_console, say, write, write_json
from batchhub.cli.screen.tables import fits, plain_table, show_page
from batchhub.cli.shell.exchange_options import ExchangeOptions
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.find_job import find_job
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_store, open_reader
from batchhub.errors import UsageError
from batchhub.job import find_other_hosts
from batchhub.models import BatchStatus, Exchange

_KIB: Final = 1024
_OFFSET_AT: Final = len("2026-01-01 00:00:00.000")
_MOST_HOSTS: Final = 5
_FEW_S: Final = 10.0
_SUCCESS: Final = range(200, 300)


async def show_exchanges(invocation: Invocation, options: ExchangeOptions) -> ExitCode:
    """Show what was exchanged with the vendor about a job, the newest last."""
    common = invocation.common
    async with open_reader(common, options.job) as hub:
        job = await find_job(common, hub, options.job)
        _check_ticket(options.ticket, job.status)
        # One more than is shown, to know whether there are more.
        most = options.limit + 1 if options.limit else None
        found = await job.exchanges(ticket=options.ticket, limit=most, bodies=options.bodies)
        hosts = await find_other_hosts(job)
    is_cut = most is not None and len(found) == most
    found = found[1:] if is_cut else found
    if common.json:
        write_json([_to_dict(each, with_bodies=options.bodies) for each in found])
    elif common.quiet:
        for each in found:
            write(" ".join(_in_short(each)))
    elif found and options.bodies:
        for each in found:
            _show_apart(each)
            _show_bodies(each)
    elif found:
        table = _draw(found, job.status)
        if fits(make_console(sys.stdout), table):
            show_page(table)
        else:
            for each in found:
                _show_apart(each)
    if not (found and common.quiet):
        for line in _notes(found, job.status, find_store(common), options, is_cut=is_cut):
            say(line)
        if hosts:
            say(_say_hosts(hosts))
    return ExitCode.OK


def _check_ticket(ticket: int | None, status: BatchStatus) -> None:
    if ticket is not None and ticket > (total := len(status.tickets)):
        raise UsageError(f"--ticket {ticket}: job {status.job_id} has {count(total, 'ticket')}")


def _notes(
    found: Sequence[Exchange],
    status: BatchStatus,
    store: str,
    options: ExchangeOptions,
    *,
    is_cut: bool,
) -> Iterator[str]:
    """Yield where the record is, and what is not in it."""
    place = find_store_place(store)
    path = find_record(place)
    if not found:
        if options.ticket is None:
            now = datetime.now(UTC)
            yield explain_none(status, path, now, is_elsewhere=place.is_postgres)
        else:
            yield f"no requests about ticket {options.ticket} of job {status.job_id} are in {path}"
        return
    if is_cut:
        most = options.limit
        newest = "newest request is" if most == 1 else f"{number(most)} newest requests are"
        yield f"only the {newest} shown; --limit 0 shows all"
    kept = sum(each.has_bodies for each in found)
    if not kept:
        where = f"[accounts.{clean(status.account, 40)}] of the settings"
        bodies = f'no bodies: exchanges = "bodies" in {where} keeps those of later requests'
    elif options.bodies:
        bodies = "secrets in bodies are ***"
    else:
        bodies = f"bodies of {number(kept)} of them are kept, and --bodies shows them"
    yield f"from {path}: the last 7 days, without polls that went well; {bodies}"


def _say_hosts(hosts: Sequence[str]) -> str:
    """Say where else there may be some: each machine keeps what it sent itself."""
    named = ", ".join(clean(host, 100) for host in hosts[:_MOST_HOSTS])
    more = f" and {count(len(hosts) - _MOST_HOSTS, 'other')}" if len(hosts) > _MOST_HOSTS else ""
    return f"each machine keeps what it sent; workers are on {named}{more}: ask there, too"


def _draw(found: Sequence[Exchange], status: BatchStatus) -> Table:
    """Draw a line for each exchange."""
    columns: dict[str, list[Text]] = {
        "time": [Text(_moment(each.at)) for each in found],
        "ticket": [Text(_ticket(each)) for each in found] if len(status.tickets) > 1 else [],
        "for": [Text(words(each.verb) or "-") for each in found],
        "request": [Text(_request(each)) for each in found],
        "status": [_status(each) for each in found],
        "sent": [Text(_size(each.sent_bytes)) for each in found],
        "received": [Text(_size(each.received_bytes)) for each in found],
        "took": [Text(_seconds(each.duration_s)) for each in found],
        "message": [Text(clean(each.message, 500)) for each in found],
    }
    columns = {header: cells for header, cells in columns.items() if any(cells)}
    right = ("ticket", "status", "sent", "received", "took")
    table = plain_table(*columns, right=right)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _show_apart(each: Exchange) -> None:
    """Write an exchange on lines of its own."""
    facts = (_moment(each.at), words(each.verb) or "-", _status_text(each))
    about = f"ticket {_ticket(each)}" if each.ticket is not None else _ticket(each)
    sizes = f"sent {_size(each.sent_bytes)}, received {_size(each.received_bytes)}"
    write("  ".join((*facts, _seconds(each.duration_s), about, sizes)))
    write(f"  {_request(each)}")
    if each.message:
        write(f"  {clean(each.message, 500)}")


def _show_bodies(each: Exchange) -> None:
    """Write what was sent and answered, as it went but for secrets."""
    for name, size_bytes, body in (
        ("sent", each.sent_bytes, each.sent_body),
        ("received", each.received_bytes, each.body),
    ):
        if body:
            write(f"  {name}:")
            for line in _lines(body):
                write(f"    {line}")
        elif size_bytes:
            write(f"  {name}: not kept")
    write("")


def _lines(body: bytes) -> Iterable[str]:
    try:
        return body.decode().splitlines()
    except UnicodeDecodeError:
        return [f"<{number(len(body))} bytes that are no text>"]


def _in_short(each: Exchange) -> Iterator[str]:
    yield each.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    yield each.verb or "-"
    yield each.method
    yield f"{each.host}{each.path}"
    yield "-" if each.status is None else str(each.status)


def _to_dict(each: Exchange, *, with_bodies: bool) -> dict[str, object]:
    plain = each.to_dict()
    if not with_bodies:
        del plain["sent_body"], plain["body"]
    return plain


def _moment(at: datetime) -> str:
    local = at.astimezone().isoformat(sep=" ", timespec="milliseconds")
    return f"{local[:_OFFSET_AT]} {local[_OFFSET_AT:]}"


def _ticket(each: Exchange) -> str:
    return count(each.tickets, "ticket") if each.ticket is None else str(each.ticket)


def _request(each: Exchange) -> str:
    return f"{each.method} {clean(each.host, 100)}{clean(each.path, 300)}"


def _status(each: Exchange) -> Text:
    is_well = each.status in _SUCCESS and not each.message
    return Text(_status_text(each), style="green" if is_well else "red")


def _status_text(each: Exchange) -> str:
    return "no answer" if each.status is None else str(each.status)


def _size(size_bytes: int) -> str:
    if size_bytes < 10 * _KIB:
        return f"{number(size_bytes)} B"
    return f"{number(size_bytes // _KIB)} KiB"


def _seconds(duration_s: float) -> str:
    return f"{duration_s * 1000:.0f} ms" if duration_s < _FEW_S else f"{duration_s:.1f} s"
