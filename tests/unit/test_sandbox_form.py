"""Forms are read strictly: what a vendor's server would refuse is refused."""

from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchhub.sandbox.form import FormError, Part, read_form

MULTIPART = "multipart/form-data; boundary=xyz"
NAMED = b'Content-Disposition: form-data; name="a"\r\n'
FILE = (
    b'content-disposition: form-data; name="f"; filename="b \\"c\\".csv"\r\n'
    b"Content-Type: text/csv; charset=UTF-8\r\n"
)


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"--xyz\r\n" + NAMED + b"\r\n1\r\n--xyz--\r\n", [("a", b"1", None, None)]),
        (b"--xyz--", []),
        (
            b"before\r\n--xyz  \r\n" + FILE + b"\r\n\r\n--xy\r\n\r\n--xyz--after",
            [("f", b"\r\n--xy\r\n", 'b "c".csv', "text/csv; charset=UTF-8")],
        ),
    ],
)
def test_multipart(body: bytes, parts: list[tuple[str, bytes, str | None, str | None]]) -> None:
    """Parts are read to the byte, in their order."""
    form = read_form(MULTIPART, body)
    assert form is not None
    assert [(p.name, p.content, p.filename, p.content_type) for p in form.parts] == parts


@pytest.mark.parametrize(
    ("content_type", "body", "why"),
    [
        (MULTIPART, b"", "breaks off"),
        (MULTIPART, b"--xyz\r\n" + NAMED + b"\r\n1", "breaks off"),
        (MULTIPART, b"--xyz\r\n" + NAMED + b"1\r\n--xyz--", "no headers"),
        (MULTIPART, b"--xyzw\r\n" + NAMED + b"\r\n1\r\n--xyz--", "no headers"),
        (MULTIPART, b"--xyz\r\n\r\n1\r\n--xyz--", "no name"),
        (MULTIPART, b"--xyz\r\nContent-Disposition: form-data\r\n\r\n1\r\n--xyz--", "no name"),
        (MULTIPART, b'--xyz\r\nContent-Disposition: x; name="a"\r\n\r\n1\r\n--xyz--', "no name"),
        ("multipart/form-data", b"--xyz--", "boundary"),
        ("application/x-www-form-urlencoded", b"a", "not a form"),
        ("application/x-www-form-urlencoded", b"\xff", "not a form"),
    ],
)
def test_refused(content_type: str, body: bytes, why: str) -> None:
    """What is not a whole form is refused, and says why."""
    with pytest.raises(FormError, match=why):
        read_form(content_type, body)


def test_pairs() -> None:
    """A form in one line is read like any other."""
    form = read_form("application/x-www-form-urlencoded; charset=utf-8", b"a=1&b=%C3%A9+x&c=&a=2")
    assert form is not None
    assert form.fields == {"a": "2", "b": "é x", "c": ""}
    assert form.files == {}
    nothing = read_form("application/x-www-form-urlencoded", b"")
    assert nothing is not None
    assert nothing.parts == ()


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "nonsense"])
def test_no_form(content_type: str) -> None:
    """Another type is no form."""
    assert read_form(content_type, b"x") is None


PARTS = st.lists(
    st.builds(
        Part,
        name=st.text("abc-_é ", min_size=1),
        content=st.binary(max_size=50),
        filename=st.just("f.bin"),
        content_type=st.just("application/octet-stream"),
    ),
    max_size=5,
)


@given(PARTS)
async def test_what_was_written_is_read(parts: list[Part]) -> None:
    """What aiohttp writes is read, whatever is in it."""
    with aiohttp.MultipartWriter("form-data") as writer:
        for part in parts:
            payload = writer.append(part.content)
            payload.set_content_disposition(
                "form-data", quote_fields=False, name=part.name, filename=part.filename
            )
    form = read_form(writer.content_type, await writer.as_bytes())
    assert form is not None
    assert [p.content for p in form.parts] == [p.content for p in parts]
    assert [p.filename for p in form.parts] == [p.filename for p in parts]
