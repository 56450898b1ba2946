"""The options of `run`, `submit` and `results`: what is submitted, read and written."""

from __future__ import annotations

from typing import ClassVar

from attrs import NOTHING, frozen

from batchhub._tables.formats import Notation

from .completion import complete_account, complete_item_state
from .parameters import make_argument, make_option


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
        deadline: After how long it is overdue, as given.
        option: The operation's options, as NAME=VALUE.
        ahead: Whether to pass older jobs.
        no_keep_input: Whether to keep no rows of the input.
        dry_run: Whether only to show what would be sent.
    """

    items: str = make_argument(
        "ITEMS",
        "File of items: .jsonl, .csv, .tsv, .json or .xlsx, also .gz and .zst. "
        "Use - for standard input.",
    )
    account: str = make_option(
        "--account NAME",
        "Account name.",
        default=NOTHING,
        envvar="BATCHHUB_ACCOUNT",
        autocompletion=complete_account,
    )
    operation: str | None = make_option(
        "--operation NAME", "Kind of batch. Default: the adapter's first."
    )
    stop: bool | None = make_option(
        "--stop-on-first-failure/--keep-going",
        "Stop sending once an item fails, or keep going. Default: keep going.",
    )
    key: str | None = make_option(
        "--key TEXT", "Idempotency key: submitting the same key again joins the same job."
    )
    label: str | None = make_option("--label TEXT", "Description of the job, shown in lists.")
    deadline: str | None = make_option(
        "--deadline SPAN",
        "Report the job as overdue after this, such as 2h or 1d; nothing is aborted. "
        "Default: worked out from the items.",
    )
    option: list[str] | None = make_option(
        "--option NAME=VALUE", "Option of the operation. Repeatable."
    )
    ahead: bool = make_option(
        "--ahead",
        "Send before older jobs of the account. Where they change the same, they overwrite it.",
        default=False,
    )
    no_keep_input: bool = make_option(
        "--no-keep-input",
        "Keep no rows of the input in the store; results can't be shown beside them then.",
        default=False,
    )
    dry_run: bool = make_option(
        "--dry-run",
        "Show what would be sent and what would be refused; send and store nothing.",
        default=False,
    )


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
        encoding: The CSV encoding; `None` is that of its byte order mark, else UTF-8.
        sheet: The sheet of a workbook.
        decimal: The notation of figures.
        number: Columns that are numbers.
        text: Columns that are text.
        empty: What empty cells mean, as [FIELD=]WORD.
    """

    format: str | None = make_option(
        "--format FORM", "Input format: jsonl, csv, tsv, json or xlsx. Default: from the file name."
    )
    map: str | None = make_option(
        "--map TEMPLATE",
        "Template for each row in the adapter's notation, with {column} placeholders, "
        "such as 'PUT /things/{thing_id}'.",
    )
    set: list[str] | None = make_option(
        "--set NAME=TEMPLATE",
        "Value of each item, such as price={price}. Repeatable. Without --map and --set "
        "the columns are the items' keys; body.price is price in body.",
    )
    id: str | None = make_option(
        "--id TEMPLATE",
        "Template for item ids, with --map or --set. Default: the id column, else the row number.",
    )
    delimiter: str | None = make_option(
        "--delimiter CHAR", "CSV delimiter. Default: detected from the header."
    )
    encoding: str | None = make_option(
        "--encoding NAME", "CSV encoding. Default: from its byte order mark, else UTF-8."
    )
    sheet: str | None = make_option(
        "--sheet NAME", "Sheet of a workbook. Default: the only visible one with cells."
    )
    decimal: Notation | None = make_option(
        "--decimal point|comma",
        "Decimal mark of the figures in a table. Default: the account's setting, else what the "
        "figures themselves show.",
        case_sensitive=False,
    )
    number: list[str] | None = make_option(
        "--number COLUMN",
        "Read this column as numbers; rows with anything else are refused. Repeatable.",
    )
    text: list[str] | None = make_option(
        "--text COLUMN", "Keep this column as text, whatever it looks like. Repeatable."
    )
    empty: list[str] | None = make_option(
        "--empty [FIELD=]WORD",
        "What an empty cell means, for one field or for all: refuse the row, omit the value, "
        'null, or text (send ""). Default: refuse in a path, an id or the field that names '
        "the item, else omit. Repeatable.",
    )


