"""
What pytest does with the suite: it says how each adapter stands, and keeps its grade.

Loaded by every run of pytest where batchhub is installed, so it imports nothing until it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from .verdict import Verdicts

PROPERTY = "batchhub_conformance"
"""Under this name a test's report has what came of a rule."""

_OPTION = "--write-grade"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("batchhub").addoption(
        _OPTION,
        action="store_true",
        help="keep the grade of each adapter that batchhub.conformance has tested, beside it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect what comes of the rules, where all of it arrives."""
    if not hasattr(config, "workerinput"):  # a worker of pytest-xdist
        config.pluginmanager.register(_Collector(config), "batchhub-conformance")


class _Collector:
    def __init__(self, config: pytest.Config) -> None:
        self._writes = bool(config.getoption(_OPTION))
        self._verdicts: Verdicts | None = None
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what came of a rule out of its report."""
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, dict):
                self._take(value, report)

    def _take(self, value: dict[str, Any], report: pytest.TestReport) -> None:
        from .verdict import Verdicts  # noqa: PLC0415  # only where there are rules

        if self._verdicts is None:
            self._verdicts = Verdicts()
        # A test that was stopped from outside, by a time-out for instance, has not held.
        came = "broken" if report.failed else value["came"]
        self._verdicts.add({**value, "came": came})

    def pytest_sessionfinish(self) -> None:
        """Write the grades."""
        if self._verdicts is None:
            return
        self._lines = [
            line for verdict in self._verdicts for line in verdict.close(writes=self._writes)
        ]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how each adapter stands."""
        if self._lines:
            terminalreporter.section("conformance")
            for line in self._lines:
                terminalreporter.write_line(line)
