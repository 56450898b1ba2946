"""The table ``[alerts]`` of the settings: conditions, and the channels that are told of them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final

from attrs import evolve, field, frozen

from batchhub._settings.keyring import find_in_keyring
from batchhub._settings.place import Place
from batchhub.errors import SettingsError
from batchhub.settings import Settings

from .channel_settings import Channel, read_channels
from .conditions import BY_DEFAULT, Condition, Rule

EXAMPLE: Final = (
    'alerts.channels.mail = { type = "command", command = "mail -s batchhub ops@example.com" }'
)
"""The least that does something, as a line before the first table of the file."""

_KEYS: Final = ("conditions", "channels", "remind")
_LEAST_REMIND_S: Final = 60.0
_FOLDED: Final = "as in failed_share = { percent = 10, min_items = 20 }"


@frozen(kw_only=True)
class AlertSettings:
    """
    What is told, and to whom.

    Attributes:
        rules: The conditions that are looked for, and when each holds.
        channels: Who is told, by name.
        remind_s: After how many seconds what still holds is told again; `None` for never.
        is_on: Whether the settings have such a table; without one nothing is looked at.
        config: The settings file, for the commands that messages name; `None` if there is none.
        store: The store that it names; `None` if it names none.
    """

    rules: Mapping[Condition, Rule] = field(factory=dict)
    channels: Mapping[str, Channel] = field(factory=dict)
    remind_s: float | None = None
    is_on: bool = False
    config: str | None = None
    store: str | None = None


def read_alerts(
    settings: Settings,
    environ: Mapping[str, str] = os.environ,
    *,
    look_up: Callable[[str], str] = find_in_keyring,
) -> AlertSettings:
    """
    Read the table ``[alerts]``, with the secrets it refers to.

    Args:
        settings: The settings; without such a table nothing is told to anybody.
        environ: The environment.
        look_up: Returns the secret of an entry of the keyring, or raises `LookupError`.

    Raises:
        SettingsError: A key is missing, unknown or wrong; its message names file and key.
    """
    if settings.alerts is None:
        return AlertSettings(config=settings.path, store=_find_store(settings))
    place = Place(path=settings.path, environ=environ, look_up=look_up)
    table = settings.alerts
    place.check_keys(table, _KEYS)
    remind_s = None
    if table.get("remind", False) is not False:
        remind_s = place.below("remind").span_s(table["remind"], least_s=_LEAST_REMIND_S)
    rules = _read_rules(table.get("conditions", {}), place.below("conditions"), settings)
    return AlertSettings(
        rules=rules,
        channels=read_channels(table.get("channels", {}), place.below("channels"), rules),
        remind_s=remind_s,
        is_on=True,
        config=settings.path,
        store=_find_store(settings),
    )


def _find_store(settings: Settings) -> str | None:
    """Return the store that the settings name; nobody looked it up if another one is used."""
    with suppress(SettingsError):
        return settings.store
    return None


def _read_rules(value: Any, place: Place, settings: Settings) -> dict[Condition, Rule]:
    table = place.table(value)
    known = [each.value for each in Condition]
    rules = dict(BY_DEFAULT)
    for key, given in table.items():
        if key not in known:
            raise place.unknown(key, known, "condition")
        condition, here = Condition(key), place.below(key)
        if given is False:
            rules.pop(condition, None)
        else:
            rules[condition] = _read_rule(condition, given, here, settings)
    return rules


def _read_rule(condition: Condition, given: Any, place: Place, settings: Settings) -> Rule:
    match condition:
        case Condition.FAILED_SHARE:
            return _read_share(given, place)
        case Condition.NOTHING_SENT:
            return Rule(spans_s=_read_spans(given, place, settings))
        case Condition.OLDEST_OPEN:
            return Rule(age_s=place.span_s(given, least_s=1.0))
    rule = BY_DEFAULT[condition]
    if given is True:
        return rule
    if not isinstance(given, str):
        raise place.wrong(
            'must be true, false, or for how long it has to last, as text such as "10min"'
        )
    return evolve(rule, settle_s=place.span_s(given))


def _read_share(given: Any, place: Place) -> Rule:
    rule = BY_DEFAULT[Condition.FAILED_SHARE]
    if given is True:
        return rule
    if not isinstance(given, Mapping):
        raise place.wrong(f"must be true, false or a table, {_FOLDED}")
    place.check_keys(given, ("percent", "min_items"))
    percent, least = given.get("percent", rule.percent), given.get("min_items", rule.min_items)
    if not _is_number(percent) or not 0 < percent <= 100:  # noqa: PLR2004  # per cent
        raise place.below("percent").wrong(f"must be above 0 and at most 100, {_FOLDED}")
    if not isinstance(least, int) or isinstance(least, bool) or least < 1:
        raise place.below("min_items").wrong(f"must be a whole number from 1 on, {_FOLDED}")
    return evolve(rule, percent=float(percent), min_items=least)


def _read_spans(given: Any, place: Place, settings: Settings) -> dict[str, float]:
    if not isinstance(given, Mapping) or not given:
        raise place.wrong('must be a table of accounts, as in nothing_sent = { shop = "26h" }')
    for account in given:
        if account not in settings.accounts:
            raise place.unknown(account, [*settings.accounts], "account")
    return {
        account: place.below(account).span_s(span, least_s=60.0) for account, span in given.items()
    }


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def need_channels(settings: AlertSettings, names: Collection[str] = ()) -> list[Channel]:
    """
    Return the channels of some names; all without any.

    Raises:
        SettingsError: There is none, or none of a name.
    """
    place = Place(path=settings.config, key="alerts.channels")
    if not settings.channels:
        raise place.wrong(f"names nobody to tell; a line that does, before any table: {EXAMPLE}")
    for name in names:
        if name not in settings.channels:
            raise place.unknown(name, settings.channels, "channel")
    return [settings.channels[name] for name in names or settings.channels]
