"""The certificate the page shows: read, tried, and asked which names it is for."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from typing import Any, Final

from batchhub.errors import UsageError

_IPV6: Final = 6


def load_certificate(certificate: Path, key: Path | None) -> tuple[ssl.SSLContext, frozenset[str]]:
    """
    Read a certificate and its key.

    Args:
        certificate: Its file, with the certificates that vouch for it behind it.
        key: The key's file; `None` if it is in the same one.

    Returns:
        What a server needs, and the names and addresses the certificate is for.

    Raises:
        UsageError: They can't be read, don't belong together, or are of no use today.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if path is not None:
            _check_file(option, path)
    try:
        # A password is never asked for: nobody may be there to type it.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        raise UsageError(_explain(error, certificate, key)) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"--tls-cert {certificate}: {error}") from None
    return context, _read_names(context, certificate)


def _check_file(option: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from None


def _explain(error: ssl.SSLError, certificate: Path, key: Path | None) -> str:
    where = f"--tls-key {key}" if key is not None else f"--tls-cert {certificate}"
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{where} is not the key of the certificate in {certificate}"
    if b"ENCRYPTED" in (certificate if key is None else key).read_bytes():
        return f"{where}: the key is encrypted; give one without a password"
    if key is None:
        return f"{where}: there is no certificate with its key in PEM form; see --tls-key"
    return f"--tls-cert {certificate}, --tls-key {key}: no certificate and key in PEM form"


def _read_names(context: ssl.SSLContext, certificate: Path) -> frozenset[str]:
    """Have a client of our own look at the certificate: so it is tried as well."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    theirs.check_hostname = False
    theirs.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    theirs.load_verify_locations(certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = theirs.wrap_bio(to_client, to_server)
    waiting = [client, server]
    try:
        while waiting:
            for side in tuple(waiting):
                try:
                    side.do_handshake()
                    waiting.remove(side)
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLCertVerificationError as error:
        raise UsageError(f"--tls-cert {certificate}: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise UsageError(f"--tls-cert {certificate} can't be used: {error.reason}") from None
    found: dict[str, Any] = client.getpeercert() or {}
    names = {(kind, str(value).lower()) for kind, value in found.get("subjectAltName", ())}
    if not names:
        raise UsageError(
            f"--tls-cert {certificate} names no host (subjectAltName); browsers refuse it"
        )
    return frozenset(_as_host(kind, value) for kind, value in names)


def _as_host(kind: str, value: str) -> str:
    """Return a name as browsers write it: an address of IPv6 in brackets, and short."""
    if kind != "IP Address":
        return value
    address = ipaddress.ip_address(value.strip())
    return f"[{address.compressed}]" if address.version == _IPV6 else address.compressed
