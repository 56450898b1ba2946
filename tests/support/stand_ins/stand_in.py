"""A vendor as the tests meet it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from batchhub.sandbox import Sandbox
from support.faults import ITEMS

PRODUCTS: Final = 20_000
"""How many products the stand-ins of the pages have."""

Item = dict[str, Any]


@frozen(kw_only=True)
class StandIn:
    """
    A vendor as the tests meet it.

    Attributes:
        sandbox: Its stand-in.
        account: The account's name in the settings.
        addresses: The addresses of the vendor that the pages name, which it stands in for.
        environment: The environment variables that the pages take its secrets from.
        secrets: The secrets among the account's settings, and how each is written: ``{}`` stands
            for what may be anything.
        make_items: Makes so many items, each tenth of which fails.
        name_of: What the vendor's journal calls an item.
        operation: The operation they are for; `None` is the adapter's default.
        submit: The request that has an effect, as a pattern of its method and path.
        beside: What else may be asked for before and after it while a job is held, likewise;
            empty: nothing.
        hung: The verbs whose answer may never end, and whether the job is held then.
        hung_account: Settings of the account that let such an answer be given up soon.
        repeats: Whether a submit without an answer is sent again, and runs again.
        keeps_tickets: Whether there are tickets that can be forgotten.
        budget: Switches of a limit of 60 requests a minute.
        budget_account: Settings of the account that keep to it.
        chance: Switches that leave something to chance.
        quick: Switches of the one that the pages run against.
    """

    sandbox: type[Sandbox]
    account: str
    addresses: Sequence[str]
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    make_items: Callable[[int], list[Item]]
    name_of: Callable[[Item], str]
    operation: str | None = None
    submit: str = "POST .*"
    beside: str = ""
    hung: Mapping[str, bool]
    hung_account: Mapping[str, Any] = field(factory=dict)
    repeats: bool = False
    keeps_tickets: bool = True
    budget: Mapping[str, Any] = field(factory=lambda: {"requests_per_minute": 60})
    budget_account: Mapping[str, Any] = field(factory=lambda: {"requests_per_minute": 60})
    chance: Mapping[str, Any] = field(factory=lambda: {"item_fails_rate": 0.3})
    quick: Mapping[str, Any] = field(factory=dict)

    @property
    def items(self) -> list[Item]:
        """The 25 items that a fault is shown with, two of which fail."""
        return self.make_items(ITEMS)

    @property
    def names(self) -> Mapping[str, str]:
        """What the vendor calls those, by their ids."""
        return {str(item["id"]): self.name_of(item) for item in self.items}

    @property
    def words(self) -> list[str]:
        """What the command needs to be told of the account and the operation."""
        operation = [] if self.operation is None else [f"--operation={self.operation}"]
        return [f"--account={self.account}", *operation]

    def make_quick(self) -> Sandbox:
        """Make a stand-in that takes its time for nothing, with much to change."""
        sandbox = self.sandbox(products=PRODUCTS)  # type: ignore[call-arg]  # each of ours has them
        sandbox.change_switches({"item_time_s": 0.0001, "requests_per_minute": 1_000_000})
        sandbox.change_switches(self.quick)
        return sandbox

    def check_held(self, requests: list[tuple[str, str]], count: int = 1) -> None:
        """
        Check how often a job that is held was submitted, and that nothing else makes no sense.

        Args:
            requests: Method and path of all requests there were, in their order.
            count: How many submits there must be.
        """
        lines = [f"{method} {path}" for method, path in requests]
        submits = [line for line in lines if re.fullmatch(self.submit, line)]
        others = [line for line in lines if line not in submits]
        assert len(submits) == count, lines
        assert [line for line in others if not re.fullmatch(self.beside, line)] == []

    def write_settings(self, folder: Path, sandbox: Sandbox, url: str, **settings: object) -> None:
        """
        Write a settings file with the account at a stand-in.

        Args:
            folder: Where to.
            sandbox: The stand-in.
            url: Where it is.
            settings: Settings of the account beside the stand-in's own.
        """
        # The text and number forms of JSON are TOML too.
        own = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        table = sandbox.settings_toml(url, self.account).rstrip()
        path = folder / "batchhub.toml"
        path.write_text(f'store = "jobs.db"\n{table}\n{own}')
        path.chmod(0o600)
