"""An account with a secret, for tests of where it may come from."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from batchhub.adapter import Account, Budget, secret


@frozen(kw_only=True)
class SafeAccount(Account):
    """An account with a secret."""

    adapter: ClassVar[str] = "safe"
    base_url: str = "http://127.0.0.1:9"
    token: str = secret()

    @property
    def identity(self) -> str:
        """Any."""
        return "one"

    @property
    def budget(self) -> Budget:
        """Any."""
        return Budget(requests=10, per_s=1.0)
