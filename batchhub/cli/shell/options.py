"""What commands are told: the common options, and the arguments that several of them share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, get_type_hints

import typer
from attrs import NOTHING, fields, frozen, has

from .completion import complete_account, complete_item_state, complete_job

JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="The job's id.", autocompletion=complete_job)
]

TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", metavar="S", min=0.0, help="Give up waiting after so many seconds."),
]
ContactTimeoutOption = Annotated[
    float,
    typer.Option(
        "--contact-timeout",
        metavar="S",
        min=0.0,
        help="Give up waiting after so many seconds without contact to the vendor.",
    ),
]

OnCompleteOption = Annotated[
    str | None,
    typer.Option(
        "--on-complete",
        metavar="CMD",
        help="Run this when a job has ended, once for each; the job is in BATCHHUB_JOB, "
        "BATCHHUB_STATE and BATCHHUB_OUTCOME, its status on standard input.",
    ),
]

CONTACT_TIMEOUT_S: Final = 60.0
"""Seconds without contact after which the commands that drive give up."""


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


@frozen(kw_only=True)
class Common:
    """
    The options every command takes.

    Attributes:
        config: The settings file, if one was named.
        store: The store, if one was named.
        json: Whether standard output is JSON.
        quiet: Whether progress and tables are hidden.
        verbose: How much of the log is shown: 0 nothing, 1 what happens, 2 everything.
        log_format: How a line of the log is written.
    """

    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            envvar="BATCHHUB_CONFIG",
            readable=False,  # said in one line by who reads it
            show_default=False,
            help="The settings file; by default ./batchhub.toml, if it is there.",
        ),
    ] = None
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="PATH|URL",
            envvar="BATCHHUB_STORE",
            show_default=False,
            help="Where the jobs are kept; by default what the settings say, "
            "else your data folder.",
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Hide progress and tables.")] = False
    verbose: Annotated[
        int,
        typer.Option(
            "-v", "--verbose", count=True, show_default=False, help="Show the log; -vv shows more."
        ),
    ] = 0
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format",
            envvar="BATCHHUB_LOG_FORMAT",
            case_sensitive=False,
            show_default=False,
            help="How the log is written; json is an object a line, and shows it without -v.",
        ),
    ] = LogFormat.TEXT


@frozen(kw_only=True)
class Order:
    """
    What `run` and `submit` hand over, as `BatchHub.submit` takes it.

    Attributes:
        items: A path, or ``-`` for standard input.
        account: The account's name.
        operation: The kind of batch; `None` is the adapter's first.
        stop: Whether to stop on the first failure; `None` is the default.
        key: The user's key of the job.
        label: The user's own words for it.
        option: The operation's options, as NAME=VALUE.
        dry_run: Whether only to tell what would be sent.
    """

    items: Annotated[
        str,
        typer.Argument(
            metavar="ITEMS",
            help="The items: a .jsonl, .csv, .tsv or .json file, also with .gz behind it; "
            "- reads standard input.",
        ),
    ]
    account: Annotated[
        str,
        typer.Option(
            "--account",
            metavar="NAME",
            envvar="BATCHHUB_ACCOUNT",
            autocompletion=complete_account,
            help="The account, as the settings name it.",
        ),
    ]
    operation: Annotated[
        str | None,
        typer.Option(
            "--operation", metavar="NAME", help="The kind of batch; by default the adapter's first."
        ),
    ] = None
    stop: Annotated[
        bool | None,
        typer.Option(
            "--stop-on-first-failure/--keep-going",
            show_default=False,
            help="Whether nothing more is sent after an item fails; by default the job keeps "
            "going.",
        ),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="TEXT", help="Makes it safe to repeat: the same key is the same job."
        ),
    ] = None
    label: Annotated[
        str | None, typer.Option("--label", metavar="TEXT", help="Your own words for the job.")
    ] = None
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="NAME=VALUE", help="An option of the operation; may be repeated."
        ),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only tell what would be sent and what refused; sends and keeps nothing.",
        ),
    ] = False


@frozen(kw_only=True)
class Reading:
    """
    How `run` and `submit` read items.

    Attributes:
        format: The form's name; `None` if the source tells.
        map: What the adapter makes an item's frame of.
        set: Values of an item, as NAME=TEMPLATE.
        id: The template of an item's id.
        delimiter: What separates the cells of CSV; `None` if the header tells.
        encoding: The encoding of CSV; `None` is UTF-8.
        decimal_comma: Whether ``9,90`` is a number in CSV.
        no_infer: Whether CSV has only text.
        text: Columns of CSV that are kept as text.
    """

    format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORM", help="jsonl, csv or json; by default the ending tells."
        ),
    ] = None
    map: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="TEMPLATE",
            help="What each row becomes, in the adapter's own words, with {column} in it, "
            "such as 'PUT /things/{thing_id}'.",
        ),
    ] = None
    set: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=TEMPLATE",
            help="A value of each item, such as price={price}; may be repeated. Without --map or "
            "--set the columns are the items' keys; body.price is price in body.",
        ),
    ] = None
    id: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="TEMPLATE",
            help="With --map or --set: each item's id; by default the column id, else its number.",
        ),
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option(
            "--delimiter",
            metavar="CHAR",
            help="What separates the cells of CSV; by default told by the header.",
        ),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option("--encoding", metavar="NAME", help="The encoding of CSV; by default UTF-8."),
    ] = None
    decimal_comma: Annotated[
        bool, typer.Option("--decimal-comma", help="In CSV, 9,90 is a number.")
    ] = False
    no_infer: Annotated[
        bool,
        typer.Option(
            "--no-infer",
            help="Keep all cells of CSV as text; by default numbers, true and false are read.",
        ),
    ] = False
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            metavar="COLUMN",
            help="Keep this column of CSV as text, whatever it looks like; may be repeated.",
        ),
    ] = None


_FieldsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fields",
        metavar="NAMES",
        help="Only these, with commas: the results' own keys, else paths in the body such as "
        "total or items.sku.",
    ),
]
_AsOption = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="TYPE", help="Read bodies as this type of the adapter's, such as order."
    ),
]


@frozen(kw_only=True)
class Writing:
    """
    How `run` writes results.

    Attributes:
        out: A path, or ``-`` for standard output; `None` writes none.
        form: The form's name; `None` if the file's name tells.
        fields: The columns, as they were said.
        as_: The name of the type bodies are read as.
        form_option: The option that says the form.
    """

    form_option: ClassVar[str] = "--out-format"

    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write the results there, in the form its ending names; - is stdout.",
        ),
    ] = None
    form: Annotated[
        str | None,
        typer.Option(
            "--out-format",
            metavar="FORM",
            help="jsonl, csv, tsv, json or parquet; by default the ending of --out tells.",
        ),
    ] = None
    fields: _FieldsOption = None
    as_: _AsOption = None


@frozen(kw_only=True)
class Export(Writing):
    """
    What `results` writes, and how.

    Attributes:
        out: A path; ``-`` and `None` are standard output.
        only: The states that are wanted, as they were said.
        code: The items' own HTTP statuses that are wanted, as they were said.
    """

    form_option: ClassVar[str] = "--format"

    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write them there, in the form its ending names; by default to stdout.",
        ),
    ] = None
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORM",
            help="jsonl, csv, tsv, json or parquet; by default the ending of --out tells.",
        ),
    ] = None
    fields: _FieldsOption = None
    as_: _AsOption = None
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="STATE",
            autocompletion=complete_item_state,
            help="succeeded, failed, not_executed or unknown; several with commas.",
        ),
    ] = None
    code: Annotated[
        list[str] | None,
        typer.Option(
            "--code",
            metavar="STATUS",
            help="Only items with this HTTP status of their own; several with commas.",
        ),
    ] = None


def with_common(command: Callable[..., None]) -> Callable[..., None]:
    """
    Give a command the options of its groups.

    Typer reads a function's parameters: each parameter of `command` that is an
    attrs class, such as `Common`, is replaced by one parameter for each of that
    class's fields; those of `Common` come last.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if has(hint)}
    members = {name: [f.name for f in fields(group)] for name, group in groups.items()}

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        made = {
            name: group(**{member: values.pop(member) for member in members[name]})
            for name, group in groups.items()
        }
        command(**made, **values)

    parameters: list[inspect.Parameter] = []
    last: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if hints[parameter.name] is Common:
            last = _spread(Common)
        elif parameter.name in groups:
            parameters += _spread(groups[parameter.name])
        else:
            hint = hints[parameter.name]
            parameters.append(
                parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY)
            )
    parameters += last
    del wrapper.__wrapped__  # Typer would read `command` instead
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return wrapper


def _spread(group: type) -> list[inspect.Parameter]:
    """Return a parameter for each option of a group."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            f.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if f.default is NOTHING else f.default,
            annotation=hints[f.name],
        )
        for f in fields(group)
    ]
