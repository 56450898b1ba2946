"""What is shipped for Prometheus and Grafana asks for metrics and labels that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from support.pages import DOCS, read_blocks

from batchhub._metrics.families import FAMILIES, Kind

PAGE: Final = DOCS / "howto" / "monitoring.md"
DASHBOARD: Final = DOCS / "grafana-dashboard.json"
_HISTOGRAM: Final = ("_bucket", "_sum", "_count")
_NAME: Final = re.compile(r"\b(?:batchhub|process)_\w+")
_SELECTOR: Final = re.compile(r"(\w+)\{([^}]*)\}")
_MATCHER: Final = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_GROUPED: Final = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_OF_PROCESSES: Final = {
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
}
_OF_PROMETHEUS: Final = {"job", "instance"}
"""Labels that every series gets when it is scraped."""


def series() -> dict[str, set[str]]:
    """Return the labels of each series there is."""
    found = {name: set[str]() for name in _OF_PROCESSES}
    for family in FAMILIES:
        if family.kind is Kind.HISTOGRAM:
            found |= {f"{family.name}{end}": {*family.labels} for end in _HISTOGRAM}
            found[f"{family.name}_bucket"].add("le")
        else:
            found[family.name] = {*family.labels}
    return found


def check(expression: str) -> None:
    """Check that an expression asks for series that there are, by labels that they have."""
    known = series()
    names = set(_NAME.findall(expression))
    assert names, expression
    assert names <= known.keys(), expression
    for name, matchers in _SELECTOR.findall(expression):
        if name != "up":
            found = {label for label, _ in _MATCHER.findall(matchers)}
            assert found <= known[name] | _OF_PROMETHEUS, expression
            left = _MATCHER.sub("", matchers).strip()
            assert not left, expression
    for labels in _GROUPED.findall(expression):
        for label in re.split(r",\s*", labels):
            assert any(label in known[name] | _OF_PROMETHEUS for name in names), expression


def panels() -> Iterator[dict[str, Any]]:
    """Yield the panels of the dashboard that show something."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


@pytest.mark.parametrize("panel", [*panels()], ids=lambda panel: panel["title"])
def test_each_panel_asks_for_what_there_is(panel: dict[str, Any]) -> None:
    """From the data source that is chosen at its top; nothing is of somebody's own Grafana."""
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    refs = [target["refId"] for target in panel["targets"]]
    assert sorted(set(refs)) == refs
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        expression = target["expr"].replace("$__rate_interval", "1m")
        check(expression)
        assert expression.count("(") == expression.count(")")
        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        kept = {each for labels in _GROUPED.findall(expression) for each in labels.split(", ")}
        single = {label for name in _NAME.findall(expression) for label in series()[name]}
        assert shown <= (kept or single) | _OF_PROMETHEUS, expression


def test_what_is_counted_is_only_asked_for_its_rate() -> None:
    """A counter by itself says nothing: it begins anew with each process."""
    counters = [f.name for f in FAMILIES if f.kind is Kind.COUNTER]
    asked = [t["expr"] for panel in panels() for t in panel["targets"]]
    for name in counters:
        for expression in asked:
            for found in re.finditer(rf"(\w+)\({name}\b", expression):
                assert found[1] in {"rate", "increase"}, expression
    shown = set(_NAME.findall(" ".join(asked)))
    left_out = {"batchhub_accounts", "batchhub_sample_duration_seconds"}
    left_out |= {name for name in series() if name.endswith(("_sum", "_count"))}
    left_out |= {name for name in series() if name.endswith("_timestamp_seconds")}
    assert shown >= series().keys() - left_out


def test_the_dashboard_is_one_that_grafana_loads() -> None:
    """The fields that Grafana 10 and 11 need, each panel with its id and its place."""
    board = json.loads(DASHBOARD.read_text())
    assert (board["title"], board["uid"], board["id"]) == ("batchhub", "batchhub", None)
    assert 36 <= board["schemaVersion"] <= 39
    assert {"annotations", "time", "timepicker", "tags", "refresh", "version"} <= board.keys()
    ids = [panel["id"] for panel in board["panels"]]
    assert sorted(set(ids)) == sorted(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    variables = {each["name"]: each for each in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for name in ("job", "instance", "adapter"):
        asked = re.fullmatch(r"label_values\((\w+)(.*), (\w+)\)", variables[name]["definition"])
        assert asked is not None
        assert asked[3] == name
        check(asked[1] + asked[2])
    used = set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text()))
    assert used <= {*variables, "__rate_interval", "__all"}


def test_the_rules_of_the_page_ask_for_what_there_is() -> None:
    """And those that can be gone are watched by what Prometheus itself knows."""
    [rules] = [block.text for block in read_blocks(PAGE) if block.title == "batchhub.rules.yml"]
    expressions = re.findall(r"expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)", rules)
    assert len(expressions) == rules.count("- alert:") > 8
    for expression in (long or short for long, short in expressions):
        if not expression.startswith("up{"):
            check(re.sub(r"\s+", " ", expression))


def test_a_name_that_there_is_not_is_found() -> None:
    """What these tests look for."""
    for wrong in (
        "sum(batchhub_job)",
        'batchhub_jobs{color="red"}',
        "sum by (status) (batchhub_jobs)",
        "batchhub_poll_lateness_seconds",
    ):
        with pytest.raises(AssertionError):
            check(wrong)


def test_the_folder_has_the_file() -> None:
    """The page links to it."""
    assert f"(../{DASHBOARD.name})" in PAGE.read_text()
    assert Path(DASHBOARD).stat().st_size < 100_000
