"""`init`: a settings file to start from, made of the `settings_text` of each adapter."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import NOTHING, fields

from batchhub._base.new_file import write_new
from batchhub._base.show import clean
from batchhub._settings.environment import to_part
from batchhub._settings.references import is_file, path_of
from batchhub._settings.registry import AdapterInfo, Registry
from batchhub.adapter import Account
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import say, write_json
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import read_reference
from batchhub.cli.shell.options import InitOptions
from batchhub.errors import UsageError
from batchhub.settings import CONFIG_NAME

_HEAD: Final = """\
# Settings of batchhub. A line that begins with #name = is a setting at its default.
# The environment overrides this file: BATCHHUB_STORE, BATCHHUB_STORE_MODE,
# BATCHHUB_POLLING, and BATCHHUB_ACCOUNTS__<ACCOUNT>__<KEY> for a setting of an account.

# Where jobs are stored: in a file, whose relative path starts at this file's folder, or in a
# PostgreSQL database, "postgresql://USER@HOST/DATABASE". Default: jobs.db in your data folder.
#store = "jobs.db"

# Who may use the store: "private" for its owner alone, or "group" for colleagues in the group of
# its folder.
#store_mode = "private"

# When batches are asked about. "adaptive" learns when they end; "fixed 5" is every 5 seconds;
# "backoff 1 2 60" is after 1 second, then twice as long each time, up to 60.
#polling = "adaptive"

# A secret of an account is { env = "NAME" } for a variable, { file = "PATH" } for what is in a
# file, or { keyring = "service/name" } for an entry of the system's keyring.

# The name of the cluster, where the store is in a PostgreSQL database; another one is refused.
#[cluster]
#name = "production"

# Whom 'batchhub worker' tells when something goes wrong, and when it is well again.
#[alerts.channels.team]
#type = "slack"
#url = { env = "SLACK_URL" }
"""
_OFFER: Final = """\
# An account for each installed adapter. To use one, uncomment its first line, its adapter and what
# is required. Name it as you like.
"""
_LINES_OF_ALL: Final = (
    '# The proxy to use in place of the environment\'s (HTTPS_PROXY); "none" for none.',
    '#proxy = ""',
    "# When batches are asked about, as above. Default: as for all accounts.",
    '#polling = ""',
    '# Decimal mark of the figures in tables: "point" or "comma". Default: what they show.',
    '#decimal = ""',
    '# What is recorded of requests: "heads" alone, or "bodies" as well, with secrets blanked.',
    '#exchanges = "heads"',
)
_OF_ALL: Final = frozenset({"proxy", "polling", "decimal", "exchanges"})
_PLACEHOLDERS: Final = {"int": "0", "float": "0.0", "bool": "false"}


async def write_settings(invocation: Invocation, options: InitOptions) -> ExitCode:
    """Write a settings file; never overwrites one."""
    common, account, adapter = invocation.common, options.account, options.adapter
    path = common.config or Path(CONFIG_NAME)
    registry = Registry()
    if account is None and adapter is None:
        names, text = [], _offer(list(registry.describe()))
    else:
        adapter = read_reference(adapter or _only_adapter(registry))
        account_type = registry.get(adapter).account_type
        names = [account_type.adapter if account is None else account]
        text = make_table(
            names[0], account_type, is_live=True, adapter=_as_seen_from(path.parent, adapter)
        )
    write_new(path, f"{_HEAD}\n{text}")
    if common.json:
        write_json({"path": str(path), "accounts": names})
    elif not common.quiet:
        what = (
            "fill in its values" if names else "uncomment an account in it and fill in its values"
        )
        say(f"wrote {path}; {what}, then run: {command_line(common, 'check')}")
    return ExitCode.OK


def make_table(
    name: str, account_type: type[Account], *, is_live: bool, adapter: str | None = None
) -> str:
    """
    Write the table of one account.

    Args:
        name: The account's name.
        account_type: Its class, whose `settings_text` is written.
        is_live: Whether it is an account at once; if not, every setting is commented out.
        adapter: What it names as its adapter; by default the adapter's name.

    Raises:
        UsageError: A file can't hold the name.
    """
    lines = [
        f"[accounts.{_write_key(name)}]",
        f"adapter = {_quote(adapter or account_type.adapter)}",
    ]
    lines += account_type.settings_text.splitlines() or _default_lines(account_type)
    lines += _LINES_OF_ALL
    return "".join(f"{line if is_live or line[:1] == '#' else f'#{line}'}\n" for line in lines)


def _default_lines(account_type: type[Account]) -> Iterator[str]:
    """Yield the required settings of an account whose class has no `settings_text`."""
    optional: list[str] = []
    for field in fields(account_type):
        key = field.alias or field.name
        if not field.init or key in _OF_ALL:
            continue
        if field.default is not NOTHING:
            optional.append(key)
        elif field.metadata.get("secret"):
            yield f'{key} = {{ env = "{to_part(f"{account_type.adapter}_{key}")}" }}'
        else:
            kind = getattr(field.type, "__name__", str(field.type))
            yield f"{key} = " + _PLACEHOLDERS.get(kind, '""')
    if optional:
        yield f"# Optional: {', '.join(optional)}."


def _write_key(key: str) -> str:
    if not key:
        raise UsageError("an account's name can't be empty")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise UsageError(f"the name {key!r} is not valid Unicode") from None
    if re.fullmatch(r"[A-Za-z0-9_-]+", key):
        return key
    return _quote(key)


def _quote(text: str) -> str:
    # A JSON string is a TOML string, except for one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _as_seen_from(folder: Path, adapter: str) -> str:
    """Return an adapter as a settings file in a folder names it: a file's path starts there."""
    path = Path(path_of(adapter))
    if not is_file(adapter) or path.is_absolute():
        return adapter
    at = os.path.relpath(path.parent.resolve() / path.name, folder.resolve())
    return f"file:{at}"


def _offer(found: list[AdapterInfo]) -> str:
    """Write a table that is commented out for every installed adapter."""
    parts = [_OFFER]
    for info in found:
        if info.adapter is None:
            parts.append(f"# Adapter {info.name} can't be used: {clean(str(info.error))}\n")
        else:
            parts.append(make_table(info.name, info.adapter.account_type, is_live=False))
    if not found:
        parts.append("# No adapter is installed.\n")
    return "\n".join(parts)


def _only_adapter(registry: Registry) -> str:
    if len(registry.names) != 1:
        known = ", ".join(registry.names) or "none"
        raise UsageError(f"name the adapter with --adapter; installed: {known}")
    return registry.names[0]
