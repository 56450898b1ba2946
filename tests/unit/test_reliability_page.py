"""What the page on reliability promises is held by tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from batchhub._base.failpoints import FAILPOINTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
INTEGRATION = ROOT / "tests" / "integration"
CRASHES = [
    INTEGRATION / name
    for name in ("test_crashes.py", "test_alert_crashes.py", "test_copy_crashes.py")
]

_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[str]:
    """Return the rows of the table of faults."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("| fault |")
    return [line for line in table.splitlines()[2:] if line.startswith("|")]


def read_tests(path: Path) -> set[str]:
    """Return the names of a file's tests."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


def test_each_fault_names_a_test_that_is_there() -> None:
    """Every row ends in one test, by its file and name."""
    assert len(rows()) > 20
    for row in rows():
        ((path, name),) = _TEST.findall(row)
        assert (ROOT / path).is_file(), row
        assert name in read_tests(ROOT / path), row


def test_each_crash_is_on_the_page() -> None:
    """No test of the crashes is missing in the table."""
    named = {name for row in rows() for _, name in _TEST.findall(row)}

    tests = {name for path in CRASHES for name in read_tests(path)}
    assert {name for name in tests if name.startswith("test_")} <= named


def test_each_failpoint_is_killed_at() -> None:
    """No failpoint is there that no process is killed at."""
    text = "".join(path.read_text(encoding="utf-8") for path in CRASHES)

    assert {name for name in FAILPOINTS if f'"{name}"' not in text} == set()
