"""What an adapter says by a line of its class, and what comes of it."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from attrs import frozen
from support.verbs import make_submission

from batchhub import BatchHub, BatchItem
from batchhub.adapter import (
    Accepted,
    Account,
    Adapter,
    Budget,
    Capabilities,
    Credentials,
    ItemReport,
    Kind,
    Report,
    Steps,
    Submission,
    WireItem,
)
from batchhub.errors import InputError, NoAnswerError, ReplyError
from batchhub.models import ItemState
from batchhub.testing import FakeClock
from batchhub.transport import Reply


@frozen(kw_only=True)
class ToyAccount(Account):
    """An account of a vendor that is none."""

    adapter: ClassVar[str] = "toy"
    base_url: str = "http://127.0.0.1:9"
    identity = "one"
    budget = Budget(requests=100, per_s=1.0)


class ToyAdapter(Adapter[ToyAccount]):
    """A vendor of things with numbers, which it gives to new ones itself."""

    account_type = ToyAccount
    operations: ClassVar = {"set": Capabilities(max_items=10), "make": Capabilities(max_items=10)}
    key_field = "about.id"
    makes_new = frozenset({"make"})
    batch_field = "shelf"
    kinds: ClassVar = {
        "about.id": Kind.INTEGER,
        "shelf": Kind.INTEGER,
        "price": Kind.NUMBER_AS_TEXT,
    }
    sent: ClassVar[list[Submission]] = []
    loses: ClassVar[int] = 0

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Take all, after as many lost answers as are to be lost."""
        self.sent.append(submission)
        if len(self.sent) <= self.loses:
            await self.transport.wait_turn()
            raise NoAnswerError("nothing came", vendor="toy", account="one")
        items = [
            ItemReport(at=at, state=ItemState.SUCCEEDED) for at in range(len(submission.items))
        ]
        return Accepted(report=Report(items=items))

    def may_repeat(self, operation: str, items: Any, options: Any) -> bool:
        """Whatever it is."""
        return True


@pytest.fixture(autouse=True)
def _nothing_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyAdapter, "sent", [])
    monkeypatch.setattr(ToyAdapter, "loses", 0)


TOY: Any = ToyAdapter(ToyAccount(), None)  # type: ignore[arg-type]


def encode(operation: str, payload: dict[str, Any]) -> bytes:
    return bytes(TOY.encode(operation, BatchItem(id="x", payload=payload), {}))


@pytest.mark.parametrize("spelled", [17, "17", "17.0", 17.0, Decimal(17), "1.7e1"])
def test_a_number_names_the_same_thing_however_it_is_spelled(spelled: Any) -> None:
    """What is changed, what an item is called, and what a batch shares."""
    payload = {"about": {"id": spelled}, "shelf": spelled}
    item = BatchItem(id="x", payload=payload)
    assert TOY.target("set", item) == TOY.item_id("set", payload) == "17"
    assert TOY.batch_key("set", item) == "17"
    assert encode("set", payload) == b'{"about":{"id":17},"shelf":17}'
    assert TOY.batch_key("set", BatchItem(id="x", payload={})) == ""


def test_what_is_new_needs_no_name() -> None:
    """Anything else does."""
    assert encode("make", {"price": 1}) == b'{"price":"1"}'
    with pytest.raises(InputError, match=r"about\.id is missing"):
        encode("set", {"price": 1})
    with pytest.raises(InputError, match=r"about\.id must be a whole number"):
        encode("set", {"about": {"id": 1.5}})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("7.50"), "7.50"),
        (7.5, "7.5"),
        ("7,5", "'7,5'"),
        (True, "True"),
        (["x"], r"\['x'\]"),
    ],
)
def test_a_wrong_number_is_shown_as_it_was_written(value: Any, shown: str) -> None:
    """A sheet's number has no type in it that a user never wrote."""
    with pytest.raises(InputError, match=rf"shelf must be a (whole )?number, not {shown}$"):
        encode("make", {"shelf": value})


def test_an_empty_text_clears_a_number_that_is_text() -> None:
    """It has a form there, as it has none where numbers are numbers."""
    assert encode("make", {"price": ""}) == b'{"price":""}'
    with pytest.raises(InputError, match="shelf must be a number"):
        encode("make", {"shelf": ""})


def test_basic_credentials_are_a_header() -> None:
    """Source: RFC 7617, section 2 (the example)."""
    made = Credentials.basic("Aladdin", "open sesame")
    assert made.headers == {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}
    assert "QWxh" not in repr(made)


def test_items_of_a_body_may_have_their_number() -> None:
    """From 1, before their own fields, at a vendor that names them so."""
    items = [WireItem(id="a", wire=b'{"x":1}'), WireItem(id="b", wire=b'{"x":2}')]
    submission = make_submission(operation="set", items=items)
    assert submission.json_array() == b'[{"x":1},{"x":2}]'
    assert submission.json_array(number="n") == b'[{"n":1,"x":1},{"n":2,"x":2}]'


