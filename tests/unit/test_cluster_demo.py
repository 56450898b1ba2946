"""The parts of `demo --cluster`: what it makes of the traces, who asks, and its PostgreSQL."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import psycopg
import pytest
from support.acme import AcmeSandbox
from support.patience import PATIENCE_S
from typer.testing import CliRunner

from batchhub import BatchState, BatchStatus, Counts, Ticket
from batchhub.cli.app import app
from batchhub.cli.cluster_demo.callers import Callers
from batchhub.cli.cluster_demo.postgres import temporary_postgres
from batchhub.cli.cluster_demo.shops import Asked, Shop, find_kind, write_settings
from batchhub.cli.cluster_demo.tally import Death, Tally, take_stock
from batchhub.sandbox import AnswerError, Item
from batchhub.settings import load_settings
from batchhub.testing import FakeClock

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST, SECOND, DEAD = 101, 102, 103
ITEMS = 3


def make_shop(
    name: str, *asked: tuple[float, int | None], ran: int = ITEMS, failed: int = 0
) -> Shop:
    """Make a shop that was asked so, and has run so many items of its only batch."""
    sandbox = AcmeSandbox(clock=FakeClock())
    for number in range(ran):
        execute = Mock(side_effect=AnswerError(409, {})) if number < failed else Mock()
        sandbox.run(Item(id=f"{number}"), execute, ticket=f"ref-{name}")
    shop = Shop(name=name, sandbox=sandbox, account=sandbox.account("http://127.0.0.1:1"))
    shop.asked.extend(Asked(at_s, pid) for at_s, pid in asked)
    return shop


def make_status(shop: Shop, counts: Counts | None = None) -> BatchStatus:
    """Make the status of the shop's only job, of one ticket."""
    counts = counts or Counts(succeeded=ITEMS)
    state = BatchState.IN_PROGRESS if counts.pending else BatchState.COMPLETED
    refs = (f"ref-{shop.name}",)
    return BatchStatus(
        job_id="260101-abc",
        account=shop.name,
        adapter="acme",
        operation="work",
        tickets=(Ticket(position=1, state=state, counts=counts, vendor_refs=refs),),
        created_at=NOW,
        updated_at=NOW,
    )


def take(shops: Sequence[Shop], **changes: Counts) -> Tally:
    """Take stock of shops of which one worker died at 10 s."""
    statuses = [make_status(shop, changes.get(shop.name.replace("-", "_"))) for shop in shops]
    return take_stock(
        shops,
        {FIRST: 1, SECOND: 2, DEAD: 3},
        Death(number=3, pid=DEAD, at_s=10.0),
        statuses,
        sent=len(shops) * ITEMS,
        results=len(shops) * ITEMS,
    )


def test_the_table_is_what_the_shops_saw() -> None:
    """Who drove what before and after, and how long nobody drove what the dead worker had."""
    tally = take(
        [
            make_shop("shop-1", (1.0, FIRST), (12.0, FIRST)),
            make_shop("shop-2", (1.0, SECOND), (9.0, DEAD), (19.0, None), (21.5, FIRST)),
            make_shop("shop-3", (2.0, DEAD), (20.0, SECOND), (21.0, SECOND)),
        ]
    )
    found = {each.number: (each.before, each.after, each.requests) for each in tally.driven}
    assert found == {1: (1, 2, 3), 2: (0, 1, 3), 3: (2, 0, 2)}
    assert tally.waits_s == [10.0, 11.5]
    assert (tally.sent, tally.executed, tally.batches) == (9, 9, 3)
    assert not tally.wrong
    assert any("2 shops were driven again after 10.0 to 11.5 s" in line for line in tally.say())


@pytest.mark.parametrize("ran", [ITEMS - 1, ITEMS + 1, 0])
def test_what_ran_twice_or_never_is_named(ran: int) -> None:
    """A shop whose journal is not what the store has."""
    tally = take([make_shop("shop-1", (1.0, FIRST), ran=ran), make_shop("shop-2", (1.0, FIRST))])
    (said,) = tally.wrong
    assert said.startswith("shop-1 ran ")


