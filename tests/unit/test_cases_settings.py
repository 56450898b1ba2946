"""The decimal comma of an account: for all of its tables, whoever reads them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.cases import ACCOUNTS, Desk, priced

from batchhub.errors import InputError
from batchhub.tables import read_items

SELLER = """
[accounts.seller]
adapter = "trendyol"
seller_id = "1234"
api_key = { env = "ECWID_TOKEN" }
api_secret = { env = "MIRCATE_API_KEY" }
"""
TABLE = "product_id;price\n7;1.234\n"
STOCK = "barcode;quantity;salePrice\n8680000000003;7;1.234\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder with settings."""
    return Desk(tmp_path, monkeypatch)


def say(desk: Desk, decimal: str) -> None:
    """Have both accounts name a notation, as TOML."""
    line = f"decimal = {decimal}\n" if decimal else ""
    shop = ACCOUNTS.replace("store_id = 1003\n", f"store_id = 1003\n{line}")
    desk.settings.write_text(shop + SELLER + line)


@pytest.mark.parametrize(
    ("decimal", "price"), [('"comma"', 1234), ('"Comma"', 1234), ('"point"', 1.234)]
)
def test_an_account_names_the_notation_of_its_tables(
    desk: Desk, decimal: str, price: float
) -> None:
    """Of an adapter in Python and of a declared one, of a file and of a pipe; `--decimal` wins."""
    say(desk, decimal)
    assert desk.dry_run("p.csv", TABLE, *priced(), "--json").sample["body"] == {"price": price}
    seller = desk.dry_run("s.csv", STOCK, "--account", "seller", "--json")
    assert seller.sample["salePrice"] == price
    call = ("submit", "-", "--account", "shop", *priced(), "--dry-run", "--json")
    assert desk.call(*call, stdin=TABLE.encode()).sample["body"] == {"price": price}
    other = desk.dry_run("p.csv", TABLE, *priced(), "--decimal", "point", "--json")
    assert other.sample["body"] == {"price": 1.234}


@pytest.mark.parametrize("account", ["shop", "seller"])
def test_without_it_the_table_is_refused(desk: Desk, account: str) -> None:
    """Since nobody says it, and no figure shows it."""
    say(desk, '""' if account == "shop" else "")
    if account == "shop":
        done = desk.dry_run("p.csv", TABLE, *priced())
    else:
        done = desk.dry_run("s.csv", STOCK, "--account", "seller")
    assert "'1.234' is 1.234 with a decimal point, 1234 with a decimal comma" in done.error


def test_a_row_of_the_other_notation_is_refused(desk: Desk) -> None:
    """The account's word goes before what the figures show."""
    say(desk, '"comma"')
    done = desk.dry_run("p.csv", TABLE + "8;9.90\n9;4,5\n", *priced())
    assert done.refused == ["line 3: column 'price': '9.90' is not a number with a decimal comma"]


@pytest.mark.parametrize("decimal", ['","', '"komma"', "5", "true", '["comma"]'])
def test_a_wrong_one_names_the_account_and_the_key(desk: Desk, decimal: str) -> None:
    """In one line, before the file is read."""
    say(desk, decimal)
    done = desk.dry_run("p.csv", TABLE, *priced())
    assert done.code == 2
    (line,) = done.err
    assert line.startswith(
        "error: account 'shop' in batchhub.toml: decimal is point or comma, not "
    )


def test_the_environment_names_it_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any setting; a wrong one is refused."""
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__SHOP__DECIMAL", "comma")
    done = desk.dry_run("p.csv", TABLE, *priced(), "--json")
    assert done.sample["body"] == {"price": 1234}
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__SHOP__DECIMAL", "komma")
    (line,) = desk.dry_run("p.csv", TABLE, *priced()).err
    assert "account 'shop'" in line
    assert line.endswith("decimal is point or comma, not 'komma'")


def test_python_names_it_as_an_argument(tmp_path: Path) -> None:
    """`read_items` takes what the command does, and its messages name its arguments."""
    path = tmp_path / "p.csv"
    path.write_text("id;price;name\n007;1.234;\n")
    (item,) = read_items(path, decimal="comma", number=["price"], text="id", empty="null")
    assert item == {"id": "007", "price": 1234, "name": None}
    (item,) = read_items(
        path, decimal="point", number="price", text=["id", "name"], empty="name=text"
    )
    assert item == {"id": "007", "price": Decimal("1.234"), "name": ""}
    with pytest.raises(InputError, match=r"name it by decimal='point' or decimal='comma'"):
        list(read_items(path, number="price"))
