"""Forms and uploads: what a host reads is what was given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.multipart import BodyPartReader
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from support.hosts import Answer, Host, make_transport, open_host

from batchhub import errors
from batchhub._adapter.bodies import prepare
from batchhub.adapter import FilePart, Form, Multipart
from batchhub.sandbox.form import read_form
from batchhub.testing import FakeClock
from batchhub.transport import Transport, open_session

texts = st.text(st.characters(exclude_categories=["Cs"]))
# "%22" in a name and a quote in it are sent alike: so do browsers, and so hosts read it.
names = st.text(
    st.one_of(
        st.sampled_from("\"\r\n\\;='/ é文🙂"),
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="%"),
    ),
    min_size=1,
)
contents = st.one_of(st.binary(), st.sampled_from([b"\r\n--", b"--batchhub-", b"\r\n"]))
files = st.builds(FilePart, name=names, content=contents, filename=names)


class World:
    """A host and a transport to it."""

    def __init__(self, host: Host, transport: Transport) -> None:
        self.host, self.transport = host, transport

    async def send(self, body: Any, **others: Any) -> Any:
        """Send a body; return the request as the host got it."""
        await self.transport.request("POST", "/up", body=body, **others)
        return self.host.asked[-1]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Open a host."""
    clock = FakeClock()
    async with clock.running(), open_host() as host, open_session() as session:
        yield World(host, make_transport(session, clock, host.url))


@given(st.lists(st.tuples(texts, texts)))
def test_a_form_is_read_as_it_was_given(fields: list[tuple[str, str]]) -> None:
    """Any text, also the same name twice."""
    body = prepare(Form(fields=fields))

    assert isinstance(body, bytes)
    assert parse_qsl(body.decode(), keep_blank_values=True) == fields


@given(st.lists(st.tuples(names, texts), max_size=4), st.lists(files, max_size=4))
def test_a_multipart_is_read_as_it_was_given(
    fields: list[tuple[str, str]], files: list[FilePart]
) -> None:
    """Quotes, newlines and any alphabet in names; any bytes in files. Two parsers agree."""
    made = Multipart(fields=fields, files=files)
    body = prepare(made)
    assert isinstance(body, bytes)
    form = read_form(made.content_type, body)
    assert form is not None

    assert [(p.name, p.content.decode()) for p in form.parts[: len(fields)]] == fields
    assert [(p.name, p.filename, p.content) for p in form.parts[len(fields) :]] == [
        (file.name, file.filename, file.content) for file in files
    ]
    # aiohttp's parser stumbles over names with two semicolons.
    made = Multipart(
        fields=[("a", value) for _, value in fields],
        files=[evolve(file, name="f", filename="f") for file in files],
    )
    body = prepare(made)
    assert isinstance(body, bytes)
    assert asyncio.run(_contents(made, body)) == [
        *(value.encode() for _, value in fields),
        *(file.content for file in files),
    ]


async def _contents(made: Multipart, body: bytes) -> list[bytes]:
    """Read a body with aiohttp's parser."""
    loop = asyncio.get_running_loop()
    stream = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    stream.feed_data(body)
    stream.feed_eof()
    found: list[bytes] = []
    async for part in MultipartReader({"Content-Type": made.content_type}, stream):
        assert isinstance(part, BodyPartReader)
        found.append(bytes(await part.read()))
    return found


async def test_a_file_is_read_from_disk_while_it_is_sent(world: World, tmp_path: Path) -> None:
    """Its length is known before, as storages want it; nothing of it is kept in memory."""
    path = tmp_path / "feed.csv"
    path.write_bytes(bytes(range(256)) * 4096 + b"end")
    made = Multipart(
        fields={"type": "prices"},
        files=[FilePart(name="file", content=path, filename='a "b".csv', content_type="text/csv")],
    )
    asked = await world.send(made)
    form = read_form(asked.headers["Content-Type"], asked.body)

    assert asked.headers["Content-Length"] == str(len(asked.body))
    assert "Transfer-Encoding" not in asked.headers
    assert form is not None
    assert form.fields == {"type": "prices"}
    (part,) = form.files.values()
    assert (part.filename, part.content_type) == ('a "b".csv', "text/csv")
    assert part.content == path.read_bytes()


