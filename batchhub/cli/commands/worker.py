"""`worker`: drives all accounts until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version

from attrs import fields

from batchhub._base.parent import end_with_parent
from batchhub._base.secrets import blank
from batchhub._settings.described import in_short
from batchhub._tables.formats import load_extra
from batchhub._worker.engine import make_engine
from batchhub._worker.notify import Notifier
from batchhub._worker.page_process import PageProcess
from batchhub._worker.services import AlertsService, MetricsService
from batchhub._worker.settings_source import Reading, SettingsSource
from batchhub._worker.worker import Worker, show_names
from batchhub.cli.screen.console import say, say_warning
from batchhub.cli.screen.log import troubles_on_stderr
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_config, find_store
from batchhub.cli.shell.options import Common, LogFormat
from batchhub.cli.shell.parameters import names_of
from batchhub.cli.shell.web_options import WebOptions
from batchhub.cli.shell.worker_options import WorkerOptions
from batchhub.cli.shell.worker_signals import Hangups, heard_signals, noted_hangups
from batchhub.hub import BatchHub


async def run_worker(invocation: Invocation, options: WorkerOptions, page: WebOptions) -> ExitCode:
    """Drive all accounts until a signal stops it; the store has whatever is not finished."""
    end_with_parent()
    with noted_hangups() as hangups:
        return await _run(invocation, options, page, hangups)


async def _run(
    invocation: Invocation, options: WorkerOptions, page: WebOptions, hangups: Hangups
) -> ExitCode:
    common = invocation.common
    # First: what is started from here on must not speak to the service manager.
    notifier = Notifier.from_environment()
    invocation.may_have_sent = True
    check_page(options, page)
    source = SettingsSource(partial(find_config, common), partial(find_store, common))
    reading = await asyncio.to_thread(source.read)
    _warn_of_broken(reading)
    settings = reading.settings
    hub = BatchHub(
        reading.store,
        reading.accounts,
        store_mode=settings.store_mode,
        polling=settings.polling,
    )
    worker = Worker(
        hub,
        source,
        reading,
        grace_s=options.grace_s,
        notifier=notifier,
        engine=await make_engine(reading),
    )
    worker.add_service(AlertsService(hub, reading))
    metrics: MetricsService | None = None
    if options.metrics_listen is not None:
        metrics = MetricsService(options.metrics_listen, hub, worker.facts)
        worker.add_service(metrics)
    if options.web:
        worker.add_service(PageProcess(page_arguments(common, page), common.store))
    with (
        troubles_on_stderr(common.verbose),
        heard_signals(worker.stop, worker.reload, most_s=worker.most_s),
    ):
        if hangups.came:
            worker.reload()
        async with worker:
            say(
                f"batchhub {version('batchhub')} drives {show_names(sorted(hub.accounts))}; "
                f"store {hub.store_name}"
            )
            if metrics is not None:
                say(f"/metrics and /healthz are served at {show_address(metrics.address)}")
            for line in await worker.find_others():
                say(line)
            await worker.run()
            say("stopping; nothing new is sent")
    say("stopped")
    return ExitCode.OK


def show_address(address: str) -> str:
    """Write where something listens, for people: a URL, or the port of all interfaces."""
    return f"port {address[1:]} of all interfaces" if address[0] == ":" else f"http://{address}"


def check_page(options: WorkerOptions, page: WebOptions) -> None:
    """
    Check the options of the page here, where whoever gave them reads what is wrong.

    Raises:
        UsageError: They are wrong, or what serves the page is not installed.
    """
    given = [name for name, _ in _list_given(page)]
    if not options.web:
        if given:
            say_warning(f"{' and '.join(given)}: without --web there is no page")
        return
    load_extra("jinja2", "web", "the page")
    from batchhub._web.reach import make_reach  # noqa: PLC0415  # needs what the extra brings

    make_reach(
        page.web_listen,
        certificate=page.tls_cert,
        key=page.tls_key,
        public_url=page.public_url,
    )


def page_arguments(common: Common, page: WebOptions) -> list[str]:
    """Return the command line of the page, with the same settings; its store is not on it."""
    found = ["web"]
    for name, value in _list_given(page):
        found += [name, value]
    if common.config is not None:
        found += ["--config", str(common.config)]
    found += ["-v"] * common.verbose
    if common.log_format is not LogFormat.TEXT:
        found += ["--log-format", common.log_format.value]
    return found


def _list_given(page: WebOptions) -> Iterator[tuple[str, str]]:
    """Yield the options of the page that were given, and their values."""
    for field in fields(type(page)):
        if (value := getattr(page, field.name)) is not None:
            yield names_of(field)[0], str(value)


def _warn_of_broken(reading: Reading) -> None:
    for name, error in reading.broken.items():
        rest = ", which 'batchhub check' lists" if getattr(error, "problems", ()) else ""
        say_warning(blank(f"{in_short(error)}{rest}; account {name!r} is ignored"))
