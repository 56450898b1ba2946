"""A record of what was sent and received has no secret in it, wherever one was."""

from __future__ import annotations

import gzip
import json
import stat
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from batchhub._http.recording import Recording
from batchhub._http.request import Call, Headers
from batchhub._http.scrubber import Scrubber
from batchhub._http.target import Target
from batchhub.adapter import Account, Budget, secret
from batchhub.errors import UsageError
from batchhub.testing import Case, read_case, write_case
from batchhub.transport import RecordedExchange, Reply

HOST = "https://api.example.com"
TOKEN = 'tok_"9vQ\\Kq/2LxT%+&7Zw'
SHORT = "s3cr3t"
RUN_TIME = "run-time-4fJ81xY"
SIGNED = "Zm9vYmFyCg5817"
COOKIE = "c00kie-value-77"
CSRF = "csrf8c2f1e9d"
PARTS = ("9vQ", "2LxT", "7Zw", SHORT, "4fJ81xY", "9vYmFy", "kie-value", "8c2f1e9d")
"""What every way to write one of them has in it."""

LINK = f"https://files.example.net/r/1.json?X-Amz-Signature={SIGNED}&X-Amz-Expires=300"


@frozen(kw_only=True)
class Raw:
    """An exchange as it was."""

    call: Call
    reply: Reply


@frozen(kw_only=True)
class AcmeAccount(Account):
    """An account with secrets, one of them short."""

    adapter: ClassVar[str] = "acme"
    base_url: str = HOST
    token: str = secret(default=TOKEN)
    pin: str = secret(default=SHORT)

    @property
    def identity(self) -> str:
        """Any."""
        return "1"

    @property
    def budget(self) -> Budget:
        """Any."""
        return Budget(requests=1, per_s=1.0)


Pairs = Sequence[tuple[str, str]]


def raw(
    url: str = f"{HOST}/v1/x",
    *,
    method: str = "GET",
    is_own: bool = True,
    sent_headers: Pairs = (),
    sent: bytes = b"",
    headers: Pairs = (),
    body: bytes = b"",
) -> Raw:
    """Make an exchange."""
    call = Call(
        method=method,
        target=Target(address=url, path="", is_own=is_own),
        body=sent,
        effect=False,
    )
    call.headers = Headers(CIMultiDict(sent_headers))
    return Raw(call=call, reply=Reply(status=200, headers=CIMultiDict(headers), body=body))


def record(*exchanges: Raw) -> list[RecordedExchange]:
    """Return what a record has of exchanges."""
    recording = Recording()
    for exchange in exchanges:
        recording.add(exchange.call, exchange.reply, AcmeAccount())
    return list(recording.exchanges)


