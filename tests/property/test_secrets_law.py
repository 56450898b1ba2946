"""Law 9: whatever the secret is and wherever a vendor echoes it, it is shown and kept nowhere."""

from __future__ import annotations

import asyncio
import html
import json
import logging
import traceback
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote, unquote

import pytest
from attrs import evolve, fields
from hypothesis import given, settings
from hypothesis import strategies as st
from support.by_vendor import ADAPTERS
from support.stand_ins import STAND_INS

from batchhub._base import secrets as _secrets
from batchhub._base.log import LOGGER_NAME, get_logger
from batchhub._base.secrets import blank_json
from batchhub._http.errors import ErrorMaker
from batchhub._http.redactor import Redactor
from batchhub.errors import BatchHubError
from batchhub_ecwid import EcwidAdapter

# What a header can carry; long enough to be no part of ordinary words.
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=9, max_size=40).map(
    lambda text: f"{text}_9Qz"
)  # no word of a message, nor of our own code


class Keeper(logging.Handler):
    """Keeps every line and every fact that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.told = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.told += record.getMessage() + repr(record.__dict__)


@pytest.fixture(autouse=True)
def few_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets of one test are not those of another."""
    monkeypatch.setattr(_secrets, "_known", _secrets.Blanker())


ENTITIES = {"<": "lt", ">": "gt", "&": "amp", '"': "quot", "'": "apos"}


def forms(secret: str) -> set[str]:
    """Return how a secret may be written: plain, percent-encoded, escaped as in JSON."""
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}


def _json_forms(character: str) -> list[str]:
    number = f"{ord(character):04x}"
    plain = {'"': r"\"", "\\": r"\\"}.get(character, character)
    slash = [r"\/"] if character == "/" else []
    return [plain, *slash, rf"\u{number}", rf"\u{number.upper()}"]


def _percent_forms(character: str) -> list[str]:
    number = f"{ord(character):02x}"
    plain = [character] if character != "%" else []
    return [*plain, f"%{number}", f"%{number.upper()}"]


def _xml_forms(character: str) -> list[str]:
    number = ord(character)
    names = [f"&{ENTITIES[character]};"] if character in ENTITIES else [character]
    numbers = [f"&#{number};", f"&#0{number};", f"&#x{number:x};", f"&#X00{number:X};"]
    return [*names, *numbers]


WAYS = {"json": _json_forms, "percent": _percent_forms, "xml": _xml_forms}
UNDO = {
    "json": lambda text: json.loads(f'"{text}"'),
    "percent": unquote,
    "xml": html.unescape,
}
around = st.sampled_from(["", " ", "x", "n", r"\\", r"\n", r"\"", "=", ";", "u"])


