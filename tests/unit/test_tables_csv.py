"""CSV: what rows become, and every way a table can be wrong, each by its line."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.tables import hold_at_most, open_items, read_by
from support.vendor import ScriptedAdapter

from batchhub.adapter import Kind
from batchhub.errors import InputError, UsageError


class Shop(ScriptedAdapter):
    """An adapter that knows what is text in its items."""

    @classmethod
    def fields(cls, operation: str, item: Mapping[str, Any]) -> Mapping[str, Kind]:
        """Some of them are text."""
        del operation, item
        return dict.fromkeys(("sku", "body.name", "body.names"), Kind.TEXT)


async def read(
    folder: Path, content: str | bytes, name: str = "items.csv", **options: Any
) -> list[tuple[int, Any]]:
    """Read a table for the adapter: the line and the item, of each."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_items(path, **options) as reader:
        reader.fit(Shop, "work")
        return [(reader.line, item) async for item in reader]


async def refusal(folder: Path, content: str | bytes, **options: Any) -> str:
    """Read a table to its first error."""
    with pytest.raises(InputError) as caught:
        await read(folder, content, **options)
    return str(caught.value)


async def test_rows_become_items(tmp_path: Path) -> None:
    """A header names the keys, dots nest, empty cells leave a key out, cells mean what they say."""
    table = (
        "id, sku ,price,body.name,body.size.x,body.on\n"
        '1,5,9.90,12,-3,TRUE\r\n"2",,,"a, ""b""\nc",,\n\n,,,,,\n3,x,1000,,0.0,False'
    )
    assert await read(tmp_path, table) == [
        (
            2,
            {
                "id": "1",
                "sku": "5",
                "price": Decimal("9.90"),
                "body": {"name": "12", "size": {"x": -3}, "on": True},
            },
        ),
        (3, {"id": "2", "body": {"name": 'a, "b"\nc'}}),
        (7, {"id": "3", "sku": "x", "price": 1000, "body": {"size": {"x": 0}, "on": False}}),
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("9.90", Decimal("9.90")),
        ("1.10000000000000000000001", Decimal("1.10000000000000000000001")),
        ("12345678901234567890123", 12345678901234567890123),
        ("true", True),
        ("False", False),
        *((text, text) for text in ("007", "1e", "+1", ".5", "5.", "1_000", " a ", "NaN")),
        *((text, text) for text in ("2e-3", "1E3", "219E01", " 9.90 ", "9,90", "1 234", "\u00a01")),
        *(
            (text, text)
            for text in ("-", "\u0661", "0x1", "null", "Infinity", "1e999", "truer", "1.2.3")
        ),
        ("1" * 5000, "1" * 5000),
        ("\ttrue ", True),
    ],
)
async def test_cells_are_read_by_the_grammar_of_json(
    tmp_path: Path, cell: str, value: object
) -> None:
    """What JSON has as a plain number is that number, digit by digit; the rest is text."""
    ((_, item),) = await read(tmp_path, f'x\n"{cell}"\n')
    assert item == {"x": value}
    assert type(item["x"]) is type(value)
    if isinstance(value, Decimal):
        assert str(item["x"]) == str(Decimal(cell.strip()))


async def test_columns_can_be_kept_as_text(tmp_path: Path) -> None:
    """By the adapter, with all that is in a key; and by --text."""
    table = "id,sku,body.names.en,a,b\n1,2,3,4,5\n"
    fixed = {"id": "1", "sku": "2", "body": {"names": {"en": "3"}}}
    assert await read(tmp_path, table) == [(2, {**fixed, "a": 4, "b": 5})]
    assert await read(tmp_path, table, text=["a"]) == [(2, {**fixed, "a": "4", "b": 5})]
    found = await refusal(tmp_path, table, text=["zzz"])
    assert found.startswith("line 1: --text: there is no column 'zzz'; known: id, sku, ")


@pytest.mark.parametrize(
    ("table", "options"),
    [
        ("a,b\n1,x;y\n", {}),
        ("a;b\n1;x;y\n".replace("x;y", '"x;y"'), {}),
        ("a\tb\n1\tx;y\n", {}),
        ("a|b\n1|x;y\n", {}),
        ("a:b\n1:x;y\n", {"delimiter": ":"}),
        ("a\tb\n1\tx;y\n", {"delimiter": "tab"}),
        ("a,b\n1,x;y\n", {"name": "items.tsv", "delimiter": ","}),
        ('sep=;\r\na;b\r\n1;"x;y"\r\n', {}),
        ("sep=|\na|b\n1|x;y\n", {}),
        ('"a",b\n1,x;y\n', {}),
        ("\n \n a , b \n1,x;y\n", {}),
        ("\ufeffa,b\n1,x;y\n", {}),
        ("a,b\r1,x;y\r", {}),
        ("a,b\n1,x;y\n".encode("utf-16"), {"encoding": "UTF-16"}),
    ],
)
async def test_separators_and_encodings(
    tmp_path: Path, table: str | bytes, options: dict[str, Any]
) -> None:
    """The header tells what separates cells, or `sep=`, or the user; a BOM is none of the text."""
    ((_, item),) = await read(tmp_path, table, **options)
    assert item == {"a": 1, "b": "x;y"}


