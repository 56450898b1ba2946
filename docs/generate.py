"""
Write the generated parts of the pages: commands, exit codes, errors, states, settings.

Each part is between two comments in its page and is rewritten by ``make docs``; a test fails when
one is out of date.

    python docs/generate.py
"""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final

from attrs import NOTHING, Attribute, fields
from typer.main import get_command

from batchhub import errors, models
from batchhub._declared.grammar import Each, Key, Section, list_keys
from batchhub._metrics.families import FAMILIES
from batchhub._settings.installed import GROUP
from batchhub.adapter import Account
from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode, exit_code
from batchhub.cli.shell.options import Common
from batchhub.conformance import RULES, Level

DOCS: Final = Path(__file__).parent
CORE: Final = DOCS.parent / "batchhub"
PART: Final = re.compile(
    r"(?P<begin><!-- begin (?P<name>[\w-]+), written by make docs -->\n)"
    r".*?(?P<end><!-- end (?P=name) -->)",
    re.DOTALL,
)

COMMON: Final = frozenset(f.name for f in fields(Common)) | {"help"}
"""The options that are described once, for every command."""

WHAT_TO_DO: Final[Mapping[type[errors.BatchHubError], str]] = {
    errors.UsageError: "Fix the call and repeat it.",
    errors.InputError: "Fix the item named in the message, then repeat the call.",
    errors.SettingsError: "Fix the setting named in the message.",
    errors.NotKnownError: "Use one of the names listed in the message.",
    errors.UnsupportedError: "Leave out the option named in the message, or use another operation.",
    errors.KeyConflictError: "Use another key, or the items the key was first used with.",
    errors.BodyError: "Read its plain `body`, or fix the type.",
    errors.ItemFailedError: "Look at the item's `state`; `body` has the vendor's error.",
    errors.WaitTimeoutError: "Wait again, or run `batchhub resume`.",
    errors.VendorError: "Read the vendor's message.",
    errors.CredentialsError: "Fix the credentials, then run `batchhub resume`.",
    errors.RefusedError: "Fix what the vendor complains about; the same request fails again.",
    errors.NotFoundError: "Check the address and the ids.",
    errors.RateLimitedError: "Nothing: requests resume once the vendor allows them.",
    errors.BusyError: "Nothing: it is retried.",
    errors.RepeatedError: "Nothing: it is retried later where that is safe; else the job is held.",
    errors.CantTellError: "Look at the vendor's side, then `adopt`, `retry` or `cancel` the job.",
    errors.ServerError: "Nothing: reads are retried; for a write, see the job's state.",
    errors.ReplyError: "Nothing at first: it is retried, and `-v` shows more. "
    "If it persists, report it to the adapter's maintainer.",
    errors.ReplyTooLargeError: "Lower `max_request_bytes`: new jobs then have smaller tickets.",
    errors.ResultsMissingError: "Nothing at first: the results are requested again.",
    errors.ContactError: "Check the network, then run `batchhub resume`.",
    errors.ConnectError: "Check the network and `base_url`, then run `batchhub resume`.",
    errors.BlockedError: "Ask whoever runs the firewall or the proxy; it is retried meanwhile.",
    errors.NoAnswerError: "Check the network. If the job is held, decide how to go on.",
    errors.StoreError: "Check disk space and file permissions, then run `batchhub resume`.",
    errors.StoreVersionError: "Upgrade batchhub, or use another store.",
    errors.AdapterError: "Run `batchhub adapters` for details; report it to the maintainer.",
}
"""What to do, by error; an error that is not listed takes its parent's text."""


def fill(text: str) -> str:
    """Return a page's text with its generated parts up to date."""

    def write(match: re.Match[str]) -> str:
        return f"{match['begin']}\n{PARTS[match['name']]()}\n\n{match['end']}"

    return PART.sub(write, text)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table in Markdown."""
    head = list(header)
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def first_line(doc: str | None) -> str:
    """Return the sentences of a docstring's first paragraph, in one line."""
    return " ".join(inspect.cleandoc(doc or "").partition("\n\n")[0].split())


