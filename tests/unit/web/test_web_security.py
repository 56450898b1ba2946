"""Who is answered: forged requests, wrong tokens, other names, and what every answer says."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.web import Answer, Visitor, WebWorld, hello, web_world

from batchhub._web import guard, protocol
from batchhub._web.guard import HEADERS, MOST_WRONG, WRONG_S
from batchhub._web.look import Role
from batchhub._web.reach import make_reach
from batchhub._web.sessions import LIFE_S
from batchhub.testing import FakeClock

TLS = Path(__file__).parent.parent.parent / "fixtures" / "tls"
_FORM = "application/x-www-form-urlencoded"
PROXIED = make_reach("127.0.0.1:0", public_url="https://ops.example.com/batchhub")


def says_all(got: Answer) -> bool:
    """Whether an answer says what every answer has to say."""
    return all(got.headers.get(name) == value for name, value in HEADERS.items())


async def test_every_answer_has_the_headers(store: Path, templates: Path) -> None:
    """Pages, files, refusals, redirects, wrong methods and unknown paths: none is without them."""
    async with web_world(
        store, screens={"/": hello, "/of/{name}": hello}, templates=(templates,)
    ) as web:
        paths = ["/", "/of/x", "/sign-in", "/sign-out", "/nowhere", "/static/0/page.css", "/of/"]
        page = await web.get("/")
        paths += [part.split('"')[0] for part in page.text.split('href="')[1:]]
        for visitor in (web.operator, web.viewer, web.stranger):
            for path in paths:
                for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE"):
                    got = await visitor.ask(method, path)
                    assert says_all(got), (method, path, got.status)
                    assert got.headers["Cache-Control"] == "no-store" or got.status == 200
                    assert got.text or method == "HEAD" or got.status == 303, (method, path)
        async with web.operator.listen() as events:
            assert HEADERS.items() <= dict(events.response.headers).items()


@pytest.mark.parametrize("visitor", ["operator", "viewer"])
async def test_a_page_is_kept_by_nobody(store: Path, visitor: str) -> None:
    """What a page shows is in no cache once the browser is closed."""
    async with web_world(store) as web:
        who: Visitor = getattr(web, visitor)
        assert (await who.get("/sign-in")).headers["Cache-Control"] == "no-store"


async def test_strangers_are_led_to_where_one_signs_in(store: Path, templates: Path) -> None:
    """Whoever has not signed in sees nothing, and comes back to where they wanted to go."""
    async with web_world(store, screens={"/of/{name}": hello}, templates=(templates,)) as web:
        asked = await web.stranger.ask("GET", "/of/a%20b?q=1&r=2")
        part = await web.stranger.fragment("/of/x")
        form = await web.stranger.get(asked.headers["Location"])
        to = form.text.partition('name="to" value="')[2].partition('"')[0].replace("&amp;", "&")
        token = web.server.tokens.get(Role.VIEWER)
        got = await web.stranger.post("/sign-in", {"token": f" {token}\n", "to": to})

    assert (asked.status, asked.text) == (303, "")
    assert part.headers["HX-Redirect"] == "/sign-in"
    assert (got.status, got.headers["Location"]) == (303, "/of/a%20b?q=1&r=2")


@pytest.mark.parametrize(
    "to",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nX: y", "javascript:x", ""],
)
async def test_signing_in_leads_nowhere_else(store: Path, to: str) -> None:
    """A link to the form can't take a visitor to another server afterwards."""
    async with web_world(store) as web:
        token = web.server.tokens.get(Role.OPERATOR)
        got = await web.stranger.post("/sign-in", {"token": token, "to": to})

    assert got.headers["Location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_from_elsewhere_does_nothing(store: Path, headers: dict[str, str]) -> None:
    """A page of somebody else can't sign out, whatever it sends with the visitor's cookie."""
    async with web_world(store) as web:
        csrf = (await web.get("/nowhere")).csrf
        got = await web.operator.post("/sign-out", {"csrf": csrf}, headers=headers)
        after = await web.operator.ask("GET", "/nowhere")

    assert got.status == 403
    assert "nothing was done" in got.text
    assert after.status == 404  # still signed in


async def test_where_a_form_comes_from_has_to_be_said(store: Path) -> None:
    """Without an Origin only a browser's own word counts that the page is this server's."""
    async with web_world(store) as web:
        form = {"csrf": (await web.get("/nowhere")).csrf}
        without = await web.operator.ask("POST", "/sign-out", data=form)
        own = await web.operator.ask(
            "POST", "/sign-out", data=form, headers={"Sec-Fetch-Site": "same-origin"}
        )

    assert (without.status, own.status) == (403, 303)


async def test_a_form_of_another_session_does_nothing(store: Path) -> None:
    """A form needs what only pages of this session have; each page has it in other letters."""
    async with web_world(store) as web:
        one, two = (await web.get("/nowhere")).csrf, (await web.get("/nowhere")).csrf
        foreign = (await web.viewer.get("/nowhere")).csrf
        statuses = [
            (await web.operator.post("/sign-out", form)).status
            for form in ({}, {"csrf": ""}, {"csrf": "00"}, {"csrf": foreign}, {"csrf": one[:-2]})
        ]
        right = await web.operator.post("/sign-out", {"csrf": two})

    assert one != two
    assert statuses == [403] * 5
    assert right.status == 303


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1.evil.example:{port}", ""],
)
async def test_other_names_are_not_answered(store: Path, host: str) -> None:
    """A name that was made to lead here gets nothing, so that its page can read nothing."""
    async with web_world(store) as web:
        named = host.format(port=web.server.reach.port)
        got = await web.operator.ask("GET", "/", headers={"Host": named})
        own = f"localhost:{web.server.reach.port}"
        local = await web.stranger.ask("GET", "/sign-in", headers={"Host": own})

    assert got.status == 421
    assert "jobs.db" not in got.text
    assert local.status == 200


