"""What axe-core finds in a page that is open in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from selenium.webdriver import Chrome

_AXE: Final = (Path(__file__).parents[2] / "browser/vendor/axe-core-4.14.1.min.js").read_text(
    encoding="utf-8"
)

_GRAVE: Final = frozenset({"serious", "critical"})

_RUN: Final = """
const done = arguments[arguments.length - 1];
const only = arguments[0] && {runOnly: {type: "rule", values: arguments[0]}};
axe.run(document, {resultTypes: ["violations"], ...only}).then(
  (found) => done(found.violations.map((each) => ({
    id: each.id,
    impact: each.impact,
    help: each.help,
    nodes: each.nodes.map((node) => `${node.target.join(" ")}: ${node.html.slice(0, 200)} `
      + node.any.concat(node.all, node.none).map((check) => check.message).join("; ")),
  }))),
  (error) => done([{id: "axe", impact: "critical", help: String(error), nodes: []}]),
);
"""


def find_barriers(driver: Chrome, *rules: str) -> list[str]:
    """
    Return what keeps somebody out, by what axe-core calls serious or critical; a line each.

    Args:
        driver: The browser, with the page open.
        rules: Which of its rules; by default all.
    """
    if not driver.execute_script("return typeof axe !== 'undefined'"):
        # The driver runs it as a console does, so the page's policy has no say in it.
        driver.execute_script(_AXE)
    found: list[dict[str, Any]] = driver.execute_async_script(_RUN, list(rules) or None)
    return [
        f"{each['id']} ({each['impact']}): {each['help']}, {len(each['nodes'])} times: "
        + " | ".join(each["nodes"][:3])
        for each in found
        if each["impact"] in _GRAVE
    ]
