"""The grade of an adapter: what is kept beside it, and what is said of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.market import MarketAdapter

from batchhub._base.grades import describe_grade, find_place
from batchhub._settings.registry import AdapterInfo
from batchhub.cli.screen.tables import adapters_table
from batchhub.conformance import RULES, Level
from batchhub.conformance.verdict import Verdict


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a package that is loaded."""
    folder = tmp_path / "batchhub_graded"
    folder.mkdir()
    (folder / "adapter.py").write_text("one = 1")
    module = ModuleType("batchhub_graded")
    module.__path__ = [str(folder)]
    sys.modules["batchhub_graded"] = module
    yield folder
    del sys.modules["batchhub_graded"]


def judge(*broken: str, leaves_out: str = "") -> Verdict:
    """Return the verdict of a run in which some rules are broken."""
    place = find_place("batchhub_graded.adapter")
    verdict = Verdict("graded", "TestGraded", "" if place is None else str(place))
    for rule in RULES:
        if rule.number != leaves_out:
            verdict.came[rule.number] = "broken" if rule.number in broken else "holds"
            verdict.why[rule.number] = "so" if rule.number in broken else ""
    verdict.came["A12"], verdict.why["A12"] = "not applicable", "it declares none"
    return verdict


def said() -> str | None:
    """Return what is said of the grade."""
    return describe_grade("batchhub_graded.adapter", "graded")


@pytest.mark.parametrize(
    ("broken", "level"),
    [
        ((), Level.GOLD),
        (("A36",), Level.SILVER),
        (("A16",), Level.BRONZE),
        (("A16", "A36"), Level.BRONZE),
        (("A1",), None),
    ],
)
def test_a_level_needs_its_rules_and_those_before(
    broken: tuple[str, ...], level: Level | None
) -> None:
    """A rule that does not apply is no hindrance; a broken one is, from its level on."""
    assert judge(*broken).level is level


def test_a_grade_is_kept_and_shown(package: Path) -> None:
    """Where a rule did not apply is in it."""
    assert said() is None
    lines = [*judge("A36").close(writes=True)]
    assert lines[0] == "graded (TestGraded): silver"
    assert "  A36 broken: so" in lines
    assert "  A12 not applicable: it declares none" in lines
    assert said() == "silver, against its stand-in and recorded answers"
    kept = json.loads((package / "conformance.json").read_text())
    assert kept["not_applicable"] == {"A12": "it declares none"}


def test_a_part_of_the_rules_makes_no_grade(package: Path) -> None:
    """An older grade stays as it is."""
    lines = [*judge(leaves_out="A7").close(writes=True)]
    assert lines[0] == "graded (TestGraded): no grade, 1 rules did not run"
    assert said() is None


def test_an_adapter_that_falls_has_its_grade_no_longer(package: Path) -> None:
    """Whatever it had."""
    list(judge().close(writes=True))
    list(judge("A1").close(writes=True))
    assert said() is None


@pytest.mark.parametrize("name", ["adapter.py", "new.json"])
def test_other_files_make_a_grade_outdated(package: Path, name: str) -> None:
    """What Python makes of them is no other file."""
    list(judge().close(writes=True))
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "adapter.cpython-311.pyc").write_bytes(b"x")
    assert said() == "gold, against its stand-in and recorded answers"
    (package / name).write_text("two = 2")
    assert said() == "outdated: was gold"


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: {**kept, "level": "gold"},
        lambda kept: {**kept, "digest": "0" * 64},
        lambda kept: {**kept, "seal": None},
        lambda kept: {"level": "gold"},
        lambda kept: [kept],
        lambda kept: None,
        lambda kept: "x" * 100_000,
    ],
)
def test_an_edited_grade_is_recognised(package: Path, change: Any) -> None:
    """And any other text in its place; nothing is raised."""
    list(judge("A36").close(writes=True))
    place = package / "conformance.json"
    place.write_text(json.dumps(change(json.loads(place.read_text()))))
    assert said() == "edited: not a grade of the suite"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 60_000])
def test_what_is_no_json_is_no_grade(package: Path, content: bytes) -> None:
    """Nothing is raised either."""
    (package / "conformance.json").write_bytes(content)
    assert said() == "edited: not a grade of the suite"


def test_a_grade_of_another_adapter_is_none(package: Path) -> None:
    """A file that was copied."""
    list(judge().close(writes=True))
    assert describe_grade("batchhub_graded.adapter", "other") == "edited: not a grade of the suite"


def test_a_module_has_its_grade_beside_it(tmp_path: Path) -> None:
    """An adapter need not be a package."""
    module = ModuleType("graded_alone")
    module.__file__ = str(tmp_path / "graded_alone.py")
    sys.modules["graded_alone"] = module
    try:
        assert find_place("graded_alone") == tmp_path / "graded_alone.conformance.json"
    finally:
        del sys.modules["graded_alone"]
    assert find_place("graded_alone") is None


@pytest.mark.parametrize("has_grade", [True, False])
def test_the_command_shows_it(package: Path, has_grade: bool) -> None:
    """A column more, where any adapter has one."""
    if has_grade:
        list(judge().close(writes=True))
    kind = type("GradedAdapter", (MarketAdapter,), {"__module__": "batchhub_graded.adapter"})
    info = AdapterInfo(name="graded", source="graded 1.0", adapter=kind, error=None)
    broken = AdapterInfo(name="other", source="other 1.0", adapter=None, error="no module")
    table = adapters_table([info, broken])
    headers = [str(column.header) for column in table.columns]
    assert ("grade" in headers) == has_grade
    if has_grade:
        cells = [str(cell) for cell in table.columns[-1].cells]
        assert cells == ["gold, against its stand-in and recorded answers", ""]
