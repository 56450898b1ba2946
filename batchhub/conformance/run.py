"""A job that was run, and what came of it; and that a rule is broken by it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from batchhub.errors import BatchHubError
from batchhub.models import BatchItem, BatchStatus, ItemResult, ItemState
from batchhub.sandbox import Execution, Sandbox

from .truth import find_lies, find_runs, is_refusal
from .watch import Watch


class BrokenError(AssertionError):
    """A rule is broken; says how."""


class NotApplicableError(Exception):
    """A rule does not apply; says why."""


@define
class Run:
    """
    A job, and what came of it.

    Attributes:
        items: Its items.
        status: Its status at the end.
        results: Its results; none while it is open.
        error: What waiting for it raised.
        sandbox: The stand-in.
        watch: What was seen of the adapter.
        names: What the stand-in calls the items.
        may_run_twice: Whether the adapter says that the items may be repeated.
        job_id: The job's id.
    """

    items: Sequence[BatchItem]
    status: BatchStatus
    results: Sequence[ItemResult]
    error: BatchHubError | None
    sandbox: Sandbox
    watch: Watch
    names: Sequence[str]
    may_run_twice: bool
    job_id: str

    @property
    def executions(self) -> Sequence[Execution]:
        """What the stand-in has executed."""
        return self.sandbox.executions

    @property
    def findings(self) -> set[str]:
        """The codes of the findings on the status."""
        return {finding.code for finding in self.status.findings}

    def lies(self) -> list[str]:
        """Return where results and executions do not agree, a line each."""
        return find_lies(
            self.names,
            self.status,
            self.results,
            self.executions,
            may_run_twice=self.may_run_twice,
        )

    def check_truth(self, when: str = "") -> None:
        """
        Hold the results against what was executed.

        Raises:
            BrokenError: They do not agree, or the adapter got stuck.
        """
        where = f"{when}: " if when else ""
        mistakes = self.watch.mistakes()
        if mistakes:
            verb, error = mistakes[0].verb, mistakes[0].error
            raise BrokenError(f"{where}{verb} raised {type(error).__name__}: {error}")
        lies = self.lies()
        if lies:
            more = f" (and {len(lies) - 3} more)" if len(lies) > 3 else ""
            raise BrokenError(f"{where}{'; '.join(lies[:3])}{more}")

    def check_finished(self, when: str = "", *, was_sent_again: bool = False) -> None:
        """
        Check that the job has ended, and that each of its items has run.

        Args:
            when: What was done to it.
            was_sent_again: Whether a batch was sent again of which nobody knew whether it had run.
                What the vendor refused then may be unknown: the first time may have done it, as a
                deletion.

        Raises:
            BrokenError: It is not so.
        """
        where = f"{when}: " if when else ""
        if not self.status.state.is_terminal:
            raise BrokenError(f"{where}the job does not end; {self.status!r}")
        unknown = self.status.counts.unknown
        if was_sent_again and self.may_run_twice:
            ran = find_runs(self.executions)
            unknown -= sum(
                result.state is ItemState.UNKNOWN and is_refusal(ran.get(name, [200])[-1])
                for name, result in zip(self.names, self.results, strict=True)
            )
        if unknown or self.status.counts.not_executed:
            raise BrokenError(f"{where}{_describe(self.status)}")


def _describe(status: BatchStatus) -> str:
    counts = status.counts
    findings = ", ".join(f"{each.code}: {each.message}" for each in status.findings)
    return (
        f"{counts.unknown} of {counts.total} items are unknown, {counts.not_executed} not executed"
        + (f" ({findings})" if findings else "")
    )
