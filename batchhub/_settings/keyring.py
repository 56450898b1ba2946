"""Secrets from the system's keyring, with the extra ``batchhub[keyring]``."""

from __future__ import annotations

import secrets
import shlex
from importlib import import_module
from typing import Final

_found: Final[dict[str, str]] = {}


def find_in_keyring(entry: str) -> str:
    """
    Return the secret of an entry, written ``service/name``.

    Raises:
        LookupError: There is none, or the keyring can't be read. The message goes on after
            "the keyring, but".
    """
    service, _, name = entry.rpartition("/")
    if not service or not name:
        raise LookupError(f"{entry!r} is not of the form service/name")
    try:
        keyring, errors = import_module("keyring"), import_module("keyring.errors")
    except ImportError:
        raise LookupError(
            "a package for it is not installed: pip install 'batchhub[keyring]'"
        ) from None
    try:
        secret = keyring.get_password(service, name)
    except errors.NoKeyringError:
        raise LookupError("there is none on this machine") from None
    except errors.KeyringLocked:
        raise LookupError("it is locked; unlock it, then try again") from None
    except Exception as error:  # each backend raises its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise LookupError(f"it can't be read: {reason}") from None
    if not secret:
        command = shlex.join(["keyring", "set", service, name])
        raise LookupError(f"it has no entry {entry!r}; create it with: {command}")
    found = _found[entry] = str(secret)
    return found


def recall_from_keyring(entry: str) -> str:
    """
    Return the secret of an entry that this process has read already.

    Raises:
        LookupError: It has not; nobody is asked for it.
    """
    if entry not in _found:
        raise LookupError(f"its entry {entry!r} is read only for the account that is used")
    return _found[entry]


def stand_in(entry: str) -> str:
    """Return a text in place of the secret of an entry, for what does not depend on it."""
    return _found.get(entry) or f"unread-{secrets.token_hex(16)}"
