"""An item of a declared adapter that changes nothing is refused."""

from __future__ import annotations

from typing import Any

import pytest

from batchhub.errors import InputError
from batchhub.models import BatchItem
from batchhub_trendyol import TrendyolAdapter


class Bare(TrendyolAdapter):  # type: ignore[misc, valid-type]
    """One that needs no account to encode."""

    def __init__(self) -> None:
        """Have none."""


def encode(payload: dict[str, Any]) -> bytes:
    return bytes(Bare().encode("price-stock", BatchItem(id="a", payload=payload), {}))


@pytest.mark.parametrize("more", [{}, {"quantity": None}, {"note": 5}, {"salePrice": None}])
def test_a_name_alone_changes_nothing(more: dict[str, Any]) -> None:
    """Nor does a field that is null, or one that is none of them."""
    with pytest.raises(InputError, match="one of quantity, salePrice, listPrice is needed"):
        encode({"barcode": "1", **more})


@pytest.mark.parametrize("more", [{"quantity": 0}, {"salePrice": "9.90"}, {"listPrice": 5}])
def test_one_of_the_fields_is_enough(more: dict[str, Any]) -> None:
    """Stock or price may be sent alone."""
    assert encode({"barcode": "1", **more})
