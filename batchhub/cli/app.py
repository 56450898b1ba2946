"""The commands and their options; what each command does is in the module it imports."""

# Heavy modules (database, HTTP, tables) are imported when their command runs.
# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .shell.alert_options import AlertOptions
from .shell.cluster_options import ClusterOptions
from .shell.demo_options import DemoOptions
from .shell.exchange_options import ExchangeOptions
from .shell.job_options import OutputOptions, ResultsOptions, SubmitOptions
from .shell.options import (
    AdoptOptions,
    CheckOptions,
    Common,
    DoctorOptions,
    FailuresOptions,
    FollowOptions,
    HealthOptions,
    InitOptions,
    JobOptions,
    ListOptions,
    PruneOptions,
    RetryOptions,
    SandboxOptions,
    WatchOptions,
)
from .shell.parameters import fill_groups, take_options
from .shell.reject_options import RejectOptions
from .shell.store_options import CopyOptions, ReopenOptions
from .shell.web_options import WebOptions
from .shell.worker_options import WorkerOptions

if TYPE_CHECKING:
    from .shell.exits import ExitCode
    from .shell.invocation import Invocation

    Work = Coroutine[Any, Any, ExitCode]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    # A traceback may show the values of variables, and one of them may be a secret.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

store_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(store_app, name="store", help="Copy a store to another database.")


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


def _command(
    *groups: type[Any], of: typer.Typer = app
) -> Callable[[Callable[..., Work]], Callable[..., Work]]:
    """
    Make a command of a function that takes the invocation and an object of each of these classes.

    Its name and its docstring are the command's; what it returns is run to its end. The command is
    one `of` the program's own, or of a group of them.
    """

    def add(start: Callable[..., Work]) -> Callable[..., Work]:
        def call(**values: Any) -> None:
            from .shell.invocation import Invocation

            common, *options = fill_groups((Common, *groups), values)
            invocation = Invocation(common)
            invocation.run(start(invocation, *options))

        take_options(call, (*groups, Common))
        of.command(start.__name__.rstrip("_"), help=start.__doc__)(call)
        return start

    return add


@_command(DemoOptions)
def demo(invocation: Invocation, options: DemoOptions) -> Work:
    """Run every adapter on a sandbox server; needs no account."""
    if options.cluster:
        from .commands.demo_cluster import run_cluster_demo

        return run_cluster_demo(invocation)
    from .commands.demo import run_demo

    return run_demo(invocation)


@_command(InitOptions)
def init(invocation: Invocation, options: InitOptions) -> Work:
    """Create a settings file."""
    from .commands.init import write_settings

    return write_settings(invocation, options)


@_command(CheckOptions)
def check(invocation: Invocation, options: CheckOptions) -> Work:
    """Check accounts: settings, secrets, connection, credentials."""
    from .commands.check import check_accounts

    return check_accounts(invocation, options.accounts or ())


@_command(SubmitOptions, RejectOptions, OutputOptions, FollowOptions)
def run(
    invocation: Invocation,
    options: SubmitOptions,
    reading: RejectOptions,
    writing: OutputOptions,
    following: FollowOptions,
) -> Work:
    """Submit items, wait until the job ends, and write its results."""
    _refuse_both(invocation.common, writing.out)
    if options.dry_run:
        return _show_plan(invocation, options, reading)
    from .commands.run import run_job

    return run_job(invocation, options, reading, writing, following)


@_command(SubmitOptions, RejectOptions)
def submit(
    invocation: Invocation,
    options: SubmitOptions,
    reading: RejectOptions,
) -> Work:
    """Submit items, print the job's id, and exit."""
    if options.dry_run:
        return _show_plan(invocation, options, reading)
    from .commands.run import submit_job

    return submit_job(invocation, options, reading)


@_command(JobOptions)
def status(invocation: Invocation, options: JobOptions) -> Work:
    """Show the details of a job."""
    from .commands.jobs import show_status

    return show_status(invocation, options.job)


@_command(ListOptions)
def list_(invocation: Invocation, options: ListOptions) -> Work:
    """List jobs, one per line; with --quiet only their ids."""
    from .commands.jobs import list_jobs

    return list_jobs(invocation, options)


@_command(WatchOptions, FollowOptions)
def watch(invocation: Invocation, options: WatchOptions, following: FollowOptions) -> Work:
    """Follow a job, or all unfinished jobs, until they end."""
    from .commands.watch import watch_jobs

    return watch_jobs(invocation, options.job, following)


@_command(JobOptions, ResultsOptions)
def results(invocation: Invocation, job: JobOptions, options: ResultsOptions) -> Work:
    """Write the results of a job, in the order of its items."""
    _refuse_both(invocation.common, options.out or "-")
    from .commands.results import export_results

    return export_results(invocation, job.job, options)


