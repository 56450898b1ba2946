"""JSON as people and programs write it: read to the last digit, or refused by line and key."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from support.cases import Desk, priced, put

from batchhub.tables import read_items
from batchhub.wire import dumps

BODY = '{"id":"1","method":"PUT","path":"/products/1","body":{"price":%s}}\n'
GOOD = '{"id":"2","method":"PUT","path":"/products/2","body":{"price":5}}\n'


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder with settings."""
    return Desk(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["items.jsonl", "items.json"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"price":NaN}', "body.price is NaN, which JSON does not have; write a number or null"),
        ('{"price":Infinity}', "body.price is Infinity, which JSON does not have"),
        ('{"wholesalePrices":[{"price":1},{"price":-Infinity}]}', "body.wholesalePrices[1].price"),
        ('{"name":"\\ud83d"}', "body.name holds U+D83D (a lone surrogate: half of a character)"),
        ('{"name":"a \\uDE00 b"}', "body.name holds U+DE00 (a lone surrogate"),
        ('{"\\ud83d":1}', "a key in body holds U+D83D (a lone surrogate"),
        ('{"price":1e400}', "body.price is 1e400, which is out of the range of numbers"),
        ('{"price":-1E-999}', "body.price is -1E-999, which is out of the range of numbers"),
        ('{"price":5,"price":7}', "the key 'body.price' is there twice"),
        ('{"a":{"b":[{"c":1,"c":2}]}}', "the key 'body.a.b[0].c' is there twice"),
    ],
)
def test_what_json_does_not_have_is_named_with_its_key(
    desk: Desk, name: str, body: str, said: str
) -> None:
    """The line, or the element of an array, is refused alone; the next one is read."""
    lines = [BODY.replace('{"price":%s}', body), GOOD]
    text = "".join(lines) if name.endswith("l") else f"[{','.join(lines)}]"
    done = desk.dry_run(name, text)
    place = "line" if name.endswith("l") else "element"
    assert done.code == 2
    assert done.refused == [done.refused[0]]
    assert done.refused[0].startswith(f"{place} 1: {said}")
    assert done.out[0].startswith(f"nothing would be sent: {name} has 1 error; correct it, or set")
    assert done.out[1].startswith("the others are 1 item in 1 ticket")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (BODY.strip() % 5 + ",\n", "a comma behind the object, which JSON Lines does not have"),
        (BODY.strip() % 5 + GOOD, "more than one object; write one a line"),
        ("{'id': '1'}\n", "a text in single quotes; JSON has double ones"),
        (BODY % "None", "(byte 62): Python's None, which is null in JSON"),
        (BODY % "True", "Python's True, which is true in JSON"),
        (BODY % "9,90", "at '90}}'"),
        (BODY % "007", "invalid number (byte 63), at '07}}'"),
        (BODY % ".5", "invalid character (byte 62), at '.5}}'"),
        ("{“id”: 1}\n", "object keys must be strings (byte 1), at '“id”: 1}'"),
        ('{"id":"1","body":{"pri\n', "it ends too early; is the file complete?"),
        ('[{"id":"1"}]\n', "a JSON array; write one object a line, or say --format json"),
    ],
)
def test_a_line_that_is_no_json_shows_where_it_breaks(desk: Desk, line: str, said: str) -> None:
    """What people often write is said in words, all else is shown."""
    done = desk.dry_run("items.jsonl", GOOD + line)
    assert done.code == 2
    assert len(done.refused) == 1
    assert done.refused[0].startswith("line 2: ")
    assert done.refused[0].endswith(said)


def test_a_byte_order_mark_between_joined_files_is_named(desk: Desk) -> None:
    """At the beginning it is ignored, as that of Windows editors."""
    mark = b"\xef\xbb\xbf"
    assert desk.dry_run("a.jsonl", mark + GOOD.encode()).code == 0
    assert desk.dry_run("a.json", mark + b"[" + GOOD.encode() + b"]").code == 0
    done = desk.dry_run("b.jsonl", GOOD.encode() + mark + GOOD.encode())
    (said,) = done.refused
    assert said.endswith("(byte 0): a byte order mark in mid-file; were files joined?")


