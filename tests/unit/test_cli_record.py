"""`batchhub doctor --record`: a first real answer becomes a test."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from support.processes import KEY, TOKEN, write_items, write_settings, write_supplier
from support.stand_ins import standing_in
from support.stand_ins.ecwid import make_requests
from typer.testing import CliRunner, Result

from batchhub import BatchHub
from batchhub.adapter import Account, Probe
from batchhub.cli.app import app
from batchhub.errors import CredentialsError, ReplyError
from batchhub.testing import Case, ScriptedVendor, read_case, replay
from batchhub_ecwid import EcwidAccount
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate import MircateAccount
from batchhub_mircate.sandbox import MircateSandbox


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of its own, with the keys of the stand-ins in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRCATE_API_KEY", KEY)
    monkeypatch.setenv("ECWID_TOKEN", TOKEN)


def batchhub(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments, prog_name="batchhub")


async def ask_again(case: Case, account_type: type[Account], **settings: Any) -> Probe:
    """Let an adapter have the recorded answers."""
    async with replay(case) as vendor:
        account = account_type(base_url=vendor.base_url, **settings)
        async with BatchHub(":memory:", {"it": account}) as hub:
            return await hub.probe("it", case.vendor_ref)


def ask_shop(case: Case) -> Probe:
    """Let the adapter of a shop have them, with another token."""
    return asyncio.run(ask_again(case, EcwidAccount, store_id=1003, token="another_token"))


def test_a_recorded_answer_is_read_alike(tmp_path: Path) -> None:
    """What the command shows is what a test gets of the file, without vendor and token."""
    write_items(tmp_path / "items.jsonl", make_requests(3))
    with standing_in(EcwidSandbox()) as url:
        write_settings(tmp_path, url)
        plain = batchhub("doctor", "shop", "--record=list.toml", "--json")
        run = batchhub("run", "items.jsonl", "--account=shop", "--json")
        ref = json.loads(run.stdout)["tickets"][0]["vendor_refs"][0]
        seen = batchhub("doctor", "shop", f"--ref={ref}", "--record=b.toml", "--json")
    assert plain.exit_code == seen.exit_code == 0, plain.stderr + seen.stderr
    assert "recorded 1 request in list.toml; secrets are blanked" in plain.stderr
    for name, shown in (("list.toml", plain.stdout), ("b.toml", seen.stdout)):
        path = tmp_path / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        case = read_case(path)
        again = ask_shop(case)
        assert again.reading == case.reading == json.loads(shown)["reading"]
        assert again.raw.decode() == json.loads(shown)["raw"]
        assert again.status == 200
    assert case.vendor_ref == ref
    assert (case.adapter, case.account, case.error) == ("ecwid", "1003", None)
    assert TOKEN not in (tmp_path / "b.toml").read_text()


def test_an_answer_that_is_a_refusal_is_read_alike(tmp_path: Path) -> None:
    """A 404 that says that address and key work is one when it is replayed; the key is nowhere."""
    sandbox = MircateSandbox()
    with standing_in(sandbox) as url:
        write_supplier(tmp_path, url)
        done = batchhub("doctor", "supplier", "--record=s.toml", "--json")
        ours = sandbox.account(url)
    assert done.exit_code == 0, done.stderr
    case = read_case(tmp_path / "s.toml")
    again = asyncio.run(
        ask_again(
            case,
            MircateAccount,
            project_id=ours.project_id,
            merchant_project_id=ours.merchant_project_id,
            api_key="another_key_of_mine",
        )
    )
    assert (again.reading, again.status) == (json.loads(done.stdout)["reading"], 404)
    assert KEY not in (tmp_path / "s.toml").read_text()


def test_an_error_is_recorded_as_well(tmp_path: Path) -> None:
    """Refused credentials and answers that can't be read are errors again when replayed."""
    write_settings(tmp_path, "http://127.0.0.1:1")

    async def record(name: str, **reply: Any) -> tuple[int, str]:
        async with ScriptedVendor() as vendor:
            vendor.on("GET", "/api/v3/1003/batch").reply(**reply)
            write_settings(tmp_path, vendor.base_url)
            done = await asyncio.to_thread(batchhub, "doctor", "shop", f"--record={name}")
            return done.exit_code, done.stderr

    code, told = asyncio.run(record("r.toml", status=403, body={"errorMessage": "no"}))
    assert (code, "recorded 1 request in r.toml" in told) == (3, True)
    refused = read_case(tmp_path / "r.toml")
    assert refused.error is not None
    assert refused.error.startswith("CredentialsError: ecwid answered 403")
    with pytest.raises(CredentialsError, match="403 Forbidden: no"):
        ask_shop(refused)

    code, _ = asyncio.run(record("o.toml", body=b"<html>parked</html>"))
    odd = read_case(tmp_path / "o.toml")
    assert (code, odd.reading) == (4, None)
    with pytest.raises(ReplyError, match="a page of HTML in place of JSON"):
        ask_shop(odd)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A file that is there, or no folder, is exit code 2 before anything is sent."""
    sandbox = EcwidSandbox()
    with standing_in(sandbox) as url:
        write_settings(tmp_path, url)
        (tmp_path / "there.toml").write_text("mine")
        there = batchhub("doctor", "shop", "--record=there.toml")
        nowhere = batchhub("doctor", "shop", "--record=no/case.toml")
    assert (there.exit_code, nowhere.exit_code) == (2, 2)
    assert "there.toml already exists; it was not changed" in there.stderr
    assert "there is no folder no" in nowhere.stderr
    assert (tmp_path / "there.toml").read_text() == "mine"
    assert not sandbox.journal


def test_what_was_never_sent_is_not_recorded(tmp_path: Path) -> None:
    """Where nobody listens there is nothing to replay, and no file."""
    write_settings(tmp_path, "http://127.0.0.1:1")
    done = batchhub("doctor", "shop", "--record=case.toml")
    assert done.exit_code == 4
    assert "no request was sent, so case.toml was not written" in done.stderr
    assert not (tmp_path / "case.toml").exists()
