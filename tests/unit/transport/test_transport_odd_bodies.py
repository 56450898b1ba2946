"""Answers in a form that they should not have: read where reading is certain, within bounds."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from support.hosts import TOKEN, Answer, Host, MakeTransport

from batchhub import errors
from batchhub.transport import Limits


def pack(data: bytes) -> bytes:
    """Compress by gzip, without the time in it: each process makes the same parameters."""
    return gzip.compress(data, mtime=0)


VALUE = {"name": "Ürün şişe € 価格", "n": 1}
TEXT = json.dumps(VALUE, ensure_ascii=False)
LATIN = {"name": "Ürün şişe ığ", "n": 1}
DATA = TEXT.encode()
PAGE = (
    b"<!DOCTYPE html><html><head><title>We'll be back soon</title></head><body>Sorry</body></html>"
)


def typed(kind: str, **headers: str) -> Mapping[str, str]:
    """Return headers with a content type."""
    return {"Content-Type": kind, **headers}


def json_with(**headers: str) -> Mapping[str, str]:
    """Return headers of JSON, and others; an underscore is a hyphen."""
    return typed("application/json", **{name.replace("_", "-"): headers[name] for name in headers})


async def ask(make: MakeTransport, vendor: Host, answer: Answer, **limits: int) -> Any:
    """Ask for an answer, once as a poll does and once with a body; return what both read."""
    vendor.answers(answer)
    transport = make(limits=Limits(**limits)) if limits else make()
    short = await transport.request("GET", "/")
    usual = await transport.request("POST", "/", body=b"[1]")
    assert short.body == usual.body
    return short


@pytest.mark.parametrize("space", ["", "\n ", "\r\n\t"])
@pytest.mark.parametrize(
    ("mark", "name"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
async def test_a_byte_order_mark_says_what_json_is_in(
    make_transport: MakeTransport, vendor: Host, mark: bytes, name: str, space: str
) -> None:
    """Whatever the header says of it."""
    for kind in ("application/json", "text/plain", "application/json; charset=iso-8859-9"):
        body = mark + (space + TEXT).encode(name)
        reply = await ask(make_transport, vendor, Answer(body=body, headers=typed(kind)))
        assert reply.json() == VALUE
        assert reply.body.lstrip() == DATA


@pytest.mark.parametrize(
    ("value", "name", "declared"),
    [
        (LATIN, "cp1254", "windows-1254"),
        (LATIN, "iso8859-9", '"ISO-8859-9"'),
        ({"a": "it’s 5 €"}, "cp1252", "iso-8859-1"),  # noqa: RUF001  # what browsers take it for
        ({"a": "в наличии"}, "koi8-r", "KOI8-R"),
        ({"a": "価格"}, "shift_jis", "Shift_JIS"),
        (VALUE, "utf-16", "utf-16"),
        (VALUE, "utf-16-be", "UTF-16BE"),
    ],
)
async def test_a_declared_charset_counts_where_the_bytes_are_no_utf_8(
    make_transport: MakeTransport, vendor: Host, value: Any, name: str, declared: str
) -> None:
    """As old systems write, which say so."""
    body = json.dumps(value, ensure_ascii=False).encode(name)
    headers = typed(f"application/json; charset={declared}")
    assert (await ask(make_transport, vendor, Answer(body=body, headers=headers))).json() == value


@pytest.mark.parametrize("charset", ["iso-8859-9", "windows-1254", "no-such", "unicode_escape"])
async def test_what_is_utf_8_is_read_as_that_whatever_it_says(
    make_transport: MakeTransport, vendor: Host, charset: str
) -> None:
    """Servers declare what they are set up with, and JSON is UTF-8."""
    headers = typed(f"application/json; charset={charset}")
    assert (await ask(make_transport, vendor, Answer(body=DATA, headers=headers))).json() == VALUE


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "text/plain", "text/html"])
async def test_gzip_is_known_by_its_first_bytes(
    make_transport: MakeTransport, vendor: Host, kind: str
) -> None:
    """Also where no header names it, and with a byte order mark inside."""
    for data in (DATA, codecs.BOM_UTF8 + DATA, TEXT.encode("utf-16")):
        answer = Answer(body=pack(data), headers=typed(kind))
        assert (await ask(make_transport, vendor, answer)).json() == VALUE


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        *[
            (coding, DATA)
            for coding in ("utf-8", "UTF-8", "none", "identity", "iso-8859-9", "binary")
        ],
        *[(coding, pack(DATA)) for coding in ("GZIP", "x-gzip", "utf-8, gzip", "gzip,")],
        ("gzip, gzip", pack(pack(DATA))),
        ("deflate, gzip", pack(zlib.compress(DATA))),
        *[(coding, DATA) for coding in ("gzip", "X-GZIP", "gzip, gzip")],
    ],
)
async def test_a_content_encoding_is_read_for_what_can_be_meant(
    make_transport: MakeTransport, vendor: Host, coding: str, body: bytes
) -> None:
    """No compression at all, several, or one that was not done after all."""
    answer = Answer(body=body, headers=json_with(Content_Encoding=coding))
    assert (await ask(make_transport, vendor, answer)).json() == VALUE


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"\x0b\x02\x80abc\x03"),
        ("br", b"[\x02\x80abc\x03"),
        ("gzip, zstd", pack(DATA)),
        ("gzip", pack(DATA)[:-9]),
        (", ".join(["gzip"] * 5), pack(DATA)),
    ],
)
async def test_what_can_not_be_decompressed_is_said_to_be(
    make_transport: MakeTransport, vendor: Host, coding: str, body: bytes
) -> None:
    """And is nothing else, such as broken JSON."""
    vendor.answers(Answer(body=body, headers=json_with(Content_Encoding=coding)))
    with pytest.raises(errors.ReplyError, match=r"compress"):
        await make_transport().request("GET", "/")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/gzip", pack(DATA)),
        ("application/octet-stream", pack(DATA)),
        ("text/csv", codecs.BOM_UTF8 + b"sku;price\n"),
        ("text/csv; charset=windows-1254", "ürün;fiyat\n".encode("cp1254")),
        ("text/plain", codecs.BOM_UTF16_LE + b"{\xd8"),
        ("application/json; charset=punycode", b"\xff{}"),
        ("application/json; charset=hex", b"\xff{}"),
        ("", b""),
    ],
)
async def test_what_is_no_json_for_certain_comes_as_it_is(
    make_transport: MakeTransport, vendor: Host, kind: str, body: bytes
) -> None:
    """Files are the adapter's business, and nothing is guessed."""
    reply = await ask(make_transport, vendor, Answer(body=body, headers=typed(kind)))
    assert reply.body == body


