"""The channels of the settings: what kind each is, and how it is told of which conditions."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from batchhub._base.secrets import remember
from batchhub._settings.place import Place

from .conditions import Condition

LIMIT_S: Final = 60.0
"""Seconds a command has, unless its settings say otherwise."""

_LEAST_SECRET: Final = 16
_LONGEST_NAME: Final = 40


class ChannelType(StrEnum):
    """How a channel is told."""

    COMMAND = "command"
    WEBHOOK = "webhook"
    SLACK = "slack"


_KEYS: Final[Mapping[ChannelType, tuple[str, ...]]] = {
    ChannelType.COMMAND: ("type", "command", "timeout", "conditions"),
    ChannelType.WEBHOOK: ("type", "url", "secret", "conditions"),
    ChannelType.SLACK: ("type", "url", "conditions"),
}


@frozen(kw_only=True)
class Channel:
    """
    Who is told, and how.

    Attributes:
        name: Its name in the settings.
        type: How it is told.
        conditions: What it is told of.
        command: Of a command: a line for the shell, or a program and its arguments.
        limit_s: Of a command: how many seconds it has.
        url: Of the others: where to. Slack's own is a secret, and a webhook's may be.
        secret: Of a webhook: what its messages are signed with.
    """

    name: str
    type: ChannelType
    conditions: frozenset[Condition]
    command: str | tuple[str, ...] = ""
    limit_s: float = LIMIT_S
    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """The host it is told at, which is no secret."""
        return urlsplit(self.url).hostname or ""


def read_channels(value: Any, place: Place, on: Collection[Condition]) -> dict[str, Channel]:
    """
    Read the channels.

    Args:
        value: The table of them.
        place: Where it is.
        on: The conditions that are looked for.

    Raises:
        SettingsError: One is wrong.
    """
    table = place.table(value)
    return {name: _read(name, table[name], place.below(name), on) for name in table}


def _read(name: str, value: Any, place: Place, on: Collection[Condition]) -> Channel:
    if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
        raise place.wrong(f"needs a name of 1 to {_LONGEST_NAME} letters")
    if not isinstance(value, Mapping):
        raise place.wrong(f'must be a table, as in [{place.key}] with type = "command"')
    known = [each.value for each in ChannelType]
    given = value.get("type")
    if given is None:
        raise place.wrong(f"lacks type; it is one of {', '.join(known)}")
    if given not in known:
        raise place.below("type").unknown(str(given), known, "type of channel")
    kind = ChannelType(given)
    place.check_keys(value, _KEYS[kind])
    conditions = _read_conditions(value.get("conditions"), place.below("conditions"), on)
    if kind is ChannelType.COMMAND:
        limit_s = LIMIT_S
        if "timeout" in value:
            limit_s = place.below("timeout").span_s(value["timeout"], least_s=1.0)
        command = _read_command(value.get("command"), place)
        return Channel(
            name=name, type=kind, conditions=conditions, command=command, limit_s=limit_s
        )
    url = _read_url(value.get("url"), place, is_secret=kind is ChannelType.SLACK)
    secret = _read_secret(value, place) if kind is ChannelType.WEBHOOK else ""
    return Channel(name=name, type=kind, conditions=conditions, url=url, secret=secret)


def _read_conditions(given: Any, place: Place, on: Collection[Condition]) -> frozenset[Condition]:
    if given is None:
        return frozenset(Condition)
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
        raise place.wrong('must be a list of conditions, as in ["held", "unknown"]')
    known = [each.value for each in Condition]
    for word in given:
        if word not in known:
            raise place.unknown(word, known, "condition")
        if Condition(word) not in on:
            raise place.wrong(f"names {word!r}, which is off: set it below [alerts.conditions]")
    return frozenset(map(Condition, given))


def _read_command(given: Any, place: Place) -> str | tuple[str, ...]:
    if given is None:
        raise place.wrong("lacks command, a line for the shell or a list of arguments")
    is_list = isinstance(given, list) and given and all(isinstance(one, str) for one in given)
    texts = given if is_list else [given]
    if not all(isinstance(one, str) and "\0" not in one for one in texts) or not texts[0].strip():
        raise place.below("command").wrong(
            'must be a line for the shell, or a list such as ["/usr/bin/notify", "--urgent"]'
        )
    return tuple(given) if is_list else str(given)


def _read_url(given: Any, place: Place, *, is_secret: bool) -> str:
    if given is None:
        raise place.wrong("lacks url")
    here = place.below("url")
    # A webhook's address may be a secret; it is one if it is kept elsewhere.
    url = given if isinstance(given, str) and not is_secret else here.secret(given)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise here.wrong("is no valid URL") from None
    if not url.isascii() or not url.isprintable() or " " in url or not host:
        raise here.wrong("must be a URL, beginning with https://")
    if parts.username is not None or parts.password is not None:
        raise here.wrong("must have no user name or password in it")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise here.wrong("must begin with https:// (http:// only to this machine itself)")
    if is_secret and len(parts.path) >= _LEAST_SECRET:  # what errors show of it
        remember([parts.path])
    return url


def _read_secret(value: Mapping[str, Any], place: Place) -> str:
    if "secret" not in value:
        raise place.wrong(
            "lacks secret, which its messages are signed with: a long random text, such as "
            'secret = { env = "WEBHOOK_SECRET" }'
        )
    here = place.below("secret")
    secret = here.secret(value["secret"])
    if len(secret) < _LEAST_SECRET:
        raise here.wrong(f"is too short to sign with; it needs {_LEAST_SECRET} characters or more")
    return secret


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