def as_case(*exchanges: RecordedExchange) -> Case:
    """Make a case of exchanges."""
    return Case(
        adapter="acme",
        account="1",
        base_url=HOST,
        exchanges=exchanges,
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


JSON: dict[str, Any] = {
    "known": [TOKEN],
    "known, short": [SHORT],
    "known, in a text": f"no {TOKEN} here",
    "known, encoded": quote(TOKEN, safe=""),
    "known, as a key": {TOKEN: 1},
    "known, in base64": b64encode(TOKEN.encode()).decode(),
    "scheme": f"Bearer {RUN_TIME}",
    "name": {"access_token": RUN_TIME},
    "name in capitals": {"PASSWORD": RUN_TIME},
    "name with humps": {"x": [{"clientSecret": RUN_TIME}]},
    "all of an object": {"credentials": {"id": RUN_TIME}},
    "all of a list": {"tokens": [1, RUN_TIME, {"a": [RUN_TIME]}, RUN_TIME]},
    "all after an inner one": {"session": {"a": {}, "b": RUN_TIME}},
    "nested": json.dumps({"again": json.dumps({"refreshToken": RUN_TIME})}),
    "nested, known": json.dumps({"again": json.dumps([TOKEN])}),
    "address elsewhere": LINK,
    "addresses in a text": f"see {LINK}, or <{LINK}>",
    "address of its own": f"{HOST}/download?h={SIGNED}",
    "path": f"/download?h={SIGNED}",
    "user": f"https://me:{RUN_TIME}@example.com/x",
    "fragment": f"{HOST}/cb#code={RUN_TIME}",
    "web token": f"see eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0ZkowMSJ9.{RUN_TIME}",
}

HEADERS = {
    "Authorization": f"Bearer {RUN_TIME}",
    "Proxy-Authorization": f"Basic {RUN_TIME}",
    "X-Api-Key": TOKEN,
    "X-Anything": RUN_TIME,
    "Cookie": f"sid={COOKIE}; a=b",
    "Set-Cookie": f"session={COOKIE}; Path=/",
    "Location": LINK,
    "Link": f'<{LINK}>; rel="next"',
    "WWW-Authenticate": f'Bearer realm="{RUN_TIME}"',
    "X-RateLimit-Token": RUN_TIME,
    "ETag": TOKEN,
    "Host": RUN_TIME,
}

TEXTS = {
    "json with escapes": '{"u":"' + LINK.replace("/", "\\/").replace("&", "\\u0026") + '"}',
    "json with an escaped name": '{"acc\\u0065ss_tok\\u0065n": "' + RUN_TIME + '"}',
    "json that breaks off": '{"access_token": "' + RUN_TIME + '", "x": ["a',
    "json lines": '{"token":"' + RUN_TIME + '"}\n{"token":"' + CSRF + '"}',
    "form": f"grant_type=refresh&refresh_token={RUN_TIME}&client_secret={SHORT}",
    "parts of a form": f'--b\r\nContent-Disposition: form-data; name="x-amz-signature"\r\n\r\n'
    f"{SIGNED} {CSRF}\r\n--b--\r\n",
    "xml": f'<a><Token>{RUN_TIME}</Token><b signature="{SIGNED}"/>{LINK}</a>',
    "a line": f"password = {RUN_TIME} and {CSRF}",
    "a header": f"Authorization: Bearer {CSRF}",
    "a pair": f"He said auth={COOKIE}, and left.",
    "meta": f'<meta name="csrf-token" content="{CSRF}">',
    "input": f'<input type="hidden" name="session_id" value="{COOKIE}">',
    "address": f"url {LINK}",
    "known": TOKEN,
}

EVERYWHERE = {
    "path": raw(f"{HOST}/v1/{quote(TOKEN, safe='')}/x"),
    "path, short": raw(f"{HOST}/v1/{SHORT}/x"),
    "query": raw(f"{HOST}/v1/x?a={quote(TOKEN, safe='')}"),
    "query, short": raw(f"{HOST}/v1/x?b={SHORT}"),
    "query, by name": raw(f"{HOST}/v1/x?access_token={RUN_TIME}"),
    "presigned": raw(LINK, is_own=False, method="PUT"),
    "of a presigned one in the body": raw(LINK, is_own=False, body=f"<e>{SIGNED}</e>".encode()),
    "own, without credentials": raw(f"{HOST}/f?h={SIGNED}&x=1", is_own=False),
    "of a header in the body": raw(
        sent_headers=[("Authorization", f"Bearer {RUN_TIME}")], body=f'["{RUN_TIME}"]'.encode()
    ),
    "of a cookie in the body": raw(
        headers=[("Set-Cookie", f"a={COOKIE}; Path=/")], body=f'["{COOKIE}"]'.encode()
    ),
    "bytes": raw(body=b"\xff\x00" + TOKEN.encode()),
    "another encoding": raw(body=f'"ü"; password={RUN_TIME}'.encode("latin-1")),
    "two bytes a character": raw(body=f'{{"password": "{RUN_TIME}"}}'.encode("utf-16")),
    "gzip": raw(body=gzip.compress(json.dumps({"password": RUN_TIME}).encode())),
    "gzip, second member": raw(
        body=gzip.compress(b"{}\n") + gzip.compress(f"password={RUN_TIME}".encode())
    ),
    "no gzip": raw(body=b"\x1f\x8b\x08" + TOKEN.encode()),
    **{f"json: {name}": raw(body=json.dumps([value]).encode()) for name, value in JSON.items()},
    **{f"text: {name}": raw(body=text.encode()) for name, text in TEXTS.items()},
    **{f"sent text: {name}": raw(sent=text.encode()) for name, text in TEXTS.items()},
    **{f"header: {pair[0]}": raw(headers=[pair]) for pair in HEADERS.items()},
    **{f"sent header: {pair[0]}": raw(sent_headers=[pair]) for pair in HEADERS.items()},
}


@pytest.mark.parametrize("place", EVERYWHERE)
def test_no_secret_is_in_a_record(place: str) -> None:
    """Known or not: in addresses, headers and bodies, in any writing, none is left."""
    (exchange,) = record(EVERYWHERE[place])
    texts = [exchange.path, exchange.query, *exchange.sent_headers.values()]
    texts += [*exchange.headers.values(), exchange.host, read(exchange.sent), read(exchange.body)]
    text = "\n".join(texts)
    assert [part for part in PARTS if part in text] == []
    assert "***" in text or "Host" in place
    if place.startswith("json: "):
        assert isinstance(json.loads(exchange.body), list)


def read(body: bytes) -> str:
    """Return what stands in a body, decompressed."""
    is_packed = body.startswith(b"\x1f\x8b\x08\x00")
    plain = gzip.decompress(body) if is_packed else body
    return plain.replace(b"\x00", b"").decode("latin-1")


def test_what_is_no_secret_is_left() -> None:
    """Around the secrets all is as it was: names, addresses, short values of an own query."""
    body = {
        "u": LINK,
        "own": f"{HOST}/d?h={SIGNED}&page=2",
        "pin": 12,
        "all": [{"token": [CSRF]}, "plain"],
        "name": "Basic T-shirt, basic information",
        "id": SIGNED[:8] + "-1",
        "self": f"/b?ref={SIGNED[:8]}-1",
    }
    asked, answered, sent = record(
        raw(f"{HOST}/v1/x?a={SHORT}&access_token={RUN_TIME}&page=2"),
        raw(body=json.dumps(body).encode()),
        raw(sent=TEXTS["form"].encode()),
    )
    assert asked.query == "a=***&access_token=***&page=2"
    assert json.loads(answered.body) == {
        "u": "https://files.example.net/r/1.json?***",
        "own": f"{HOST}/d?h=***&page=2",
        "pin": 12,
        "all": [{"token": ["***"]}, "plain"],
        "name": "Basic T-shirt, basic information",
        "id": SIGNED[:8] + "-1",
        "self": "/b?ref=***",
    }
    assert sent.sent == b"grant_type=refresh&refresh_token=***&client_secret=***"


def test_what_is_packed_is_packed_again() -> None:
    """Where nothing is secret the bytes stay; of more than can be looked at nothing stays."""
    plain = gzip.compress(b'{"a": 1}', mtime=5)
    bomb = gzip.compress(b"0" * (64 * 1024 * 1024 + 1), compresslevel=1)
    twice = gzip.compress(gzip.compress(b"{}"))
    seen = record(raw(body=plain), raw(body=bomb), raw(body=twice))
    assert [each.body for each in seen] == [plain, gzip.compress(b"***", mtime=0), twice]


def test_a_secret_found_late_is_blanked_early() -> None:
    """What one answer shows to be a token is none in the request before or the answer after."""
    first, second, third = record(
        raw(body=json.dumps({"plain": RUN_TIME}).encode()),
        raw(body=json.dumps({"access_token": RUN_TIME}).encode()),
        raw(f"{HOST}/v1/{RUN_TIME}/x"),
    )
    assert first.body == b'{"plain": "***"}'
    assert second.body == b'{"access_token": "***"}'
    assert third.path == "/v1/***/x"


def test_all_else_stays_as_it_is() -> None:
    """Byte for byte: spaces, figures of any length, escapes, names twice; and harmless headers."""
    body = (
        b'{ "id":12345678901234567890.10, "a":1, "a":"\\u00fc\\/", "b":"/v1/batches?page=2",\n'
        b'"c":"http://x.example/y", "tokens_left": 12, "state":"COMPLETED"}\r\n'
    )
    headers = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Retry-After", "3"),
        ("x-amzn-RateLimit-Limit", "0.0083"),
        ("X-Request-Id", "4711"),
        ("Content-Length", "9"),
        ("Content-Encoding", "gzip"),
    ]
    sent = [("Content-Type", "text/csv"), ("Idempotency-Key", "k-1"), ("Host", "h")]
    (exchange,) = record(
        raw(
            f"{HOST}/v1/x?ticket=t-1234567890&limit=1",
            body=body,
            headers=headers,
            sent_headers=sent,
            sent=b"sku;price\nA-1;9,90\n",
        )
    )
    assert exchange.body == body
    assert exchange.query == "ticket=t-1234567890&limit=1"
    assert exchange.sent == b"sku;price\nA-1;9,90\n"
    assert exchange.headers == {
        "Content-Type": "application/json; charset=utf-8",
        "Retry-After": "3",
        "x-amzn-RateLimit-Limit": "0.0083",
        "X-Request-Id": "***",
    }
    assert exchange.sent_headers == {"Content-Type": "text/csv", "Idempotency-Key": "***"}


