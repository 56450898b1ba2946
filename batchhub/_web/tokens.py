"""
The tokens one signs in with: a file for each role, which nobody but its owner can read.

They are made when there are none. Whoever deletes or replaces one signs out everybody who came with
it, without a restart.
"""

from __future__ import annotations

import errno
import hmac
import os
import stat
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

from attrs import frozen

from batchhub._base.file_mode import FileMode
from batchhub._base.log import get_logger
from batchhub._base.secrets import remember
from batchhub._base.state_folder import find_state_folder, make_state_folder
from batchhub._base.store_place import find_store_place
from batchhub.errors import BatchHubError, UsageError

from .look import Role

TOKEN_BYTES: Final = 32
SHORTEST: Final = 20
_LONGEST: Final = 1_000
_OTHERS_WRITE: Final = 0o022

_log = get_logger()

# The more a role may do, the earlier it is looked at.
_ROLES: Final = (Role.OPERATOR, Role.VIEWER)


class TokenError(BatchHubError):
    """A token can't be used: its file is missing, unreadable, open to others, or empty."""


def find_token_folder(store: str) -> Path:
    """Return the folder of the tokens of a store: beside it, or in the state folder of the user."""
    place = find_store_place(store)
    if place.is_postgres:
        return find_state_folder() / f"{place.key}.web"
    assert place.path is not None  # noqa: S101  # refused by who starts the page
    path = place.path.resolve()
    return path.with_name(f"{path.name}.web")


@frozen
class _Read:
    """A token as it was read, and what tells its file from a newer one."""

    token: str
    file: tuple[int, int, int]


class Tokens:
    """
    The tokens in a folder.

    Args:
        folder: The folder; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Role, _Read] = {}
        self._refused: dict[Role, str] = {}

    def check(self) -> None:
        """
        Make the tokens that are missing, and read all.

        Raises:
            UsageError: One can't be used.
        """
        try:
            if self.folder.parent == find_state_folder():
                make_state_folder()
            FileMode.PRIVATE.make_folder(self.folder)
            if not self.folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        except OSError as error:
            raise UsageError(
                f"can't make the folder of the page's tokens, {self.folder}: {error.strerror}; "
                "name another one with --tokens"
            ) from None
        mode = self.folder.stat().st_mode
        if mode & _OTHERS_WRITE and not mode & stat.S_ISVTX:
            raise UsageError(
                f"others can put tokens of their own into {self.folder} (mode "
                f"{stat.S_IMODE(mode):04o}); make it yours alone with chmod 700, or name another "
                "one with --tokens"
            )
        try:
            found = [self.get(role) for role in _ROLES]
        except TokenError as error:
            raise UsageError(str(error)) from None
        if len(set(found)) < len(found):
            raise UsageError(
                f"the tokens in {self.folder} are the same, so nobody could say who is a viewer; "
                "delete one of them, and a new one is made"
            )

    def path_of(self, role: Role) -> Path:
        """Return the file of a role's token."""
        return self.folder / role.value

    def get(self, role: Role) -> str:
        """
        Return a role's token as its file has it now; made anew if there is none.

        Raises:
            TokenError: It can't be used.
        """
        path = self.path_of(role)
        try:
            try:
                found = path.stat()
            except FileNotFoundError:
                self._make(role, path)
                found = path.stat()
        except OSError as error:
            raise TokenError(f"token {path}: {error.strerror}") from None
        file = (found.st_ino, found.st_mtime_ns, found.st_size)
        read = self._read.get(role)
        if not stat.S_ISREG(found.st_mode):  # to read from a pipe would wait for ever
            raise TokenError(f"token {path}: it is no file; delete it, and a new one is made")
        if found.st_mode & 0o077:
            raise TokenError(
                f"token {path}: others can read it (mode {stat.S_IMODE(found.st_mode):04o}); "
                "delete it, and a new one is made, or make it yours alone with chmod 600"
            )
        if read is None or read.file != file:
            read = self._read[role] = _Read(_read_token(path), file)
        return read.token

    def find(self, role: Role) -> str | None:
        """Return a role's token; `None` if it can't be used, which is logged once."""
        try:
            token = self.get(role)
        except TokenError as error:
            if self._refused.get(role) != str(error):
                self._refused[role] = str(error)
                _log.error("page.token_refused", role=role.value, error=str(error))
            return None
        self._refused.pop(role, None)
        return token

    def find_role(self, token: str) -> Role | None:
        """Return whose token it is; `None` if nobody's. Each is compared in constant time."""
        found: Role | None = None
        for role in reversed(_ROLES):
            known = self.find(role)
            if known is not None and hmac.compare_digest(known.encode(), token.encode()):
                found = role
        return found

    def _make(self, role: Role, path: Path) -> None:
        try:
            number = FileMode.PRIVATE.make_file(path)
        except FileExistsError:  # another process was quicker
            return
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(f"{token_urlsafe(TOKEN_BYTES)}\n")
        _log.info("page.token_made", role=role.value, path=str(path))


def _read_token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
    except OSError as error:
        raise TokenError(f"token {path}: {error.strerror}") from None
    token = data.decode("ascii", "replace").strip()
    if not SHORTEST <= len(token) <= _LONGEST or not token.isprintable() or "\ufffd" in token:
        raise TokenError(
            f"token {path}: it must be one line of {SHORTEST} or more plain characters; delete "
            "it, and a new one is made"
        )
    remember([token])
    return token
