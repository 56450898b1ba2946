"""The setting `polling`: which rule a lane asks, and what is no rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from support.hubs import numbered
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub
from batchhub._settings.accounts import make_account
from batchhub.adapter import Budget
from batchhub.errors import AdapterError, SettingsError
from batchhub.polling import Adaptive, Backoff, Fixed, Poll
from batchhub.polling.setting import read_polling
from batchhub.settings import Settings, load_settings
from batchhub.sync import BatchHub as SyncHub
from batchhub_ecwid import EcwidAccount
from batchhub_mircate import MircateAccount

TOKEN = "secret_9vKq2LxT"


class EverySecond:
    """A rule as a user writes one."""

    def next_delay_s(self, poll: Poll) -> float:
        """Return a second."""
        del poll
        return 1.0


class Waiting:
    """No rule: it would have to be awaited."""

    async def next_delay_s(self, poll: Poll) -> float:
        """Return a second, later."""
        del poll
        return 1.0


class Ageless:
    """No rule: it asks for what it is not given."""

    def next_delay_s(self) -> float:
        """Return a second."""
        return 1.0


class Deaf(EverySecond):
    """No rule: what should hear of the end of a ticket is a number."""

    ended = 5


class Slow(EverySecond):
    """No rule: the loop would have to await what it hears."""

    async def left(self, poll: Poll) -> None:
        """Take note, later."""
        del poll


class Broken:
    """No rule: it can't even be looked at."""

    @property
    def next_delay_s(self) -> Callable[[Poll], float]:
        """Raise."""
        raise RuntimeError("broken")


def make_ecwid(polling: Any) -> object:
    return EcwidAccount(store_id=1003, token=TOKEN, polling=polling)


def make_mircate(polling: Any) -> object:
    return MircateAccount(project_id="p", merchant_project_id="m", api_key=TOKEN, polling=polling)


def make_hub(polling: Any) -> object:
    return BatchHub(polling=polling)


def make_sync_hub(polling: Any) -> object:
    return SyncHub(polling=polling)


everywhere = pytest.mark.parametrize("make", [make_ecwid, make_mircate, make_hub, make_sync_hub])


@everywhere
@pytest.mark.parametrize(
    "polling",
    [EverySecond(), Fixed(5), Backoff(1, 2, 60), "fixed 5", "Backoff 1 2 60", "adaptive", None, ""],
)
def test_a_rule_is_taken_everywhere(make: Callable[[Any], object], polling: object) -> None:
    """Any object with the method; an empty setting is none."""
    assert make(polling) is not None


FORMS = "'adaptive', 'fixed SECONDS' or 'backoff FIRST FACTOR MOST'"
NO_RULE = f" must be {FORMS}, not"
NO_OBJECT = f" must be {FORMS}, or an object with a method next_delay_s(poll), not"


@everywhere
@pytest.mark.parametrize(
    ("polling", "why"),
    [
        (EverySecond, " must be an object, not the class: write EverySecond(…)"),
        (5, f"{NO_RULE} 5"),
        (True, f"{NO_RULE} True"),
        ({"every_s": 5}, f"{NO_RULE} {{'every_s': 5}}"),
        (Broken(), f"{NO_OBJECT} Broken"),
        (Waiting(), " can't be Waiting: next_delay_s is async; a rule has to return at once"),
        (Ageless(), " can't be Ageless: next_delay_s takes not just one argument, the poll"),
        (Deaf(), " can't be Deaf: ended is no method"),
        (Slow(), " can't be Slow: left is async; a rule has to return at once"),
        ("fxied 5", f": 'fxied 5' names no rule; write {FORMS}"),
        ("fixed", f": 'fixed' names no rule; write {FORMS}"),
        ("fixed 5s", f": 'fixed 5s' names no rule; write {FORMS}"),
        ("fixed 5 6", f": 'fixed 5 6' names no rule; write {FORMS}"),
        ("backoff 1 2", f": 'backoff 1 2' names no rule; write {FORMS}"),
        ("adaptive 5", f": 'adaptive 5' names no rule; write {FORMS}"),
        ("   ", f": '   ' names no rule; write {FORMS}"),
        ("fixed 0", ": 'fixed 0': SECONDS must be above 0 and finite, not 0.0"),
        ("fixed nan", ": 'fixed nan': SECONDS must be above 0 and finite, not nan"),
        ("fixed 1e400", ": 'fixed 1e400': SECONDS must be above 0 and finite, not inf"),
        ("backoff 1 0.5 60", ": 'backoff 1 0.5 60': FACTOR must be 1 or more, not 0.5"),
        ("backoff 9 2 1", ": 'backoff 9 2 1': MOST must be FIRST or more, not 1.0 < 9.0"),
    ],
)
def test_what_is_no_rule_is_refused_at_once(
    make: Callable[[Any], object], polling: object, why: str
) -> None:
    """In one line that says what it should be, before anything is opened or sent."""
    with pytest.raises(SettingsError) as caught:
        make(polling)
    assert str(caught.value) == f"polling{why}"
    assert caught.value.__cause__ is None
    assert caught.value.key == "polling"


