"""The options of `run`, `submit` and `results`: what is submitted, read and written."""

from __future__ import annotations

from typing import Annotated, ClassVar

import typer
from attrs import frozen

from .completion import complete_account, complete_item_state


@frozen(kw_only=True)
class SubmitOptions:
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
class InputOptions:
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
class OutputOptions:
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
class ResultsOptions(OutputOptions):
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
