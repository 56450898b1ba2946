"""Law 9: whatever the secret is and wherever a vendor echoes it, it is shown and kept nowhere."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from batchhub._base.log import LOGGER_NAME, get_logger
from batchhub._http.errors import ErrorMaker
from batchhub._http.redactor import Redactor
from batchhub.errors import BatchHubError
from batchhub_ecwid import EcwidAccount, EcwidAdapter
from batchhub_mircate import MircateAccount

# What a header can carry; long enough to be no part of ordinary words.
secrets = st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40
).filter(lambda text: len(set(text)) > 5)


class Keeper(logging.Handler):
    """Keeps every line and every fact that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.told = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.told += record.getMessage() + repr(record.__dict__)


def forms(secret: str) -> set[str]:
    """Return how a secret may be written: plain, percent-encoded, escaped as in JSON."""
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}


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
        status, redactor.body(body), location=None, retry_after_s=None
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


def make_accounts(secret: str) -> list[Any]:
    """Make an account of each vendor with the same secret."""
    return [
        EcwidAccount(store_id=1003, token=secret),
        MircateAccount(project_id="p", merchant_project_id="m", api_key=secret),
    ]


@given(secrets)
def test_accounts_show_no_secret(secret: str) -> None:
    """Neither `repr` nor `str` of an account shows what opens it."""
    for account, other in zip(make_accounts(secret), make_accounts("another-one"), strict=True):
        # Not "is not in it": what is drawn may be a word that is there anyway.
        assert f"{account!r}{account}" == f"{other!r}{other}"
        assert secret in account.secrets
