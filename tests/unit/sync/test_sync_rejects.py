"""Rows set aside from Python: those that are no items, and those whose items can't be sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sync_hubs import make_hub

from batchhub.errors import InputError, UsageError
from batchhub.tables import read_items


def write_items(folder: Path, *more: str) -> Path:
    """Write a table."""
    path = folder / "items.csv"
    path.write_text("\n".join(["id,bad", *(f"a{n}," for n in range(20)), *more]) + "\n")
    return path


def test_each_row_is_set_aside_as_it_was(store: Path, tmp_path: Path) -> None:
    """In step with the reading, though the hub reads in another thread."""
    bad = tmp_path / "bad.csv"
    source = write_items(tmp_path, "b1,1", "c", "b2,2", "d,", "b3,3")
    with make_hub(store) as hub, read_items(source, rejects=bad) as items:
        job = hub.submit("shop", items, on_refused=items.reject)
        assert bad.exists()
        assert job.status.counts.total == 21
    rows = [line.split(",")[:3] for line in bad.read_text().splitlines()[1:]]
    assert rows == [
        ["b1", "1", "22"],
        ["c", "_batchhub_missing", "23"],
        ["b2", "2", "24"],
        ["b3", "3", "26"],
    ]


def test_too_many_send_nothing(store: Path, tmp_path: Path) -> None:
    """Nor is there a file."""
    bad, source = tmp_path / "bad.csv", write_items(tmp_path, "b1,1", "b2,2")
    with make_hub(store) as hub, read_items(source, rejects=bad, max_rejects=1) as items:
        with pytest.raises(InputError, match="2 of 22 rows refused, more than 1; max_rejects"):
            hub.submit("shop", items, on_refused=items.reject)
        assert hub.jobs() == []
    assert not bad.exists()


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    """Before anything is read."""
    source = write_items(tmp_path)
    with pytest.raises(UsageError, match="give one of them"):
        read_items(source, rejects=tmp_path / "bad.csv", on_refused=print)
    with pytest.raises(UsageError, match="rows come from"):
        read_items(source, rejects=source)
    with pytest.raises(UsageError, match="max_rejects is a number"):
        read_items(source, rejects=tmp_path / "bad.csv", max_rejects="many")


def test_rows_are_kept_with_their_results(store: Path, tmp_path: Path) -> None:
    """Those that are refused by whomever too; with the header, as often as they are asked for."""
    refused: list[InputError] = []
    source = write_items(tmp_path, "b1,1", "c", "d,")
    with make_hub(store) as hub, read_items(source, on_refused=refused.append) as items:
        job = hub.submit("shop", items, on_refused=refused.append)
        job.wait()
        rows = job.rows()
        assert rows.head.columns == ("id", "bad")
        for found in (list(rows), list(rows), list(job.rows(with_retries=True))):
            assert [row.row for row in found] == list(range(1, 24))
            assert [row.row for row in found if row.reason] == [21, 22]
            assert found[-1].cells == ["d", ""]
            assert found[-1].result is not None
            assert found[-1].result.id == "d"
        without = hub.submit("shop", read_items(write_items(tmp_path)), keep_input=False)
        with pytest.raises(UsageError, match="no rows were kept"):
            without.rows()


def test_items_without_ids_are_numbered_by_their_rows(store: Path, tmp_path: Path) -> None:
    """Also where refused rows are told in the caller's thread: as in the async hub."""
    path = tmp_path / "items.csv"
    path.write_text("n,m\n1,1\n2\n3,3\n")
    refused: list[InputError] = []
    with make_hub(store) as hub, read_items(path, on_refused=refused.append) as items:
        job = hub.submit("shop", items, on_refused=refused.append)
        job.wait()
        assert [result.id for result in job.results()] == ["1", "3"]
