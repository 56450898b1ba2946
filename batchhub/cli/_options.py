"""What commands are told: the common options, and the arguments that several of them share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import typer
from attrs import fields, frozen

ItemsArgument = Annotated[
    str,
    typer.Argument(
        metavar="ITEMS",
        help="The items: a .jsonl file, an object a line; - reads standard input.",
    ),
]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]

AccountOption = Annotated[
    str, typer.Option("--account", metavar="NAME", help="The account, as the settings name it.")
]
OperationOption = Annotated[
    str | None,
    typer.Option(
        "--operation", metavar="NAME", help="The kind of batch; by default the adapter's first."
    ),
]
StopOption = Annotated[
    bool | None,
    typer.Option(
        "--stop-on-first-failure/--keep-going",
        show_default=False,
        help="Whether nothing more is sent after an item fails; by default the job keeps going.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="TEXT", help="Makes it safe to repeat: the same key is the same job."
    ),
]
LabelOption = Annotated[
    str | None, typer.Option("--label", metavar="TEXT", help="Your own words for the job.")
]
OptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="NAME=VALUE", help="An option of the operation; may be repeated."
    ),
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

CONTACT_TIMEOUT_S: Final = 60.0
"""Seconds without contact after which the commands that drive give up."""


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
    """

    config: Path | None = None
    store: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: int = 0


_COMMON_HINTS: Final[dict[str, Any]] = {
    "config": Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            show_default=False,
            help="The settings file; by default ./batchhub.toml, if it is there.",
        ),
    ],
    "store": Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="PATH|URL",
            show_default=False,
            help="Where the jobs are kept; by default what the settings say, "
            "else BATCHHUB_STORE, else your data folder.",
        ),
    ],
    "json": Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")],
    "quiet": Annotated[bool, typer.Option("--quiet", help="Hide progress and tables.")],
    "verbose": Annotated[
        int,
        typer.Option(
            "-v", "--verbose", count=True, show_default=False, help="Show the log; -vv shows more."
        ),
    ],
}


def with_common(command: Callable[..., None]) -> Callable[..., None]:
    """
    Give a command the common options.

    Typer reads a function's parameters: `command`'s first one, a `Common`, is
    replaced by one parameter for each common option, behind its own.
    """

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        common = Common(**{name: values.pop(name) for name in _COMMON_HINTS})
        command(common, **values)

    hints = get_type_hints(command, include_extras=True)
    _, *own = inspect.signature(command).parameters.values()
    common = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default)
        for f in fields(Common)
    ]
    hints = {**{p.name: hints[p.name] for p in own}, **_COMMON_HINTS, "return": None}
    parameters = [
        p.replace(annotation=hints[p.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for p in (*own, *common)
    ]
    del wrapper.__wrapped__  # Typer would read `command` instead
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = hints
    return wrapper
