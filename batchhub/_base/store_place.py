"""Where a store is: a file of SQLite's, a database of PostgreSQL's, or memory."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlencode

from attrs import field, frozen

from batchhub.errors import SettingsError

from .secrets import BLANK, remember
from .store_path import find_store_path

SCHEMA: Final = "batchhub"
"""The schema of a PostgreSQL database that a store is in, unless its URL names another."""

_POSTGRES: Final = re.compile(r"(?i:postgres(?:ql)?(?:\+psycopg)?)://(.*)", re.DOTALL)
_OTHER_DRIVER: Final = re.compile(r"(?i:postgres(?:ql)?\+(\w+))://")
_NO_URL: Final = re.compile(r"(?i:postgres(?:ql)?(?:\+\w+)?):(?!//)")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_OPTION: Final = re.compile(r"[a-z_]+")
_NO_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_IN_BRACKETS: Final = re.compile(r"\[[^\[\]]*\]")
_SCHEME: Final = re.compile(r"(?i:postgres(?:ql)?(?:\+\w+)?):(?://)?(.*)", re.DOTALL)
_SHOWN: Final = frozenset(
    {
        *("host", "hostaddr", "port", "dbname", "user", "passfile", "service", "servicefile"),
        *("application_name", "fallback_application_name", "client_encoding", "options"),
        *("connect_timeout", "tcp_user_timeout", "keepalives", "keepalives_idle"),
        *("keepalives_interval", "keepalives_count", "target_session_attrs"),
        *("load_balance_hosts", "replication", "min_protocol_version", "max_protocol_version"),
        *("ssl", "sslmode", "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslcertmode"),
        *("sslrootcert", "sslcrl", "sslcrldir", "sslsni", "sslkeylogfile"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding"),
        *("require_auth", "requirepeer", "gssencmode", "gssdelegation", "gsslib", "krbsrvname"),
        *("oauth_issuer", "oauth_client_id", "oauth_scope"),
        *("schema", "listen"),
    }
)
"""Options of an address, libpq's and ours, that may be shown. Any other one may have a secret."""

_LEFT_OUT: Final = frozenset(
    ["password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"]
)
"""Secrets that libpq knows: an address does without them, as a command has them elsewhere."""

_SWITCH: Final = {"on": True, "off": False}
_FORM: Final = "postgresql://USER@HOST/DATABASE"


@frozen(kw_only=True)
class StorePlace:
    """
    Where a store is.

    Attributes:
        path: The file of a SQLite store; `None` for any other.
        url: The address of a PostgreSQL database as libpq takes it, passwords included; `None` for
            any other store.
        address: What it is told from other stores by, whoever uses it and how; without secrets.
        schema: The schema of that database that it is in; empty for any other store.
        listens: Whether the database may be asked to tell of news; it may not where LISTEN is not
            possible.
    """

    path: Path | None = None
    url: str | None = field(default=None, repr=False)
    address: str = "in memory"
    schema: str = ""
    listens: bool = True

    @property
    def name(self) -> str:
        """What to call it in messages, and in commands to paste; without secrets."""
        if self.listens:
            return self.address
        return f"{self.address}{'&' if '?' in self.address else '?'}listen=off"

    @property
    def is_postgres(self) -> bool:
        """Whether it is a PostgreSQL database, which many machines share."""
        return self.url is not None

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use it, now or later: any but one in memory."""
        return self.path is not None or self.url is not None

    @property
    def passwords(self) -> list[str]:
        """The passwords in its address, and what else of it may be a secret."""
        return [] if self.url is None else find_passwords(self.url)

    @property
    def init_command(self) -> str:
        """The command that makes its tables, or brings them up to date; to paste into a shell."""
        return shlex.join(["batchhub", "cluster", "init", "--store", self.name])

    @property
    def key(self) -> str:
        """Names it in the names of this machine's files: one for all who call it the same."""
        return hashlib.sha256(f"{self.address} {self.schema}".encode()).hexdigest()[:16]


