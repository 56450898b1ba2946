"""What is risky about an account's settings, though nothing is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from attrs import fields

from batchhub._base.secrets import MIN_LENGTH

from .account import Account
from .base_url import is_loopback


def find_risks(account: Account) -> Iterator[str]:
    """Yield what is risky about an account's settings, a sentence each."""
    url = urlsplit(account.base_url)
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        yield (
            f"base_url is http:// and {url.hostname} is another host: the credentials and all data "
            "go over the network in plain text; use https://"
        )
    for each in fields(type(account)):
        value = getattr(account, each.name)
        is_secret = each.metadata.get("secret", False) and isinstance(value, str)
        if is_secret and 0 < len(value) < MIN_LENGTH:
            yield (
                f"{each.alias or each.name} has fewer than {MIN_LENGTH} characters: so short a "
                "secret is not blanked where a vendor echoes it"
            )
