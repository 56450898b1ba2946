"""The commands, as they are typed; what each does is in the module it names."""

# Heavy modules (database, HTTP, tables) are imported when their command runs.
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .shell.completion import complete_account, complete_adapter, complete_job, complete_job_state
from .shell.options import (
    CONTACT_TIMEOUT_S,
    Common,
    ContactTimeoutOption,
    Export,
    JobArgument,
    OnCompleteOption,
    Order,
    Reading,
    TimeoutOption,
    Writing,
    with_common,
)

if TYPE_CHECKING:
    from .shell.invocation import Invocation

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    # A traceback may show the values of variables, and one of them may be a secret.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"batchhub {version('batchhub')}")
        raise typer.Exit


@app.callback()
def batchhub(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and end."
        ),
    ] = False,
) -> None:
    """Hand items to any vendor's batch endpoint; get exactly one result for every item."""
    del version


@app.command()
@with_common
def demo(common: Common) -> None:
    """Show every vendor's sandbox at work; needs no account."""
    from .commands.demo import run_demo

    invocation = _begin(common)
    invocation.run(run_demo(invocation))


@app.command()
@with_common
def init(
    common: Common,
    *,
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="Name the account so.")
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option("--adapter", metavar="NAME", help="The adapter of the account's vendor."),
    ] = None,
) -> None:
    """Write a settings file to begin with."""
    from .commands.init import write_settings

    invocation = _begin(common)
    invocation.run(write_settings(invocation, account, adapter))


@app.command()
@with_common
def check(
    common: Common,
    *,
    accounts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ACCOUNT",
            autocompletion=complete_account,
            help="Their names in the settings; all without.",
        ),
    ] = None,
) -> None:
    """See whether settings, secrets, vendors and credentials work."""
    from .commands.check import check_accounts

    invocation = _begin(common)
    invocation.run(check_accounts(invocation, accounts or ()))


@app.command()
@with_common
def run(
    order: Order,
    reading: Reading,
    writing: Writing,
    common: Common,
    *,
    timeout: TimeoutOption = None,
    contact_timeout: ContactTimeoutOption = CONTACT_TIMEOUT_S,
    on_complete: OnCompleteOption = None,
) -> None:
    """Hand items over, wait for the end, write the results."""
    _refuse_both(common, writing.out)
    from .commands.run import run_job
    from .shell.follow import Patience

    patience = Patience(timeout_s=timeout, contact_timeout_s=contact_timeout)
    invocation = _begin(common)
    if order.dry_run:
        _show_plan(invocation, order, reading)
    invocation.run(
        run_job(invocation, order, reading, writing, patience=patience, on_complete=on_complete)
    )


@app.command()
@with_common
def submit(order: Order, reading: Reading, common: Common) -> None:
    """Hand items over, print the job's id, and return at once."""
    from .commands.run import submit_job

    invocation = _begin(common)
    if order.dry_run:
        _show_plan(invocation, order, reading)
    invocation.run(submit_job(invocation, order, reading))


@app.command()
@with_common
def status(common: Common, *, job: JobArgument) -> None:
    """Show all there is to know of a job."""
    from .commands.read import show_status

    invocation = _begin(common)
    invocation.run(show_status(invocation, job))


@app.command("list")
@with_common
def list_(
    common: Common,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            autocompletion=complete_job_state,
            help="Only those that are open, held or ended, in a state such as queued, or with "
            "an outcome such as partial; several with commas.",
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="NAME",
            autocompletion=complete_account,
            help="Only those of this account.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Only those handed over since: 2h, 3d, 2026-11-20 or 2026-11-20T10:00.",
        ),
    ] = None,
) -> None:
    """Show the jobs, a line each; with --quiet only their ids."""
    from .commands.read import list_jobs

    invocation = _begin(common)
    invocation.run(list_jobs(invocation, state or (), account, since))


@app.command()
@with_common
def watch(
    common: Common,
    *,
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="JOB",
            autocompletion=complete_job,
            help="The job's id; without it all that is unfinished, and what comes meanwhile.",
        ),
    ] = None,
    timeout: TimeoutOption = None,
    contact_timeout: ContactTimeoutOption = CONTACT_TIMEOUT_S,
    on_complete: OnCompleteOption = None,
) -> None:
    """Follow a job, or all unfinished ones, to the end."""
    from .commands.watch import watch_jobs
    from .shell.follow import Patience

    patience = Patience(timeout_s=timeout, contact_timeout_s=contact_timeout)
    invocation = _begin(common)
    invocation.run(watch_jobs(invocation, job, patience, on_complete))