def test_settings_change_what_a_vendor_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the account's `limits`, in every operation."""
    monkeypatch.setattr(ToyAccount, "limits", {"max_items": 3})
    adapter = ToyAdapter(ToyAccount(), cast("Any", None))
    assert [adapter.capabilities(name).max_items for name in ("set", "make")] == [3, 3]
    assert ToyAdapter.operations["set"].max_items == 10


@pytest.mark.parametrize(
    ("value", "rate", "per_s"),
    [
        ("0.5", "feeds", 2.0),
        (" 4 ", "feeds", 0.25),
        ("0.5", "other", None),
        ("0.5", "", None),
        *[(text, "feeds", None) for text in ("", "fast", "nan", "inf", "-1", "0", "1e-9", "1e9")],
    ],
)
def test_a_header_says_how_many_requests_a_second(
    monkeypatch: pytest.MonkeyPatch, value: str, rate: str, per_s: float | None
) -> None:
    """Of the rate it came with, if the account has it; what can't be true changes nothing."""
    rates = {"feeds": Budget(requests=7, per_s=9.0, burst=15)}
    monkeypatch.setattr(ToyAccount, "rates", rates)
    adapter = ToyAdapter(ToyAccount(), cast("Any", None))
    assert adapter.pace({"X-Rate": value}, rate) == {}
    monkeypatch.setattr(ToyAdapter, "rate_header", "X-Rate")
    budget = None if per_s is None else Budget(requests=1, per_s=per_s, burst=15)
    assert adapter.pace({"X-Rate": value}, rate) == ({} if budget is None else {rate: budget})
    assert adapter.pace({}, rate) == {}


def test_a_part_of_an_answer_is_found_by_its_place() -> None:
    """Of its type, or it is an error that says where what is missing."""
    reply = Reply(status=200, body=b'{"feed": {"id": "f", "n": 3}, "list": [{"a": 1}, {"a": 2}]}')
    assert reply.find("feed.id", str) == "f"
    assert reply.find("feed.n", float) == 3.0
    assert reply.find("list[*].a", list[int]) == [1, 2]
    assert reply.find("length(list) == `2` && !next", bool)
    for place, kind in (("feed.x", str), ("feed.id", int), ("length(feed.n)", int)):
        with pytest.raises(ReplyError, match=re.escape(f"answered 200 without {place}: ")):
            reply.find(place, kind)
    for body in (b"<html>", b"", b"[]"):
        with pytest.raises(ReplyError):
            Reply(status=200, body=body).find("feed.id", str)


async def submit(folder: Path, items: list[Any], operation: str = "set") -> list[str]:
    """Run a job; return its items' ids."""
    clock = FakeClock()
    async with clock.running():
        hub = BatchHub(
            folder / "jobs.db", {"one": ToyAccount()}, clock=clock, adapters=[ToyAdapter]
        )
        async with hub:
            job = await hub.submit("one", items, operation=operation)
            await job.wait()
            return [result.id async for result in job.results()]


async def test_a_batch_has_what_shares_a_field(tmp_path: Path) -> None:
    """A new one begins where it changes."""
    shelves: list[Any] = [1, "1.0", 2, None, 1]
    items = [{"about": {"id": n}, "shelf": shelf} for n, shelf in enumerate(shelves, 1)]
    assert await submit(tmp_path, items) == ["1", "2", "3", "4", "5"]
    assert [len(each.items) for each in ToyAdapter.sent] == [2, 1, 1, 1]


async def test_a_submit_is_told_that_an_earlier_one_may_have_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only if there was one, and of the same batch."""
    monkeypatch.setattr(ToyAdapter, "loses", 2)
    await submit(tmp_path, [{"about": {"id": n}, "shelf": n} for n in (1, 2)])
    told: dict[str, list[bool]] = {}
    for each in ToyAdapter.sent:
        told.setdefault(each.items[0].id, []).append(each.is_repeat)
    assert told == {"1": [False, True], "2": [False, True]}


async def test_an_id_of_the_vendors_own_may_be_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the item; ours is text."""
    monkeypatch.setattr(ToyAdapter, "claims_id", True)
    monkeypatch.setattr(ToyAdapter, "key_field", "id")
    assert await submit(tmp_path, [{"id": 17}, BatchItem(payload={"id": 18})]) == ["17", "18"]
    assert [item.wire for each in ToyAdapter.sent for item in each.items] == [
        b'{"id":17}',
        b'{"id":18}',
    ]
    for wrong in (True, 1.5, ""):
        with pytest.raises(InputError, match="id"):
            await submit(tmp_path, [{"id": wrong}])
