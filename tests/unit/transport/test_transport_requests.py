"""What an adapter gives its transport goes out as it is, or not at all."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.hosts import TOKEN, Answer, Host, MakeTransport

from batchhub import errors
from batchhub.transport import Limits


async def test_a_request_carries_the_usual_headers(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Who we are, that we want JSON, and what we can decompress; a type only with a body."""
    transport = make_transport()
    await transport.request("GET", "/a", headers={"Authorization": f"Bearer {TOKEN}"})
    await transport.request("POST", "/a", body=b"[1]")
    await transport.request("POST", "/a")

    bare, with_body, empty = (asked.headers for asked in vendor.asked)
    assert bare["User-Agent"].startswith("batchhub/")
    assert bare["Accept"] == "application/json"
    assert bare["Accept-Encoding"] == "gzip, deflate"
    assert bare["Authorization"] == f"Bearer {TOKEN}"
    assert with_body["Content-Type"] == "application/json"
    assert vendor.asked[1].body == b"[1]"
    assert "Content-Type" not in bare
    assert "Content-Type" not in empty


async def test_an_adapters_header_wins_in_any_case(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """What the adapter says replaces what is usual, once and not twice."""
    await make_transport().request("GET", "/", headers={"accept": "text/csv"})

    assert vendor.asked[0].headers["Accept"] == "text/csv"


@pytest.mark.parametrize(
    "path",
    ["/", "/a%2Fb/%C3%A4/..%2f", "/a/../b/./c", "/x?q=a+b%2Bc&&=", "//other.example/x", "/@"],
)
async def test_a_path_goes_out_exactly_as_it_is(
    make_transport: MakeTransport, vendor: Host, path: str
) -> None:
    """No byte of an encoded path is changed, and it never leads to another host."""
    await make_transport().request("GET", path)

    assert [asked.target for asked in vendor.asked] == [path]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/a", "/a?k%26=1%202%2B3%2F%26%C3%A4&e="),
        ("/a?b=1", "/a?b=1&k%26=1%202%2B3%2F%26%C3%A4&e="),
    ],
)
async def test_params_are_encoded_so_that_nothing_is_lost(
    make_transport: MakeTransport, vendor: Host, path: str, target: str
) -> None:
    """A plus, a blank, an ampersand and a letter with dots arrive as they were given."""
    await make_transport().request("GET", path, params={"k&": "1 2+3/&ä", "e": ""})

    assert vendor.asked[0].target == target


@pytest.mark.parametrize(
    "path", ["", "a", "ftp://other.example/", "/a b", "/ä", "/a#b", "/a\r\nX: y"]
)
async def test_what_is_no_encoded_path_is_not_sent(
    make_transport: MakeTransport, vendor: Host, path: str
) -> None:
    """A path that could be read in two ways is the adapter's error."""
    with pytest.raises(errors.AdapterError, match="percent-encoded"):
        await make_transport().request("GET", path)

    assert not vendor.asked


@pytest.mark.parametrize("end", ["\n", "\x7f", "\udcff"], ids=ascii)
async def test_a_header_with_a_line_break_is_not_sent_and_not_shown(
    make_transport: MakeTransport, vendor: Host, end: str
) -> None:
    """A token read with its line break, or with bytes that are no text, is a wrong setting."""
    with pytest.raises(
        errors.SettingsError, match="header Authorization of shop account 7"
    ) as caught:
        await make_transport().request("GET", "/", headers={"Authorization": f"{TOKEN}{end}"})

    assert TOKEN not in str(caught.value)
    assert not vendor.asked


async def test_a_large_body_arrives_whole(make_transport: MakeTransport, vendor: Host) -> None:
    """A body of several MiB goes out without a warning and without losing a byte."""
    body = bytes(range(256)) * 12_000

    await make_transport().request("PUT", "/", body=body)

    assert vendor.asked[0].body == body
    assert vendor.asked[0].headers["Content-Length"] == str(len(body))


async def test_no_cookie_is_kept(make_transport: MakeTransport, vendor: Host) -> None:
    """One account's cookie never goes out with another's request."""
    vendor.answers(Answer(headers={"Set-Cookie": "session=1; Path=/"}))
    transport = make_transport()
    await transport.request("GET", "/")
    await transport.request("GET", "/")

    assert "Cookie" not in vendor.asked[1].headers


@pytest.mark.parametrize("name", ["connect_s", "read_s", "total_s", "max_answer_bytes"])
def test_limits_are_positive(name: str) -> None:
    """A limit of nothing is a slip, not a wish."""
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


def test_aiohttp_is_loaded_only_when_something_is_sent() -> None:
    """Adapters and the hub are imported without it, so that commands that only read are quick."""
    code = "import sys, batchhub.adapter, batchhub.hub; print('aiohttp' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"
