"""Accounts that go through one lane: the same one under two names, or a contradiction."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import fields

from batchhub.adapter import Account
from batchhub.errors import SettingsError


def check_twins(twins: Mapping[str, Account]) -> None:
    """
    Check that all accounts of a lane have the same settings, under whatever names.

    Args:
        twins: The accounts of one lane, by name; one or more.

    Raises:
        SettingsError: They have not, so that nobody could say whose token or budget holds.
    """
    (first, one), *others = twins.items()
    for name, other in others:
        different = [
            each.name
            for each in fields(type(one))
            if each.eq and getattr(one, each.name) != getattr(other, each.name, None)
        ]
        if different:
            raise SettingsError(
                f"accounts {first!r} and {name!r} are both {one.lane}, but differ in "
                f"{', '.join(different)}; give them the same settings, or remove one"
            )