async def test_an_upload_is_sent_again_as_it_was(world: World, tmp_path: Path) -> None:
    """After a refusal that says it did not run: all of it, from the beginning."""
    path = tmp_path / "feed.csv"
    path.write_bytes(b"1" * 600_000)
    transport = world.transport
    again = iter("ab")

    async def authorize(*, again: bool, tokens: Any = again) -> Any:
        from batchhub.adapter import Credentials  # noqa: PLC0415

        return Credentials(headers={"X-Token": next(tokens)})

    transport.bind(authorize)
    world.host.answers(Answer(status=401, body=b'{"message": "old"}'), Answer())
    await world.send(Multipart(files=[FilePart(name="f", content=path, filename="f")]))
    first, second = world.host.asked

    assert first.body == second.body
    assert len(first.body) > 600_000


async def test_a_form_is_sent_as_one(world: World) -> None:
    """With its content type, which a header of the adapter's own replaces; bytes are JSON."""
    asked = await world.send(Form(fields={"grant_type": "client_credentials", "scope": "a b&c"}))
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert asked.body == b"grant_type=client_credentials&scope=a+b%26c"
    asked = await world.send(Form(fields={}), headers={"content-type": "text/x"})
    assert asked.headers.getall("Content-Type") == ["text/x"]
    asked = await world.send(b"a;b", headers={"Content-Type": "text/csv"})
    assert (asked.headers.getall("Content-Type"), asked.body) == (["text/csv"], b"a;b")
    asked = await world.send(b"{}")
    assert asked.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "body",
    [
        Form(fields={"a": 1}),  # type: ignore[dict-item]
        Form(fields={"a": "\ud800"}),
        Multipart(fields={"a\0": "1"}),
        Multipart(fields={"a": "\ud800"}),
        Multipart(fields={"a": None}),  # type: ignore[dict-item]
        Multipart(files=[FilePart(name="a", content="text", filename="b")]),  # type: ignore[arg-type]
        Multipart(files=[FilePart(name="a", content=b"", filename="b\x7f")]),
        Multipart(files=[FilePart(name="a", content=b"", filename="b", content_type="a\r\nX: y")]),
        Multipart(files=[BytesIO(b"a")]),  # type: ignore[list-item]
    ],
)
async def test_what_can_not_be_sent_is_refused(world: World, body: Any) -> None:
    """It is a mistake of the adapter, and nothing is sent."""
    with pytest.raises(errors.AdapterError):
        await world.send(body)
    assert not world.host.asked


async def test_a_file_that_is_not_there_is_named(world: World, tmp_path: Path) -> None:
    """Before anything is sent."""
    made = Multipart(files=[FilePart(name="f", content=tmp_path / "gone.csv", filename="f")])
    with pytest.raises(errors.InputError, match=r"gone\.csv can't be read: No such file"):
        await world.send(made)
    assert not world.host.asked


async def test_a_file_that_grows_is_sent_as_it_was(world: World, tmp_path: Path) -> None:
    """What is added while it is sent would break the body; what is cut off ends the request."""
    path = tmp_path / "feed.csv"
    path.write_bytes(b"1" * 1000)
    made = Multipart(files=[FilePart(name="f", content=path, filename="f")])
    call = world.transport._requests.make(
        "POST", "/up", params=None, body=made, headers=None, auth=None, effect=None, rate=""
    )
    path.write_bytes(b"1" * 2000)
    await world.transport._sender.perform(call)
    form = read_form(world.host.asked[0].headers["Content-Type"], world.host.asked[0].body)
    assert form is not None
    assert form.parts[0].content == b"1" * 1000

    path.write_bytes(b"1" * 10)
    with pytest.raises(errors.ContactError):
        await world.transport._sender.perform(call)
    assert len(world.host.asked) == 1


def test_a_body_shows_nothing_of_what_is_in_it() -> None:
    """It may be a secret: a token request is a form."""
    made = [
        Form(fields={"client_secret": "s3cret"}),
        Multipart(
            fields={"token": "s3cret"}, files=[FilePart(name="f", content=b"s3cret", filename="f")]
        ),
    ]
    assert "s3cret" not in repr(made)
