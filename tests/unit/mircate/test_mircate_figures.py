"""Mircate's numbers, in every form in which they may come."""

from __future__ import annotations

from decimal import Decimal

import pytest

from batchhub_mircate.items import key_text
from batchhub_mircate.wire import read_count, read_ratio


@pytest.mark.parametrize(
    ("given", "share"),
    [
        ("50%", 0.5),
        ("50 %", 0.5),
        (" 12.5% ", 0.125),
        ("12,5%", 0.125),
        ("100%", 1.0),
        ("0%", 0.0),
        ("12/24", 0.5),
        ("12 / 24", 0.5),
        ("0/24", 0.0),
        ("0.5", 0.5),
        ("0,5", 0.5),
        ("1", 1.0),
        ("1.5", 0.015),
        ("50", 0.5),
        ("100", 1.0),
        (50, 0.5),
        (0.5, 0.5),
        (0, 0.0),
        (1, 1.0),
        (100.0, 1.0),
        (None, None),
        ("", None),
        ("  ", None),
    ],
)
def test_a_ratio_is_read_in_any_form(given: object, share: float | None) -> None:
    """With a percent sign, as a fraction, as a share or a percentage; absent is absent."""
    assert read_ratio(given) == share


@pytest.mark.parametrize(
    "given",
    [
        "x",
        "-5%",
        "-1",
        "101%",
        "101",
        "25/24",
        "1/0",
        "0/0",
        "1/2/3",
        "50%%",
        "%",
        "/",
        "1.2.3",
        "1,234,5",
        "1e2",
        "\u0665\u0660%",
        "9" * 400,
        -0.1,
        100.5,
        10**300,
        float("nan"),
        True,
        [],
        {},
    ],
)
def test_a_ratio_without_sense_is_refused(given: object) -> None:
    """What is below nothing, above the whole, or no number is no share."""
    with pytest.raises(ValueError):
        read_ratio(given)


@pytest.mark.parametrize(
    ("given", "count"), [(0, 0), (500, 500), ("12", 12), (" 12 ", 12), (12.0, 12), ("12.0", 12)]
)
def test_a_count_is_read_in_any_form(given: object, count: int) -> None:
    """A number, its digits, or a float without a fraction."""
    assert read_count(given) == count


def test_no_count_is_none() -> None:
    """Absent is absent, not zero."""
    assert read_count(None) is None


@pytest.mark.parametrize(
    "given", [-1, "-1", 1.5, "1.5", "", "x", True, [], {}, float("inf"), 2**60, "9" * 5000]
)
def test_a_count_without_sense_is_refused(given: object) -> None:
    """What is negative, broken, boolean or beyond belief is no count."""
    with pytest.raises(ValueError):
        read_count(given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("A-1", "A-1"),
        (" A-1 ", "A-1"),
        (5, "5"),
        (5.0, "5"),
        (Decimal("5.00"), "5"),
        (8690000000001, "8690000000001"),
        ("", None),
        ("  ", None),
        (None, None),
        (True, None),
        (1.5, None),
        (1e300, None),
        (2**70, None),
        (Decimal("sNaN"), None),
        (float("nan"), None),
        (["A-1"], None),
    ],
)
def test_names_of_products_are_compared_as_text(given: object, text: str | None) -> None:
    """Outer spaces and a fraction of zero don't matter; what names nothing is none."""
    assert key_text(given) == text