@pytest.mark.parametrize(
    "text",
    [
        '{"a": NaN, "b": "NaN, Infinity"}',
        '{"a":Infinity,"b":"NaN, Infinity"}',
        '{"a": -Infinity\n, "b": "NaN, Infinity"}',
        '{"a": nan, "b": "NaN, Infinity"}',
        '{"a": -inf, "b": "NaN, Infinity"}',
    ],
)
async def test_what_is_no_number_is_none(
    make_transport: MakeTransport, vendor: Host, text: str
) -> None:
    """Words that JSON does not have spoil nothing else, and texts that hold them stay."""

    class Both(msgspec.Struct):
        a: float | None
        b: str

    class Needed(msgspec.Struct):
        a: float

    reply = await ask(make_transport, vendor, Answer(body=text.encode()))
    assert reply.json() == {"a": None, "b": "NaN, Infinity"}
    assert reply.find("b", str) == "NaN, Infinity"
    assert reply.as_(Both).a is None
    with pytest.raises(errors.ReplyError):
        reply.as_(Needed)


@pytest.mark.parametrize("text", ["NaNs", "{NaN: 1}", '{"a": xNaN}', '{"a": "b" NaN}', "[1, nano]"])
async def test_words_that_are_nothing_make_no_json(
    make_transport: MakeTransport, vendor: Host, text: str
) -> None:
    """Only a value can be left out."""
    reply = await ask(make_transport, vendor, Answer(body=text.encode()))
    with pytest.raises(errors.ReplyError, match="valid JSON"):
        reply.json()


@pytest.mark.parametrize(
    "body",
    [
        pack(bytes(2**22)),
        codecs.BOM_UTF8 + b"{" + bytes(2**20),
        codecs.BOM_UTF16_LE + ("[" + "価" * 30_000 + "]").encode("utf-16-le"),  # 3 bytes each
    ],
    ids=["bomb", "marked", "grows"],
)
async def test_bounds_hold_for_what_is_read_leniently(
    make_transport: MakeTransport, vendor: Host, body: bytes
) -> None:
    """Compressed, decompressed and decoded."""
    vendor.answers(Answer(body=body, headers=typed("application/json")))
    for method in ("GET", "POST"):
        with pytest.raises(errors.ReplyTooLargeError):
            await make_transport(limits=Limits(max_answer_bytes=80_000)).request(method, "/")


