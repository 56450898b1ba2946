"""What a fault is: how a stand-in is set, and what a job of 25 items must come to under it."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

ITEMS: Final = 25

EXIT_SOME_FAILED: Final = 1
EXIT_REFUSED: Final = 3
EXIT_HELD: Final = 5


@frozen(kw_only=True)
class Fault:
    """
    A fault and what comes of it.

    Attributes:
        name: What to call it.
        switches: How the stand-in is set.
        account: Settings of the account that differ from the defaults.
        unknown: How many of the 25 items nobody can tell of.
        findings: The codes of the findings that must be on the status.
        code: The exit code of `run`.
        healed: How the stand-in is set after that, for the job to go on; `None` to leave it.
        runs: Whether the vendor executes the batch at all.
        ran: How many of its items it executes then; `None` for all of them.
        submits: How many submits there are of a job that is held.
        runs_again: Whether it executes it a second time, since no item minds that.
        is_sample: Whether it is among those that are tried with the real command each time, as
            one of its kind: an exit code, a finding, an answer lost on the way.
    """

    name: str
    switches: dict[str, Any]
    account: dict[str, Any] = field(factory=dict)
    unknown: int = 0
    findings: set[str] = field(factory=set)
    code: int = EXIT_SOME_FAILED
    healed: dict[str, Any] | None = None
    runs: bool = True
    ran: int | None = None
    submits: int = 1
    runs_again: bool = False
    is_sample: bool = False

    @property
    def executed(self) -> int:
        """How many items the vendor executes."""
        all_of_them = ITEMS if self.ran is None else self.ran
        return all_of_them if self.runs else 0

    @property
    def is_held(self) -> bool:
        """Whether the job needs a decision, so that there are no results yet."""
        return self.code == EXIT_HELD