@app.command()
@with_common
def results(export: Export, common: Common, *, job: JobArgument) -> None:
    """Write a job's results, in the order of the items."""
    _refuse_both(common, export.out or "-")
    from .commands.read import write_results

    invocation = _begin(common)
    invocation.run(write_results(invocation, job, export))


@app.command()
@with_common
def retry(
    common: Common,
    *,
    job: JobArgument,
    unknown: Annotated[
        bool,
        typer.Option("--unknown", help="Repeat those nobody can tell of, too, perhaps twice."),
    ] = False,
) -> None:
    """Repeat what failed or was not executed, as a new job."""
    from .commands.change import retry_job

    invocation = _begin(common)
    invocation.run(retry_job(invocation, job, unknown=unknown))


@app.command()
@with_common
def cancel(common: Common, *, job: JobArgument) -> None:
    """Stop a job, here and at the vendor."""
    from .commands.change import cancel_job

    invocation = _begin(common)
    invocation.run(cancel_job(invocation, job))


@app.command()
@with_common
def resume(
    common: Common,
    *,
    timeout: TimeoutOption = None,
    contact_timeout: ContactTimeoutOption = CONTACT_TIMEOUT_S,
    on_complete: OnCompleteOption = None,
) -> None:
    """Drive all that is unfinished to its end."""
    from .commands.watch import resume_jobs
    from .shell.follow import Patience

    patience = Patience(timeout_s=timeout, contact_timeout_s=contact_timeout)
    invocation = _begin(common)
    invocation.run(resume_jobs(invocation, patience, on_complete))


@app.command()
@with_common
def prune(
    common: Common,
    *,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="SPAN", help="Those that ended so long ago: 30d, 12h."
        ),
    ],
) -> None:
    """Forget old jobs with their results, and free the disk."""
    from .commands.prune import prune_jobs

    invocation = _begin(common)
    invocation.run(prune_jobs(invocation, older_than))


@app.command()
@with_common
def adapters(common: Common) -> None:
    """Show the installed adapters, and what failed to load."""
    from .commands.adapters import list_adapters

    invocation = _begin(common)
    invocation.run(list_adapters(invocation))


@app.command()
@with_common
def doctor(
    common: Common,
    *,
    account: Annotated[
        str,
        typer.Argument(
            metavar="ACCOUNT", autocompletion=complete_account, help="Its name in the settings."
        ),
    ],
    ref: Annotated[
        str | None,
        typer.Option("--ref", metavar="ID", help="Ask about this batch of the vendor's."),
    ] = None,
) -> None:
    """Ask a vendor one harmless thing, and show the answer."""
    from .commands.check import examine_account

    invocation = _begin(common)
    invocation.run(examine_account(invocation, account, ref))


@app.command()
@with_common
def sandbox(
    common: Common,
    *,
    vendor: Annotated[
        str,
        typer.Argument(
            metavar="VENDOR", autocompletion=complete_adapter, help="The adapter's name."
        ),
    ],
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one."),
    ] = 0,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")
    ] = "127.0.0.1",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set a switch; may be repeated."),
    ] = None,
    switches: Annotated[
        bool, typer.Option("--switches", help="Show the switches there are, and end.")
    ] = False,
) -> None:
    """Run a stand-in vendor server until Ctrl-C."""
    from .commands.sandbox import Place, list_switches, run_sandbox

    invocation = _begin(common)
    if switches:
        invocation.run(list_switches(invocation, vendor))
    place = Place(host=host, port=port, switches=settings or ())
    invocation.run(run_sandbox(invocation, vendor, place))


def _begin(common: Common) -> Invocation:
    from .shell.invocation import Invocation

    return Invocation(common)


def _show_plan(invocation: Invocation, order: Order, reading: Reading) -> NoReturn:
    from .commands.plan import show_plan

    invocation.run(show_plan(invocation, order, reading))


def _refuse_both(common: Common, out: str | None) -> None:
    if common.json and out == "-":
        raise typer.BadParameter(
            "standard output is either the results or, with --json, the status; name a file",
            param_hint="--out",
        )
