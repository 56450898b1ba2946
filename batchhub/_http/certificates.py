"""The certificates that servers are checked against: the system's, or those of a file."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from batchhub.errors import SettingsError

_known: tuple[object, ssl.SSLContext] | None = None


def find_certificates() -> ssl.SSLContext | bool:
    """
    Return what checks a server's certificate; one for all hubs, until the file changes.

    Raises:
        SettingsError: ``SSL_CERT_FILE`` names no file with certificates.
    """
    global _known  # noqa: PLW0603  # of the process, as its environment
    path = os.environ.get("SSL_CERT_FILE")
    if not path:
        return True  # aiohttp's, made once
    folder = os.environ.get("SSL_CERT_DIR") or ssl.get_default_verify_paths().capath
    try:
        seen = Path(path).stat()
        stamp = (path, folder, seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
        if _known is None or _known[0] != stamp:
            _known = (stamp, _read(path, folder))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"SSL_CERT_FILE names {path!r}, which holds no certificates that can be read: {error}",
            key="SSL_CERT_FILE",
        ) from None
    return _known[1]


def _read(path: str, folder: str | None) -> ssl.SSLContext:
    # Python's own default passes over a file that it can't read, and then refuses every server.
    context = ssl.create_default_context(cafile=path)
    if folder:  # looked into when a certificate is asked for, and not before
        context.load_verify_locations(capath=folder)
    return context
