"""The report of a batch, as documented and assumed, and distorted."""

from __future__ import annotations

from collections.abc import Iterator

from batchhub.sandbox import Batch, SandboxState, count_of, distort

from .products import Json
from .switches import TrendyolSwitches


class Reporter:
    """
    Builds reports.

    Args:
        sandbox: Whose clock and chance it uses.
        switches: How reports are written, and how they are distorted.
    """

    def __init__(self, sandbox: SandboxState, switches: TrendyolSwitches) -> None:
        self._sandbox = sandbox
        self._switches = switches

    def make_report(self, batch: Batch) -> Json:
        """
        Build the report of a batch.

        Source: page "Toplu İşlem Kontrolü", the answer for stock and price, which has no word for
        the batch, and the words of items there and in the answers for other batches.
        """
        switches = self._switches
        at = self._sandbox.clock.monotonic() - switches.late_report_s
        ended = batch.outcomes_at(at)
        changed_at = ended[-1].ended_at if ended else batch.accepted_at
        report = {
            "batchRequestId": batch.id,
            "items": self._distort([*self._make_entries(batch, len(ended))], batch),
            "creationDate": self._stamp(batch.accepted_at),
            "lastModification": self._stamp(changed_at),
            "sourceType": "API",
            "itemCount": len(batch.items),
            "failedItemCount": sum(outcome.failed for outcome in ended),
            "batchRequestType": "ProductInventoryUpdate",
        }
        is_over = switches.batch_word == "early" or len(ended) == len(batch.items)
        if switches.batch_word != "none":
            is_over = is_over and switches.batch_word != "late"
            report["status"] = "COMPLETED" if is_over else "IN_PROGRESS"
        return report

    def _make_entries(self, batch: Batch, ended: int) -> Iterator[Json]:
        switches = self._switches
        sent_at = self._sandbox.moment(batch.accepted_at).isoformat(timespec="milliseconds")
        for index, item in enumerate(batch.items):
            # Items run one after another, so those that have ended are the first.
            outcome = batch.outcomes[index] if index < ended else None
            word, reasons = switches.word_running, []
            if outcome is not None:
                word = switches.word_failed if outcome.failed else switches.word_success
                reasons = [outcome.body["errors"][0]["message"]] if outcome.failed else []
            elif not switches.lists_running:
                continue
            request = {"updateRequestDate": sent_at, **item.body}
            if switches.padding_bytes:
                request["padding"] = "x" * switches.padding_bytes
            yield {
                "requestItem": request,
                "status": word,
                "failureReasons": None if switches.null_reasons else reasons,
            }

    def _distort(self, entries: list[Json], batch: Batch) -> list[Json]:
        """Apply the faults; which entries they strike is the same in every report of a batch."""
        switches = self._switches
        foreign = [
            {
                "requestItem": {"barcode": f"foreign-{number}"},
                "status": switches.word_success,
                "failureReasons": [],
            }
            for number in range(1, switches.foreign_items + 1)
        ]
        kept = distort(
            entries,
            missing=switches.missing_items,
            doubled=switches.doubled_items,
            foreign=foreign,
        )
        for entry in kept[: count_of(switches.nameless_items, kept)]:
            entry["requestItem"].pop("barcode", None)
        if switches.shuffle_items:
            self._sandbox.make_random(batch.id).shuffle(kept)
        return kept

    def _stamp(self, monotonic: float) -> int:
        return round(self._sandbox.moment(monotonic).timestamp() * 1000)
