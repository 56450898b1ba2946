"""What the command says of an account at each vendor that is included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from support.stand_ins import STAND_INS, standing_in
from typer.testing import CliRunner, Result

from batchhub.adapter import Account
from batchhub.cli.app import app
from batchhub.sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore:the secret .* is written in")

Check = Callable[[str, Sandbox, str], Result]
WRONG = "a_wrong_one_of_mine"
UNCHECKED = {"submit_api_key"}
"""Only a batch shows whether it works."""


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Run `check` with an account at a stand-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BATCHHUB_CONFIG", raising=False)

    def run(vendor: str, sandbox: Sandbox, url: str) -> Result:
        STAND_INS[vendor].write_settings(tmp_path, sandbox, url)
        return CliRunner().invoke(app, ["check"], prog_name="batchhub")

    return run


@pytest.mark.parametrize("vendor", [*STAND_INS])
def test_an_account_that_works_is_said_to(vendor: str, check: Check) -> None:
    """One harmless request, and nothing that is secret in what is said of it."""
    sandbox = STAND_INS[vendor].sandbox()
    with standing_in(sandbox) as url:
        result = check(vendor, sandbox, url)
        secrets = sandbox.account(url).secrets
    assert result.exit_code == 0, result.output
    assert f"{STAND_INS[vendor].account} ({vendor}): OK" in result.output
    assert "credentials" in result.output
    assert not any(secret in result.output for secret in secrets)
    assert sandbox.executions == []


@pytest.mark.parametrize(
    ("vendor", "secret"),
    [
        (vendor, secret)
        for vendor, each in STAND_INS.items()
        for secret in each.secrets
        if secret not in UNCHECKED
    ],
)
def test_a_wrong_secret_is_said(
    vendor: str, secret: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused credentials are 3, and shown by nothing, whatever the vendor's way of saying so."""
    stand_in = STAND_INS[vendor]
    sandbox = stand_in.sandbox()
    wrong = stand_in.secrets[secret].format(WRONG)
    account = sandbox.account

    def make_account(url: str) -> Account:
        return evolve(account(url), **{secret: wrong})

    with standing_in(sandbox) as url:
        monkeypatch.setattr(sandbox, "account", make_account)
        result = check(vendor, sandbox, url)
    assert result.exit_code == 3, result.output
    assert WRONG not in result.output