def test_what_failed_is_what_the_shops_let_fail() -> None:
    """An item that failed by what the store says, and at no shop, is named; or the reverse."""
    counts = Counts(succeeded=ITEMS - 1, failed=1)
    shops = [make_shop(f"shop-{n}", (1.0, FIRST), failed=n % 2) for n in (1, 2, 3)]
    tally = take(shops, shop_1=counts, shop_2=counts)
    assert list(tally.wrong) == [
        "at shop-2 0 items failed, and by what the store says 1",
        "at shop-3 1 item failed, and by what the store says 0",
    ]
    right = take(shops[:1], shop_1=counts)
    assert not right.wrong
    assert any("2 succeeded, 1 failed as they are to" in line for line in right.say())


def test_what_has_no_end_is_named() -> None:
    """A job that goes on, with items that have no result."""
    shop = make_shop("shop-1", (1.0, FIRST))
    tally = take([shop], shop_1=Counts(succeeded=ITEMS - 1, pending=1))
    assert list(tally.wrong) == ["1 job of 1 did not end", "of 3 items 2 have ended"]


def test_what_nobody_took_over_is_named() -> None:
    """A shop of the dead worker that nobody asked again."""
    tally = take([make_shop("shop-1", (1.0, DEAD))])
    assert list(tally.wrong) == ["1 shop of the killed worker had nobody after it"]


def test_a_connection_belongs_to_a_process() -> None:
    """The system says which of the known processes it is; others are nobody."""
    talk = (
        "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); "
        "sys.stdin.read()"
    )
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        command = [sys.executable, "-c", talk, str(server.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
            server.settimeout(PATIENCE_S)
            accepted, peer = server.accept()
            with closing(accepted), closing(socket.create_connection(server.getsockname())) as own:
                theirs, ours = Mock(), Mock()
                theirs.get_extra_info.return_value = peer
                ours.get_extra_info.return_value = own.getsockname()
                callers = Callers()
                assert callers.find(theirs) is None
                callers.pids += [os.getpid(), child.pid]
                assert callers.find(theirs) == child.pid
                assert callers.find(ours) == os.getpid()
                assert child.stdin is not None
                child.stdin.close()
                child.wait(PATIENCE_S)
                assert callers.find(theirs) == child.pid, "it is known for good"


def test_the_vendor_recognises_what_it_has_had() -> None:
    """Whoever goes on for the killed worker may ask again: no person has to decide anything."""
    name, kind = find_kind()
    assert name == "ecwid"
    assert kind().account("http://127.0.0.1:1").adapter == name


def test_the_settings_are_those_of_the_shops(tmp_path: Path) -> None:
    """A file for its owner alone, with the store and each shop's account."""
    path = tmp_path / "batchhub.toml"
    write_settings(path, "jobs.db", [make_shop("shop-1"), make_shop("shop-2")])
    assert path.stat().st_mode & 0o777 == 0o600
    settings = load_settings(path)
    assert sorted(settings.accounts) == ["shop-1", "shop-2"]
    assert settings.accounts["shop-1"].values["proxy"] == "none"


async def test_a_postgres_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there for as long as it is needed; then neither it nor its folder is."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with temporary_postgres() as url:
        with psycopg.connect(url) as connection:
            found = connection.execute("SHOW data_directory").fetchone()
            assert found is not None
            data = Path(found[0])
        assert data.parent.stat().st_mode & 0o077 == 0
    assert not data.parent.exists()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages it says in one line how to install them, and starts nothing."""
    monkeypatch.setattr("batchhub.cli.commands.demo_cluster._NEEDED", ("no_such_package",))
    result = CliRunner().invoke(app, ["demo", "--cluster"])
    assert result.exit_code == 2
    assert "pip install 'batchhub[cluster,cluster-demo]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which one it needs, and what for."""
    monkeypatch.setattr("batchhub.cli.commands.demo_cluster._NEEDED", ())
    monkeypatch.setattr("batchhub.cli.commands.demo_cluster.can_tell_callers", lambda: False)
    result = CliRunner().invoke(app, ["demo", "--cluster"])
    assert result.exit_code == 2
    assert "demo --cluster needs Linux: /proc says there which process asks" in result.stderr