async def test_a_document_without_end_in_depth_is_no_json(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """With and without words that have to be replaced."""
    for deepest in (b"1", b"NaN"):
        body = codecs.BOM_UTF8 + b"[" * 100_000 + deepest + b"]" * 100_000
        reply = await ask(make_transport, vendor, Answer(body=body))
        with pytest.raises(errors.ReplyError, match="valid JSON"):
            reply.json()


# -- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PAGE, typed("text/html; charset=utf-8")),
        (PAGE, typed("application/json")),
        (codecs.BOM_UTF8 + b"\r\n" + PAGE, typed("text/html")),
        (PAGE.decode().encode("utf-16"), typed("text/html")),
        (pack(PAGE), typed("text/html", **{"Content-Encoding": "gzip"})),
        (pack(PAGE), typed("text/html")),
        (PAGE.replace(b"<!DOCTYPE html>", b"<!-- x -->"), typed("text/html")),
        (PAGE.replace(b"title>", b"h1>"), typed("text/html")),
        (
            PAGE.replace(b"<title>", b"<title data-x='1'>We&#39;ll\n  be back soon<"),
            typed("text/html"),
        ),
        (PAGE.replace(b"<title>", b"<style>" + b"a{}" * 9_000 + b"</style><title>"), typed("")),
    ],
)
async def test_a_page_in_place_of_json_is_named_by_its_title(
    make_transport: MakeTransport, vendor: Host, body: bytes, headers: Mapping[str, str]
) -> None:
    """A page for people is no broken JSON; whether a request ran nobody knows."""
    vendor.answers(Answer(body=body, headers=headers))
    transport = make_transport()
    for method in ("GET", "POST"):
        with pytest.raises(
            errors.ReplyError, match=r"200 OK with a page of HTML \(\"We'll be"
        ) as e:
            await transport.request(method, "/")
        assert (e.value.status, e.value.may_have_run) == (200, True)
    assert transport.paused is None


@pytest.mark.parametrize("body", [b'{"a":1}', b"OK", b"", b"<ok/>", b'"<html>"'])
async def test_what_is_no_page_is_none_whatever_it_is_called(
    make_transport: MakeTransport, vendor: Host, body: bytes
) -> None:
    """Some vendors call their JSON so, and an adapter may know more of a text than we do."""
    kind = "text/xml" if body.startswith(b"<") else "text/html"
    assert (await ask(make_transport, vendor, Answer(body=body, headers=typed(kind)))).body == body


async def test_who_asks_for_a_page_gets_it(make_transport: MakeTransport, vendor: Host) -> None:
    """By saying so, or from another host than the vendor's own."""
    vendor.answers(Answer(body=PAGE, headers=typed("text/html")))
    transport = make_transport()
    assert (await transport.request("GET", "/", headers={"accept": "text/html"})).body == PAGE
    assert (await transport.request("GET", f"{vendor.url}/", auth=False)).body == PAGE


