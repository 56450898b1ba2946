"""`batchhub doctor`: one harmless request, the raw answer, and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.crash_lab import Lab
from support.processes import write_items, write_settings, write_supplier
from support.stand_ins import standing_in
from support.stand_ins.ecwid import make_requests

from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox

KEY = "mircate-sandbox-key"


@pytest.fixture
def supplier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose settings can be given the address of a stand-in for Mircate."""
    monkeypatch.setenv("MIRCATE_API_KEY", KEY)
    return tmp_path


def test_a_shop_is_asked_for_its_batches(lab: Lab, tmp_path: Path) -> None:
    """Without a batch the list is asked for, with one its status; nothing is executed."""
    write_items(tmp_path / "items.jsonl", make_requests(3))
    sandbox = EcwidSandbox()
    with standing_in(sandbox) as url:
        write_settings(tmp_path, url)
        plain = lab.run(tmp_path, "doctor", "shop")
        run = lab.run(tmp_path, "run", "items.jsonl", "--account=shop", "--json")
        ref = json.loads(run.out)["tickets"][0]["vendor_refs"][0]
        seen = lab.run(tmp_path, "doctor", "shop", f"--ref={ref}", "--json")
    assert plain.code == seen.code == 0
    assert "asked     GET /api/v3/1003/batch?limit=1" in plain.out
    assert '{"items": []}' in plain.out
    assert json.loads(seen.out)["reading"] == {
        "word": "COMPLETED",
        "state": "completed",
        "items done": 3,
    }
    assert len(sandbox.executions) == 3


def test_a_supplier_is_asked_about_a_batch_that_cannot_be(lab: Lab, supplier: Path) -> None:
    """A 404 for a made-up batch says that address and key work; the key is shown nowhere."""
    with standing_in(MircateSandbox()) as url:
        write_supplier(supplier, url)
        done = lab.run(supplier, "doctor", "supplier")
    assert done.code == 0, done.err
    assert "answered  HTTP 404" in done.out
    assert '"RECORD_NOT_FOUND"' in done.out
    assert "vendor and key work" in done.out
    assert KEY not in done.out + done.err


def test_a_wrong_key_is_said(lab: Lab, supplier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused credentials are exit code 3, with the vendor's word and without the key."""
    monkeypatch.setenv("MIRCATE_API_KEY", "a_wrong_key_of_mine")
    with standing_in(MircateSandbox()) as url:
        write_supplier(supplier, url)
        done = lab.run(supplier, "doctor", "supplier")
    assert done.code == 3
    assert "403" in done.err
    assert "a_wrong_key_of_mine" not in done.out + done.err
