"""The options of the commands, but for those that describe what a job reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from attrs import NOTHING, evolve, frozen
from typer import BadParameter

from batchhub.errors import UsageError

from .completion import complete_account, complete_adapter, complete_job, complete_job_state
from .parameters import make_argument, make_option


class LogFormat(StrEnum):
    """The format of the log."""

    TEXT = "text"
    JSON = "json"


@frozen(kw_only=True)
class Common:
    """
    The options every command takes.

    Attributes:
        config: The settings file, if one was given.
        store: The store, if one was given.
        json: Whether standard output is JSON.
        quiet: Whether progress and tables are hidden.
        verbose: How much of the log is shown: 0 nothing, 1 what happens, 2 everything.
        log_format: The format of the log.
    """

    config: Path | None = make_option(
        "--config FILE",
        "Settings file. Default: ./batchhub.toml if it exists.",
        envvar="BATCHHUB_CONFIG",
        readable=False,  # whoever reads it reports that in one line
    )
    store: str | None = make_option(
        "--store PATH|URL",
        "Store for jobs. Default: from the settings, else jobs.db in your data folder.",
        envvar="BATCHHUB_STORE",
    )
    json: bool = make_option("--json", "Write JSON to standard output.", default=False)
    quiet: bool = make_option("--quiet", "Hide progress and tables.", default=False)
    verbose: int = make_option(
        "-v --verbose",
        "Show the log; -vv shows more.",
        default=0,
        count=True,
        show_default=False,
    )
    log_format: LogFormat = make_option(
        "--log-format",
        "Log format. json: one object per line; implies -v.",
        default=LogFormat.TEXT,
        envvar="BATCHHUB_LOG_FORMAT",
        case_sensitive=False,
        show_default=False,
    )


@frozen(kw_only=True)
class Patience:
    """
    How long to wait.

    Attributes:
        timeout_s: The most seconds; `None` for as long as it takes.
        contact_timeout_s: The most seconds without contact to the vendor.
    """

    timeout_s: float | None = make_option("--timeout S", "Stop waiting after S seconds.", min=0.0)
    contact_timeout_s: float = make_option(
        "--contact-timeout S",
        "Stop waiting after S seconds without contact to the vendor, or without a worker where "
        "only workers drive.",
        default=60.0,
        min=0.0,
    )

    def after(self, passed_s: float) -> Patience | None:
        """Return what is left after `passed_s` seconds; `None` if nothing is."""
        if self.timeout_s is None:
            return self
        left_s = round(self.timeout_s - passed_s, 1)
        return evolve(self, timeout_s=left_s) if left_s > 0 else None


def _refuse_empty(command: str | None) -> str | None:
    # Probably an unset shell variable: it would succeed, and nobody hear of the jobs.
    if command is not None and not command.strip():
        raise BadParameter("it is empty; give a command or omit the option")
    return command


@frozen(kw_only=True)
class FollowOptions(Patience):
    """
    The options of commands that follow jobs until they end.

    Attributes:
        on_complete: A shell command to run for each job that ends.
        on_complete_timeout_s: The most seconds it may take for one job.
    """

    on_complete: str | None = make_option(
        "--on-complete CMD",
        "Command to run once for each job that ends. It gets BATCHHUB_JOB, BATCHHUB_STATE "
        "and BATCHHUB_OUTCOME, and the job's status as JSON on standard input. A command that "
        "fails is tried again after 1, 5 and 25 minutes.",
        callback=_refuse_empty,
    )
    on_complete_timeout_s: float = make_option(
        "--on-complete-timeout S",
        "End the command of --on-complete after S seconds.",
        default=300.0,
        min=1.0,
    )


JOB_HELP: Final = "Job: its id, its key, latest, or at least 4 characters its id begins with."


@frozen(kw_only=True)
class JobOptions:
    """The argument of commands about one job: what names it (see `shell.find_job`)."""

    job: str = make_argument("JOB", JOB_HELP, autocompletion=complete_job)


@frozen(kw_only=True)
class RetryOptions(JobOptions):
    """
    The options of `retry`.

    Attributes:
        unknown: Whether to take items with unknown outcome, too.
        superseded: Whether to take items that a newer job changes, too.
        code: The wanted HTTP statuses of the items, as given.
        any_code: Whether to take items, too, that fail the same again by their status.
        wait: Whether to wait until the new job ends.
    """

    unknown: bool = make_option(
        "--unknown", "Also retry items with unknown outcome; they may run twice.", default=False
    )
    superseded: bool = make_option(
        "--superseded",
        "Also retry items that change what a newer job changes; they overwrite it.",
        default=False,
    )
    code: list[str] | None = make_option(
        "--code STATUS",
        "Retry only items with this HTTP status of their own, such as 429. Comma-separated.",
    )
    any_code: bool = make_option(
        "--any-code",
        "Also retry items whose status (400, 405, 409, 410, 413, 415, 422) says that the "
        "same again fails the same.",
        default=False,
    )
    wait: bool = make_option(
        "--wait", "Wait until the new job ends, as run does; --out waits, too.", default=False
    )


@frozen(kw_only=True)
class AdoptOptions(JobOptions):
    """The options of `adopt`."""

    ref: list[str] = make_option(
        "--ref ID",
        "The vendor's id of the batch. Repeatable, if the vendor gave several for one request.",
        default=NOTHING,
    )
    ticket: int | None = make_option(
        "--ticket N", "Position of the ticket in the job, from 1. Default: the only unconfirmed."
    )
    wait: bool = make_option("--wait", "Wait until the job ends, as run does.", default=False)


@frozen(kw_only=True)
class WatchOptions:
    """The argument of `watch`: what names a job, or `None` for all unfinished jobs."""

    job: str | None = make_argument(
        "JOB",
        f"{JOB_HELP} Default: all unfinished jobs, and those submitted meanwhile.",
        default=None,
        autocompletion=complete_job,
    )


@frozen(kw_only=True)
class ListOptions:
    """The options of `list`, as given; see `shell.filters`."""

    state: list[str] | None = make_option(
        "--state STATE",
        "Filter by open, held, ended, a state or an outcome. Comma-separated.",
        autocompletion=complete_job_state,
    )
    account: str | None = make_option(
        "--account NAME", "Filter by account.", autocompletion=complete_account
    )
    label: str | None = make_option(
        "--label TEXT", "Filter by label: jobs whose label has TEXT in it, in any case."
    )
    since: str | None = make_option(
        "--since TIME", "Filter by submit time: 2h, 3d, 2026-11-20 or 2026-11-20T10:00."
    )
    limit: int = make_option(
        "--limit N", "List at most N jobs, the newest; 0 for all. Default: 50.", default=50, min=0
    )


@frozen(kw_only=True)
class FailuresOptions:
    """The options of `failures`, as given."""

    account: str | None = make_option(
        "--account NAME", "Filter by account.", autocompletion=complete_account
    )
    since: str | None = make_option(
        "--since TIME",
        "Only jobs that ended or changed since: 2h, 3d, 2026-11-20 or 2026-11-20T10:00.",
    )
    all: bool = make_option(
        "--all",
        "Also show failures whose item a later job has written with success.",
        default=False,
    )


@frozen(kw_only=True)
class HealthOptions:
    """The options of `health`: a time span, as given."""

    grace: str | None = make_option(
        "--grace SPAN",
        "How long a job may go without an answer, or without a process that drives it. Default: "
        "10min.",
    )


@frozen(kw_only=True)
class PruneOptions:
    """The options of `prune`: a time span, as given."""

    older_than: str = make_option(
        "--older-than SPAN",
        "Delete jobs that ended longer ago than this, such as 30d or 12h.",
        default=NOTHING,
    )


@frozen(kw_only=True)
class InitOptions:
    """The options of `init`: the names of the new account and of its adapter."""

    account: str | None = make_option("--account NAME", "Name for the new account.")
    adapter: str | None = make_option(
        "--adapter NAME", "Adapter of the new account, or file:PATH of its description."
    )


@frozen(kw_only=True)
class CheckOptions:
    """The arguments of `check`: names of accounts; none for all."""

    accounts: list[str] | None = make_argument(
        "ACCOUNT", "Account names. Default: all.", default=None, autocompletion=complete_account
    )


@frozen(kw_only=True)
class DoctorOptions:
    """
    The options of `doctor`.

    Attributes:
        account: The account's name.
        ref: The vendor's id of one of its batches.
        record: A file that does not exist yet.
    """

    account: str = make_argument("ACCOUNT", "Account name.", autocompletion=complete_account)
    ref: str | None = make_option("--ref ID", "Vendor's id of a batch to ask about.")
    record: Path | None = make_option(
        "--record FILE",
        "Write request and answer, without secrets, to a new file that a test can replay.",
    )


@frozen(kw_only=True)
class SandboxOptions:
    """
    The options of `sandbox`.

    Attributes:
        vendor: The adapter's name.
        port: Where it listens; 0 for any free port.
        host: The address it listens on.
        set: Its switches, as NAME=VALUE.
        switches: Whether only to list its switches.
    """

    vendor: str = make_argument(
        "VENDOR", "Adapter name, or file:PATH.", autocompletion=complete_adapter
    )
    port: int = make_option(
        "--port N",
        "Port to listen on. Default: any free port.",
        default=0,
        min=0,
        max=65535,
        show_default=False,
    )
    host: str = make_option("--host ADDRESS", "Address to listen on.", default="127.0.0.1")
    set: list[str] | None = make_option(
        "--set NAME=VALUE", "Set a switch of the sandbox. Repeatable."
    )
    switches: bool = make_option(
        "--switches", "List the sandbox's switches and exit.", default=False
    )


def parse_options(texts: Sequence[str]) -> dict[str, str]:
    """
    Parse ``NAME=VALUE`` options.

    Raises:
        UsageError: One has another form, or a name is given twice.
    """
    options: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{text!r} is not NAME=VALUE")
        if name in options:
            raise UsageError(f"{name!r} is given twice")
        options[name] = value
    return options
