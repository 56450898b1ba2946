"""The suite as pytest collects it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from batchhub._base.grades import find_place

from .bench import Bench
from .kit import Kit
from .plugin import PROPERTY
from .rule import Rule
from .rules import RULES
from .run import BrokenError, NotApplicableError
from .unblocked import run_unblocked

_benches: Final[dict[type[Kit], Bench]] = {}
"""Runs that several rules look at are made once."""


class AdapterSuite(Kit):
    """
    The rules as tests, one each. Derive in a test module, with a name that begins with ``Test``.

        class TestAcme(AdapterSuite):
            adapter = AcmeAdapter

            def good_items(self, operation, count):
                return [BatchItem(payload={"sku": f"A-{n}", "price": n}) for n in range(count)]

            def bad_items(self, operation, count):
                return [BatchItem(payload={"sku": f"B-{n}", "price": -1}) for n in range(count)]

    A rule that does not apply is skipped, and the reason says why.
    """

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each rule."""
        if "rule" in metafunc.fixturenames:
            metafunc.parametrize("rule", RULES, ids=[rule.id for rule in RULES])

    def test_rule(self, rule: Rule, record_property: Callable[[str, object], None]) -> None:
        """Check a rule."""

        def tell(came: str, why: str = "") -> None:
            record_property(PROPERTY, {**about, "came": came, "why": why})

        kind = type(self)
        place = find_place(self.adapter.__module__)
        about = {
            "adapter": self.adapter.name,
            "suite": kind.__qualname__,
            "place": "" if place is None else str(place),
            "rule": rule.number,
        }
        try:
            notes = run_unblocked(rule.hold(_benches.setdefault(kind, Bench(self))))
        except NotApplicableError as error:
            tell("not applicable", str(error))
            pytest.skip(f"not applicable: {error}")
        except BrokenError as error:
            tell("broken", str(error))
            pytest.fail(f"{rule.text}\n{error}", pytrace=False)
        except BaseException as error:
            tell("broken", f"{type(error).__name__}: {error}")
            raise
        tell("holds", "; ".join(notes))
