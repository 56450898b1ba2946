"""Asking a vendor one harmless thing, for `check` and `doctor`: without a store, and one by one."""

from __future__ import annotations

from batchhub.adapter import Account, Probe
from batchhub.hub import BatchHub


async def probe(name: str, account: Account, vendor_ref: str | None = None) -> Probe:
    """
    Ask an account's vendor one harmless thing.

    Each account has a hub of its own: two accounts of the same identity at a vendor may have
    different credentials, and would share a lane.

    Raises:
        UnsupportedError: The adapter knows no harmless request.
        CredentialsError: The vendor refused the credentials.
        VendorError: The vendor's answer is no use.
        ContactError: There was no answer.
    """
    async with BatchHub(":memory:", {name: account}) as hub:
        return await hub.probe(name, vendor_ref)
