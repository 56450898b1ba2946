"""
Who is signed in: a signed cookie that is worth nothing once its token is another one.

Nothing of it is stored here but which sessions were signed out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from secrets import token_bytes, token_hex
from typing import Final

from attrs import frozen

from batchhub._base.clock import Clock

from .look import Role
from .tokens import Tokens

LIFE_S: Final = 7 * 86_400
"""Seconds after which one signs in again."""

_PARTS: Final = 4
_NONCE_DIGITS: Final = 32
_MOST_SIGNED_OUT: Final = 10_000
_MASK_BYTES: Final = 32


@frozen
class Session:
    """
    A visitor who has signed in.

    Attributes:
        role: As what.
        nonce: What tells it from every other session.
        ends_at: When it ends, in seconds since 1970.
        key: What its forms are signed with.
    """

    role: Role
    nonce: str
    ends_at: int
    key: bytes

    def make_csrf(self) -> str:
        """
        Return what a form of this session has to bring back; another text each time.

        The same secret in every page could be guessed by the size of what is compressed.
        """
        mask = token_bytes(_MASK_BYTES)
        return (mask + _mix(mask, self._csrf())).hex()

    def takes_csrf(self, given: str) -> bool:
        """Whether a form is one of this session's."""
        try:
            data = bytes.fromhex(given)
        except ValueError:
            return False
        mask, masked = data[:_MASK_BYTES], data[_MASK_BYTES:]
        if len(masked) != _MASK_BYTES:
            return False
        return hmac.compare_digest(_mix(mask, masked), self._csrf())

    def _csrf(self) -> bytes:
        return _sign(self.key, f"form {self.nonce}")


class Sessions:
    """
    Makes and reads the cookies.

    Args:
        tokens: What they are signed with.
        clock: Source of time.
    """

    def __init__(self, tokens: Tokens, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock
        self._signed_out: OrderedDict[str, int] = OrderedDict()

    def make(self, role: Role) -> str | None:
        """Return the cookie of a new session; `None` if the role's token can't be used now."""
        token = self._tokens.find(role)
        if token is None:
            return None
        facts = f"{role.value}.{self._now_s() + LIFE_S}.{token_hex(_NONCE_DIGITS // 2)}"
        return f"{facts}.{_sign(_make_key(token), facts).hex()}"

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; `None` if it is not ours, or over."""
        parts = cookie.split(".")
        if not cookie.isascii():  # bytes that are no text, and so can't be signed
            return None
        if len(parts) != _PARTS or parts[0] not in {role.value for role in Role}:
            return None
        role, ends_at, nonce, signature = Role(parts[0]), *parts[1:]
        token = self._tokens.find(role)
        if token is None:
            return None
        key = _make_key(token)
        expected = _sign(key, ".".join(parts[:-1])).hex()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            return None
        if int(ends_at) <= self._now_s() or nonce in self._signed_out:
            return None
        return Session(role, nonce, int(ends_at), key)

    def is_over(self, session: Session) -> bool:
        """Whether a session that was read before has ended since."""
        token = self._tokens.find(session.role)
        return (
            token is None
            or not hmac.compare_digest(_make_key(token), session.key)
            or session.ends_at <= self._now_s()
            or session.nonce in self._signed_out
        )

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())

    def sign_out(self, session: Session) -> None:
        """End a session, whoever else has its cookie."""
        self._signed_out[session.nonce] = session.ends_at
        while len(self._signed_out) > _MOST_SIGNED_OUT:
            self._signed_out.popitem(last=False)


def _make_key(token: str) -> bytes:
    return _sign(token.encode(), "batchhub page")


def _sign(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _mix(mask: bytes, data: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(mask, data, strict=True))