def member_docs(kind: type[Enum]) -> dict[str, str]:
    """Return what stands below each member of an enum."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    name = ""
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = ""
            case ast.Expr(value=ast.Constant(value=str(text))) if name:
                found[name] = " ".join(text.split())
            case _:
                name = ""
    return found


def attribute_docs(kind: type[Any]) -> dict[str, str]:
    """Return the ``Attributes:`` of a class's docstring, each in one line."""
    _, _, section = inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(section).splitlines():
        if not line.startswith(" ") and (match := re.match(r"(\w+): (.*)", line)):
            name, found[match[1]] = match[1], match[2]
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


# Commands.


def exit_codes() -> str:
    """Write the table of exit codes."""
    docs = member_docs(ExitCode)
    return table(("code", "meaning"), ((f"**{c.value}**", docs[c.name]) for c in ExitCode))


def commands() -> str:
    """Write a chapter for each command: what it does, its arguments and its own options."""
    return "\n\n".join("\n\n".join(_chapter(*entry)) for entry in _commands().items())


def common_options() -> str:
    """Write the table of the options every command takes."""
    return _options(param for param in _commands()["list"].params if param.name in COMMON)


def _commands() -> dict[str, Any]:
    group: Any = get_command(app)
    found = dict[str, Any]()
    for name, command in group.commands.items():
        of_group = getattr(command, "commands", None)
        if of_group is None:
            found[name] = command
        else:
            found |= {f"{name} {each}": one for each, one in of_group.items()}
    return found


def _chapter(name: str, command: Any) -> Iterator[str]:
    own = [param for param in command.params if param.name not in COMMON]
    arguments = [p for p in own if p.param_type_name == "argument"]
    words = [_words(p) if p.required else f"[{_words(p)}]" for p in arguments]
    yield f"### {name}"
    yield f"`{' '.join(['batchhub', name, *words])}`"
    yield first_line(command.help)
    if own:
        yield _options(own)


def _options(params: Iterable[Any]) -> str:
    return table(("option", "description"), ((_name(p), _help(p)) for p in params))


