"""What is wrong in a description: all of it at once, each mistake with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batchhub.adapter import declared
from batchhub.errors import SettingsError

GOOD = """
name = "acme"

[account]
base_url = "https://api.acme.example"
budget = { requests = 600, per_s = 60 }

[account.fields]
shop = { kind = "text", identity = true }
token = { kind = "secret" }

[auth]
bearer = "{token}"

[states]
done = "completed"

[operations.price]
max_items = 10
key_field = "sku"

[operations.price.submit]
request = "POST /batches"
items = "items"
ref = "id"

[operations.price.poll]
request = "GET /batches/{ref}"
word = "state"

[operations.price.results]
list = "results"
key = "sku"
word = "outcome"
words = { ok = "succeeded" }
"""

KINDS = "must be one of text, whole_number, flag, secret"
STATES = "must be one of queued, in_progress, completed, failed, cancelled, lost"
WORDS = "must be one of succeeded, failed, not_executed, unknown, pending"
INCOMPLETE = "is no JMESPath: Incomplete expression"
PLACE_OF_REF = "operations.price.submit.ref"
QUOTED = """quote a name that has anything but A-Z, a-z, 0-9 and _: '"batch-id"'"""
ADDRESS = "must begin with http:// or https:// and a host, as in https://api.example.com"


def find_mistakes(folder: Path, text: str) -> list[str]:
    """Return what is said of a description, a line each, without the file's name."""
    file = folder / "acme.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        declared(file)
    error = caught.value
    assert error.path == str(file)
    if error.problems:
        heading, *lines = str(error).splitlines()
        assert heading == f"{file} has {len(lines)} mistakes:"
        assert [line.strip() for line in lines] == list(error.problems)
        return list(error.problems)
    return [str(error).removeprefix(f"{file}: ")]


def change(*changes: tuple[str, str]) -> str:
    """Return the good description with texts replaced, each of which is there."""
    text = GOOD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def test_ten_mistakes_are_ten_lines(tmp_path: Path) -> None:
    """Each with its place, a suggestion where one is close, and nothing said twice."""
    text = change(
        ('name = "acme"', 'name = "Acme Ltd"'),
        ("https://api.acme.example", "ftp://api.acme.example"),
        ("requests = 600", 'requests = "600"'),
        ('kind = "secret"', 'kind = "secrete"'),
        ('bearer = "{token}"', 'bearer = "{tokn}"'),
        ('done = "completed"', 'done = "complete"'),
        ("max_items = 10", "max_item = 10"),
        ('ref = "id"', 'ref = "id["'),
        ("GET /batches/{ref}", "GET /batches/{shopp}/{ref}"),
        ('ok = "succeeded"', 'ok = "success"'),
    )
    assert find_mistakes(tmp_path, text) == [
        "operations.price.max_item: unknown key; did you mean 'max_items'?",
        "name: must be a name of a-z, 0-9, - and _, not 'Acme Ltd'",
        "account.budget.requests: must be a whole number above zero, not '600'",
        f"account.fields.token.kind: {KINDS}, not 'secrete'; did you mean 'secret'?",
        f"states.done: {STATES}, not 'complete'; did you mean 'completed'?",
        f"operations.price.submit.ref: {INCOMPLETE}",
        f"operations.price.results.words.ok: {WORDS}, not 'success'; did you mean 'succeeded'?",
        f"account.base_url: {ADDRESS}",
        "auth.bearer: {tokn} is no field of the account; did you mean 'token'?",
        "operations.price.poll.request: {shopp} is no field of the account; did you mean 'shop'?",
    ]