async def test_many_wrong_tokens_have_to_wait(store: Path) -> None:
    """After ten an address waits; a right one is let in, whoever else has the same address."""
    clock = FakeClock()
    async with web_world(store, clock=clock) as web:
        wrong = [await web.stranger.post("/sign-in", {"token": "x"}) for _ in range(MOST_WRONG)]
        waits = await web.stranger.post("/sign-in", {"token": "x"})
        await clock.advance(WRONG_S)
        again = await web.stranger.post("/sign-in", {"token": "x"})
        for _ in range(MOST_WRONG):
            await web.stranger.post("/sign-in", {"token": "x"})
        token = web.server.tokens.get(Role.OPERATOR)
        right = await web.stranger.post("/sign-in", {"token": token})

    assert {got.status for got in [*wrong, again]} == {403}
    assert "This is not one of the tokens." in wrong[0].text
    assert waits.status == 429
    assert "60 seconds" in waits.text
    assert right.status == 303


async def test_a_session_ends(store: Path) -> None:
    """After a week, with a new token, and with a cookie that somebody wrote, one signs in again."""
    clock = FakeClock()
    async with web_world(store, clock=clock) as web:
        cookie = next(iter(web.viewer.session.cookie_jar))
        for forged in ("operator.9999999999.00.00", cookie.value.replace("viewer", "operator"), ""):
            headers = {"Cookie": f"{cookie.key}={forged}"}
            assert (await web.stranger.ask("GET", "/nowhere", headers=headers)).status == 303
        assert (await web.viewer.ask("GET", "/nowhere")).status == 404
        web.server.tokens.path_of(Role.OPERATOR).write_text("another-operator-token\n")
        assert (await web.operator.ask("GET", "/nowhere")).status == 303
        assert (await web.viewer.ask("GET", "/nowhere")).status == 404
        await clock.advance(LIFE_S)
        assert (await web.viewer.ask("GET", "/nowhere")).status == 303


async def test_who_signs_out_stays_so(store: Path) -> None:
    """A copy of the cookie is worth nothing once its owner has signed out."""
    async with web_world(store) as web:
        cookie = next(iter(web.operator.session.cookie_jar))
        await web.operator.post("/sign-out", {"csrf": (await web.get("/nowhere")).csrf})
        headers = {"Cookie": f"{cookie.key}={cookie.value}"}
        copied = await web.stranger.ask("GET", "/nowhere", headers=headers)

    assert copied.status == 303


