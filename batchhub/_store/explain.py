"""What a database says when it fails, in one line: which store, what is wrong, what to do."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from batchhub.errors import StoreError

READ_ONLY: Final = "it is read-only; make it writable or choose another store"
_FULL: Final = "disk is full"
REPLICA: Final = "it is a read-only replica; give the address of the primary"
_ADVICE: Final = (
    (_FULL, "the disk is full; make room, then go on"),
    (r"readonly database", READ_ONLY),
    (r"unable to open", "it can't be opened; check that the folder exists and is writable"),
    (r"not a database", "it is no batchhub store; choose another store"),
    (r"File exists|Not a directory", "a part of its path is a file, not a folder"),
    (r"is locked", "another process has held it for too long; try again"),
)


_WRONG: Final = (
    "the password is wrong, or missing; check user and password (in the address, PGPASSWORD or "
    "PGPASSFILE)"
)
_CUT: Final = (
    r"terminating connection|server closed the connection|connection.* (?:lost|closed)"
    r"|consuming input failed|SSL SYSCALL|could not (?:receive|send) data|EOF detected"
)
_NO_TABLE: Final = (
    "a table of batchhub is missing; restore the database, or give another one, or another schema"
)
NO_RIGHTS: Final = (
    "its user may not do that; let the one that made the tables grant USAGE on the schema and its "
    "sequences, and SELECT, INSERT, UPDATE and DELETE on its tables"
)
_POOLER: Final = (
    "a pooler answers there that gives each transaction another connection; give the address of "
    "PostgreSQL itself"
)
_NO_CONNECTION: Final = (
    "its PostgreSQL has no connection left; raise max_connections, or use fewer processes"
)
_MAY_NOT_MAKE: Final = (
    "its user may make no schema there; GRANT CREATE ON DATABASE … TO that user, or run this once "
    "as one who may"
)

# What PostgreSQL says, or libpq of it; in the order in which they are tried.
_ON_A_SERVER: Final = (
    (r"password authentication failed|no password supplied", _WRONG),
    (r'database "[^"]*" does not exist', "there is no such database; create it first"),
    (r'role "[^"]*" does not exist', "it has no such user; check the user in the address"),
    (r"no pg_hba.conf entry", "its pg_hba.conf lets nobody in from here by this name; add a line"),
    (r"permission denied for database", _MAY_NOT_MAKE),
    (r"permission denied|must be owner of", NO_RIGHTS),
    (r"does not support SSL", "it speaks no TLS; take sslmode off, or give it a certificate"),
    (
        r"certificate verify failed|SSL error: certificate",
        "its certificate can't be trusted; give sslrootcert, or correct the certificate",
    ),
    (r"invalid response to SSL", "what answers there is no PostgreSQL; check host and port"),
    (r"hot standby|read-only transaction|session is read-only", REPLICA),
    (
        r"translate host name|failed to resolve|Name or service not known",
        "its host is not known; check the host in the address",
    ),
    (
        r"Connection refused|No such file or directory",
        "no PostgreSQL answers there; check host and port, and that it runs",
    ),
    (
        r"timeout expired|timed out",
        "no PostgreSQL answers there in time; check host, port and firewall",
    ),
    (
        r"database system is (?:starting up|shutting down|in recovery)|not yet accepting",
        "its PostgreSQL is starting or stopping; try again",
    ),
    (r"unsupported startup parameter", _POOLER),
    (_CUT, "the connection to it was cut; try again"),
    (r"too many (?:clients|connections)|remaining connection slots", _NO_CONNECTION),
    (r"due to lock timeout", "another process has held it for too long; try again"),
    (r"not serialize access|deadlock", "other processes keep coming in between; try again"),
    (r"No space left on device", "the disk of the database is full; make room, then go on"),
    (r'relation "\S*" does not exist', _NO_TABLE),
)


def is_database_error(error: BaseException) -> bool:
    """Whether a database, or what leads to it, has failed."""
    if isinstance(error, SQLAlchemyError | sqlite3.Error | OSError):
        return True
    return _is_of_server(error)


def is_full(error: BaseException) -> bool:
    """Whether there is no room on the disk."""
    return _FULL in str(error)


def explain_error(error: BaseException, name: str) -> StoreError:
    """Make one line of what a database says: which store, what is wrong, what to do."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause) if not isinstance(cause, OSError) else (cause.strerror or str(cause))
    for pattern, advice in _ON_A_SERVER if _is_of_server(cause) else _ADVICE:
        if re.search(pattern, text):
            return StoreError(f"store {name}: {advice}")
    _, _, text = f"FATAL: {text}".rpartition("FATAL: ")  # what comes before says which socket
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return StoreError(f"store {name}: {lines[0] if lines else type(cause).__name__}")


def _is_of_server(error: BaseException) -> bool:
    # By name: whoever has no psycopg has no such errors.
    return any(kind.__module__.startswith("psycopg") for kind in type(error).__mro__)
