"""What the tests with several workers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.cluster.cluster import Cluster
from support.cluster.opening import open_cluster
from support.cluster.pace import QUICK
from support.crash_lab import Lab, running_lab
from support.postgres import PostgresServer, running_server

OpenCluster = Callable[..., Cluster]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server of processes for all tests."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A server that loses nothing it has said is committed, unless the machine goes down."""
    with running_server(durable=True, settings={"fsync": "off"}) as server:
        yield server


@pytest.fixture
def open_one(lab: Lab, tmp_path: Path, server: PostgresServer) -> Iterator[OpenCluster]:
    """Open a database with shops."""
    with ExitStack() as stack:

        def open_it(**described: Any) -> Cluster:
            opening: Callable[..., Any] = partial(open_cluster, lab, tmp_path, plan=QUICK)
            return stack.enter_context(opening(described.pop("server", server), **described))  # type: ignore[no-any-return]

        yield open_it