# Which rule a lane asks.


async def rules_of(hub: BatchHub) -> dict[str, object]:
    """Open a hub; return the rule of each account's lane."""
    with pytest.warns(UserWarning, match="memory"):
        opened = await hub._open()
    try:
        return {name: opened.get_lane(name)._context.polls.rule for name in hub.accounts}
    finally:
        await hub.aclose()


async def test_an_account_wins_over_the_hub_and_the_hub_over_the_default() -> None:
    """An account may choose the usual rule too, where the hub has another one."""
    mine = EverySecond()
    accounts = {
        "none": ScriptedAccount(name="none"),
        "text": ScriptedAccount(name="text", polling="backoff 1 2 60"),
        "mine": ScriptedAccount(name="mine", polling=mine),
        "usual": ScriptedAccount(name="usual", polling="adaptive"),
    }

    chosen = await rules_of(BatchHub(accounts=accounts, polling="fixed 5"))
    assert isinstance(chosen.pop("usual"), Adaptive)
    assert chosen == {"none": Fixed(5), "text": Backoff(1, 2, 60), "mine": mine}

    chosen = await rules_of(BatchHub(accounts=accounts, polling="adaptive"))
    assert isinstance(chosen["none"], Adaptive)
    chosen = await rules_of(BatchHub(accounts=accounts))
    assert isinstance(chosen["none"], Adaptive)
    assert chosen["none"] is not chosen["usual"]  # each lane has a budget of its own


async def test_each_lane_makes_its_own_of_the_usual_rule() -> None:
    """With what was asked of it; one object would share tickets and budget among accounts."""
    given = Adaptive(least_price_s=3.0)
    accounts = {name: ScriptedAccount(name=name) for name in ("one", "two")}
    chosen = await rules_of(BatchHub(accounts=accounts, polling=given))
    one, two = chosen["one"], chosen["two"]
    assert isinstance(one, Adaptive)
    assert isinstance(two, Adaptive)
    assert len({id(rule) for rule in (given, one, two)}) == 3
    poll = Poll(
        adapter="scripted", account="one", operation="work", items=1, usual_s=5.0, least_s=0.1
    )
    assert one.next_delay_s(poll) > Adaptive().next_delay_s(evolve(poll, memory=None))


async def test_the_usual_rule_knows_the_budget_of_its_lane() -> None:
    """The account's; what an answer says of it, or an earlier process has heard, wins."""
    accounts = {name: ScriptedAccount(name=name) for name in ("one", "two")}
    async with BatchHub(":memory:", accounts) as hub:
        lanes = {name: hub._opened.get_lane(name) for name in accounts}  # type: ignore[union-attr]
        one, two = (lanes[name]._context.polls.rule for name in ("one", "two"))
        assert isinstance(one, Adaptive)
        assert isinstance(two, Adaptive)
        assert one.budget_per_s == two.budget_per_s == 100_000.0

        transport = lanes["one"].adapter.transport
        transport._gate.learn({"": Budget(requests=30, per_s=60.0)})
        transport._gate.learn({"feeds": Budget(requests=1, per_s=60.0)})
        assert one.budget_per_s == 0.5
        assert two.budget_per_s == 100_000.0
        lanes["two"].adapter.transport.restore(transport.spent())
        assert two.budget_per_s == 0.5


async def test_a_rule_that_is_false_is_a_rule() -> None:
    """Such as one that counts its tickets and has none."""

    class Empty(EverySecond):
        def __len__(self) -> int:
            return 0

    empty = Empty()
    accounts = {"shop": ScriptedAccount(polling=empty)}
    assert (await rules_of(BatchHub(accounts=accounts)))["shop"] is empty


async def test_accounts_of_one_lane_must_agree_on_it() -> None:
    """As on every other setting: refused when the lane is opened, nothing sent."""
    vendor = Vendor()
    accounts = {
        "one": ScriptedAccount(vendor=vendor, polling="fixed 5"),
        "two": ScriptedAccount(vendor=vendor, polling=Fixed(6)),
        "three": ScriptedAccount(vendor=vendor, name="three", polling="fixed 7"),
        "four": ScriptedAccount(vendor=vendor, name="three", polling=Fixed(7)),
    }
    async with BatchHub(":memory:", accounts) as hub:
        for name in ("one", "two"):
            with pytest.raises(SettingsError, match="but differ in polling; give them the same"):
                await hub.submit(name, numbered(1))
        assert not vendor.submissions
        await hub.submit("three", numbered(1))


