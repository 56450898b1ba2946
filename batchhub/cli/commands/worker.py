"""`worker`: drives all accounts until it is stopped."""

from __future__ import annotations

import asyncio
from functools import partial
from importlib.metadata import version

from batchhub._base.secrets import blank
from batchhub._settings.described import in_short
from batchhub._worker.notify import Notifier
from batchhub._worker.settings_source import Reading, SettingsSource
from batchhub._worker.worker import Worker, show_names
from batchhub.cli.screen.console import say, say_warning
from batchhub.cli.screen.log import troubles_on_stderr
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_config, find_store
from batchhub.cli.shell.worker_options import WorkerOptions
from batchhub.cli.shell.worker_signals import Hangups, heard_signals
from batchhub.hub import BatchHub


async def run_worker(invocation: Invocation, options: WorkerOptions) -> ExitCode:
    """Drive all accounts until a signal stops it; the store has whatever is not finished."""
    common = invocation.common
    # First: what is started from here on must not speak to the service manager.
    notifier = Notifier.from_environment()
    hangups = Hangups()
    invocation.may_have_sent = True
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
    worker = Worker(hub, source, reading, grace_s=options.grace_s, notifier=notifier)
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
            for line in await worker.find_others():
                say(line)
            await worker.run()
            say("stopping; nothing new is sent")
    say("stopped")
    return ExitCode.OK


def _warn_of_broken(reading: Reading) -> None:
    for name, error in reading.broken.items():
        rest = ", which 'batchhub check' lists" if getattr(error, "problems", ()) else ""
        say_warning(blank(f"{in_short(error)}{rest}; account {name!r} is ignored"))
