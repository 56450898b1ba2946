"""What every test may rely on."""

from __future__ import annotations

import inspect
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from unittest.mock import Mock

import aioresponses.core
import pytest
from aiohttp import ClientResponse
from hypothesis import HealthCheck, settings
from support import on_postgres
from support.cluster_tables import cluster_template
from support.patience import PATIENCE_S
from support.postgres import PostgresServer, shared_server

from batchhub._base import secrets, under_way
from batchhub.cli.shell import invocation

_TAKES_STREAM_WRITER = "stream_writer" in inspect.signature(ClientResponse.__init__).parameters


class _MockedResponse(ClientResponse):
    """A response as aioresponses makes it: without the stream writer newer aiohttp asks for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _TAKES_STREAM_WRITER:
            kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


_MEMORY: Final = Path("/dev/shm")  # a folder for others, not a file of ours
_ROOM_BYTES: Final = 2**30


def _choose_memory() -> None:
    """
    Keep the tests' files in memory: a commit waits for the disk, and the tests make thousands.

    What a power cut leaves is nothing a test can see; ``TMPDIR`` names another place, such as a
    real disk.
    """
    with suppress(OSError):
        is_roomy = shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES
        runs_programs = not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
        if is_roomy and runs_programs and os.access(_MEMORY, os.W_OK):
            os.environ.setdefault("TMPDIR", str(_MEMORY))
            tempfile.tempdir = None  # pytest has asked already


_choose_memory()

# The stand-ins are on loopback, where no proxy of whoever runs the tests reaches them, and hardly
# any speaks TLS: each hub would read the certificates of the system anew.
for _name in ("HTTP_PROXY", "HTTPS_PROXY"):
    os.environ.pop(_name, None)
    os.environ.pop(_name.lower(), None)
for _name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(_name, None)

# No test measures real time: a busy machine is no failure. Nor is chance: what fails is what was
# changed, and not what was drawn today; `--hypothesis-profile=explore` draws anew.
settings.register_profile(
    "explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=False
)
settings.register_profile("batchhub", settings.get_profile("explore"), derandomize=True)
# On PostgreSQL each example that has a store of its own takes a tenth of a second.
settings.register_profile("few", settings.get_profile("batchhub"), max_examples=10)
settings.load_profile("few" if on_postgres.IS_ON else "batchhub")

# A command that runs in the tests' own process must not end that process, as it does where
# something of it does not come to an end in two seconds.
invocation._CLOSE_S = PATIENCE_S  # type: ignore[misc]

aioresponses.core.ClientResponse = _MockedResponse  # type: ignore[attr-defined]

if on_postgres.IS_ON:
    on_postgres.begin()


def pytest_configure(config: pytest.Config) -> None:
    """Declare what marks a test."""
    config.addinivalue_line(
        "markers", "sqlite_only(reason): it is about SQLite, and not run with STORE=postgresql"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what says nothing new where stores are on PostgreSQL."""
    mark = item.get_closest_marker("sqlite_only")
    if mark is not None and on_postgres.IS_ON:
        pytest.skip(f"about SQLite: {mark.args[0]}")
    if on_postgres.IS_ON and "database_server" in getattr(item, "fixturenames", ()):
        pytest.skip("on PostgreSQL whatever STORE says")


@pytest.fixture(autouse=True)
def _databases_of_its_own() -> Iterator[None]:
    """With STORE=postgresql, what a test has put into a store no other one finds."""
    if on_postgres.IS_ON:
        with on_postgres.recycling():
            yield
    else:
        yield


@pytest.fixture(autouse=True)
def _nothing_under_way() -> Iterator[None]:
    """A transaction whose loop is gone ends for nobody: no clock waits for it in the next test."""
    yield
    under_way.count = 0


@pytest.fixture(autouse=True)
def _no_secrets_of_others() -> Iterator[None]:
    """What one test keeps secret may be a price in the next: a process blanks all it has seen."""
    known = secrets._known
    secrets._known = secrets.Blanker(known._known.elements())  # type: ignore[misc]
    yield
    secrets._known = known  # type: ignore[misc]


@pytest.fixture
def database_server() -> PostgresServer:
    """Return the PostgreSQL of this process's tests: nobody stops it, or changes its settings."""
    return shared_server()


@pytest.fixture
def database_url(database_server: PostgresServer) -> Iterator[str]:
    """Return the address of an empty database on PostgreSQL."""
    name = database_server.create_database()
    yield database_server.url(name)
    database_server.drop_database(name)


@pytest.fixture
def cluster_url(database_server: PostgresServer) -> Iterator[str]:
    """Return the address of a store on PostgreSQL, with all tables that a cluster has."""
    name = database_server.create_database(cluster_template(database_server))
    yield database_server.url(name)
    database_server.drop_database(name)
