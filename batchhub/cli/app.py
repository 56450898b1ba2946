"""The commands and their options; what each command does is in the module it imports."""

# Heavy modules (database, HTTP, tables) are imported when their command runs.
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .shell.completion import complete_account, complete_adapter, complete_job, complete_job_state
from .shell.job_options import InputOptions, OutputOptions, ResultsOptions, SubmitOptions
from .shell.options import (
    CONTACT_TIMEOUT_S,
    Common,
    ContactTimeoutOption,
    JobArgument,
    OnCompleteOption,
    TimeoutOption,
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
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Send items to any vendor's batch endpoint and get exactly one result per item."""
    del version


@app.command()
@with_common
def demo(common: Common) -> None:
    """Run every adapter on a sandbox server; needs no account."""
    from .commands.demo import run_demo

    invocation = _begin(common)
    invocation.run(run_demo(invocation))


@app.command()
@with_common
def init(
    common: Common,
    *,
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="Name for the new account.")
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option("--adapter", metavar="NAME", help="Adapter of the new account."),
    ] = None,
) -> None:
    """Create a settings file."""
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
            help="Account names. Default: all.",
        ),
    ] = None,
) -> None:
    """Check accounts: settings, secrets, connection, credentials."""
    from .commands.check import check_accounts

    invocation = _begin(common)
    invocation.run(check_accounts(invocation, accounts or ()))


@app.command()
@with_common
def run(
    options: SubmitOptions,
    reading: InputOptions,
    writing: OutputOptions,
    common: Common,
    *,
    timeout: TimeoutOption = None,
    contact_timeout: ContactTimeoutOption = CONTACT_TIMEOUT_S,
    on_complete: OnCompleteOption = None,
) -> None:
    """Submit items, wait until the job ends, and write its results."""
    _refuse_both(common, writing.out)
    from .commands.run import run_job
    from .shell.follow import Patience

    patience = Patience(timeout_s=timeout, contact_timeout_s=contact_timeout)
    invocation = _begin(common)
    if options.dry_run:
        _show_plan(invocation, options, reading)
    invocation.run(
        run_job(invocation, options, reading, writing, patience=patience, on_complete=on_complete)
    )


@app.command()
@with_common
def submit(options: SubmitOptions, reading: InputOptions, common: Common) -> None:
    """Submit items, print the job's id, and exit."""
    from .commands.run import submit_job

    invocation = _begin(common)
    if options.dry_run:
        _show_plan(invocation, options, reading)
    invocation.run(submit_job(invocation, options, reading))


@app.command()
@with_common
def status(common: Common, *, job: JobArgument) -> None:
    """Show the details of a job."""
    from .commands.jobs import show_status

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
            help="Filter by open, held, ended, a state or an outcome. Comma-separated.",
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="NAME",
            autocompletion=complete_account,
            help="Filter by account.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Filter by submit time: 2h, 3d, 2026-11-20 or 2026-11-20T10:00.",
        ),
    ] = None,
) -> None:
    """List jobs, one per line; with --quiet only their ids."""
    from .commands.jobs import list_jobs

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
            help="Job id. Default: all unfinished jobs, and those submitted meanwhile.",
        ),
    ] = None,
    timeout: TimeoutOption = None,
    contact_timeout: ContactTimeoutOption = CONTACT_TIMEOUT_S,
    on_complete: OnCompleteOption = None,
) -> None:
    """Follow a job, or all unfinished jobs, until they end."""
    from .commands.watch import watch_jobs
    from .shell.follow import Patience

    patience = Patience(timeout_s=timeout, contact_timeout_s=contact_timeout)
    invocation = _begin(common)
    invocation.run(watch_jobs(invocation, job, patience, on_complete))


@app.command()
@with_common
def results(options: ResultsOptions, common: Common, *, job: JobArgument) -> None:
    """Write the results of a job, in the order of its items."""
    _refuse_both(common, options.out or "-")
    from .commands.results import export_results

    invocation = _begin(common)
    invocation.run(export_results(invocation, job, options))


@app.command()
@with_common
def retry(
    common: Common,
    *,
    job: JobArgument,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown", help="Also retry items with unknown outcome; they may run twice."
        ),
    ] = False,
) -> None:
    """Resubmit failed and not executed items, as a new job."""
    from .commands.change import retry_job

    invocation = _begin(common)
    invocation.run(retry_job(invocation, job, unknown=unknown))


@app.command()
@with_common
def cancel(common: Common, *, job: JobArgument) -> None:
    """Cancel a job, here and at the vendor."""
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
    """Resume all unfinished jobs and wait until they end."""
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
            "--older-than",
            metavar="SPAN",
            help="Delete jobs that ended longer ago than this, such as 30d or 12h.",
        ),
    ],
) -> None:
    """Delete old jobs and their results, and free disk space."""
    from .commands.jobs import prune_jobs

    invocation = _begin(common)
    invocation.run(prune_jobs(invocation, older_than))


@app.command()
@with_common
def adapters(common: Common) -> None:
    """List installed adapters, and those that failed to load."""
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
        typer.Argument(metavar="ACCOUNT", autocompletion=complete_account, help="Account name."),
    ],
    ref: Annotated[
        str | None,
        typer.Option("--ref", metavar="ID", help="Vendor's id of a batch to ask about."),
    ] = None,
) -> None:
    """Send one read-only request to the vendor and show the answer."""
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
        typer.Argument(metavar="VENDOR", autocompletion=complete_adapter, help="Adapter name."),
    ],
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="N",
            min=0,
            max=65535,
            show_default=False,
            help="Port to listen on. Default: any free port.",
        ),
    ] = 0,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")
    ] = "127.0.0.1",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Set a switch of the sandbox. Repeatable."
        ),
    ] = None,
    switches: Annotated[
        bool, typer.Option("--switches", help="List the sandbox's switches and exit.")
    ] = False,
) -> None:
    """Run a vendor's sandbox server until Ctrl-C."""
    from .commands.adapters import Place, list_switches, run_sandbox

    invocation = _begin(common)
    if switches:
        invocation.run(list_switches(invocation, vendor))
    place = Place(host=host, port=port, switches=settings or ())
    invocation.run(run_sandbox(invocation, vendor, place))


def _begin(common: Common) -> Invocation:
    from .shell.invocation import Invocation

    return Invocation(common)


def _show_plan(invocation: Invocation, options: SubmitOptions, reading: InputOptions) -> NoReturn:
    from .commands.dry_run import show_plan

    invocation.run(show_plan(invocation, options, reading))


def _refuse_both(common: Common, out: str | None) -> None:
    if common.json and out == "-":
        raise typer.BadParameter(
            "--json writes the status to standard output; write the results to a file",
            param_hint="--out",
        )