ALONE = {
    "an unknown key": (('name = "acme"', 'name = "acme"\nx = 1'), "x: unknown key"),
    "no name": (('name = "acme"', ""), "name: is missing"),
    "no table": (("[auth]\nbearer", "[x]\nbearer"), "x: unknown key"),
    "a text for a table": (('done = "completed"', ""), "states: is missing"),
    "no field": (
        ('shop = { kind = "text", identity = true }\ntoken = { kind = "secret" }', ""),
        ('bearer = "{token}"', ""),
        "account.fields: is empty",
    ),
    "no identity": ((", identity = true", ""), "account.fields: have no identity"),
    "two identities": (
        ('kind = "secret" }', 'kind = "secret" }\nuser = { kind = "text", identity = true }'),
        "account.fields: have more than one identity: shop, user",
    ),
    "a secret identity": (
        (", identity = true", ""),
        ('token = { kind = "secret"', 'token = { kind = "secret", identity = true'),
        "account.fields.token.identity: a secret can't say who the account is",
    ),
    "a secret's default": (
        ('token = { kind = "secret"', 'token = { kind = "secret", default = "x"'),
        "account.fields.token.default: a secret has no default",
    ),
    "a wrong default": (
        ('kind = "text", identity', 'kind = "text", default = 1, identity'),
        "account.fields.shop.default: must be text",
    ),
    "a reserved field": (
        ('token = { kind = "secret" }', 'token = { kind = "secret" }\nproxy = { kind = "text" }'),
        "account.fields.proxy: proxy has a meaning of its own",
    ),
    "a field that is no name": (
        (
            'token = { kind = "secret" }',
            'token = { kind = "secret" }\n"x.y" = { kind = "text" }',
        ),
        'account.fields."x.y": a field\'s name is of a-z',
    ),
    "a secret elsewhere": (
        ("POST /batches", "POST /batches/{token}"),
        "operations.price.submit.request: {token} is a secret, which only auth may send",
    ),
    "a literal credential": (
        ('"{token}"', '"k-123"'),
        "auth.bearer: names no field of the account",
    ),
    "two schemes": (
        ('bearer = "{token}"', 'bearer = "{token}"\nbasic = ["{shop}", "{token}"]'),
        "auth.basic: and bearer are both Authorization",
    ),
    "a user without a password": (
        ('bearer = "{token}"', 'basic = ["{token}"]'),
        "auth.basic: must be user name and password",
    ),
    "a lone brace": (
        ("POST /batches", "POST /batches/{"),
        "operations.price.submit.request: has a { that belongs to no {name}; write {{",
    ),
    "a ref in a submit": (
        ("POST /batches", "POST /batches/{ref}"),
        "operations.price.submit.request: {ref} is no field of the account",
    ),
    "no method": (
        ("POST /batches", "/batches"),
        "operations.price.submit.request: must be a method",
    ),
    "a GET that sends": (
        ("POST /batches", "GET /batches"),
        "operations.price.submit.request: a GET can't send a batch",
    ),
    "a poll of no batch": (
        ("GET /batches/{ref}", "GET /batches"),
        "operations.price.poll.request: does not say {ref}",
    ),
    "an unknown function": (
        ('list = "results"', 'list = "lenght(results)"'),
        "operations.price.results.list: has the unknown function lenght(); did you mean 'length'?",
    ),
    "too few arguments": (
        ('list = "results"', 'list = "sort_by(results)"'),
        "operations.price.results.list: gives sort_by() 1 arguments; it takes 2",
    ),
    "a word twice": (
        ('done = "completed"', 'done = "completed"\nDONE = "failed"'),
        "states.DONE: is there already; case does not matter",
    ),
    "an item's word twice": (
        ('ok = "succeeded"', 'ok = "succeeded", OK = "failed"'),
        "operations.price.results.words.OK: is there already",
    ),
    "no word and no fold": (
        ('word = "state"', ""),
        "operations.price.poll.word: is missing; where a batch has no word of its own",
    ),
    "word and fold": (
        ('word = "state"', 'word = "state"\nfold = true'),
        "operations.price.poll.fold: and word exclude each other",
    ),
    "fold with rest": (
        ('word = "state"', "fold = true"),
        ('words = { ok = "succeeded" }', 'words = { ok = "succeeded" }\nrest = "succeeded"'),
        "operations.price.results.rest: does not go with fold",
    ),
    "fold with counts": (
        ('word = "state"', 'fold = true\ndone = "seen"'),
        "operations.price.poll.done: is not used: fold counts the items",
    ),
    "no join": (
        ('key = "sku"\n', ""),
        "operations.price.results: needs one of key, id, position, in_order: none is there",
    ),
    "two joins": (
        ('key = "sku"\n', 'key = "sku"\nid = "id"\n'),
        "operations.price.results: needs one of key, id, position, in_order: not key and id",
    ),
    "a key without a field": (
        ('key_field = "sku"\n', ""),
        "operations.price.key_field: is missing: results.key is compared with it",
    ),
    "no results": (
        ('word = "outcome"\nwords = { ok = "succeeded" }', ""),
        "operations.price.results: needs word (with words) or named",
    ),
    "words without word": (
        ('word = "outcome"\n', 'named = "failed"\n'),
        "operations.price.results.words: is not used without word",
    ),
    "no words": (
        ('words = { ok = "succeeded" }', ""),
        "operations.price.results.words: is missing",
    ),
    "results by themselves of no batch": (
        ('list = "results"', 'request = "GET /report"\nlist = "results"'),
        "operations.price.results.request: does not say {ref}",
    ),
    "no ref": (
        ('ref = "id"', ""),
        "operations.price.submit.ref: is missing: poll asks about a batch by its id",
    ),
    "a body without items": (
        ('items = "items"', 'body = { mode = "x" }'),
        "operations.price.submit.items: is missing",
    ),
    "a body with items already": (
        ('items = "items"', 'items = "a.b"\nbody = { a = 1 }'),
        "operations.price.submit.items: the body has a.b already",
    ),
    "a body with a date": (
        ('items = "items"', 'items = "items"\nbody = { a = { b = 2026-01-01 } }'),
        "operations.price.submit.body.a.b: has no form in JSON",
    ),
    "an empty repeated": (
        ('ref = "id"', 'ref = "id"\nrepeated = {}'),
        "operations.price.submit.repeated: is empty",
    ),
    "a status that is none": (
        ('ref = "id"', 'ref = "id"\nrepeated.status = 200'),
        "operations.price.submit.repeated.status: must be HTTP statuses from 400 to 599, not 200",
    ),
    "a window without a key": (
        ("max_items = 10", "max_items = 10\ndedup_window_s = 60"),
        "operations.price.dedup_window_s: needs {idempotency_key} somewhere in submit",
    ),
    "seconds that are none": (
        ("max_items = 10", "max_items = 10\npoll_s = inf"),
        "operations.price.poll_s: must be a number of seconds above zero, not inf",
    ),
    "a header that is none": (
        ("[auth]", '[headers]\n"a b" = "x"\n[auth]'),
        'headers."a b": is no name of a header',
    ),
    "a header that frames the request": (
        ("[auth]", '[headers]\ncontent-length = "5"\n[auth]'),
        "headers.content-length: is set by batchhub itself",
    ),
    "a header that frames it, of auth": (
        ('bearer = "{token}"', 'headers = { Host = "{token}" }'),
        "auth.headers.Host: is set by batchhub itself",
    ),
    "credentials beside auth": (
        ("[auth]", '[headers]\nAuthorization = "Bearer abc"\n[auth]'),
        "headers.Authorization: belongs in auth, with a field of the account",
    ),
    "credentials of one request": (
        ('ref = "id"', 'ref = "id"\nheaders = { authorization = "{shop}" }'),
        "operations.price.submit.headers.authorization: belongs in auth",
    ),
    "a name that JMESPath quotes": (
        ('ref = "id"', 'ref = "batch-id"'),
        f"{PLACE_OF_REF}: is no JMESPath: Unknown token '-'; {QUOTED}",
    ),
    "states misspelt": (("[states]", "[sates]"), "sates: unknown key; did you mean 'states'?"),
    "submit misspelt": (
        ("[operations.price.submit]", "[operations.price.sumbit]"),
        "operations.price.sumbit: unknown key; did you mean 'submit'?",
    ),
    "key_field misspelt": (
        ("key_field =", "keyfield ="),
        "operations.price.keyfield: unknown key; did you mean 'key_field'?",
    ),
    "word misspelt": (
        ('word = "state"', 'wort = "state"'),
        "operations.price.poll.wort: unknown key; did you mean 'word'?",
    ),
    "words misspelt": (
        ("words = {", "wordz = {"),
        "operations.price.results.wordz: unknown key; did you mean 'words'?",
    ),
    "an operation's odd name": (
        ("[operations.price]", "[operations.Price]\n[operations.price]"),
        "operations.Price: an operation's name is of a-z",
    ),
}