@_command(RetryOptions, OutputOptions, FollowOptions)
def retry(
    invocation: Invocation,
    options: RetryOptions,
    writing: OutputOptions,
    following: FollowOptions,
) -> Work:
    """Resubmit failed and not executed items, as a new job."""
    _refuse_both(invocation.common, writing.out)
    from .commands.retry import retry_job

    return retry_job(invocation, options, writing, following)


@_command(JobOptions)
def cancel(invocation: Invocation, options: JobOptions) -> Work:
    """Cancel a job, here and at the vendor."""
    from .commands.change import cancel_job

    return cancel_job(invocation, options.job)


@_command(AdoptOptions)
def adopt(invocation: Invocation, options: AdoptOptions) -> Work:
    """Give an unconfirmed ticket the vendor's batch that it is."""
    from .commands.adopt import adopt_ticket

    return adopt_ticket(invocation, options)


@_command(FollowOptions)
def resume(invocation: Invocation, following: FollowOptions) -> Work:
    """Resume all unfinished jobs and wait until they end."""
    from .commands.watch import resume_jobs

    return resume_jobs(invocation, following)


@_command(WorkerOptions, WebOptions)
def worker(invocation: Invocation, options: WorkerOptions, page: WebOptions) -> Work:
    """Drive all accounts, and what others submit, until stopped."""
    from .commands.worker import run_worker

    return run_worker(invocation, options, page)


@_command(FailuresOptions)
def failures(invocation: Invocation, options: FailuresOptions) -> Work:
    """Show the open failures of all jobs, grouped by reason."""
    from .commands.failures import show_failures

    return show_failures(invocation, options)


@_command(ExchangeOptions)
def exchanges(invocation: Invocation, options: ExchangeOptions) -> Work:
    """Show the requests of a job to the vendor, and their answers."""
    from .commands.exchanges import show_exchanges

    return show_exchanges(invocation, options)


@_command(HealthOptions)
def health(invocation: Invocation, options: HealthOptions) -> Work:
    """Say which jobs need a person: held, stuck, or driven by nobody. For monitoring."""
    from .commands.health import check_store

    return check_store(invocation, options)


@_command(AlertOptions)
def alerts(invocation: Invocation, options: AlertOptions) -> Work:
    """List the alerts and who was told; or send a test message."""
    from .commands.alerts import run_alerts

    return run_alerts(invocation, options)


@_command(ClusterOptions)
def cluster(invocation: Invocation, options: ClusterOptions) -> Work:
    """Set up a store on PostgreSQL, or show which workers drive what."""
    from .commands.cluster import run_cluster

    return run_cluster(invocation, options)


@_command(WebOptions)
def web(invocation: Invocation, options: WebOptions) -> Work:
    """Serve a page that shows jobs and acts on them, until Ctrl-C."""
    from .commands.web import serve_page

    return serve_page(invocation, options)


@_command(PruneOptions)
def prune(invocation: Invocation, options: PruneOptions) -> Work:
    """Delete old jobs and their results, and free disk space."""
    from .commands.jobs import prune_jobs

    return prune_jobs(invocation, options.older_than)


@_command(CopyOptions, of=store_app)
def copy(invocation: Invocation, options: CopyOptions) -> Work:
    """Copy a store to an empty one, such as from SQLite to PostgreSQL, while no worker runs."""
    from .commands.store import copy_to_other

    return copy_to_other(invocation, options)


@_command(ReopenOptions, of=store_app)
def reopen(invocation: Invocation, options: ReopenOptions) -> Work:
    """Let a store be used again that was copied, in place of its copy."""
    del invocation
    from .commands.store import reopen_copied

    return reopen_copied(options)


@_command()
def adapters(invocation: Invocation) -> Work:
    """List the adapters there are, and those that failed to load."""
    from .commands.adapters import list_adapters

    return list_adapters(invocation)


@_command(DoctorOptions)
def doctor(invocation: Invocation, options: DoctorOptions) -> Work:
    """Send one read-only request to the vendor and show the answer."""
    from .commands.check import examine_account

    return examine_account(invocation, options)


@_command(SandboxOptions)
def sandbox(invocation: Invocation, options: SandboxOptions) -> Work:
    """Run a vendor's sandbox server until Ctrl-C."""
    from .commands.adapters import list_switches, run_sandbox

    if options.switches:
        return list_switches(invocation, options.vendor)
    return run_sandbox(invocation, options)


def _show_plan(
    invocation: Invocation,
    options: SubmitOptions,
    reading: RejectOptions,
) -> Work:
    from .commands.dry_run import show_plan

    return show_plan(invocation, options, reading)


def _refuse_both(common: Common, out: str | None) -> None:
    if common.json and out == "-":
        raise typer.BadParameter(
            "--json writes the status to standard output; write the results to a file",
            param_hint="--out",
        )
