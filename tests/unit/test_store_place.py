"""Where a store is, and what may be said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.pq import Conninfo, ConninfoOption

from batchhub._base.secrets import blank
from batchhub._base.store_place import find_store_place
from batchhub.errors import SettingsError


@pytest.mark.parametrize("store", [None, ":memory:"])
def test_memory_is_shared_with_nobody(store: str | None) -> None:
    """No other process can use it."""
    place = find_store_place(store)

    assert (place.path, place.url, place.is_shared, place.is_postgres) == (None, None, False, False)
    assert place.name == "in memory"


@pytest.mark.parametrize("store", ["jobs.db", "sqlite:///jobs.db", Path("jobs.db")])
def test_a_file(store: str | Path) -> None:
    """It is named by its whole path, however it was given."""
    place = find_store_place(store)

    assert place.path == Path("jobs.db").absolute()
    assert place.is_shared
    assert not place.is_postgres
    assert place.name == str(place.path)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "PostgreSQL"])
def test_a_database(scheme: str) -> None:
    """Its address goes to libpq as it is; what is ours does not."""
    place = find_store_place(
        f"{scheme}://shop:s%40cret%2Fkey@db1,db2:5433/orders"
        "?target_session_attrs=read-write&schema=night&listen=off&sslpassword=geheim"
    )

    assert place.is_shared
    assert place.is_postgres
    assert place.url == (
        "postgresql://shop:s%40cret%2Fkey@db1,db2:5433/orders"
        "?target_session_attrs=read-write&sslpassword=geheim"
    )
    assert (place.schema, place.listens) == ("night", False)
    assert place.name == (
        "postgresql://shop@db1,db2:5433/orders?target_session_attrs=read-write&schema=night"
        "&listen=off"
    )
    assert place.passwords == ["geheim", "s%40cret%2Fkey", "s@cret/key"]
    assert "cret" not in repr(place)


def test_a_database_by_its_socket() -> None:
    """A folder is a host, too; and the schema has a name of its own by default."""
    place = find_store_place("postgresql:///orders?host=/run/my%20db")

    assert place.url == "postgresql:///orders?host=/run/my%20db"
    assert (place.schema, place.listens, place.passwords) == ("batchhub", True, [])


def test_its_files_on_this_machine_have_one_name() -> None:
    """Whatever the password is by now, and whoever listens; another schema is another store."""
    one, other, third, fourth = (
        find_store_place(f"postgresql://shop{rest}")
        for rest in (
            ":old@db/orders",
            ":new@db/orders",
            "@db/orders?listen=off",
            "@db/orders?schema=night",
        )
    )

    assert one.key == other.key == third.key != fourth.key
    assert third.name == "postgresql://shop@db/orders?listen=off"


def test_what_it_is_called_is_an_address_of_it() -> None:
    """Whoever pastes it gets the same store, used the same way."""
    place = find_store_place("postgresql://shop@db/orders?sslmode=require&listen=off&schema=night")

    again = find_store_place(place.name)

    assert again == place


def test_a_plus_in_an_option_is_a_plus() -> None:
    """As libpq reads it; in the addresses of pages it would be a space."""
    place = find_store_place("postgresql://db/orders?password=one+two%2Bthree%20four")

    assert place.url == "postgresql://db/orders?password=one%2Btwo%2Bthree%20four"
    assert place.passwords == ["one+two+three four"]


def test_only_the_value_of_an_option_without_secrets_is_shown() -> None:
    """A mistyped one may have a password, which is blanked in whatever a driver says of it."""
    place = find_store_place("postgresql://db/orders?sslmode=require&pasword=zzzzzzzz&port=5433")

    assert place.name == "postgresql://db/orders?sslmode=require&pasword=***&port=5433"
    assert place.passwords == ["zzzzzzzz"]
    assert "zzzzzzzz" not in repr(place)
    assert blank("no option zzzzzzzz") == "no option ***"
    assert find_store_place(place.name).name == place.name


@pytest.mark.parametrize(
    "option", Conninfo.get_defaults(), ids=lambda option: option.keyword.decode()
)
def test_secrets_of_libpq_are_none_of_the_name(option: ConninfoOption) -> None:
    """By what libpq itself says of its options."""
    name = option.keyword.decode()
    is_secret = option.dispchar == b"*" or name.startswith("scram_")

    place = find_store_place(f"postgresql://db/orders?{name}=an-odd-word-7")

    assert (place.passwords == ["an-odd-word-7"]) == is_secret
    assert ("an-odd-word-7" in place.name) == (not is_secret)


@pytest.mark.parametrize(
    ("store", "why"),
    [
        ("postgresql+asyncpg://db/orders", "by psycopg, not by asyncpg"),
        ("postgresql:orders", "given as postgresql://USER@HOST/DATABASE"),
        ("postgresql://shop:geheim@db", "no database is named"),
        ("postgresql://shop:geheim@db/", "no database is named"),
        ("postgresql://shop:geheim@db/a?schema=My Shop", "not 'My Shop'"),
        ("postgresql://shop:geheim@db/a?listen=maybe", "listen is on or off"),
        ("postgresql://shop:geheim\n@db/a", "in one line"),
        ("mysql://shop:geheim@db/a", "'mysql' is not supported"),
    ],
)
def test_what_is_none(store: str, why: str) -> None:
    """It is said in one line, without a password."""
    with pytest.raises(SettingsError, match=why) as caught:
        find_store_place(store)

    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)
