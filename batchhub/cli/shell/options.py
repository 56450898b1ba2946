"""Options that all commands take, options that several share, and how Typer gets them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import typer
from attrs import NOTHING, fields, frozen, has

from batchhub.errors import UsageError

from .completion import complete_job

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
