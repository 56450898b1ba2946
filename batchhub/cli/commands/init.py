"""`init`: write a settings file to begin with."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from batchhub._settings.registry import AdapterInfo, Registry
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import say, write_json
from batchhub.cli.screen.words import clean
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.errors import UsageError
from batchhub.settings import CONFIG_NAME

from .template import HEAD, make_table

_OWNER_ONLY: Final = 0o600
_OFFER: Final = """\
# An account at each vendor whose adapter is installed. To use one, take away the # before its
# first line, its adapter and what is required; its name may be any other.
"""


async def write_settings(
    invocation: Invocation, account: str | None, adapter: str | None
) -> ExitCode:
    """Write a settings file; never over one that is there."""
    common = invocation.common
    path = common.config or Path(CONFIG_NAME)
    registry = Registry()
    if account is None and adapter is None:
        names, text = [], _offer(list(registry.describe()))
    else:
        adapter = adapter or _only_adapter(registry)
        names = [adapter if account is None else account]
        text = make_table(names[0], registry.get(adapter).account_type, is_live=True)
    _write_new(path, f"{HEAD}\n{text}")
    if common.json:
        write_json({"path": str(path), "accounts": names})
    elif not common.quiet:
        what = "fill in its values" if names else "choose a table in it and fill in its values"
        say(f"wrote {path}; {what}, then see whether they work: {command_line(common, 'check')}")
    return ExitCode.OK


def _offer(found: list[AdapterInfo]) -> str:
    """Write a table that is commented out for every installed adapter."""
    parts = [_OFFER]
    for info in found:
        if info.adapter is None:
            parts.append(f"# The adapter {info.name} can't be used: {clean(str(info.error))}\n")
        else:
            parts.append(make_table(info.name, info.adapter.account_type, is_live=False))
    if not found:
        parts.append("# No adapter is installed yet.\n")
    return "\n".join(parts)


def _only_adapter(registry: Registry) -> str:
    if len(registry.names) != 1:
        known = ", ".join(registry.names) or "none"
        raise UsageError(f"say with --adapter at which vendor the account is; installed: {known}")
    return registry.names[0]


def _write_new(path: Path, text: str) -> None:
    """Make a file that is there as a whole or not at all, for its owner's eyes only."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        draft.touch(_OWNER_ONLY, exist_ok=False)
        with draft.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path)
    except FileExistsError:
        raise UsageError(f"{path} is there already; it was left as it is") from None
    except OSError as error:
        is_there = path.parent.is_dir()
        why = error.strerror if is_there else f"there is no folder {path.parent}"
        raise UsageError(f"can't write {path}: {why}") from None
    finally:
        with suppress(OSError):
            draft.unlink()


def _publish(draft: Path, path: Path) -> None:
    """Give the draft its name, unless somebody has it."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # some file systems have no links
        if os.path.lexists(path):
            raise FileExistsError from None
        draft.rename(path)
