"""The commands, as they are typed; what each does is in the module it names."""

# Heavy modules (database, HTTP, tables) are imported when their command runs.
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ._options import (
    CONTACT_TIMEOUT_S,
    AccountOption,
    Common,
    ContactTimeoutOption,
    ItemsArgument,
    JobArgument,
    KeyOption,
    LabelOption,
    OperationOption,
    OptionsOption,
    StopOption,
    TimeoutOption,
    with_common,
)

if TYPE_CHECKING:
    from ._invocation import Invocation

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
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
    from ._demo import run_demo

    invocation = _begin(common)
    invocation.run(run_demo(invocation))


@app.command()
@with_common
def run(
    common: Common,
    *,
    items: ItemsArgument,
    account: AccountOption,
    operation: OperationOption = None,
    stop: StopOption = None,
    key: KeyOption = None,
    label: LabelOption = None,
    option: OptionsOption = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Write the results there; - is stdout."),
    ] = None,
    timeout: TimeoutOption = None,
    contact_timeout: ContactTimeoutOption = CONTACT_TIMEOUT_S,
) -> None:
    """Hand items over, wait for the end, write the results."""
    _refuse_both(common, out)
    from ._follow import Patience
    from ._handing import Order, run_job

    order = Order(
        items=items,
        account=account,
        operation=operation,
        stop_on_first_failure=stop,
        key=key,
        label=label,
        options=option or (),
    )
    patience = Patience(timeout_s=timeout, contact_timeout_s=contact_timeout)
    invocation = _begin(common)
    invocation.run(run_job(invocation, order, out=out, patience=patience))


@app.command()
@with_common
def submit(
    common: Common,
    *,
    items: ItemsArgument,
    account: AccountOption,
    operation: OperationOption = None,
    stop: StopOption = None,
    key: KeyOption = None,
    label: LabelOption = None,
    option: OptionsOption = None,
) -> None:
    """Hand items over, print the job's id, and return at once."""
    from ._handing import Order, submit_job

    order = Order(
        items=items,
        account=account,
        operation=operation,
        stop_on_first_failure=stop,
        key=key,
        label=label,
        options=option or (),
    )
    invocation = _begin(common)
    invocation.run(submit_job(invocation, order))


@app.command()
@with_common
def status(common: Common, *, job: JobArgument) -> None:
    """Show all there is to know of a job."""
    from ._reading import show_status

    invocation = _begin(common)
    invocation.run(show_status(invocation, job))


@app.command("list")
@with_common
def list_(common: Common) -> None:
    """Show the jobs, a line each; with --quiet only their ids."""
    from ._reading import list_jobs

    invocation = _begin(common)
    invocation.run(list_jobs(invocation))


@app.command()
@with_common
def watch(
    common: Common,
    *,
    job: Annotated[
        str | None,
        typer.Argument(metavar="JOB", help="The job's id; without it all that is unfinished."),
    ] = None,
    timeout: TimeoutOption = None,
    contact_timeout: ContactTimeoutOption = CONTACT_TIMEOUT_S,
) -> None:
    """Follow a job, or all unfinished ones, to the end."""
    from ._driving import watch_jobs
    from ._follow import Patience

    patience = Patience(timeout_s=timeout, contact_timeout_s=contact_timeout)
    invocation = _begin(common)
    invocation.run(watch_jobs(invocation, job, patience))


@app.command()
@with_common
def results(
    common: Common,
    *,
    job: JobArgument,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Write them there; by default to stdout."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="STATE",
            help="succeeded, failed, not_executed or unknown; several with commas.",
        ),
    ] = None,
) -> None:
    """Write a job's results as JSON Lines, in the items' order."""
    _refuse_both(common, out or "-")
    from ._reading import write_results

    invocation = _begin(common)
    invocation.run(write_results(invocation, job, out=out, only=only or ()))


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
    from ._changing import retry_job

    invocation = _begin(common)
    invocation.run(retry_job(invocation, job, unknown=unknown))


@app.command()
@with_common
def cancel(common: Common, *, job: JobArgument) -> None:
    """Stop a job, here and at the vendor."""
    from ._changing import cancel_job

    invocation = _begin(common)
    invocation.run(cancel_job(invocation, job))


@app.command()
@with_common
def resume(
    common: Common,
    *,
    timeout: TimeoutOption = None,
    contact_timeout: ContactTimeoutOption = CONTACT_TIMEOUT_S,
) -> None:
    """Drive all that is unfinished to its end."""
    from ._driving import resume_jobs
    from ._follow import Patience

    patience = Patience(timeout_s=timeout, contact_timeout_s=contact_timeout)
    invocation = _begin(common)
    invocation.run(resume_jobs(invocation, patience))


@app.command()
@with_common
def adapters(common: Common) -> None:
    """Show the installed adapters, and what failed to load."""
    from ._installed import list_adapters

    invocation = _begin(common)
    invocation.run(list_adapters(invocation))


@app.command()
@with_common
def doctor(
    common: Common,
    *,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name in the settings.")],
    ref: Annotated[
        str | None,
        typer.Option("--ref", metavar="ID", help="Ask about this batch of the vendor's."),
    ] = None,
) -> None:
    """Ask a vendor one harmless thing, and show the answer."""
    from ._doctor import examine

    invocation = _begin(common)
    invocation.run(examine(invocation, account, ref))


@app.command()
@with_common
def sandbox(
    common: Common,
    *,
    vendor: Annotated[str, typer.Argument(metavar="VENDOR", help="The adapter's name.")],
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
    from ._sandbox import Place, list_switches, run_sandbox

    invocation = _begin(common)
    if switches:
        invocation.run(list_switches(invocation, vendor))
    place = Place(host=host, port=port, switches=settings or ())
    invocation.run(run_sandbox(invocation, vendor, place))


def _begin(common: Common) -> Invocation:
    from ._invocation import Invocation

    return Invocation(common)


def _refuse_both(common: Common, out: str | None) -> None:
    if common.json and out == "-":
        raise typer.BadParameter(
            "standard output is either the results or, with --json, the status; name a file",
            param_hint="--out",
        )
