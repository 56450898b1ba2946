"""Parts of a stand-in alone: batches, what is kept, limits."""

from __future__ import annotations

from typing import Any

import pytest
from support.acme import AcmeSandbox
from support.globex import GlobexSandbox

from batchhub.sandbox import (
    AnswerError,
    Batch,
    Batches,
    Item,
    Kept,
    RateLimit,
    Repeats,
    Stage,
)
from batchhub.testing import FakeClock


class TestBatches:
    """Batches alone."""

    @pytest.fixture
    def sandbox(self, clock: FakeClock) -> AcmeSandbox:
        sandbox = AcmeSandbox(clock=clock)
        sandbox.switches.item_time_s = 1.0
        return sandbox

    @staticmethod
    def make(count: int) -> Batch:
        return Batch(items=(Item(id=f"{n}", body={"sku": "A", "price": n}) for n in range(count)))

    async def test_dedup(self, sandbox: AcmeSandbox, clock: FakeClock) -> None:
        """A key stands for its batch as long as the window lasts; no key stands for none."""
        batches = Batches(sandbox, lambda _, __: None, dedup_s=10.0)
        first = batches.add(self.make(1), "k")
        await clock.advance(9.0)
        assert batches.add(self.make(1), "k") is first
        assert batches.add(self.make(1)) is not first
        await clock.advance(1.0)
        second = batches.add(self.make(1), "k")
        assert second is not first
        assert len([*batches]) == 3

    async def test_one_at_a_time(self, sandbox: AcmeSandbox, clock: FakeClock) -> None:
        """Batches wait for one another; one that is stopped makes room at once."""
        sandbox.switches.one_at_a_time = True
        first, second, third = (sandbox.batches.add(self.make(2)) for _ in range(3))
        await clock.advance(1.0)
        sandbox.catch_up()
        assert sandbox.batches.stop(second)
        assert sandbox.batches.stop(first)
        assert not sandbox.batches.stop(first)
        await clock.advance(2.0)
        sandbox.catch_up()
        assert [b.stage for b in sandbox.batches] == [Stage.STOPPED, Stage.STOPPED, Stage.DONE]
        assert (len(first.outcomes), len(second.outcomes), len(third.outcomes)) == (1, 0, 2)

    async def test_past(self, sandbox: AcmeSandbox, clock: FakeClock) -> None:
        """How far it was at a moment is known afterwards."""
        start = clock.monotonic()
        batch = sandbox.batches.add(self.make(2))
        await clock.advance(10.0)
        sandbox.catch_up()
        assert [batch.stage_at(start + at) for at in (0.5, 1.0, 2.0)] == [
            Stage.QUEUED,
            Stage.RUNNING,
            Stage.DONE,
        ]
        assert len(batch.outcomes_at(start + 1.5)) == 1

    async def test_none_and_many(self, sandbox: AcmeSandbox, clock: FakeClock) -> None:
        """A batch without items ends; one of 10,000 runs at once if it is that wide."""
        empty = sandbox.batches.add(Batch(items=[]))
        wide = sandbox.batches.add(
            Batch(items=[Item(body={"sku": "A", "price": 1})] * 10_000, width=10_000)
        )
        assert empty.progress == 1.0
        await clock.advance(1.0)
        sandbox.catch_up()
        assert (empty.stage, wide.stage, len(wide.outcomes)) == (Stage.DONE, Stage.DONE, 10_000)

    async def test_two_of_a_sandbox(self, sandbox: AcmeSandbox) -> None:
        """Two kinds of batch share no id."""
        others = Batches(sandbox, lambda _, __: None)
        ids = {batches.add(self.make(1)).id for batches in (sandbox.batches, others) * 50}
        assert len(ids) == 100

    async def test_retries_of_many(self, sandbox: AcmeSandbox, clock: FakeClock) -> None:
        """Items that end in trouble are tried again, all together, as often as the batch says."""

        def fail(_: Batch, __: Item) -> None:
            raise AnswerError(500)

        batches = Batches(sandbox, fail)
        batch = batches.add(
            Batch(items=[Item()] * 10_000, width=10_000, retries=2, retry_after_s=3.0)
        )
        await clock.advance(6.9)
        sandbox.catch_up()
        assert not batch.outcomes
        await clock.advance(0.1)
        sandbox.catch_up()
        assert (batch.stage, len(sandbox.executions)) == (Stage.DONE, 30_000)

    async def test_fails(self, sandbox: AcmeSandbox, clock: FakeClock) -> None:
        """One that fails as a whole has run half of its items."""
        batch = sandbox.batches.add(Batch(items=self.make(5).items, fails=True))
        await clock.advance(10.0)
        sandbox.catch_up()
        assert (batch.stage, len(batch.outcomes)) == (Stage.FAILED, 2)


