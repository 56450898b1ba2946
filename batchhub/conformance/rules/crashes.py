"""What holds where a process is killed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from batchhub.conformance.bench import Bench
from batchhub.conformance.faults import Fault, Proceed
from batchhub.conformance.rule import Level, need, rule
from batchhub.conformance.run import Run
from batchhub.conformance.watch import Asked, Watch
from batchhub.sandbox import Call, HangUpError


@rule(
    "A16",
    Level.SILVER,
    "crashes",
    "A process killed before or after any request loses nothing, and no item runs twice.",
)
async def killed_between_steps(bench: Bench, operation: str) -> None:
    """The store as it was at that moment is taken up by another process."""
    clean = await bench.clean(operation)
    capabilities = bench.capabilities(clean)
    finds_out = capabilities.dedup_window_s is not None or capabilities.finds_attempts
    for asked in await bench.steps(operation):
        for is_after in (False, True):
            when = f"killed {'after' if is_after else 'before'} {asked.step}"
            run = await _kill(bench, operation, asked, is_after=is_after)
            run.check_truth(when)
            if run.status.is_held:
                need(
                    asked.has_effect and not finds_out,
                    f"{when}: the job is held, although it can be found out what became of it",
                )
            else:
                run.check_finished(when, was_sent_again=asked.has_effect)


async def _kill(bench: Bench, operation: str, at: Asked, *, is_after: bool) -> Run:
    items = bench.some_items(operation)
    watch, after = Watch(), Watch()
    left: list[Path] = []
    killed = asyncio.Event()
    async with bench.world(operation) as world:

        async def kill(call: Call, proceed: Proceed) -> Any:
            if not killed.is_set():
                if is_after:
                    await proceed()
                left.append(world.copy_store())
                killed.set()
            raise HangUpError("the process is dead")

        fault = Fault(
            happening=kill,
            applies=lambda asked: killed.is_set() or asked.step == at.step,
            times=None,
        )
        async with world.hub(watch, fault=fault) as hub:
            await world.submit(hub, items)
            await killed.wait()
        async with world.hub(after, store=left[0]) as hub:
            return await bench.finish(world, after, await world.submit(hub, items), items)