@pytest.mark.parametrize(
    "digits",
    [
        *("9007199254740993", "123456789012345678901234567890", "-0.10", "19.90", "4.35"),
        *("100000000000000000000000.5", "0.30000000000000004", "99999999999999999999.99"),
        *("0.1000000000000000055511151231257827", "12345678.901234567", "1e2", "1.5E-7"),
    ],
)
@pytest.mark.parametrize("mapped", [False, True])
def test_every_digit_of_a_number_is_sent(desk: Desk, digits: str, mapped: bool) -> None:
    """A number that a float would change is kept; the same number may be written otherwise."""
    if mapped:
        done = desk.dry_run("items.jsonl", f'{{"product_id":1,"price":{digits}}}\n', *priced())
    else:
        done = desk.dry_run("items.jsonl", BODY % digits)
    assert done.code == 0, done.err
    (line,) = (line for line in done.out if line.startswith("the first item is "))
    found = json.loads(line.removeprefix("the first item is "), parse_float=Decimal)
    assert Decimal(found["body"]["price"]) == Decimal(digits)


def test_numbers_that_are_sent_as_text_keep_their_digits(desk: Desk) -> None:
    """In a path, in an id and in a text, also where they are longer than a float."""
    number = "12345678901234567890.123456789"
    line = f'{{"product_id":90071992547409931,"name":{number}}}\n'
    named = ("--map", "PUT /products/{product_id}", "--set", "name={name}", "--set")
    done = desk.dry_run("items.jsonl", line, *named, "subtitle=No. {name}", "--json")
    assert done.sample["path"] == "/products/90071992547409931"
    assert done.sample["body"] == {"name": number, "subtitle": f"No. {number}"}


@pytest.mark.parametrize(
    "text",
    [
        *("a\u2028b\u2029c\u0085d\0e", "İstanbul 😀 Größe"),
        *("価格\u3000税込", "zażółć\u200bgęślą", "don\x0bt\x0cend"),
    ],
)
@pytest.mark.parametrize("as_escapes", [False, True])
def test_separators_that_end_no_line_are_part_of_a_text(
    desk: Desk, text: str, as_escapes: bool
) -> None:
    """Only a line feed ends a line of JSON Lines."""
    line = put(description=text)
    if not as_escapes:
        line = line.replace(json.dumps(text), dumps(text).decode())
    done = desk.dry_run("items.jsonl", line + "\r\n" + GOOD, "--json")
    assert done.code == 0, done.err
    assert done.plan["items"] == 2
    assert done.sample["body"]["description"] == text


def test_an_item_without_a_text_for_an_id_is_refused(desk: Desk) -> None:
    """A number is no id, since results name items by text; a mapped row's number becomes text."""
    done = desk.dry_run("items.jsonl", GOOD.replace('"2"', "12345678901234567890"))
    (said,) = done.refused
    assert said.startswith("line 1 (id '12345678901234567890'): id must be text")
    row = '{"product_id":12345678901234567890,"price":5}\n'
    assert desk.dry_run("rows.jsonl", row, *priced(), "--json").sample["id"] == (
        "12345678901234567890"
    )


@pytest.mark.parametrize("lead", ["", "\n", "  \n\t\n", "\ufeff", "\ufeff \n"])
@pytest.mark.parametrize("text", ['[\n {"id":"1",\n "body":{"price":5}}\n]', '[{"id":"1"}]\r\n'])
def test_an_array_in_any_layout_is_read(desk: Desk, lead: str, text: str) -> None:
    """Over many lines, behind blank ones, behind a byte order mark, and from a pipe."""
    text = text.replace('"1"', '"1","method":"PUT","path":"/products/1"')
    if "body" not in text:
        text = text.replace('/1"', '/1","body":{"price":5}')
    desk.write("items.json", lead + text)
    for source in ("items.json", "-"):
        stdin = (lead + text).encode()
        done = desk.call("submit", source, "--account", "shop", "--dry-run", "--json", stdin=stdin)
        assert done.code == 0, done.err
        assert done.sample["body"] == {"price": 5}


def test_a_row_that_is_set_aside_keeps_its_digits(tmp_path: Path) -> None:
    """As numbers, also those that a float would change."""
    path, bad = tmp_path / "rows.jsonl", tmp_path / "bad.jsonl"
    number = "100000000000000000000000.5"
    path.write_text(f'{{"nr":1}}\n{{"nr":2}}\n{{"no":3,"price":{number},"was":19.90}}\n')
    with read_items(path, set=["nr={nr}"], rejects=bad) as items:
        assert [item["nr"] for item in items] == [1, 2]
    kept = json.loads(bad.read_text(), parse_float=Decimal)
    assert (kept["price"], kept["was"]) == (Decimal(number), Decimal("19.9"))