async def test_an_adapter_whose_accounts_have_another_polling_is_named() -> None:
    """A class may declare the field anew; what it holds is looked at before it is asked."""

    @frozen(kw_only=True)
    class OddAccount(ScriptedAccount):
        polling: Any = "sometimes"

    async with BatchHub(":memory:", {"shop": OddAccount()}) as hub:
        with pytest.raises(AdapterError, match=r"failed in polling: .*'sometimes' names no rule"):
            await hub.submit("shop", numbered(1))


# The settings file, and the environment.

SHOP = '[accounts.shop]\nadapter = "ecwid"\nstore_id = 1003\ntoken = { env = "TOKEN" }\n'


def load(folder: Path, text: str, **environ: str) -> Settings:
    """Read a file of this text, and an environment."""
    path = folder / "batchhub.toml"
    path.write_text(text)
    return load_settings(path, environ)


def read(folder: Path, text: str, **environ: str) -> tuple[object, object]:
    """Return the rule for all accounts, and that of the account `shop`."""
    settings = load(folder, text, **environ)
    account = make_account(EcwidAccount, settings.accounts["shop"], {"TOKEN": TOKEN, **environ})
    return settings.polling, account.polling


@pytest.mark.parametrize(
    ("head", "tail", "environ", "rules"),
    [
        ("", "", {}, (None, None)),
        ('polling = "fixed 5"', "", {}, (Fixed(5), None)),
        ("", 'polling = "fixed 5"', {}, (None, Fixed(5))),
        (
            'polling = "adaptive"',
            'polling = "FIXED  0.5"',
            {},
            (read_polling("adaptive"), Fixed(0.5)),
        ),
        ('polling = ""', 'polling = ""', {}, (None, None)),
        ('polling = "x"', "", {"BATCHHUB_POLLING": "fixed 6"}, (Fixed(6), None)),
        ('polling = "fixed 5"', "", {"BATCHHUB_POLLING": ""}, (Fixed(5), None)),
        (
            "",
            'polling = "x"',
            {"BATCHHUB_ACCOUNTS__SHOP__POLLING": "backoff 1 2 60"},
            (None, Backoff(1, 2, 60)),
        ),
        ("", 'polling = { env = "RULE" }', {"RULE": "fixed 7"}, (None, Fixed(7))),
    ],
)
def test_a_file_and_the_environment_choose_it(
    tmp_path: Path, head: str, tail: str, environ: dict[str, str], rules: tuple[object, object]
) -> None:
    """At the top for all accounts, in a table for one; a variable wins over the file."""
    assert read(tmp_path, f"{head}\n{SHOP}{tail}", **environ) == rules


@pytest.mark.parametrize(
    ("head", "tail", "environ", "why"),
    [
        ("polling = 5", "", {}, f"{{file}}: polling{NO_RULE} 5"),
        ("polling = 0", "", {}, f"{{file}}: polling{NO_RULE} 0"),
        ('polling = "fast"', "", {}, f"{{file}}: polling: 'fast' names no rule; write {FORMS}"),
        (
            "",
            "",
            {"BATCHHUB_POLLING": "fast"},
            f"the environment: BATCHHUB_POLLING: 'fast' names no rule; write {FORMS}",
        ),
        (
            "",
            'polling = "fast"',
            {},
            f"account 'shop' in {{file}}: polling: 'fast' names no rule; write {FORMS}",
        ),
        ("", "polling = 5", {}, f"account 'shop' in {{file}}: polling{NO_RULE} 5"),
        (
            "",
            "polling = { every = 5 }",
            {},
            f"account 'shop' in {{file}}: polling{NO_RULE} {{{{'every': 5}}}}",
        ),
        (
            "",
            "",
            {"BATCHHUB_ACCOUNTS__SHOP__POLLING": "5"},
            (
                f"account 'shop' in {{file}}: polling{NO_RULE} 5 "
                "(from the environment variable BATCHHUB_ACCOUNTS__SHOP__POLLING)"
            ),
        ),
    ],
)
def test_a_setting_that_is_no_rule_is_refused(
    tmp_path: Path, head: str, tail: str, environ: dict[str, str], why: str
) -> None:
    """In one line: where it is, what it says, and what it may say."""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, f"{head}\n{SHOP}{tail}", **environ)
    assert str(caught.value) == why.format(file=tmp_path / "batchhub.toml")
    assert caught.value.key in {"polling", "accounts.shop.polling"}
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("kind", [BatchHub, SyncHub])
def test_from_config_takes_the_rule_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    """The file's, and the environment's over it, in either kind of hub."""
    path = tmp_path / "batchhub.toml"
    path.write_text('polling = "fixed 5"')
    hub = kind.from_config(path)
    assert getattr(hub, "_hub", hub)._polling == Fixed(5)
    monkeypatch.setenv("BATCHHUB_POLLING", "fixed 6")
    hub = kind.from_config(path)
    assert getattr(hub, "_hub", hub)._polling == Fixed(6)
    hub = kind.from_config(path, polling="fixed 7")
    assert getattr(hub, "_hub", hub)._polling == Fixed(7)
