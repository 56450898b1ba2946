"""Secrets in files of their own, as service managers and containers hand them to a process."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from batchhub._base.secrets import remember

MOST_BYTES: Final = 64 * 1024
"""A larger file is none that holds a secret, but a mistake."""

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))(?=/|\Z)")
_MADE_FOR_THE_PROCESS: Final = (Path("/run"), Path("/var/run"))


@frozen(kw_only=True)
class SecretFile:
    """
    A file that was read.

    Attributes:
        path: Where it is.
        text: What it holds.
        is_open: Whether others on this machine can read it, and need not be able to.
    """

    path: Path
    text: str
    is_open: bool

    def __repr__(self) -> str:
        """Return where it is, and not what it holds."""
        return f"<SecretFile {self.path}>"


def read_secret(name: str, folder: Path, environ: Mapping[str, str] = os.environ) -> SecretFile:
    """
    Read the secret in a file, without the line break at its end.

    It is read anew each time, so that whoever reads the settings again has what is in it now.

    Args:
        name: Its path. ``${NAME}`` at its beginning is that variable: systemd names the folder of
            the credentials it hands over so, `CREDENTIALS_DIRECTORY`.
        folder: Where a relative path starts.
        environ: The environment.

    Raises:
        LookupError: There is no secret; the message goes on after "comes from the file".
    """
    path = _find_path(name, folder, environ)
    try:
        data, found = _read(path)
    except FileNotFoundError:
        raise LookupError(f"{path}, which does not exist") from None
    except OSError as error:
        raise LookupError(f"{path}, which can't be read: {error.strerror}") from None
    if stat.S_ISDIR(found.st_mode):
        raise LookupError(f"{path}, which is a folder")
    if not stat.S_ISREG(found.st_mode):  # to read a pipe may take for ever
        raise LookupError(f"{path}, which is no regular file")
    if len(data) > MOST_BYTES:
        raise LookupError(f"{path}, which is larger than {MOST_BYTES // 1024} KiB")
    try:
        # Some editors begin UTF-8 files with a byte order mark, which no secret has.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:  # it would show what is in the file
        raise LookupError(f"{path}, which is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise LookupError(f"{path}, which is empty")
    remember([text])
    return SecretFile(path=path, text=text, is_open=_is_open(path, found.st_mode))


def _find_path(name: str, folder: Path, environ: Mapping[str, str]) -> Path:
    if not name.isprintable():
        raise LookupError(f"{name!r}, which is not the path of a file")
    if found := _VARIABLE.match(name):
        variable = found[1] or found[2]
        if found[1] is None:
            raise LookupError(f"{name}; write ${{{variable}}} for the variable")
        if not (value := environ.get(variable)):
            raise LookupError(f"{name}, but the environment variable {variable} is not set")
        name = value + name[found.end() :]
    try:
        return folder / Path(name).expanduser()
    except RuntimeError:
        raise LookupError(f"{name}: there is no such home folder") from None


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    """Read a little more than a secret may have; of what is no regular file, nothing."""
    # A pipe that nobody writes to would hold up whoever opens it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        found = os.fstat(descriptor)
        data = b""
        while stat.S_ISREG(found.st_mode) and len(data) <= MOST_BYTES:
            part = os.read(descriptor, MOST_BYTES + 1 - len(data))
            data += part
            if not part:
                break
        return data, found
    finally:
        os.close(descriptor)


def _is_open(path: Path, mode: int) -> bool:
    """
    Whether others can read it who need not be able to.

    A group may be meant to: that of the user a service runs as. And what is below ``/run``, or on
    something mounted read-only, was put there for this process by a service manager or a container.
    """
    if os.name != "posix" or not mode & stat.S_IROTH:
        return False
    try:
        if any(path.resolve().is_relative_to(place) for place in _MADE_FOR_THE_PROCESS):
            return False
        return not os.statvfs(path).f_flag & os.ST_RDONLY
    except (OSError, RuntimeError):  # gone meanwhile
        return False
