"""The options of the commands: those that all take, and those that several share."""

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
    str, typer.Argument(metavar="JOB", help="Job id.", autocompletion=complete_job)
]

TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", metavar="S", min=0.0, help="Stop waiting after S seconds."),
]
ContactTimeoutOption = Annotated[
    float,
    typer.Option(
        "--contact-timeout",
        metavar="S",
        min=0.0,
        help="Stop waiting after S seconds without contact to the vendor.",
    ),
]

OnCompleteOption = Annotated[
    str | None,
    typer.Option(
        "--on-complete",
        metavar="CMD",
        help="Command to run once for each job that ends. It gets BATCHHUB_JOB, BATCHHUB_STATE "
        "and BATCHHUB_OUTCOME, and the job's status as JSON on standard input.",
    ),
]

CONTACT_TIMEOUT_S: Final = 60.0
"""Seconds without contact after which commands stop waiting, unless told otherwise."""


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

    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            envvar="BATCHHUB_CONFIG",
            readable=False,  # whoever reads it reports that in one line
            show_default=False,
            help="Settings file. Default: ./batchhub.toml if it exists.",
        ),
    ] = None
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="PATH|URL",
            envvar="BATCHHUB_STORE",
            show_default=False,
            help="Store for jobs. Default: from the settings, else jobs.db in your data folder.",
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
            help="Log format. json: one object per line; implies -v.",
        ),
    ] = LogFormat.TEXT


@frozen(kw_only=True)
class Order:
    """
    The options of `run` and `submit` that `BatchHub.submit` takes.

    Attributes:
        items: A path, or ``-`` for standard input.
        account: The account's name.
        operation: The kind of batch; `None` is the adapter's first.
        stop: Whether to stop on the first failure; `None` is the default.
        key: The idempotency key.
        label: The user's description of the job.
        option: The operation's options, as NAME=VALUE.
        dry_run: Whether only to show what would be sent.
    """

    items: Annotated[
        str,
        typer.Argument(
            metavar="ITEMS",
            help="File of items: .jsonl, .csv, .tsv or .json, also .gz. Use - for standard input.",
        ),
    ]
    account: Annotated[
        str,
        typer.Option(
            "--account",
            metavar="NAME",
            envvar="BATCHHUB_ACCOUNT",
            autocompletion=complete_account,
            help="Account name.",
        ),
    ]
    operation: Annotated[
        str | None,
        typer.Option(
            "--operation", metavar="NAME", help="Kind of batch. Default: the adapter's first."
        ),
    ] = None
    stop: Annotated[
        bool | None,
        typer.Option(
            "--stop-on-first-failure/--keep-going",
            show_default=False,
            help="Stop sending once an item fails, or keep going. Default: keep going.",
        ),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="TEXT",
            help="Idempotency key: submitting the same key again joins the same job.",
        ),
    ] = None
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="TEXT", help="Description of the job, shown in lists."),
    ] = None
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="Option of the operation. Repeatable."),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show what would be sent and what would be refused; send and store nothing.",
        ),
    ] = False


@frozen(kw_only=True)
class Reading:
    """
    The options of `run` and `submit` that say how items are read.

    Attributes:
        format: The input format; `None` to detect it.
        map: The adapter's template for each row.
        set: Values of an item, as NAME=TEMPLATE.
        id: The template of an item's id.
        delimiter: The CSV delimiter; `None` to detect it.
        encoding: The CSV encoding; `None` is UTF-8.
        decimal_comma: Whether ``9,90`` is a number in CSV.
        no_infer: Whether all CSV cells are text.
        text: CSV columns that are kept as text.
    """

    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORM",
            help="Input format: jsonl, csv or json. Default: from the file name.",
        ),
    ] = None
    map: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="TEMPLATE",
            help="Template for each row in the adapter's notation, with {column} placeholders, "
            "such as 'PUT /things/{thing_id}'.",
        ),
    ] = None
    set: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=TEMPLATE",
            help="Value of each item, such as price={price}. Repeatable. Without --map and --set "
            "the columns are the items' keys; body.price is price in body.",
        ),
    ] = None
    id: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="TEMPLATE",
            help="Template for item ids, with --map or --set. Default: the id column, else the "
            "row number.",
        ),
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option(
            "--delimiter",
            metavar="CHAR",
            help="CSV delimiter. Default: detected from the header.",
        ),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option("--encoding", metavar="NAME", help="CSV encoding. Default: UTF-8."),
    ] = None
    decimal_comma: Annotated[
        bool, typer.Option("--decimal-comma", help="Read 9,90 in CSV as a number.")
    ] = False
    no_infer: Annotated[
        bool,
        typer.Option(
            "--no-infer",
            help="Keep all CSV cells as text. Default: numbers, true and false are read.",
        ),
    ] = False
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            metavar="COLUMN",
            help="Keep this CSV column as text, whatever it looks like. Repeatable.",
        ),
    ] = None


_FieldsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fields",
        metavar="NAMES",
        help="Columns to write, comma-separated: keys of the result, or paths in the body such as "
        "total or items.sku.",
    ),
]
_AsOption = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="TYPE", help="Read bodies as this type of the adapter, such as order."
    ),
]


@frozen(kw_only=True)
class Writing:
    """
    The options of `run` that say where and how results are written.

    Attributes:
        out: A path, or ``-`` for standard output; `None` writes none.
        form: The output format; `None` to take it from the file's name.
        fields: The columns, as given.
        as_: The name of the type bodies are read as.
        form_option: The option that gives the format.
    """

    form_option: ClassVar[str] = "--out-format"

    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write the results to FILE; - is standard output.",
        ),
    ] = None
    form: Annotated[
        str | None,
        typer.Option(
            "--out-format",
            metavar="FORM",
            help="Output format: jsonl, csv, tsv, json or parquet. Default: from the --out name.",
        ),
    ] = None
    fields: _FieldsOption = None
    as_: _AsOption = None


@frozen(kw_only=True)
class Export(Writing):
    """
    The options of `results`.

    Attributes:
        out: A path; ``-`` and `None` are standard output.
        only: The wanted states, as given.
        code: The wanted HTTP statuses of the items, as given.
    """

    form_option: ClassVar[str] = "--format"

    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write to FILE instead of standard output.",
        ),
    ] = None
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORM",
            help="Output format: jsonl, csv, tsv, json or parquet. Default: from the --out name.",
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
            help="Filter by state: succeeded, failed, not_executed or unknown. Comma-separated.",
        ),
    ] = None
    code: Annotated[
        list[str] | None,
        typer.Option(
            "--code",
            metavar="STATUS",
            help="Filter by the item's own HTTP status, such as 404. Comma-separated.",
        ),
    ] = None


def with_common(command: Callable[..., None]) -> Callable[..., None]:
    """
    Replace each parameter of a command that is an attrs class by that class's fields.

    Typer makes an option of each parameter of a function. The options of `Common` come last.
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
    """Return a parameter for each field of an attrs class."""
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