@pytest.mark.parametrize("case", ALONE.values(), ids=ALONE.keys())
def test_a_mistake_has_its_place(tmp_path: Path, case: tuple[tuple[str, str] | str, ...]) -> None:
    """One is one line, and nothing else is said."""
    *changes, expected = case
    assert isinstance(expected, str)
    [line] = find_mistakes(
        tmp_path, change(*[each for each in changes if not isinstance(each, str)])
    )
    assert line.startswith(expected)


@pytest.mark.parametrize("kind", ['"sk-live-4f9a"', '"correct horse battery staple"', "48151623"])
def test_a_secret_in_the_place_of_a_word_is_not_shown(tmp_path: Path, kind: str) -> None:
    """Only what looks like a word is repeated."""
    [line] = find_mistakes(tmp_path, change(('kind = "secret"', f"kind = {kind}")))
    assert line == f"account.fields.token.kind: {KINDS}"


def test_a_misspelt_table_hides_no_other_mistake(tmp_path: Path) -> None:
    """It is read as what it is taken for; what it is there for is not missing."""
    text = change(
        ("[operations.price.submit]", "[operations.price.sumbit]"),
        ('items = "items"', "itms = 5"),
    )
    assert find_mistakes(tmp_path, text) == [
        "operations.price.sumbit: unknown key; did you mean 'submit'?",
        "operations.price.sumbit.itms: unknown key; did you mean 'items'?",
        "operations.price.submit.items: must be text that is not empty, not 5",
    ]