BIG = PAGE.replace(b"Sorry", b"Sorry " * 40_000)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PAGE, typed("text/html", **{"cf-mitigated": "challenge"})),
        (BIG, typed("text/html")),
        (b"\x0b\x02\x80abc\x03", typed("text/html", **{"Content-Encoding": "br"})),
        (pack(PAGE), typed("text/html; charset=utf-8")),
        (pack(BIG), typed("text/html", **{"Content-Encoding": "gzip"})),
        (PAGE, typed("text/html", **{"Content-Encoding": "utf-8"})),
        (PAGE.decode().encode("utf-16"), typed("text/html")),
    ],
)
async def test_a_page_that_refuses_says_nothing_of_the_account_or_the_batch(
    make_transport: MakeTransport,
    vendor: Host,
    status: int,
    body: bytes,
    headers: Mapping[str, str],
) -> None:
    """However large it is, and however it comes: credentials and batches are the vendor's."""
    vendor.answers(Answer(status=status, body=body, headers=headers), Answer())
    transport = make_transport()
    with pytest.raises(errors.BlockedError, match="something on the way answered") as caught:
        await transport.request("POST", "/", body=b"[1]")
    assert (caught.value.status, caught.value.may_have_run) == (status, False)
    assert ("check base_url" in str(caught.value)) is (status in {404, 410})
    assert ("We'll be back soon" in str(caught.value)) is (headers.get("Content-Encoding") != "br")
    assert (await transport.request("GET", "/")).status == 200


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_a_challenge_is_known_by_its_header(
    make_transport: MakeTransport, vendor: Host, status: int
) -> None:
    """Whatever stands in it: nothing ran, and nothing cools."""
    headers = json_with(cf_mitigated="challenge")
    vendor.answers(Answer(status=status, body=b'{"a":1}', headers=headers))
    transport = make_transport()
    with pytest.raises(errors.BlockedError):
        await transport.request("GET", "/")
    assert (transport.paused, transport.cooled_until) == (None, None)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, errors.RefusedError), (429, errors.RateLimitedError), (503, errors.ServerError)],
)
async def test_the_title_of_any_page_is_in_the_message(
    make_transport: MakeTransport, vendor: Host, status: int, kind: type[Exception]
) -> None:
    """What the status means stays as it is."""
    vendor.answers(Answer(status=status, body=PAGE, headers=typed("text/html")))
    with pytest.raises(kind, match=r"with a page of HTML \(\"We'll be back soon\"\)"):
        await make_transport().request("GET", "/")


@pytest.mark.parametrize("status", [200, 403, 503])
async def test_a_title_is_short_and_holds_no_secret(
    make_transport: MakeTransport, vendor: Host, status: int
) -> None:
    """Written plainly or not, and in ten megabytes, too."""
    coded = "".join(f"&#{ord(c)};" for c in TOKEN)
    for title in (TOKEN, coded, f"a {TOKEN} b", "x" * 10_000_000, "\x1b[31m" + "y" * 400):
        body = f"<html><title>{title}</title></html>".encode()
        vendor.answers(Answer(status=status, body=body, headers=typed("text/html")))
        with pytest.raises((errors.VendorError, errors.ContactError)) as caught:
            await make_transport().request("GET", "/")
        assert TOKEN not in str(caught.value)
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 600


async def test_a_title_is_read_in_the_encoding_of_its_page(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """As Turkish and Japanese systems in between write it."""
    for text, charset in (
        ("Şimdi değil", "windows-1254"),
        ("メンテナンス", "Shift_JIS"),
    ):
        body = f"<html><title>{text}</title>".encode(charset)
        headers = typed(f"text/html; charset={charset}")
        vendor.answers(Answer(status=503, body=body, headers=headers))
        with pytest.raises(errors.ServerError, match=text):
            await make_transport().request("GET", "/")


@pytest.mark.parametrize(
    ("status", "method", "error"),
    [
        (302, "GET", errors.BlockedError),
        (307, "GET", errors.BlockedError),
        (307, "POST", errors.BlockedError),
        (302, "POST", errors.ReplyError),
    ],
)
async def test_a_sign_in_page_of_a_network_is_lost_contact(
    make_transport: MakeTransport, vendor: Host, status: int, method: str, error: type[Exception]
) -> None:
    """To another host for now: no batch fails by it, and what may have run is not sent again."""
    vendor.answers(Answer(status=status, headers={"Location": "http://portal.example/in?t=secret"}))
    with pytest.raises(errors.BatchHubError, match=r"points to http://portal\.example") as caught:
        await make_transport().request(method, "/", body=b"[1]" if method == "POST" else None)
    assert type(caught.value) is error
    assert "secret" not in str(caught.value)


async def test_a_network_that_wants_a_sign_in_is_lost_contact(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """By the status that is made for that."""
    vendor.answers(Answer(status=511, body=b"hello"))
    with pytest.raises(errors.BlockedError, match="sign in first"):
        await make_transport().request("POST", "/", body=b"[1]")


async def test_a_download_is_read_leniently_too(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """A mark before its first line, a coding that is none, and one that was not done."""
    lines = b'{"a":1}\n{"a":2}'
    for body, coding in (
        (codecs.BOM_UTF8 + lines, "utf-8"),
        (lines, "gzip"),
        (pack(codecs.BOM_UTF8 + lines), "gzip"),
        (pack(lines), "none"),
    ):
        vendor.answers(Answer(body=body, headers=json_with(Content_Encoding=coding)))
        async with make_transport().download("/") as download:
            assert [line async for line in download] == lines.split(b"\n")
