"""A host of its own for files: uploads and downloads by signed URLs, and no credentials."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal
from urllib.parse import urlencode

from aiohttp import web
from attrs import field, frozen

from .answers import AnswerError
from .call import Call
from .files import FileStore
from .routes import Route
from .server import Sandbox


@frozen(kw_only=True)
class Upload:
    """
    A place for one file, as a vendor hands it out.

    Attributes:
        file_id: The id of the file to come.
        method: PUT, with the file as the body; or POST, with a form.
        url: Where to: with the signature for a PUT.
        fields: The fields of that form, the signature among them; its last part is `file`.
    """

    file_id: str
    method: Literal["PUT", "POST"]
    url: str = field(repr=False)
    fields: dict[str, str] = field(factory=dict, repr=False)


class FileHost(FileStore):
    """
    Files on a host of their own, which takes no credentials but the signature of its URLs.

    It refuses with XML: 403 for a signature that is wrong or has expired and for another media
    type than the signed one, 400 for credentials. The verbs of its calls are ``upload`` and
    ``download``.

    Args:
        sandbox: Whose files they are.
        host: The name of the host.
        url_valid_s: For how many seconds a URL is valid.
        kept_s: For how many seconds a file is kept.
        gone_status: The HTTP status for one that is kept no longer.
        credential_headers: The headers that may not come here.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        host: str = "files",
        url_valid_s: float = 300.0,
        kept_s: float = math.inf,
        gone_status: int = 404,
        credential_headers: Sequence[str] = ("Authorization", "Cookie", "X-Api-Key"),
    ) -> None:
        super().__init__(sandbox, kept_s=kept_s, gone_status=gone_status)
        self._host = host
        self._url_valid_s = url_valid_s
        self._credential_headers = credential_headers
        self._owner = sandbox
        self._key = sandbox.make_id(256).encode()
        kinds = [
            ("PUT", "/files/{id}", self._take_body, "upload"),
            ("POST", "/files", self._take_form, "upload"),
            ("GET", "/files/{id}", self._send, "download"),
        ]
        sandbox.add_routes(
            [
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    verb=verb,
                    is_open=True,
                    is_secret=True,
                )
                for method, path, handler, verb in kinds
            ],
            host=host,
        )

    def offer_upload(
        self,
        content_type: str,
        *,
        method: Literal["PUT", "POST"] = "PUT",
        valid_s: float | None = None,
    ) -> Upload:
        """
        Hand out a place for one file.

        Args:
            content_type: The media type it has to come with, exactly.
            method: How it has to come.
            valid_s: For how many seconds the place is open; those of the host by default.

        Raises:
            RuntimeError: The sandbox doesn't run.
        """
        file_id, url = self._owner.make_id(), f"{self._owner.url_of(self._host)}/files"
        signed = self._sign(method, file_id, content_type, valid_s)
        if method == "PUT":
            return Upload(
                file_id=file_id, method=method, url=f"{url}/{file_id}?{urlencode(signed)}"
            )
        fields = {"key": file_id, "Content-Type": content_type, **signed}
        return Upload(file_id=file_id, method=method, url=url, fields=fields)

    def make_url(self, file_id: str, *, valid_s: float | None = None) -> str:
        """
        Return a URL from which a file can be downloaded for a while.

        Args:
            file_id: Its id.
            valid_s: For how many seconds; those of the host by default.

        Raises:
            RuntimeError: The sandbox doesn't run.
        """
        query = urlencode(self._sign("GET", file_id, "", valid_s))
        return f"{self._owner.url_of(self._host)}/files/{file_id}?{query}"

    def _take_body(self, call: Call) -> web.Response:
        file_id, content_type = call.params["id"], call.headers.get("Content-Type", "")
        self._check(call, file_id, content_type, call.query)
        self.put(call.body, content_type=content_type, file_id=file_id)
        return web.Response()

    def _take_form(self, call: Call) -> web.Response:
        form = call.form()
        fields, file = form.fields, form.files.get("file")
        if file is None or form.parts[-1] is not file:
            raise _refuse(400, "InvalidArgument", "The last part of the form must be the file")
        file_id, content_type = fields.get("key", ""), fields.get("Content-Type", "")
        self._check(call, file_id, content_type, fields)
        if file.content_type not in {None, content_type}:
            raise _refuse(403, "AccessDenied", "The file has another type than was signed")
        self.put(file.content, content_type=content_type, file_id=file_id)
        return web.Response(status=204)

    def _send(self, call: Call) -> web.Response:
        self._check(call, call.params["id"], "", call.query)
        return self.get(call.params["id"]).to_response()

    def _check(
        self, call: Call, file_id: str, content_type: str, signed: Mapping[str, str]
    ) -> None:
        for name in self._credential_headers:
            if name in call.headers:
                self._owner.note(call, f"credentials came to another host: {name}")
                raise _refuse(400, "InvalidArgument", "Only the signature of the URL is allowed")
        expires = signed.get("expires", "")
        signature = self._make_signature(call.method, file_id, content_type, expires)
        if not hmac.compare_digest(signature, signed.get("signature", "").encode()):
            raise _refuse(403, "SignatureDoesNotMatch", "The signature does not fit the request")
        if self._owner.clock.now().timestamp() >= float(expires):
            raise _refuse(403, "AccessDenied", "The request has expired")

    def _sign(
        self, method: str, file_id: str, content_type: str, valid_s: float | None
    ) -> dict[str, str]:
        until = self._owner.clock.now().timestamp()
        until += self._url_valid_s if valid_s is None else valid_s
        expires = f"{until:.3f}"
        signature = self._make_signature(method, file_id, content_type, expires)
        return {"expires": expires, "signature": signature.decode()}

    def _make_signature(self, *signed: str) -> bytes:
        return hmac.new(self._key, "\n".join(signed).encode(), hashlib.sha256).hexdigest().encode()


def _refuse(status: int, code: str, message: str) -> AnswerError:
    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return AnswerError(status, body, {"Content-Type": "application/xml"})