class TestKept:
    async def test_window(self, clock: FakeClock) -> None:
        """A value is kept from when it was put last; that there was one is known for ever."""
        kept: Kept[int] = Kept(AcmeSandbox(clock=clock), 10.0)
        kept.put("a", 1)
        await clock.advance(5.0)
        kept.put("b", 2)
        kept.put("a", 3)
        await clock.advance(9.9)
        assert ([*kept], kept.find("a")) == (["b", "a"], 3)
        await clock.advance(0.1)
        assert (kept.find("a"), kept.had("a"), kept.had("c"), kept.values()) == (
            None,
            True,
            False,
            [],
        )

    async def test_repeats(self, clock: FakeClock) -> None:
        """A body that came a while ago is refused; one that was refused does not begin anew."""
        repeats = Repeats(AcmeSandbox(clock=clock), window_s=900.0, status=422)
        repeats.check(b"a")
        repeats.check(b"b")
        await clock.advance(899.0)
        with pytest.raises(AnswerError, match="less than 900 seconds") as caught:
            repeats.check(b"a")
        assert caught.value.status == 422
        await clock.advance(1.0)
        repeats.check(b"a")

    async def test_repeats_in_the_words_of_the_vendor(self, clock: FakeClock) -> None:
        """A vendor that has words of its own for a repeated body says those."""
        repeats = Repeats(AcmeSandbox(clock=clock), window_s=900.0, message="again?")
        repeats.check(b"a")
        with pytest.raises(AnswerError, match="again") as caught:
            repeats.check(b"a")
        assert caught.value.status == 400


class TestRateLimit:
    def test_window(self) -> None:
        """So many pass in any window, and the headers say how many are left."""
        limit = RateLimit(
            requests=2, per_s=10.0, headers={"L": "limit", "R": "remaining", "S": "reset_s"}
        )
        assert [limit.passes(t) for t in (0.0, 6.0, 9.0, 10.0, 15.9, 16.0)] == [
            *(True, True, False),
            *(True, False, True),
        ]
        assert limit.make_headers(16.0) == {"L": "2", "R": "0", "S": "4"}

    def test_bucket(self) -> None:
        """A bucket takes a burst at once, and is filled little by little, never too full."""
        limit = RateLimit(
            requests=1, per_s=120.0, burst=15, headers={"P": "per_s", "H": "per_hour"}
        )
        assert [limit.passes(0.0) for _ in range(16)] == [True] * 15 + [False]
        assert limit.retry_after_s(30.0) == pytest.approx(90.0)
        assert [limit.passes(t) for t in (119.0, 120.0, 121.0)] == [False, True, False]
        assert limit.remaining(1e6) == 15
        assert limit.make_headers(1e6) == {"P": "0.00833333", "H": "30"}

    @pytest.mark.parametrize("wrong", [{"requests": 0}, {"per_s": 0.0}, {"burst": 0}])
    def test_wrong(self, wrong: dict[str, Any]) -> None:
        """Numbers that can't be are refused."""
        with pytest.raises(ValueError, match="must be positive"):
            RateLimit(**{"requests": 1, "per_s": 1.0, **wrong})

    def test_unknown_name(self, clock: FakeClock) -> None:
        """A route whose rate is not there is named when the sandbox starts."""
        sandbox = GlobexSandbox(clock=clock)
        sandbox.rates.clear()
        with pytest.raises(LookupError, match="POST /feeds: there is no rate 'feeds'"):
            sandbox.make_app()