def find_store_place(store: str | os.PathLike[str] | None) -> StorePlace:
    """
    Return where a store is.

    Args:
        store: A path, a ``sqlite:///`` or ``postgresql://`` URL, ``:memory:``, or `None` for a
            store in memory.

    Raises:
        SettingsError: It is neither a path nor a URL of a kind that is supported, or an option of
            the URL makes no sense.
    """
    text = None if store is None else os.fspath(store)
    if text is not None:
        if found := _POSTGRES.fullmatch(text):
            place = _read_postgres(found[1])
            remember(place.passwords)  # whatever a driver or a server says of them
            return place
        if found := _OTHER_DRIVER.match(text):
            raise SettingsError(
                f"a store on PostgreSQL is reached by psycopg, not by {found[1]}; use {_FORM}",
                key="store",
            )
        if _NO_URL.match(text):
            raise SettingsError(f"a store on PostgreSQL is given as {_FORM}", key="store")
    path = find_store_path(text)
    return StorePlace() if path is None else StorePlace(path=path, address=str(path))


def show_store(store: str) -> str:
    """
    Return what to call a store in messages: as it was given, but for passwords.

    Raises:
        SettingsError: There can be no such store.
    """
    place = find_store_place(store)
    return place.name if place.is_postgres else store


def find_passwords(store: str) -> list[str]:
    """
    Return the passwords in the address of a database, and what else of it may be a secret.

    It need not make sense: what is wrong with it is said by whoever opens it.
    """
    found = _SCHEME.match(store)
    if found is None:
        return []
    where, _, query = found[1].partition("?")
    password = where.rpartition("@")[0].partition(":")[2]
    values = {value for name, value in _split(query) if name not in _SHOWN}
    return sorted({password, unquote(password), *values} - {"", BLANK})


def _read_postgres(rest: str) -> StorePlace:
    if any(not character.isprintable() for character in rest):
        raise SettingsError(f"a store on PostgreSQL is given as {_FORM}, in one line", key="store")
    where, _, query = rest.partition("?")
    options = _split(query)
    ours = {name: value for name, value in options if name in {"schema", "listen"}}
    theirs = [(name, value) for name, value in options if name not in ours]
    schema = ours.get("schema", SCHEMA)
    if not _NAME.fullmatch(schema):
        raise SettingsError(
            "the schema of a store is a name in lower-case letters, digits and _, "
            f"not {schema[:80]!r}",
            key="store",
        )
    listen = ours.get("listen", "on")
    if listen not in _SWITCH:
        raise SettingsError(f"listen is on or off, not {listen[:80]!r}", key="store")
    if "/" not in where or where.endswith("/"):
        raise SettingsError(f"no database is named; a store is {_FORM}", key="store")
    _check_form(where, [name for name, _ in theirs], rest)
    shown = [
        (name, value if name in _SHOWN else BLANK)
        for name, value in theirs
        if name not in _LEFT_OUT
    ]
    if schema != SCHEMA:
        shown.append(("schema", schema))
    users, at, hosts = where.rpartition("@")
    return StorePlace(
        url=f"postgresql://{where}{_query(theirs)}",
        address=f"postgresql://{users.partition(':')[0]}{at}{hosts}{_query(shown)}",
        schema=schema,
        listens=_SWITCH[listen],
    )


def _check_form(where: str, options: list[str], rest: str) -> None:
    """Refuse what libpq would cut otherwise than is meant, and show parts of a password of."""
    users, _, hosts = where.rpartition("@")
    hosts, _, _ = _IN_BRACKETS.sub("", hosts).partition("/")
    ports = [port for host in hosts.split(",") if (port := host.partition(":")[2])]
    is_cut = "/" in users or "@" in users or any(map(str.isspace, rest)) or set("[]") & set(hosts)
    if is_cut or not all(port.isascii() and port.isdigit() for port in ports):
        raise SettingsError(
            f"the address of the store can't be read; it is {_FORM}, a port is a number, and in a "
            "password / ? @ : and spaces are written as %2F %3F %40 %3A %20",
            key="store",
        )
    if _NO_PERCENT.search(rest):
        raise SettingsError("a % in the address of a store is written %25", key="store")
    for name in options:
        if not _OPTION.fullmatch(name):
            raise SettingsError(
                "the options of a store's address are ?NAME=VALUE&NAME=VALUE; in a password a ? is "
                "written %3F",
                key="store",
            )


def _split(query: str) -> list[tuple[str, str]]:
    """Split the options of an address as libpq does, which reads a + as a plus."""
    options = (option.partition("=") for option in query.split("&") if option)
    return [(unquote(name), unquote(value)) for name, _, value in options]


def _query(options: list[tuple[str, str]]) -> str:
    return f"?{urlencode(options, quote_via=quote, safe='/,:*')}" if options else ""