def test_a_vendor_that_answers_at_once_needs_no_id(tmp_path: Path) -> None:
    """What has no sense without a poll is said."""
    start, end = GOOD.index("[operations.price.poll]"), GOOD.index("[operations.price.results]")
    good = GOOD.replace('ok = "succeeded"', 'ok = "succeeded", Wait = "pending"')
    text = good[:start] + good[end:] + 'request = "GET /x"\n[operations.price.cancel]\n'
    assert find_mistakes(tmp_path, text) == [
        "operations.price.cancel.request: is missing",
        "operations.price.submit.ref: is not used: without poll the answer has the results",
        "operations.price.cancel: there is nothing to stop: the vendor answers at once",
        "operations.price.results.words.Wait: pending needs poll: else nobody asks again",
        "operations.price.results.request: is not used: without poll the answer has them",
    ]


@pytest.mark.parametrize("text", ["", "name = 1", "account = 1\noperations = 1", "[operations]"])
def test_whatever_is_missing_is_said(tmp_path: Path, text: str) -> None:
    """Nothing fails on the way."""
    places = {line.partition(":")[0] for line in find_mistakes(tmp_path, text)}
    assert {"name", "account", "operations"} <= places


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'name = "acme"\nname = "b"\n', "is no valid TOML: A key appears twice (at line 2"),
        (b'name = "acme"\n[account\n', "is no valid TOML: Expected ']'"),
        (b'name = "acme"\nx = "\xff"\n', "is not UTF-8 text (line 2)"),
        (b'name = "acme"\ntitle = "Acm', "Unterminated string (at line 2, the last one)"),
        (b'name = "acme"\ntitle =\n', "Invalid value (at line 2, column 8)"),
        (b'name = "acme"\ntitle =', "Invalid value (at line 2, the last one)"),
        (b"x = " + b"[" * 5000, "is nested too deeply"),
    ],
)
def test_what_is_no_toml_is_said_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    """Before anything else is looked at."""
    file = tmp_path / "acme.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        declared(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to the working folder, where no package is named."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"no file acme\.toml"):
        declared("acme.toml")
    (tmp_path / "acme.toml").write_text(GOOD)
    assert declared("acme.toml").name == "acme"
    with pytest.raises(SettingsError, match="is a folder"):
        declared(os.curdir)


def test_a_file_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside its code, as an adapter that is installed has it; it is made while that is loaded."""
    package = tmp_path / "acme_package"
    package.mkdir()
    code = 'from batchhub.adapter import declared\nAcme = declared("a.toml", package=__name__)\n'
    (package / "__init__.py").write_text(code)
    (package / "a.toml").write_text("\ufeff" + GOOD, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import acme_package  # type: ignore[import-not-found]  # noqa: PLC0415

    assert acme_package.Acme.name == "acme"
    assert acme_package.Acme.account_type.adapter_type is acme_package.Acme