def test_words_are_no_tokens() -> None:
    """A state or a media type under a name that sounds secret is blanked there and only there."""
    (exchange,) = record(
        raw(body=b'{"tokenState": "COMPLETED", "state": "COMPLETED", "pin": 123456, "pins": 3}')
    )
    assert json.loads(exchange.body) == {
        "tokenState": "***", "state": "COMPLETED", "pin": 0, "pins": 3
    }  # fmt: skip


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_stays_json(value: Any) -> None:
    """Whatever was sent, the record of it is JSON of the same form."""
    text = json.dumps({"password": value, "other": value})
    seen = json.loads(Scrubber([TOKEN], HOST).body(text.encode(), "application/json"))
    assert form_of(seen) == form_of(json.loads(text)) or "***" in json.dumps(seen)


def form_of(value: Any) -> Any:
    """Return the kinds of the values in a JSON value."""
    if isinstance(value, dict):
        return {key: form_of(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [form_of(inner) for inner in value]
    return "number" if isinstance(value, int | float) else type(value)


# The file.


@settings(max_examples=50)
@given(
    body=st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_a_file_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, text: str, name: str
) -> None:
    """Whatever bytes and characters there are, and whatever is missing."""
    path = tmp_path_factory.mktemp("case") / "case.toml"
    exchange = RecordedExchange(
        method="POST", host="up.example.com:8443", path="/x", query="a=b", sent=body,
        sent_headers={name: text}, status=201, headers={name: text}, body=body,
    )  # fmt: skip
    lost = RecordedExchange(method="GET", path="/y")
    case = evolve(as_case(exchange, lost), reading={"a": [text, None, 1.5]}, vendor_ref=text,
                  error=text)  # fmt: skip
    write_case(path, case)
    assert read_case(path) == evolve(case, exchanges=[exchange, lost])


def test_a_file_is_private_and_never_replaced(tmp_path: Path) -> None:
    """Its owner alone can read it; a second one of its name is refused."""
    path = tmp_path / "case.toml"
    write_case(path, as_case())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="already exists; it was not changed"):
        write_case(path, as_case())


_HEAD = """
batchhub_case = 1
adapter = "a"
account = "1"
base_url = ""
recorded_at = 2026-01-01T00:00:00Z
"""
_ANSWER = """
[[exchange]]
method = "GET"
path = "/"
answer = { status = 200, body_base64 = "BODY" }
"""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no recorded case; this batchhub reads version 1"),
        ("batchhub_case = 2", "is a recorded case of version 2; this batchhub reads version 1"),
        ("batchhub_case = ", "is not TOML"),
        ("batchhub_case = 1", "is a damaged case: it has no 'adapter'"),
        (f"{_HEAD}exchange = [{{}}]", "is a damaged case: it has no 'method'"),
        (f"{_HEAD}exchange = [{{ method = 1 }}]", "is a damaged case: method can't be 1"),
        (f"{_HEAD}exchange = 1", "is a damaged case: exchange can't be 1"),
        (f"{_HEAD}{_ANSWER.replace('BODY', '!')}", "is a damaged case: "),
    ],
)
def test_a_file_that_is_no_case_is_refused(text: str, why: str, tmp_path: Path) -> None:
    """With the file and what is wrong with it."""
    path = tmp_path / "case.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=why):
        read_case(path)
    with pytest.raises(UsageError, match=r"can't read .*nothing\.toml: No such file"):
        read_case(tmp_path / "nothing.toml")