def _name(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"`{_words(param)}`"
    takes_value = not (param.is_flag or param.count)
    value = f" {param.metavar or _choices(param)}" if takes_value else ""
    names = [name for name in (*param.opts, *param.secondary_opts) if name.strip(" /")]
    return ", ".join(f"`{name.strip(' /')}{value}`" for name in names).replace("|", "\\|")


def _words(argument: Any) -> str:
    return f"{argument.metavar}..." if argument.nargs == -1 else str(argument.metavar)


def _choices(param: Any) -> str:
    """Return the values an option takes, as its help shows them."""
    context = get_command(app).make_context("batchhub", ["list"], resilient_parsing=True)
    shown: str = param.get_help_record(context)[0]
    return shown.rpartition(" ")[2].strip("<>[]")


def _help(param: Any) -> str:
    parts = [" ".join(param.help.split())]
    if param.envvar:
        parts.append(f"Environment variable: `{param.envvar}`.")
    if param.param_type_name == "argument":
        return " ".join(parts)
    if param.required:
        parts.append("Required.")
    default = param.default
    if isinstance(default, int | float | str) and not isinstance(default, bool) and default:
        parts.append(
            f"Default: {default:g}." if isinstance(default, float) else f"Default: {default}."
        )
    return " ".join(parts)


# Errors.


def error_tree() -> str:
    """Return the error tree from the module's docstring."""
    doc = inspect.cleandoc(errors.__doc__ or "")
    tree = re.search(r"^    BatchHubError\n(?:    .*\n)+", doc, re.MULTILINE)
    if tree is None:
        raise LookupError("the docstring of batchhub.errors draws no tree")
    return f"```text\n{textwrap.dedent(tree[0]).rstrip()}\n```"


def error_table() -> str:
    """Write a row for each error, the children below their parents."""
    rows = (_error_row(kind) for kind in family(errors.BatchHubError))
    return table(("error", "meaning", "exit code", "what to do"), rows)


def family(kind: type[errors.BatchHubError]) -> Iterator[type[errors.BatchHubError]]:
    """Yield the errors below one, each before its children, as they stand in the module."""
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from family(child)


def what_to_do(kind: type[errors.BatchHubError]) -> str:
    """Return what to do about an error: its own text, else that of its nearest parent."""
    return next(WHAT_TO_DO[base] for base in kind.__mro__ if base in WHAT_TO_DO)


def _error_row(kind: type[errors.BatchHubError]) -> tuple[str, ...]:
    code = exit_code(kind.__new__(kind))
    meaning = first_line(kind.__doc__).replace("``", "`")
    return f"`{kind.__name__}`", meaning, str(code.value), what_to_do(kind)


# States and settings.


def words(kind: type[Enum]) -> Callable[[], str]:
    """Make the writer of an enum's table."""

    def write() -> str:
        docs = member_docs(kind)
        return table(("value", "meaning"), ((f"`{m.value}`", docs[m.name]) for m in kind))

    return write


_OF_ALL = {"proxy", "polling", "decimal", "exchanges"}


def account_settings(kind: type[Account]) -> Callable[[], str]:
    """Make the writer of the table of an account's settings."""

    def write() -> str:
        docs = {**attribute_docs(Account), **attribute_docs(kind)}
        rows = [
            (f"`{f.name}`", _default_of(f))
            for f in sorted(fields(kind), key=lambda f: f.name in _OF_ALL)
        ]
        return table(
            ("setting", "default", "description"),
            ((*row, docs[row[0].strip("`")].replace("``", "`")) for row in rows),
        )

    return write


def _has_table_of_settings(entry: EntryPoint) -> bool:
    """Whether the page of an adapter of ours has a place for the table of its settings."""
    page = DOCS / f"{entry.name}.md"
    is_ours = entry.dist is not None and entry.dist.name == "batchhub"
    return is_ours and page.is_file() and f"begin {entry.name}-settings" in page.read_text("utf-8")


def _default_of(attribute: Attribute[Any]) -> str:
    if attribute.default is NOTHING:
        return "required"
    return "" if attribute.default in (None, "") else f"`{attribute.default}`"


# The map of imports.


def imports() -> str:
    """Write a row for each part of the core: what is in it, and what it may import."""
    house = runpy.run_path(str(DOCS.parent / "tests" / "support" / "house.py"))
    may_import: Mapping[str, set[str]] = house["MAY_IMPORT"]
    public: set[str] = house["MAY_IMPORT"]["__init__"]
    rows = []
    for part, names in may_import.items():
        doc = _plate(CORE / part)
        if doc is None:  # on the map before it is built
            continue
        others = [f"`{name}`" for name in may_import if name in names - public - {"__init__"}]
        if public <= names:
            others = ["the public modules", *others]
        else:
            others = [f"`{name}`" for name in may_import if name in names]
        rows.append((f"`{part}`", doc, ", ".join(others) or "nothing"))
    return table(("part", "what is in it", "may import"), rows)


def _plate(part: Path) -> str | None:
    """Return the first paragraph of the docstring of a module or package, if it is there."""
    paths = (part.with_suffix(".py"), part / "__init__.py")
    for path in paths:
        if path.is_file():
            doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            return first_line(doc).replace("``", "`").replace("|", "\\|")
    return None


# The rules for adapters.


def example_steps() -> str:
    """Write the methods of the example that send a batch in several steps, and find it again."""
    path = DOCS / "examples" / "initech" / "src" / "batchhub_initech" / "adapter.py"
    source = path.read_text(encoding="utf-8")
    methods = [
        textwrap.dedent(ast.get_source_segment(source, node, padded=True) or "")
        for node in ast.walk(ast.parse(source))
        if getattr(node, "name", "") in {"submit", "find_attempt", "_make_feed", "_upload"}
    ]
    body = "\n\n\n".join(method.rstrip() for method in methods)
    why = "it is a part of the example, which has tests of its own"
    return f'```python {{ .no-run data-why="{why}" }}\n{body}\n```'


def example_file(name: str, language: str = "text") -> Callable[[], str]:
    """
    Make the writer of a file of the examples.

    Args:
        name: Its path below `docs/examples`.
        language: What it is written in; Python is not run as a part of the page.
    """
    why = "it is a file of the examples, which has tests of its own"

    def write() -> str:
        path = DOCS / "examples" / name
        told = (
            f' {{ .no-run data-why="{why}" }}' if language == "python" else f' title="{path.name}"'
        )
        return f"```{language}{told}\n{path.read_text(encoding='utf-8').rstrip()}\n```"

    return write


def rules() -> str:
    """Write a row for each rule of the conformance suite."""
    rows = ((f"**{r.number}**", r.level.value, r.about, r.text) for r in RULES)
    return table(("rule", "level", "about", "what holds"), rows)


# Metrics.


def metrics() -> str:
    """Write a row for each metric."""
    rows = (
        (f"`{f.name}`", f.kind.value, ", ".join(f"`{name}`" for name in f.labels), f.says)
        for f in FAMILIES
    )
    return table(("metric", "type", "labels", "what it says"), rows)


# The keys of a description.


def described(table_name: str = "", *leave_out: str) -> Callable[[], str]:
    """
    Make the writer of the keys of a table of descriptions, those of its own tables included.

    Args:
        table_name: The table; empty for the whole description.
        leave_out: Tables in it that have a part of their own, by their full names.
    """

    def write() -> str:
        inside = f"{table_name}." if table_name else ""
        rows = (
            _described_row(name.removeprefix(inside), part)
            for name, part in list_keys()
            if name.startswith(inside)
            and not any(name == each or name.startswith(f"{each}.") for each in leave_out)
        )
        return table(("key", "", "meaning"), rows)

    return write


def _described_row(name: str, part: Key | Section | Each) -> tuple[str, ...]:
    about = part.about.replace("|", "\\|")
    about = re.sub(r"(\{\w+\})", r"`\1`", about)
    return f"`{name}`", "required" if part.is_needed else "", about


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "levels": words(Level),
    "rules": rules,
    "common-options": common_options,
    "commands": commands,
    "exit-codes": exit_codes,
    "error-tree": error_tree,
    "errors": error_table,
    "batch-states": words(models.BatchState),
    "imports": imports,
    "metrics": metrics,
    "example-steps": example_steps,
    "cluster-sql": example_file("cluster/tables.sql"),
    "cluster-settings": example_file("cluster/batchhub.toml"),
    "cluster-unit": example_file("cluster/batchhub-worker@.service"),
    "cluster-target": example_file("cluster/batchhub-workers.target"),
    "cluster-compose": example_file("cluster/compose.yaml"),
    "cluster-engine": example_file("advisory_locks.py", "python"),
    "keys": described("", "account", "auth", "operations"),
    "keys-account": described("account"),
    "keys-auth": described("auth"),
    "keys-operation": described(
        "operations.NAME",
        *(f"operations.NAME.{each}" for each in ("submit", "poll", "results", "cancel")),
    ),
    "keys-submit": described("operations.NAME.submit"),
    "keys-poll": described("operations.NAME.poll"),
    "keys-results": described("operations.NAME.results"),
    "keys-cancel": described("operations.NAME.cancel"),
    **{
        f"{entry.name}-settings": account_settings(entry.load().account_type)
        for entry in entry_points(group=GROUP)
        if _has_table_of_settings(entry)
    },
}


def main() -> None:
    """Update every page, and name those that changed."""
    for page in sorted(DOCS.rglob("*.md")):
        old = page.read_text(encoding="utf-8")
        new = fill(old)
        if new != old:
            page.write_text(new, encoding="utf-8")
            sys.stderr.write(f"wrote {page.relative_to(DOCS.parent)}\n")


if __name__ == "__main__":
    main()
