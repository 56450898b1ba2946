"""A token host: OAuth's client credentials and refresh tokens (RFC 6749)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from .answers import AnswerError
from .call import Call
from .kept import Kept
from .routes import Route
from .server import Sandbox

_NOT_CACHED: Final = {"Cache-Control": "no-store"}


class Tokens:
    """
    Gives out access tokens, which expire and can be revoked.

    It answers ``POST /token`` with a form, or with the same as JSON; the client's id and secret
    come in it or in the header Authorization. The verb of the call is ``token``.

    Args:
        sandbox: Whose tokens they are.
        client_id: The id of the only client there is.
        client_secret: Its secret.
        refresh_token: What it may exchange for an access token besides; `None` for nothing.
        valid_s: For how many seconds an access token is valid, and says so; or what gives that
            for the next one.
        host: The name of the host that answers; empty for the vendor's own.
        path: The path it answers at.
        reuses: Whether it gives out the same token again as long as that is valid.
        rotates: Whether a refresh token can be used once, and the answer has the next one.
        descriptions: What an error says besides, by its code; left out where there is none.

    Attributes:
        refresh_token: The refresh token that is valid now; `None` if there is none.
        issued: How many access tokens it made.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        client_id: str,
        client_secret: str,
        refresh_token: str | None = None,
        valid_s: float | Callable[[], float] = 3600.0,
        host: str = "tokens",
        path: str = "/token",
        reuses: bool = False,
        rotates: bool = False,
        descriptions: Mapping[str, str] | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._client = (client_id, client_secret)
        self.refresh_token = refresh_token
        self._valid_s = valid_s
        self._host = host
        self._path = path
        self._reuses = reuses
        self._rotates = rotates
        self._descriptions = descriptions or {}
        self._tokens: Kept[float] = Kept(sandbox)
        self.issued = 0
        sandbox.add_routes(
            [
                Route(
                    method="POST",
                    path=path,
                    handler=self._answer,
                    verb="token",
                    is_open=True,
                    is_secret=True,
                )
            ],
            host=host,
        )

    @property
    def url(self) -> str:
        """
        Where tokens are to be had.

        Raises:
            RuntimeError: The sandbox doesn't run.
        """
        return f"{self._sandbox.url_of(self._host)}{self._path}"

    def admits(self, token: str | None) -> bool:
        """Return whether an access token is valid now."""
        return token is not None and self._left_s(token) > 0.0

    def has_expired(self, token: str) -> bool:
        """Return whether an access token was valid until its end, and is not any more."""
        return self._tokens.find(token) is not None and not self.admits(token)

    def issue(self) -> str:
        """Make a new access token, as if a client had asked for it."""
        self.issued += 1
        token = f"access-{self._sandbox.make_id(128)}"
        self._tokens.put(token, self._sandbox.clock.monotonic() + self._lifetime_s())
        return token

    def revoke(self) -> None:
        """Refuse every access token given out until now."""
        for token in self._tokens:
            self._tokens.remove(token)

    def expire(self) -> None:
        """Let every access token given out until now expire at once."""
        for token in self._tokens:
            self._tokens.put(token, self._sandbox.clock.monotonic())

    def revoke_refresh_token(self) -> None:
        """Refuse the refresh token from now on."""
        self.refresh_token = None

    def _answer(self, call: Call) -> web.Response:
        fields = self._read_fields(call)
        if _find_client(call, fields) != self._client:
            raise self._refuse(401, "invalid_client")
        answer: dict[str, Any] = {}
        match fields.get("grant_type"):
            case "client_credentials":
                pass
            case "refresh_token":
                answer |= self._exchange(fields.get("refresh_token"))
            case None | "":
                raise self._refuse(400, "invalid_request")
            case _:
                raise self._refuse(400, "unsupported_grant_type")
        token, valid_s = self._give()
        answer |= {"access_token": token, "token_type": "Bearer", "expires_in": round(valid_s)}
        return web.json_response(answer, headers=_NOT_CACHED)

    def _exchange(self, refresh_token: str | None) -> dict[str, str]:
        if refresh_token is None or refresh_token != self.refresh_token:
            raise self._refuse(400, "invalid_grant")
        if self._rotates:
            self.refresh_token = f"refresh-{self._sandbox.make_id(128)}"
        return {"refresh_token": self.refresh_token}

    def _give(self) -> tuple[str, float]:
        """Return a token, and the seconds for which it is still valid."""
        valid = (token for token in self._tokens if self.admits(token))
        token = next(valid, None) if self._reuses else None
        token = token or self.issue()
        return token, self._left_s(token)

    def _left_s(self, token: str) -> float:
        """Return for how many more seconds a token is valid; 0 or less if it is not."""
        return (self._tokens.find(token) or 0.0) - self._sandbox.clock.monotonic()

    def _lifetime_s(self) -> float:
        return self._valid_s() if callable(self._valid_s) else self._valid_s

    def _read_fields(self, call: Call) -> Mapping[str, Any]:
        if not call.content_type.endswith("json"):
            return call.form().fields
        document = call.json()
        if not isinstance(document, dict):
            raise self._refuse(400, "invalid_request")
        return document

    def _refuse(self, status: int, error: str) -> AnswerError:
        text = self._descriptions.get(error)
        body = {"error": error} | ({"error_description": text} if text else {})
        return AnswerError(status, body, _NOT_CACHED)


def _find_client(call: Call, fields: Mapping[str, Any]) -> tuple[Any, Any]:
    if call.headers.get("Authorization", "").lower().startswith("basic "):
        return call.basic or (None, None)
    return fields.get("client_id"), fields.get("client_secret")
