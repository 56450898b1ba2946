"""An account whose class breaks a rule: it is named where it is used, and harms no other."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered
from support.plugins import ADAPTER, write_plugin
from support.vendor import PlainAccount, ScriptedAccount

from batchhub import BatchHub, Outcome
from batchhub._settings.accounts import make_accounts
from batchhub._settings.file import load_settings
from batchhub._settings.registry import Registry
from batchhub.errors import AdapterError, UsageError
from batchhub.testing import FakeClock

TOKEN = "secret_kT9xQ27LmZp0RrWv"


def make_odd(name: str, get: Callable[[Any], Any]) -> ScriptedAccount:
    """Make an account with a property of one's own."""
    kind: type[ScriptedAccount] = type("OddAccount", (ScriptedAccount,), {name: property(get)})
    return kind()


def raising(error: BaseException) -> Callable[[Any], Any]:
    def get(_: Any) -> Any:
        raise error

    return get


_NEEDED = ["identity", "lane", "budget", "rates", "secrets"]
_WRONG: list[tuple[str, Callable[[Any], Any]]] = [
    *((name, get) for name in _NEEDED for get in (lambda _: None, lambda _: 5)),
    *(("answer_s", get) for get in (lambda _: "soon", lambda _: 0, lambda _: math.nan)),
]


@pytest.mark.parametrize(
    ("name", "get"),
    [
        *_WRONG,
        *((name, raising(KeyError("x"))) for name in [*_NEEDED, "answer_s"]),
        *((name, raising(SystemExit(7))) for name in [*_NEEDED, "answer_s"]),
    ],
)
async def test_it_is_named_and_the_other_account_works(
    name: str, get: Callable[[Any], Any]
) -> None:
    """What it raises or gives does not end the hub."""
    clock = FakeClock()
    accounts = {"odd": make_odd(name, get), "shop": PlainAccount()}
    named = rf"the account of adapter 'scripted' \(scripted-vendor 1\.0\) failed in {name}: "
    async with clock.running():
        with pytest.warns(UserWarning, match="memory"):
            hub = await BatchHub(None, accounts, clock=clock, seed=1).__aenter__()
        try:
            with pytest.raises(AdapterError, match=named):
                await hub.submit("odd", numbered(1))
            with pytest.raises(AdapterError, match=named):
                await hub.plan("odd", numbered(1))
            status = await (await hub.submit("shop", numbered(1))).wait()
        finally:
            await hub.aclose()
    assert status.outcome is Outcome.SUCCEEDED


async def test_a_lane_is_no_other_adapters() -> None:
    """Else the two would pass for one account with two settings, and neither could be used."""
    clock = FakeClock()
    good = PlainAccount()
    accounts = {"odd": make_odd("lane", lambda _: good.lane), "shop": good}
    async with clock.running():
        with pytest.warns(UserWarning, match="memory"):
            hub = await BatchHub(None, accounts, clock=clock, seed=1).__aenter__()
        try:
            with pytest.raises(AdapterError, match="lane: it must begin with 'scripted:'"):
                await hub.submit("odd", numbered(1))
            status = await (await hub.submit("shop", numbered(1))).wait()
        finally:
            await hub.aclose()
    assert status.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("@property\n    def lane(self):\n        raise KeyError(self.token)", AdapterError),
        ("def __attrs_post_init__(self):\n        raise KeyError(self.token)", UsageError),
        ("def __attrs_post_init__(self):\n        raise SystemExit(self.token)", UsageError),
    ],
)
def test_what_it_raises_shows_no_secret(
    body: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is made from settings."""
    source = ADAPTER.replace(
        "    @property\n    def identity",
        f"    token: str = secret()\n    {body}\n\n    @property\n    def identity",
    ).replace("import Account", "import secret, Account")
    write_plugin(tmp_path, "odd", source)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "batchhub.toml"
    path.write_text(f'[accounts.odd]\nadapter = "odd"\ntoken = "{TOKEN}"\n')
    with (
        pytest.warns(UserWarning, match="written in"),
        pytest.raises(error, match=r"\*\*\*") as caught,
    ):
        make_accounts(load_settings(path), Registry())
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in shown
