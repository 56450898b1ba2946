"""
`check` and `doctor`: sending a vendor one read-only request.

`check` does it for every account, and reports whether settings, secrets and credentials work;
`doctor` does it for one, and shows the answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from attrs import asdict, evolve, field, frozen

from batchhub._base import json
from batchhub._base.new_file import check_new
from batchhub._base.secrets import blank
from batchhub._base.show import clean
from batchhub._settings.accounts import find_account, read_account
from batchhub._settings.references import is_file, path_of
from batchhub._settings.registry import Registry
from batchhub.adapter import Account, Probe
from batchhub.cli.commands.check_store import check_store
from batchhub.cli.commands.record import record_probe
from batchhub.cli.screen.console import write, write_json
from batchhub.cli.shell.exits import ExitCode, worst
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import make_one, read_settings
from batchhub.cli.shell.options import DoctorOptions
from batchhub.errors import (
    AdapterError,
    BatchHubError,
    ContactError,
    CredentialsError,
    RefusedError,
    SettingsError,
    UnsupportedError,
    UsageError,
    VendorError,
)
from batchhub.hub import BatchHub
from batchhub.polling import show_rule
from batchhub.settings import CONFIG_NAME, Settings

_AT_ONCE: Final = 8
_CERTIFICATES: Final = "SSL_CERT_FILE"
_NOT_TRIED: Final = "not tried"
_OPTIONAL: Final = frozenset({"file", "warnings", "proxy", "certificates", "polling"})
"""What the JSON has only where there is something to say."""


@frozen(kw_only=True)
class Verdict:
    """
    The outcome of checking one account.

    Attributes:
        account: The account's name.
        adapter: The adapter it names; `None` if there is no such account.
        file: The file that describes the adapter; `None` if it is installed.
        code: The exit code it stands for.
        summary: The outcome in a few words.
        problems: What is wrong with the settings.
        error: What is wrong, in one line; `None` if nothing is.
        secrets: The source of each secret, by key; never the secret.
        warnings: What is risky about the settings, a sentence each.
        proxy: The proxy that is used and who says so; `None` for a direct connection.
        certificates: The file that servers are checked against in place of the system's, and who
            says so; `None` for those of the system.
        polling: When tickets are polled and who says so; `None` if no setting does.
        vendor: Whether the vendor answers, in words.
        credentials: Whether they work, in words.
    """

    account: str
    adapter: str | None = None
    file: str | None = None
    code: ExitCode = ExitCode.USAGE
    summary: str = "invalid settings"
    problems: Sequence[str] = ()
    error: str | None = None
    secrets: Mapping[str, str] = field(factory=dict)
    warnings: Sequence[str] = ()
    proxy: str | None = None
    certificates: str | None = None
    polling: str | None = None
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
    store = None if names else await check_store(common, settings)
    if common.json:
        of_store = [] if store is None else [store.to_json()]
        write_json([*map(_as_json, verdicts), *of_store])
    else:
        for verdict in verdicts:
            for line in _lines(verdict, is_brief=common.quiet):
                write(line)
        for line in () if store is None else store.lines(is_brief=common.quiet):
            write(line)
    return worst([each.code for each in verdicts] + ([] if store is None else [store.code]))


async def examine_account(invocation: Invocation, options: DoctorOptions) -> ExitCode:
    """Send an account's vendor one read-only request, or ask about one batch; show the answer."""
    if options.record is not None:
        check_new(options.record)
    name = options.account
    account = make_one(read_settings(invocation.common), name, Registry())[name]
    invocation.may_have_sent = True
    probe = partial(_probe, name, account, options.ref)
    if options.record is None:
        answer = await probe()
    else:
        answer = await record_probe(probe, account, options.ref, options.record)
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
        account_type, table = find_account(settings, name, registry)
        if is_file(table.adapter):
            file = path_of(table.adapter)
            verdict = evolve(verdict, adapter=account_type.adapter, file=file)
        reading = read_account(account_type, table)
    except (UsageError, AdapterError) as error:
        return _wrong(verdict, *_list_problems(error))
    verdict = evolve(verdict, secrets=reading.sources)
    if reading.account is None:
        return _wrong(verdict, *map(str, reading.problems))
    verdict = evolve(verdict, polling=_find_rule(settings, reading.account))
    try:
        verdict = _look_at_network(verdict, reading.account)
    except SettingsError as error:
        return _wrong(verdict, str(error))
    return await _ask(verdict, reading.account)


def _list_problems(error: BatchHubError) -> Iterator[str]:
    """Yield what is wrong; of a file with several mistakes, each with its place."""
    if isinstance(error, SettingsError) and error.problems:
        for problem in error.problems:
            yield f"{error.path}: {problem}"
    else:
        yield str(error)


def _look_at_network(verdict: Verdict, account: Account) -> Verdict:
    from batchhub.transport import find_proxy, find_risks  # noqa: PLC0415  # aiohttp is slow

    proxy = find_proxy(account.base_url, account.proxy)
    file = os.environ.get(_CERTIFICATES)
    return evolve(
        verdict,
        warnings=tuple(find_risks(account)),
        proxy=None if proxy is None else str(proxy),
        certificates=f"{file} ({_CERTIFICATES})" if file else None,
    )


def _find_rule(settings: Settings, account: Account) -> str | None:
    """Return the rule that the settings choose for an account, and where."""
    if account.polling is not None:
        return f"{show_rule(account.polling)} (for this account)"
    return None if settings.polling is None else f"{show_rule(settings.polling)} (for all accounts)"


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
    except AdapterError as error:
        if not error.faults:
            return _wrong(verdict, str(error))
        summary, why = "check not finished", str(error)  # it loads, and fails when it is asked
    except UsageError as error:
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


def _as_json(verdict: Verdict) -> dict[str, Any]:
    facts = {"ok": verdict.code is ExitCode.OK, **asdict(verdict)}
    return {key: facts[key] for key in facts if key not in _OPTIONAL or facts[key]}


def _lines(verdict: Verdict, *, is_brief: bool) -> Iterator[str]:
    kind = "" if verdict.adapter is None else f" ({clean(verdict.adapter, 40)})"
    first = f"{clean(verdict.account, 100)}{kind}: {verdict.summary}"
    if is_brief:
        yield first if verdict.error is None else f"{first}: {clean(verdict.error, 1000)}"
        return
    yield first
    facts = [(clean(name, 40), clean(what, 1000)) for name, what in _facts(verdict)]
    width = max(len(name) for name, _ in facts)
    for name, what in facts:
        yield f"  {name:<{width}}  {what}"


def _facts(verdict: Verdict) -> Iterator[tuple[str, str]]:
    for problem in verdict.problems or ["complete"]:
        yield "settings", problem
    if verdict.file is not None:
        yield "adapter", f"described in {verdict.file}"
    yield from verdict.secrets.items()
    for warning in verdict.warnings:
        yield "warning", warning
    if verdict.proxy is not None:
        yield "proxy", verdict.proxy
    if verdict.certificates is not None:
        yield "certificates", verdict.certificates
    if verdict.polling is not None:
        yield "polling", verdict.polling
    yield "vendor", verdict.vendor
    yield "credentials", verdict.credentials
