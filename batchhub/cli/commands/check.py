"""
`check` and `doctor`: sending a vendor one read-only request.

`check` does it for every account, and reports whether settings, secrets and credentials work;
`doctor` does it for one, and shows the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import asdict, evolve, field, frozen

from batchhub._base import json
from batchhub._base.secrets import blank
from batchhub._base.show import clean
from batchhub._settings.accounts import find_account, read_account
from batchhub._settings.registry import Registry
from batchhub.adapter import Account, Probe
from batchhub.cli.screen.console import write, write_json
from batchhub.cli.shell.exits import ExitCode, worst
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import make_one, read_settings
from batchhub.cli.shell.options import DoctorOptions
from batchhub.errors import (
    AdapterError,
    ContactError,
    CredentialsError,
    RefusedError,
    SettingsError,
    UnsupportedError,
    UsageError,
    VendorError,
)
from batchhub.hub import BatchHub
from batchhub.settings import CONFIG_NAME, Settings

_AT_ONCE: Final = 8
_NOT_TRIED: Final = "not tried"


@frozen(kw_only=True)
class Verdict:
    """
    The outcome of checking one account.

    Attributes:
        account: The account's name.
        adapter: The adapter it names; `None` if there is no such account.
        code: The exit code it stands for.
        summary: The outcome in a few words.
        problems: What is wrong with the settings.
        error: What is wrong, in one line; `None` if nothing is.
        secrets: The source of each secret, by key; never the secret.
        vendor: Whether the vendor answers, in words.
        credentials: Whether they work, in words.
    """

    account: str
    adapter: str | None = None
    code: ExitCode = ExitCode.USAGE
    summary: str = "invalid settings"
    problems: Sequence[str] = ()
    error: str | None = None
    secrets: Mapping[str, str] = field(factory=dict)
    vendor: str = _NOT_TRIED
    credentials: str = _NOT_TRIED


async def check_accounts(invocation: Invocation, names: Sequence[str]) -> ExitCode:
    """Check these accounts, or all of them; a broken one does not stop the others."""
    common = invocation.common
    settings = read_settings(common)
    if not names and not settings.accounts:
        raise SettingsError(
            f"there is no {CONFIG_NAME} here, and no account in the environment; create the file "
            "with 'batchhub init'"
            if settings.path is None
            else f"{settings.path} has no accounts; an account starts with a line [accounts.NAME]"
        )
    invocation.may_have_sent = True
    turns = asyncio.Semaphore(_AT_ONCE)
    registry = Registry()

    async def check(name: str) -> Verdict:
        async with turns:
            return await _check(settings, name, registry)

    chosen = dict.fromkeys(names or sorted(settings.accounts))
    verdicts = await asyncio.gather(*map(check, chosen))
    if common.json:
        write_json([{"ok": each.code is ExitCode.OK, **asdict(each)} for each in verdicts])
    else:
        for verdict in verdicts:
            for line in _lines(verdict, is_brief=common.quiet):
                write(line)
    return worst(verdict.code for verdict in verdicts)


async def examine_account(invocation: Invocation, options: DoctorOptions) -> ExitCode:
    """Send an account's vendor one read-only request, or ask about one batch; show the answer."""
    name = options.account
    account = make_one(read_settings(invocation.common), name)[name]
    invocation.may_have_sent = True
    answer = await _probe(name, account, options.ref)
    raw = answer.raw.decode("utf-8", "replace")
    if invocation.common.json:
        write_json({**asdict(answer), "raw": raw})
        return ExitCode.OK
    write(f"asked     {clean(answer.request)}")
    write(f"answered  HTTP {answer.status}")
    for line in raw.splitlines() or ["(nothing)"]:
        write(f"          {clean(line)}")
    write("parsed")
    for key, value in answer.reading.items():
        text = value if isinstance(value, str) else json.dumps(value).decode()
        write(f"          {key}: {clean(text)}")
    return ExitCode.OK


async def _probe(name: str, account: Account, vendor_ref: str | None = None) -> Probe:
    """
    Send an account's vendor one read-only request.

    Raises:
        UnsupportedError: The adapter has no such request.
        CredentialsError: The vendor refused the credentials.
        VendorError: The vendor's answer can't be used.
        ContactError: There was no answer.
    """
    # A hub for each account: two accounts of the same identity at a vendor may have different
    # credentials, and would share a lane.
    async with BatchHub(":memory:", {name: account}) as hub:
        return await hub.probe(name, vendor_ref)


async def _check(settings: Settings, name: str, registry: Registry) -> Verdict:
    table = settings.accounts.get(name)
    verdict = Verdict(account=name, adapter=None if table is None else table.adapter_name)
    if table is not None and table.adapter_name is None:
        return _wrong(verdict, *map(str, table.problems))
    try:
        reading = read_account(*find_account(settings, name, registry))
    except (UsageError, AdapterError) as error:
        return _wrong(verdict, str(error))
    verdict = evolve(verdict, secrets=reading.sources)
    if reading.account is None:
        return _wrong(verdict, *map(str, reading.problems))
    return await _ask(verdict, reading.account)


def _wrong(verdict: Verdict, *problems: str) -> Verdict:
    return evolve(verdict, problems=problems, error="; ".join(problems))


async def _ask(verdict: Verdict, account: Account) -> Verdict:
    code = ExitCode.UNFINISHED
    try:
        seen = await _probe(verdict.account, account)
    except UnsupportedError:
        return evolve(verdict, code=ExitCode.OK, summary="settings complete; connection not tried")
    except CredentialsError as error:
        return evolve(
            verdict,
            code=ExitCode.REFUSED,
            summary="credentials refused",
            error=str(error),
            vendor=f"answers HTTP {error.status}",
            credentials=str(error),
        )
    except RefusedError as error:
        summary, code, why = "refused by the vendor", ExitCode.REFUSED, str(error)
    except (UsageError, AdapterError) as error:
        return _wrong(verdict, str(error))
    except VendorError as error:
        summary, why = "unusable answer", str(error)
    except ContactError as error:
        summary, why = "no answer", str(error)
    except Exception as error:  # a bug in a plug-in is reported like the rest, and stops no other
        summary = "check not finished"
        why = blank(f"the adapter failed: {type(error).__name__}: {error}")
    else:
        answer = f"answers HTTP {seen.status} to {seen.request}"
        return evolve(verdict, code=ExitCode.OK, summary="OK", vendor=answer, credentials="work")
    return evolve(verdict, code=code, summary=summary, error=why, vendor=why, credentials="unknown")


def _lines(verdict: Verdict, *, is_brief: bool) -> Iterator[str]:
    kind = "" if verdict.adapter is None else f" ({clean(verdict.adapter, 40)})"
    first = f"{clean(verdict.account, 100)}{kind}: {verdict.summary}"
    if is_brief:
        yield first if verdict.error is None else f"{first}: {clean(verdict.error, 1000)}"
        return
    yield first
    for problem in verdict.problems or ["complete"]:
        yield f"  settings     {clean(problem, 1000)}"
    for key, source in verdict.secrets.items():
        yield f"  {clean(key, 40):<11}  {clean(source)}"
    yield f"  vendor       {clean(verdict.vendor, 1000)}"
    yield f"  credentials  {clean(verdict.credentials, 1000)}"
