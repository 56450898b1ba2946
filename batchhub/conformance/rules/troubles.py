"""What holds where the vendor refuses, or nobody can tell what it did."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from batchhub.conformance.bench import Bench
from batchhub.conformance.faults import (
    Fault,
    Happening,
    change_body,
    cut_after,
    cut_before,
    cut_body,
    fail_after,
    refuse,
    show_page,
)
from batchhub.conformance.rule import Level, applies, need, rule
from batchhub.conformance.run import Run
from batchhub.conformance.watch import Asked, Step, Watch
from batchhub.errors import CredentialsError
from batchhub.models import BatchState, Contact

_WHY: Final = "conformance refuses this"
_WAIT_S: Final = 40
_MOST_KNOCKS: Final = 3
_AT_ONCE_S: Final = 600.0
"""An account that is not paused is asked about every few seconds meanwhile."""


@rule(
    "A9",
    Level.BRONZE,
    "errors",
    "A batch that the vendor refuses (400) fails with the vendor's reason, and is sent once.",
)
async def a_refused_batch_fails(bench: Bench, operation: str) -> None:
    """A 400 to the first request with an effect, each time it is made."""
    step = (await _effects(bench, operation))[0].step

    fault = Fault(happening=refuse(400, _WHY), applies=partial(_is_from, step=step), times=None)

    run = await bench.run(operation, [*bench.kit.good_items(operation, 2)], fault=fault)
    run.check_truth()
    need(run.status.state is BatchState.FAILED, f"the job is {run.status.state.value}, not failed")
    need(not run.executions, "items ran although their batch was refused")
    times = sum(asked.status == 400 for asked in run.watch.asked)
    need(times == 1, f"the batch was sent {times} times")
    if _WHY in str(run.sandbox.error_body(400, _WHY)):
        said = [ticket.message for ticket in run.status.tickets]
        said += [result.message for result in run.results]
        need(
            any(_WHY in (text or "") for text in said),
            "the vendor's reason is shown nowhere: see Adapter.explain",
        )


@rule(
    "A10",
    Level.BRONZE,
    "errors",
    "Refused credentials pause the account at once, and change no job; later it goes on.",
)
async def refused_credentials_pause(bench: Bench, operation: str) -> None:
    """From a request on, all are refused as by the vendor; then none is."""
    for verb in ("submit", "poll"):
        steps = [each for each in await bench.steps(operation) if each.step.verb == verb]
        if not steps:
            continue
        watch = Watch()
        items = bench.some_items(operation)
        async with bench.world(operation) as world:
            status = world.sandbox.switches.unauthorized_status
            fault = Fault(
                happening=refuse(status),
                applies=partial(_is_verb, verb=verb),
                times=None,
            )
            async with world.hub(watch, fault=fault) as hub:
                job = await world.submit(hub, items)
                run = await bench.finish(world, watch, job, items, within_s=_AT_ONCE_S)
            need(
                isinstance(run.error, CredentialsError),
                f"{status} to {verb}: wait gave {run.error!r}, not CredentialsError",
            )
            need(run.status.contact is Contact.PAUSED, f"contact is {run.status.contact.value}")
            need(not run.status.state.is_terminal, f"the job has ended: {run.status.state.value}")
            refused = sum(asked.status == status for asked in watch.asked)
            need(refused <= _MOST_KNOCKS, f"{refused} requests were refused before it paused")
            after = Watch()
            async with world.hub(after) as hub:
                job = await world.submit(hub, items)
                healed = await bench.finish(world, after, job, items)
        healed.check_finished(f"after a {status} to {verb}")
        healed.check_truth(f"after a {status} to {verb}")


@rule(
    "A11",
    Level.SILVER,
    "deduplication",
    "Within dedup_window_s a submit that is sent again is the same batch; another job is not.",
)
async def deduplication_is_true(bench: Bench, operation: str) -> None:
    """The answer to each request with an effect is lost."""
    clean = await bench.clean(operation)
    window_s = bench.capabilities(clean).dedup_window_s
    applies(window_s is not None, "the adapter declares no dedup_window_s")
    for asked in await _effects(bench, operation):
        when = f"the answer to {asked.step} was lost"
        run = await bench.run(operation, fault=Fault(happening=cut_after, at=asked.step))
        run.check_truth(when)
        run.check_finished(when)
    items = [*bench.kit.good_items(operation, 2)]
    watch = Watch()
    async with bench.world(operation) as world, world.hub(watch) as hub:
        first = await world.submit(hub, items, "first")
        await bench.finish(world, watch, first, items)
        second = await world.submit(hub, items, "second")
        run = await bench.finish(world, watch, second, items)
    need(
        len(run.executions) == 2 * len(items),
        f"the same items in two jobs ran {len(run.executions)} times, not {2 * len(items)}",
    )


@rule(
    "A12",
    Level.SILVER,
    "deduplication",
    "find_attempt finds a batch whose answer was lost, or can't tell; and none that never came.",
)
async def attempts_are_found(bench: Bench, operation: str) -> None:
    """An answer is lost, or a request."""
    clean = await bench.clean(operation)
    applies(bench.capabilities(clean).finds_attempts, "the adapter declares no finds_attempts")
    for asked in await _effects(bench, operation):
        for what, happening in (("answer", cut_after), ("request", cut_before)):
            when = f"{asked.step}: the {what} was lost"
            run = await bench.run(operation, fault=Fault(happening=happening, at=asked.step))
            run.check_truth(when)
            if not (happening is cut_after and run.status.is_held):  # it raised CantTellError
                run.check_finished(when)


@rule(
    "A13",
    Level.SILVER,
    "errors",
    "Whatever becomes of a request with an effect, no item runs twice and nothing is made up.",
)
async def effects_are_not_repeated(bench: Bench, operation: str) -> None:
    """Lost, cut, failed, executed or not; or something else answers."""
    for asked in await _effects(bench, operation):
        for what, happening in _DOUBTS:
            when = f"{asked.step}: {what}"
            run = await bench.run(operation, fault=Fault(happening=happening, at=asked.step))
            run.check_truth(when)
            need(
                run.status.state.is_terminal or run.status.is_held,
                f"{when}: the job is {run.status.state.value}, {run.error}",
            )


@rule(
    "A14",
    Level.SILVER,
    "errors",
    "Trouble with a request that has no effect (5xx, HTML, a cut) changes no result.",
)
async def harmless_steps_may_fail(bench: Bench, operation: str) -> None:
    """Each kind of trouble at each harmless place."""
    clean = await bench.clean(operation)
    found = [asked for asked in await bench.steps(operation) if asked.is_harmless]
    applies(found, "the adapter makes no request without an effect")
    for asked in found:
        for what, happening in _TROUBLES if asked.step.number == 1 else _TROUBLES[:1]:
            when = f"{asked.step}: {what}"
            run = await bench.run(operation, fault=Fault(happening=happening, at=asked.step))
            need(run.error is None, f"{when}: wait raised {run.error!r}")
            run.check_finished(when)
            run.check_truth(when)
            need(_states(run) == _states(clean), f"{when}: the results are others")
            state = run.status.state
            need(state is clean.status.state, f"{when}: the job is {state.value}")


@rule(
    "A15",
    Level.SILVER,
    "errors",
    "After a 429 or a 503 nothing is sent for as long as the vendor asks, and nothing is lost.",
)
async def cool_downs_are_kept(bench: Bench, operation: str) -> None:
    """A 429 to each kind of request, and a 503 to those without an effect."""
    for asked in await bench.steps(operation, each=1):
        statuses = (429, 503) if asked.is_harmless else (429,)
        for status in statuses:
            when = f"{asked.step}: {status}"
            headers = {"Retry-After": str(_WAIT_S)}
            fault = Fault(happening=refuse(status, headers=headers), at=asked.step)
            run = await bench.run(operation, fault=fault)
            run.check_finished(when)
            run.check_truth(when)
            if asked.is_own:
                _check_silence(run, status, when)


def _check_silence(run: Run, status: int, when: str) -> None:
    journal = [entry for entry in run.sandbox.journal if not entry.host]
    places = [n for n, entry in enumerate(journal) if entry.status == status]
    need(places, f"{when}: nothing was answered {status}")
    at = journal[places[0]].at
    for entry in journal[places[0] + 1 :]:
        early_s = _WAIT_S - (entry.at - at).total_seconds()
        need(early_s <= 1.0, f"{when}: {entry.method} {entry.path} came {early_s:.0f} s too early")


async def _effects(bench: Bench, operation: str) -> Sequence[Asked]:
    """Return the first requests of a submit that have an effect."""
    found = [
        asked
        for asked in (await bench.clean(operation)).watch.asked
        if asked.has_effect and asked.step.verb == "submit"
    ][:3]
    need(found, "no request of submit has an effect: see Transport.request, effect")
    return found


def _states(run: Run) -> list[tuple[object, object]]:
    return [(result.state, result.code) for result in run.results]


def _is_verb(asked: Asked, verb: str) -> bool:
    return asked.step.verb == verb


def _is_from(asked: Asked, step: Step) -> bool:
    return asked.step.verb == step.verb and asked.step.number >= step.number


_TROUBLES: Final[Sequence[tuple[str, Happening]]] = (
    ("500", refuse(500)),
    ("a page of HTML called 503", show_page(503)),
    ("a page of HTML called 200", show_page(200)),
    ("a page of HTML called 403", show_page(403)),
    ("the connection was cut", cut_before),
    ("the answer was cut", change_body(cut_body)),
)
_DOUBTS: Final[Sequence[tuple[str, Happening]]] = (
    ("500, not executed", refuse(500)),
    ("500, executed", fail_after(500)),
    ("the request was lost", cut_before),
    ("the answer was lost", cut_after),
    ("the answer was cut", change_body(cut_body)),
    ("a page of HTML called 200", show_page(200)),
    ("a page of HTML called 502", show_page(502)),
)