async def test_tokens_are_nowhere_but_in_their_files(
    store: Path, templates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No page, header or line of the log has a token or what comes of it, but the cookie."""
    caplog.set_level(logging.DEBUG)
    async with web_world(store, screens={"/": hello}, templates=(templates,)) as web:
        tokens = [web.server.tokens.get(role) for role in Role]
        signed = await web.operator.sign_in(Role.OPERATOR)
        cookie = next(iter(web.operator.session.cookie_jar)).value
        seen = [await web.get("/"), await web.get("/nowhere"), await web.viewer.get("/sign-in")]
        seen += [await web.stranger.post("/sign-in", {"token": tokens[0][:-1]})]
        seen += [await web.stranger.get(f"/?token={tokens[0]}")]

    texts = [*(f"{got.url} {got.headers} {got.text}" for got in seen), caplog.text, signed.text]
    assert "page.signed_in" in caplog.text
    for secret in [*tokens, cookie]:
        assert [text for text in texts if secret in text] == []


async def test_the_cookie_is_for_this_server_alone(store: Path) -> None:
    """No script reads it, and no other site sends it along with a form."""
    async with web_world(store) as web:
        cookie = (await web.stranger.sign_in(Role.VIEWER)).headers["Set-Cookie"]

    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert "; Path=/" in cookie
    assert "Secure" not in cookie  # over plain HTTP on loopback, no browser would keep it


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": f"{_FORM}; charset=nonsense"}, b"token=a"),
        ({"Content-Type": f"{_FORM}; charset=unicode_escape"}, b"token=\\ud800"),
        ({"Content-Type": _FORM, "Content-Encoding": "gzip"}, b"token=a"),
        ({"Content-Type": _FORM}, b"token=\xff"),
    ],
)
async def test_a_form_that_no_browser_sends_is_no_fault_of_ours(
    store: Path, headers: dict[str, str], body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is refused with a sentence, and nobody who reads the log looks for a fault."""
    async with web_world(store) as web:
        got = await web.stranger.ask(
            "POST", "/sign-in", data=body, headers={"Origin": web.server.url, **headers}
        )

    assert got.status == 400
    assert "can&#39;t be read" in got.text
    assert "page.failed" not in caplog.text


async def test_a_cookie_that_is_no_text_is_nobodys(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes that no cookie of ours has are not compared with one."""
    async with web_world(store) as web:
        cookie = next(iter(web.operator.session.cookie_jar)).key
        reader, writer = await asyncio.open_connection("127.0.0.1", web.server.reach.port)
        writer.write(f"GET / HTTP/1.0\r\nHost: {web.server.url[7:]}\r\nCookie: {cookie}=".encode())
        writer.write(b"operator.1.2.\xff\r\n\r\n")
        got = (await reader.read()).decode()
        writer.close()

    assert " 303 " in got.splitlines()[0]
    assert "page.failed" not in caplog.text


async def test_large_and_odd_forms_are_refused(store: Path) -> None:
    """A form that is larger than any of ours, or has files in it, is a sentence."""
    async with web_world(store) as web:
        large = await web.stranger.post("/sign-in", {"token": "x" * 100_000})
        odd = await web.stranger.ask(
            "POST",
            "/sign-in",
            data=b"--x",
            headers={"Origin": web.server.url, "Content-Type": "multipart/form-data"},
        )

    assert large.status == 413
    assert "Too large" in large.text
    assert odd.status == 400
    assert "Only forms of these pages" in odd.text


async def test_behind_a_proxy_every_link_has_its_prefix(store: Path, templates: Path) -> None:
    """A page behind a proxy leads to pages behind the proxy; the cookie is Secure and for them."""
    async with web_world(store, reach=PROXIED, screens={"/": hello}, templates=(templates,)) as web:
        host = {"Host": "ops.example.com"}
        token = web.server.tokens.get(Role.OPERATOR)
        signed = await web.stranger.post("/sign-in", {"token": token}, headers=host)
        cookie = signed.headers["Set-Cookie"]
        page = await web.stranger.ask(
            "GET", "/", headers={**host, "Cookie": cookie.partition(";")[0]}
        )
        bare = await web.stranger.ask("GET", "", headers=host)
        forged = await web.stranger.post(
            "/sign-in", {"token": token}, headers={"Origin": web.server.reach.url[:-9] + ":8443"}
        )

    assert page.status == 200
    links = [
        part.split('"')[0]
        for name in ("href", "src", "action", "hx-get", "sse-connect")
        for part in page.text.split(f' {name}="')[1:]
    ]
    assert len(links) > 10
    assert [link for link in links if not link.startswith(("/batchhub/", "#main"))] == []
    assert signed.headers["Location"] == "/batchhub/"
    assert "; Secure" in cookie
    assert "; Path=/batchhub;" in f"{cookie};"
    assert bare.status in {302, 303}
    assert forged.status == 403


async def test_over_tls_the_cookie_is_secure(store: Path) -> None:
    """With a certificate the page is served by TLS, and its cookie never goes in the clear."""
    reach = make_reach("127.0.0.1:0", certificate=TLS / "cert.pem", key=TLS / "key.pem")
    async with web_world(store, reach=reach) as web:
        got: Answer = await web.stranger.sign_in(Role.VIEWER)
        page = await web.viewer.ask("GET", "/nowhere")

    assert web.server.url.startswith("https://")
    assert "; Secure" in got.headers["Set-Cookie"]
    assert page.status == 404


async def test_a_page_says_what_a_viewer_is(store: Path) -> None:
    """Whoever looks sees as what they are signed in."""
    async with web_world(store) as web:
        world: WebWorld = web
        assert "<span>viewer</span>" in (await world.viewer.get("/nowhere")).text
        assert "<span>operator</span>" in (await world.operator.get("/nowhere")).text


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_answered_plainly(
    store: Path, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It hears nothing of what serves the page, and no traceback is in the log."""
    caplog.set_level(logging.DEBUG)
    async with web_world(store) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.server.reach.port)
        writer.write(sent)
        got = (await reader.read()).decode()
        writer.close()

    head, _, body = got.partition("\r\n\r\n")
    assert " 400 " in head.splitlines()[0] or " 421 " in head.splitlines()[0]
    for name, value in HEADERS.items():
        assert f"{name}: {value}" in head
    assert "aiohttp" not in got.lower()
    assert body
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: ", b""),
        (b"POST /sign-in HTTP/1.1\r\n{origin}Content-Length: 9\r\n\r\ntoken", b" 408 "),
    ],
)
async def test_who_keeps_a_connection_and_asks_for_nothing_is_left(
    store: Path, sent: bytes, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a thousand connections would shut everybody else out for good."""
    monkeypatch.setattr(protocol, "PATIENCE_S", 0.05)
    monkeypatch.setattr(guard, "FORM_S", 0.05)
    async with web_world(store) as web:
        host = web.server.url.removeprefix("http://")
        head = f"Host: {host}\r\nOrigin: {web.server.url}\r\nContent-Type: {_FORM}\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", web.server.reach.port)
        writer.write(sent.replace(b"{origin}", head.encode()))
        async with asyncio.timeout(PATIENCE_S):
            got = await reader.read(100)
        writer.close()

    assert got.startswith(b"HTTP/1.1" + said) if said else not got


async def test_who_leaves_before_a_form_is_whole_is_no_fault_of_ours(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody who reads the log looks for one."""
    async with web_world(store) as web:
        host = web.server.url.removeprefix("http://")
        head = f"Host: {host}\r\nOrigin: {web.server.url}\r\nContent-Type: {_FORM}\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", web.server.reach.port)
        writer.write(f"POST /sign-in HTTP/1.1\r\n{head}Content-Length: 9\r\n\r\nt".encode())
        await web.stranger.get("/sign-in")
        writer.transport.abort()
        await web.stranger.get("/sign-in")

    assert "page.failed" not in caplog.text
