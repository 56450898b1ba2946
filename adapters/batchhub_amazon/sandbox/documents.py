"""The documents of a seller: places for uploads, and what can be downloaded."""

from __future__ import annotations

from functools import partial
from typing import Final

from attrs import frozen

from batchhub.sandbox import Batch, FileHost, Kept, Sandbox

from .listings import Json
from .report import make_pieces
from .switches import AmazonSwitches

TOKEN_HEADER: Final = "x-amz-access-token"  # noqa: S105  # a name
"""Source: page "Connect to the SP-API", headers."""


@frozen(kw_only=True)
class _Place:
    file_id: str
    made_at: float


class Documents:
    """
    Documents on a host of their own, which takes no credentials.

    Source: the model, createFeedDocument and getFeedDocument (a URL is good for five minutes);
    page "Submit a feed" (a document for two days, and the upload has the same content type).
    Assumed: a document that isn't there is answered 404, and a feed of one 400.

    Args:
        sandbox: Whose documents they are.
        switches: How it is set to behave.
        seller_id: Whom a report names.
    """

    def __init__(self, sandbox: Sandbox, switches: AmazonSwitches, seller_id: str) -> None:
        self._sandbox = sandbox
        self._switches = switches
        self._seller_id = seller_id
        self.files = FileHost(
            sandbox, credential_headers=("Authorization", "Cookie", TOKEN_HEADER, "X-Api-Key")
        )
        self._places: Kept[_Place] = Kept(sandbox)
        self._used: set[str] = set()

    def offer(self, content_type: str) -> Json:
        """Hand out a place for a document of that content type."""
        upload = self.files.offer_upload(content_type, valid_s=self._valid_s("upload"))
        document_id, now = self.make_id(), self._sandbox.clock.monotonic()
        self._places.put(document_id, _Place(file_id=upload.file_id, made_at=now))
        return {"feedDocumentId": document_id, "url": upload.url}

    def take(self, document_id: str) -> bytes | None:
        """
        Return what was uploaded, for a feed; `None` for nothing.

        Raises:
            AnswerError: 400, no feed can be made of this document.
        """
        place = self._places.find(document_id)
        file = None if place is None else self.files.find(place.file_id)
        kept_s = self._switches.document_kept_s
        if (
            place is None
            or self._sandbox.clock.monotonic() >= place.made_at + kept_s
            or (self._switches.documents_once and document_id in self._used)
            or (file is None and not self._switches.empty_document_fatal)
        ):
            raise self._sandbox.refuse(400, "inputFeedDocumentId")
        self._used.add(document_id)
        return None if file is None else file.read()

    def show(self, document_id: str) -> Json:
        """
        Say from where what was uploaded can be downloaded.

        Raises:
            AnswerError: 404, there is nothing.
        """
        place = self._places.find(document_id)
        if place is None or self.files.find(place.file_id) is None:
            raise self._sandbox.refuse(404)
        return self._show(document_id, place.file_id)

    def show_report(self, batch: Batch) -> Json:
        """Say from where a feed's report can be had; a large one is made while it is sent."""
        switches = self._switches
        broken = switches.broken_as if self._sandbox.strikes("broken_reports") else ""
        make = partial(make_pieces, batch, switches, self._seller_id, broken=broken)
        is_packed = switches.report_packing == "gzip" and broken != "cut_gzip"
        file = self.files.put(
            make if switches.report_bytes else b"".join(make()),
            packing="gzip" if is_packed else "plain",
            file_id=f"report-{batch.id}",
        )
        answer = self._show(batch.about.report_id, file.id)
        is_plain = switches.report_packing == "plain"
        return answer if is_plain else answer | {"compressionAlgorithm": "GZIP"}

    def make_id(self) -> str:
        """Make the id of a document. Source: page "Submit a feed", examples."""
        digits = self._sandbox.make_id(128)
        return f"amzn1.tortuga.4.eu.{digits[:8]}-{digits[8:20]}.T{digits[20:].upper()}"

    def _show(self, document_id: str, file_id: str) -> Json:
        url = self.files.make_url(file_id, valid_s=self._valid_s("download"))
        return {"feedDocumentId": document_id, "url": url}

    def _valid_s(self, way: str) -> float:
        is_late = self._sandbox.strikes(f"expired_{way}_urls")
        return 0.0 if is_late else self._switches.url_valid_s
