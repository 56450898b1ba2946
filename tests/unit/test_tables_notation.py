"""The notation of figures: one for a file, found in it or named, and never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.tables import open_items
from support.vendor import ScriptedAdapter

from batchhub.adapter import Kind
from batchhub.errors import InputError
from batchhub.tables import Notation


class Shop(ScriptedAdapter):
    """An adapter that knows that a price is a number."""

    kinds: ClassVar[Mapping[str, Kind]] = {"price": Kind.NUMBER}


def read(folder: Path, cells: list[str], **options: Any) -> list[Any]:
    """Read a column of figures; a refused row is its message."""
    path = folder / "items.csv"
    path.write_text("n;price\n" + "".join(f"{n};{cell}\n" for n, cell in enumerate(cells)))
    found: list[Any] = []
    with open_items(path, number=["price"], **options) as reader:
        reader.on_refused = lambda error: found.append(reader.locate(error))
        found.extend(item["price"] for item in reader)
    return found


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["9,90", "1.234"], ["9.90", "1234"]),
        (["9.90", "1.234"], ["9.90", "1.234"]),
        (["1.234", "0.5"], ["1.234", "0.5"]),
        (["1.234", "1.234,5"], ["1234", "1234.5"]),
        (["1,234", "1.234.567"], ["1.234", "1234567"]),
        (["1,234", "1,234,567"], ["1234", "1234567"]),
        (["1.234", "1234.567"], ["1.234", "1234.567"]),
        (["1,234", ",5"], ["1.234", "0.5"]),
        (["1.234", "12.3456"], ["1.234", "12.3456"]),
        (["1.234", "0.234"], ["1.234", "0.234"]),
        (["1 234", "5"], ["1234", "5"]),
        (["1'234", "2'345,60"], ["1234", "2345.60"]),
    ],
)
def test_one_figure_decides_for_the_file(
    tmp_path: Path, cells: list[str], values: list[str]
) -> None:
    """A figure that can be written in one notation only says which one the file has."""
    assert read(tmp_path, cells) == [Decimal(value) for value in values]
    assert read(tmp_path, cells[::-1]) == [Decimal(value) for value in values[::-1]]
    among_many = read(tmp_path, [cells[0], *["7"] * 1200, cells[1]])
    assert (among_many[0], among_many[-1]) == tuple(Decimal(value) for value in values)


def test_a_file_in_which_all_may_be_either_is_refused(tmp_path: Path) -> None:
    """Both readings are shown; the word of the user or of the account decides."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, ["7", "1.234", "2,500"])
    assert str(caught.value) == (
        "line 3: column 'price': '1.234' is 1.234 with a decimal point, 1234 with a decimal comma, "
        "and no other figure in the file shows which; name it by --decimal point or --decimal comma"
    )
    assert read(tmp_path, ["1.234"], decimal="comma") == [1234]
    assert read(tmp_path, ["1.234"], decimal="point") == [Decimal("1.234")]
    assert read(tmp_path, ["1.234"], account_decimal="comma") == [1234]
    assert read(tmp_path, ["1.234"], account_decimal="comma", decimal="point") == [Decimal("1.234")]


@pytest.mark.parametrize(
    "cells", [["9.90", "4,50"], ["4,50", "9.90"], ["1.2", *["1"] * 900, "1,2"]]
)
def test_two_notations_in_a_file_are_refused(tmp_path: Path, cells: list[str]) -> None:
    """Both cells are named by line; with a word for it only the rows with the other are refused."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, cells)
    message = str(caught.value)
    assert message.startswith(
        f"line {len(cells) + 1}: column 'price' has '{cells[-1]}', and line 2 has '{cells[0]}' in "
        "'price': a file has one notation of figures"
    )
    found = read(tmp_path, cells, decimal="point")
    (refused,) = (each for each in found if isinstance(each, str))
    assert refused.endswith("is not a number with a decimal point")


def test_the_notation_is_one_for_all_columns(tmp_path: Path) -> None:
    """What one column shows holds for the others."""
    path = tmp_path / "items.csv"
    path.write_text("price;weight\n1.234;0,5\n")
    with open_items(path, number=["price", "weight"]) as reader:
        assert list(reader) == [{"price": 1234, "weight": Decimal("0.5")}]
    assert reader.survey is not None
    assert reader.survey.notation is Notation.COMMA


def test_figures_without_a_fraction_have_no_notation(tmp_path: Path) -> None:
    """Then nothing is asked, and nothing is said."""
    path = tmp_path / "items.csv"
    path.write_text("price\n5\n\n1 234\n")
    with open_items(path, number="price") as reader:
        assert list(reader) == [{"price": 5}, {"price": 1234}]
    assert reader.survey is not None
    assert reader.survey.notation is None


def test_columns_that_are_not_sent_as_numbers_say_nothing(tmp_path: Path) -> None:
    """A version or a text with a comma is no figure of the file."""
    path = tmp_path / "items.csv"
    path.write_text("price;version;note\n9.90;1,2;4,50\n")
    with open_items(path, number="price", set=["price={price}", "v={version}"]) as reader:
        assert list(reader) == [{"price": Decimal("9.90"), "v": "1,2"}]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("9,90", Decimal("9.90")),
        ("9.90", Decimal("9.90")),
        ("5", 5),
        ("1,234.5", Decimal("1234.5")),
    ],
)
def test_a_constant_has_a_notation_of_its_own(tmp_path: Path, value: str, found: object) -> None:
    """It is typed by a person, not written by the program that wrote the file."""
    path = tmp_path / "items.csv"
    path.write_text("n\n1\n")
    with open_items(path, set=["n={n}", f"price={value}"]) as reader:
        reader.fit(Shop, "work")
        assert list(reader) == [{"n": 1, "price": found}]


def test_a_constant_that_may_be_either_is_refused(tmp_path: Path) -> None:
    """Nothing else shows which it is."""
    path = tmp_path / "items.csv"
    path.write_text("n\n1\n")
    with open_items(path, set=["price=1.234"]) as reader:
        reader.fit(Shop, "work")
        with pytest.raises(
            InputError, match=r"--set: '1\.234' is 1\.234 with a decimal point, 1234"
        ):
            list(reader)