_FORMS = "Output format: jsonl, csv, tsv, json, parquet or xlsx. Default: from the --out name."


@frozen(kw_only=True)
class OutputOptions:
    """
    The options of `run` that say where and how results are written.

    Attributes:
        out: A path, or ``-`` for standard output; `None` writes none.
        form: The output format; `None` to take it from the file's name.
        fields: The columns, as given.
        as_: The name of the type bodies are read as.
        explode: The path of the list whose elements have a row each.
        with_input: Whether the rows of the input are written with their results.
        excel_csv: Whether CSV is written for Excel.
        force: Whether a file may be overwritten that has something else.
        form_option: The option that gives the format.
    """

    form_option: ClassVar[str] = "--out-format"

    out: str | None = make_option("--out FILE", "Write the results to FILE; - is standard output.")
    form: str | None = make_option(f"{form_option} FORM", _FORMS)
    fields: list[str] | None = make_option(
        "--fields NAMES",
        "Columns to write, comma-separated: keys of the result, or paths in the body such as "
        "total or items.sku.",
    )
    as_: str | None = make_option(
        "--as TYPE", "Read bodies as this type of the adapter, such as order."
    )
    explode: str | None = make_option(
        "--explode PATH",
        "Write a row for each element of this list in the body, such as items.",
    )
    with_input: bool = make_option(
        "--with-input",
        "Write all rows of the input as they were, refused ones too, with batchhub_state, "
        "batchhub_code, batchhub_message and batchhub_vendor_ref added.",
        default=False,
    )
    excel_csv: bool = make_option(
        "--excel-csv",
        "Write CSV that Excel opens by a double click: with a byte order mark, and separated as "
        "the locale has it.",
        default=False,
    )
    force: bool = make_option(
        "--force",
        "Overwrite FILE though it has something else than the results of this very job.",
        default=False,
    )

    @property
    def later(self) -> list[str]:
        """The options of `results` that write the same file; none if no file was named."""
        if self.out in {None, "-"}:
            return []
        named = {
            "--fields": ",".join(self.fields or ()),
            "--as": self.as_,
            "--explode": self.explode,
            "--format": self.form,
        }
        flags = {
            "--with-input": self.with_input,
            "--excel-csv": self.excel_csv,
            "--force": self.force,
        }
        words = [flag for flag, is_given in flags.items() if is_given]
        for option, value in named.items():
            words += [option, value] if value else []
        return [*words, "--out", str(self.out)]


@frozen(kw_only=True)
class ResultsOptions(OutputOptions):
    """
    The options of `results`.

    Attributes:
        out: A path; ``-`` and `None` are standard output.
        only: The wanted states, as given.
        code: The wanted HTTP statuses of the items, as given.
        with_retries: Whether items that were retried have the result of the retry.
    """

    form_option: ClassVar[str] = "--format"

    out: str | None = make_option("--out FILE", "Write to FILE instead of standard output.")
    form: str | None = make_option(f"{form_option} FORM", _FORMS)
    only: list[str] | None = make_option(
        "--only STATE",
        "Filter by state: succeeded, failed, not_executed or unknown; of rows also rejected or "
        "pending. Comma-separated.",
        autocompletion=complete_item_state,
    )
    code: list[str] | None = make_option(
        "--code STATUS", "Filter by the item's own HTTP status, such as 404. Comma-separated."
    )
    with_retries: bool = make_option(
        "--with-retries",
        "Write the last word on each item: of an item that was retried, the result of the newest "
        "retry that has one.",
        default=False,
    )