@st.composite
def writings(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw a secret, a way to write text, and a text with the secret in it, written in that way."""
    secret, way = draw(secrets), draw(st.sampled_from(sorted(WAYS)))
    parts = [draw(st.sampled_from(WAYS[way](character))) for character in secret]
    if not draw(st.booleans()):  # as most do it: only what has to be
        parts = [
            character if character.isalnum() else part
            for character, part in zip(secret, parts, strict=True)
        ]
    before, after = (draw(around), draw(around)) if way == "json" else ("", "")
    return secret, way, f"{before}{''.join(parts)}{after}"


@given(writings(), st.integers(0, 2))
def test_no_writing_of_a_secret_is_left(writing: tuple[str, str, str], nested: int) -> None:
    """Each character escaped or not, inside JSON inside JSON: neither bytes nor text keep it."""
    secret, way, text = writing
    for _ in range(nested):
        text = json.dumps(text)[1:-1]
    redactor = Redactor([secret])

    for left in (redactor.text(text), redactor.body(text.encode()).decode()):
        assert "***" in left
        for _ in range(nested):
            left = json.loads(f'"{left}"')  # noqa: PLW2901  # what is left is still JSON
        assert secret not in UNDO[way](left)


@settings(max_examples=25)
@given(writings())
def test_no_secret_is_left_in_very_much_text(writing: tuple[str, str, str]) -> None:
    """In megabytes too, where letters and digits are plain; and then in what is decoded of it."""
    secret, way, text = writing
    body = b'{"note": "' + b"lorem ipsum " * 8000 + text.encode() + b'"}'
    redactor = Redactor([secret])

    left = redactor.body(body).decode()

    assert secret not in redactor.text(UNDO[way](left[10:-2]))
    if way == "json":
        assert secret not in str(json.loads(blank_json(left.encode())))


@given(writings(), st.integers(0, 2), st.lists(secrets, max_size=3))
def test_secrets_that_are_looked_for_only_where_they_may_be_are_all_found(
    writing: tuple[str, str, str], nested: int, others: list[str]
) -> None:
    """JSON is left as by looking for each secret in every form."""
    secret, way, text = writing
    for _ in range(nested):
        text = json.dumps(text)[1:-1]
    data = (r'{"x": "\u0061", "note": "' + text + '"}').encode()
    known = _secrets.Blanker([secret, *others])
    wanted = data
    for each in known._longest_first:
        wanted = each.data.blank(wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_secrets, "_known", known)
        left = blank_json(data)

    if way == "json":
        assert left == wanted


@settings(max_examples=25)
@given(writings())
def test_no_secret_is_left_at_a_seam(writing: tuple[str, str, str]) -> None:
    """A long answer is searched piece by piece, with what is found as in one go."""
    secret, _, text = writing
    redactor = Redactor([secret])

    async def see(data: bytes) -> None:
        assert await redactor.long_body(data) == redactor.body(data)

    async def see_all() -> None:
        for written in (text.encode(), secret.encode()):
            for at in range(256 - len(written), 257):
                await see(b" " * at + written + b" " * 300)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_secrets, "_THOROUGH_BYTES", 1)
        patch.setattr(_secrets, "_TURN_BYTES", 256)
        asyncio.run(see_all())


async def test_others_have_a_turn_while_a_long_answer_is_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One after each piece, for each secret."""
    monkeypatch.setattr(_secrets, "_TURN_BYTES", 100_000)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    await Redactor(["secret_1", "secret_2"]).long_body(b" " * 1_000_000)
    other.cancel()
    assert turns >= 20


@given(secrets, st.sampled_from(["Bearer {}", "{}", "Token token={}"]))
def test_what_authorises_is_left_in_no_form(secret: str, form: str) -> None:
    """An echo of the headers, as they came or as base64."""
    redactor = Redactor([secret])
    value = form.format(secret)
    redactor.note_headers({"X-Auth": value})

    for code in (b64encode, urlsafe_b64encode):
        coded = code(value.encode()).decode()
        assert coded.rstrip("=") not in redactor.text(f"got {coded}!")
        assert coded.rstrip("=").encode() not in redactor.body(quote(coded).encode())
    assert secret not in redactor.text(f"got {value}")


@given(secrets)
def test_credentials_that_are_coded_before_they_are_sent_are_blanked(secret: str) -> None:
    """Basic authorisation: what is sent holds the secret, and not as it is."""
    coded = b64encode(f"user:{secret}".encode()).decode()
    redactor = Redactor([secret])
    redactor.note_headers({"authorization": f"Basic {coded}", "Accept": "application/json"})

    assert coded.rstrip("=") not in redactor.text(f"got {coded} for that")
    assert redactor.text("got 7") == "got 7"


def make_errors(secret: str) -> ErrorMaker:
    """Make what turns answers into errors, for an account with a secret."""
    return ErrorMaker(
        vendor="ecwid",
        account="1003",
        redactor=Redactor([secret]),
        explain=EcwidAdapter.explain,
        not_executed_statuses=frozenset(),
    )


@given(secrets, st.integers(400, 599), st.text(max_size=20))
def test_an_echo_in_an_answer_shows_nowhere(secret: str, status: int, around: str) -> None:
    """An error made of an answer that echoes the secret has it in no text, repr, trace or log."""
    redactor = Redactor([secret])
    body = json.dumps({"errorMessage": f"{around}{secret}{around}", "errorCode": secret}).encode()
    error: BatchHubError = make_errors(secret).refused(
        status, redactor.body(body), retry_after_s=None
    )
    keeper = Keeper()
    logger = logging.getLogger(LOGGER_NAME)
    logger.addHandler(keeper)
    try:
        get_logger().error("ticket.postponed", error=str(error))
    finally:
        logger.removeHandler(keeper)
    trace = "".join(traceback.format_exception(error))
    shown = f"{error!r} {error} {vars(error)!r} {trace} {keeper.told}"
    for form in forms(secret):
        assert form not in shown


@given(secrets)
def test_a_result_that_echoes_the_secret_is_kept_without_it(secret: str) -> None:
    """What goes into the store as an item's answer has the secret blanked, in any form."""
    redactor = Redactor([secret])
    bodies = [form.encode() for form in forms(secret)]
    for body in bodies:
        assert body not in redactor.body(b'{"echo": "' + body + b'"}')


ACCOUNTS = {name: each.sandbox().account("http://127.0.0.1:1") for name, each in STAND_INS.items()}


def make_accounts(secret: str) -> list[Any]:
    """Make an account of each vendor with the same secret."""
    return [
        evolve(ACCOUNTS[name], **{key: form.format(secret) for key, form in each.secrets.items()})
        for name, each in STAND_INS.items()
    ]


@given(secrets)
def test_accounts_show_no_secret(secret: str) -> None:
    """Neither `repr` nor `str` of an account shows what opens it."""
    secret = secret.replace(":", ";")  # the user name of HTTP Basic has none
    for account, other in zip(make_accounts(secret), make_accounts("another-one"), strict=True):
        # Not "is not in it": what is drawn may be a word that is there anyway.
        assert f"{account!r}{account}" == f"{other!r}{other}"
        assert any(secret in each for each in account.secrets)


def test_every_secret_of_an_account_is_tried() -> None:
    """The stand-ins name each field that is one."""
    for name, adapter in ADAPTERS.items():
        found = {
            field.name
            for field in fields(adapter.account_type)
            if field.metadata.get("secret") and field.name != "proxy"
        }
        assert name not in STAND_INS or set(STAND_INS[name].secrets) == found, name
