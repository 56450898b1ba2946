"""`doctor --record`: a vendor's answer, kept so that a test can replay it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from batchhub._base.clock import SystemClock
from batchhub._base.show import count
from batchhub.adapter import Account, Probe
from batchhub.cli.screen.console import say, say_warning
from batchhub.errors import UsageError

if TYPE_CHECKING:
    from batchhub.transport import Recording


async def record_probe(
    probe: Callable[[], Awaitable[Probe]], account: Account, vendor_ref: str | None, path: Path
) -> Probe:
    """
    Send an account's vendor its harmless request, and record what is sent and what comes.

    An answer that the adapter can't read is recorded as well: it is what a test is most wanted for.

    Args:
        probe: Sends the request, through a hub of its own.
        account: The account.
        vendor_ref: The vendor's id of the batch it is about, if it is about one.
        path: The file to make.

    Raises:
        UsageError: The file can't be made. What came is lost.
        BatchHubError: What `probe` raised.
    """
    from batchhub.transport import record_exchanges  # noqa: PLC0415  # aiohttp is slow to import

    with record_exchanges() as recording:
        try:
            seen = await probe()
        except Exception as error:
            try:
                _write(recording, account, vendor_ref, path, error)
            except UsageError as second:
                say_warning(str(second))
            raise
    _write(recording, account, vendor_ref, path, seen)
    return seen


def _write(
    recording: Recording,
    account: Account,
    vendor_ref: str | None,
    path: Path,
    outcome: Probe | Exception,
) -> None:
    from batchhub.testing import Case, write_case  # noqa: PLC0415  # aiohttp is slow to import

    exchanges = recording.exchanges
    if not exchanges:
        say_warning(f"no request was sent, so {path} was not written")
        return
    case = Case(
        adapter=account.adapter,
        account=recording.redact(account.identity),
        base_url=recording.base_url,
        vendor_ref=recording.redact(vendor_ref),
        recorded_at=SystemClock().now().replace(microsecond=0),
        exchanges=exchanges,
    )
    if isinstance(outcome, Probe):
        case = evolve(case, reading=recording.redact(dict(outcome.reading)))
    else:
        case = evolve(case, error=recording.redact(f"{type(outcome).__name__}: {outcome}"))
    write_case(path, case)
    say(
        f"recorded {count(len(exchanges), 'request')} in {path}; secrets are blanked, all else is "
        "as the vendor sent it: read it before you share it"
    )