async def test_a_tsv_has_tabs_whatever_its_header_looks_like(tmp_path: Path) -> None:
    """The ending .tsv says what the header may hide."""
    assert await read(tmp_path, "a,b\n1\n", "items.tsv") == [(2, {"a,b": 1})]


async def test_other_encodings_are_named(tmp_path: Path) -> None:
    """Text that is not UTF-8 is read by the name of its encoding, and refused without."""
    table = "name\nçay\n\nşeker\n".encode("cp1254")
    assert [item["name"] for _, item in await read(tmp_path, table, encoding="cp1254")] == [
        "çay",
        "şeker",
    ]
    found = await refusal(tmp_path, table)
    # The first word is the same in windows-1252. The second one is not.
    assert found.startswith("line 2: not UTF-8; as windows-1254 it reads 'şeker', as ")
    assert "--encoding windows-1254" in found
    for odd in (codecs.BOM_UTF16_LE + b"a\0\n\0b", "a\nb\n".encode("utf-16") + b"\0\xdc"):
        found = await refusal(tmp_path, odd, encoding="utf-16")
        assert found.endswith("can't be read as utf-16; is the --encoding right?")
    for name in ("nope", "base64", "rot13", "hex", "idna", "punycode", "charmap", "undefined", ""):
        with pytest.raises(UsageError, match=f"--encoding: there is no encoding '{name}'"):
            await read(tmp_path, table, encoding=name)


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-32"])
async def test_an_encoding_that_says_so_itself_need_not_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A byte order mark is no text, and says which encoding it is, in either order of bytes."""
    items = [(2, {"a": "çay"})]
    read_by(monkeypatch, 1)
    assert await read(tmp_path, "a\nçay\n".encode(name)) == items
    assert await read(tmp_path, "a\nçay\n".encode(name), encoding=name) == items
    if name != "utf-8-sig":
        for order in ("le", "be"):
            table = "\ufeffa\nçay\n".encode(f"{name}-{order}")
            assert await read(tmp_path, table) == items
            assert await read(tmp_path, table, encoding=f"{name}-{order}") == items
            assert await read(tmp_path, table, encoding=name) == items


@pytest.mark.parametrize(
    ("table", "encoding", "message"),
    [
        ("a\nçay\n".encode("utf-16"), "utf-8", "begins as UTF-16-LE does, and not as utf-8"),
        ("\ufeffa\nb\n".encode("utf-16-be"), "utf-16-le", "begins as UTF-16-BE does, and not as"),
        (
            "a\nçay\n".encode("utf-8-sig"),
            "cp1254",
            "begins as UTF-8 does, and not as cp1254",
        ),
        (
            "a\nçay\n".encode("utf-8-sig"),
            "utf-16",
            "begins as UTF-8 does, and not as utf-16",
        ),
        (
            b"a\nb\n",
            "utf-16",
            "has no mark for the order of bytes in utf-16; name --enc",
        ),
        (
            b"a\nb\n",
            "utf-32",
            "has no mark for the order of bytes in utf-32; name --enc",
        ),
        (b"a\nb\n\0", "utf-16-le", "can't be read as utf-16-le; is the --encoding right?"),
    ],
)
async def test_an_encoding_that_contradicts_the_file_is_refused(
    tmp_path: Path, table: bytes, encoding: str, message: str
) -> None:
    """Else its first column has a strange name, or all of it is another script."""
    assert (await refusal(tmp_path, table, encoding=encoding)).startswith(message)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("a,b\n1,2\n1\n", "line 3: the row has 1 cell, the header 2 columns; is one missing?"),
        (
            'a,b\n"1\n\n",2\n1,9,90\n',
            "line 5: the row has 3 cells, the header 2 columns; a comma inside a cell needs quotes",
        ),
        ("a;b\n1;2;3\n", "line 2: the row has 3 cells, the header 2 columns; a semicolon inside"),
        ("a,b, a\n", "line 1: the columns 1 and 3 are both named 'a'; rename one"),
        ("a,,b\n1,2,3\n", "line 1: column 2 of the header has no name, and line 2 has '2' there"),
        ("a,b,\n1,2, \n1,2\n", "line 3: the row has 2 cells, the header 3 columns"),
        (
            "\na,b,\n\n1,2,3\n",
            "line 2: column 3 of the header has no name, and line 4 has '3' there; give it a name",
        ),
        ("body,body.price\n", "line 1: 'body' can't be a value and hold 'body.price' too"),
        ("a.b.c,a.b\n", "line 1: 'a.b' can't be a value and hold 'a.b.c' too"),
        ("a..b\n", "line 1: 'a..b' has a part that is empty"),
        ("a\n1\n\0\n", "line 3: holds a NUL byte, which no text has"),
        ('a,b\n1,2\n3,"x\n4,5\n', "line 3: a quote that opens in this record is never closed"),
        ('a,b\n"x"y,2\n', "line 2: text after the closing quote of a cell"),
        (b"a\r\nb\rc\n\n\xff", "line 5: not UTF-8; as windows-1252 it reads"),
        (b"a\nb\xc3", "line 2: not UTF-8; as windows-1252 it reads"),
    ],
)
async def test_a_broken_table_is_told_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str | bytes, message: str
) -> None:
    """Each error names the line its record begins in, however the file is cut into reads."""
    assert (await refusal(tmp_path, table)).startswith(message)
    read_by(monkeypatch, 1)
    assert (await refusal(tmp_path, table)).startswith(message)


@pytest.mark.parametrize("options", [{"set": ["price={price}"]}, {"text": ["price"]}])
async def test_another_separator_is_seen_by_the_header(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """Where the named delimiter is another one, the message has the header as it was read."""
    found = await refusal(tmp_path, "id;price\n1;9,90\n", delimiter=",", **options)
    assert found.startswith("line 1: --")
    assert found.endswith("there is no column 'price'; did you mean 'id;price'? known: id;price")


@pytest.mark.parametrize("options", [{"text": ["name, first"]}, {"set": ["n={name, first}"]}])
async def test_a_column_that_is_named_may_hold_a_separator(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """Who names the one column as it is has named the right separator."""
    ((_, item),) = await read(tmp_path, "name, first\nRoe, Ann\n", "items.tsv", **options)
    assert list(item.values()) == ["Roe, Ann"]


async def test_a_quote_that_swallows_the_file_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands behind an open quote is not read to its end; a long record still is."""
    hold_at_most(monkeypatch, 1 << 20)
    rows = "y,1\n" * (1 << 19)
    assert await refusal(tmp_path, 'a,b\n1,"x\n' + rows) == (
        "line 2: longer than 1 MiB; is a quote not closed?"
    )
    assert (await refusal(tmp_path, "a,b\n1," + "x" * (2 << 20))).startswith("line 2: longer than")
    ((_, item),) = await read(tmp_path, 'a,b\n1,"' + 'x""\n' * (1 << 16) + '"\n')
    assert item["b"] == 'x"\n' * (1 << 16)


