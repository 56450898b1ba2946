"""The findings that a command has written, so that it writes each of them once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchhub._base.show import clean
from batchhub.models import BatchStatus, Finding
from batchhub.models.words import finding_text


class SaidFindings:
    """What one command has written of the findings of jobs, whichever part of it wrote that."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], str] = {}

    def note(self, job_id: str, findings: Iterable[Finding]) -> None:
        """Keep that findings of a job were written, in whatever words."""
        for finding in findings:
            self._said[job_id, finding.code] = finding_text(finding)

    def take_new(self, status: BatchStatus) -> Iterator[str]:
        """Yield the findings of a job that is followed, each when it comes up: figures may grow."""
        for finding in status.findings:
            if (status.job_id, finding.code) not in self._said:
                yield self._take(status, finding)

    def take_last(self, status: BatchStatus) -> Iterator[str]:
        """Yield the findings of a job at its end; of those written as they are only the codes."""
        same = []
        for finding in status.findings:
            if self._said.get((status.job_id, finding.code)) == finding_text(finding):
                same.append(clean(finding.code))
            else:
                yield self._take(status, finding)
        if same:
            yield f"{'finding' if len(same) == 1 else 'findings'} above: {', '.join(same)}"

    def _take(self, status: BatchStatus, finding: Finding) -> str:
        text = self._said[status.job_id, finding.code] = finding_text(finding)
        return f"finding {text}"