async def test_a_quote_that_closes_in_half_a_line_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record whose end came in the same read as its beginning holds nothing up."""
    head = 'a,b\n1,"x\ny"'
    read_by(monkeypatch, len(head))
    hold_at_most(monkeypatch, 1 << 10)
    assert len(await read(tmp_path, head + "\n1,2" * 1000)) == 1001


async def test_only_a_header_is_no_items(tmp_path: Path) -> None:
    """A table without rows yields nothing, which the hub refuses."""
    assert await read(tmp_path, "a,b\n") == []
    assert await read(tmp_path, "") == []


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n", " "])
def test_what_can_not_separate_is_refused(tmp_path: Path, delimiter: str) -> None:
    """A separator is one character."""
    path = tmp_path / "items.csv"
    path.write_text("a\n")
    with pytest.raises(UsageError, match="--delimiter is one character or the word tab"):
        open_items(path, delimiter=delimiter)


async def test_a_wrong_encoding_that_reads_all_bytes_is_seen(tmp_path: Path) -> None:
    """A euro sign is a control character in latin-1, which no table has."""
    table = "name,n\nMug 5 \u20ac,1\n".encode("cp1252")
    assert await read(tmp_path, table, encoding="cp1252") == [(2, {"name": "Mug 5 \u20ac", "n": 1})]
    found = await refusal(tmp_path, table, encoding="latin-1")
    assert found.startswith("line 2: not ISO8859-1; as windows-1252 it reads 'Mug 5 \u20ac'")
