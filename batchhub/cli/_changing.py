"""`retry` and `cancel`: deciding over a job that is there already."""

from __future__ import annotations

from typing import Final

from ._advice import advise, write_advice
from ._closing import show_closing
from ._console import say, say_error, say_warning, write_json
from ._exits import ExitCode
from ._follow import Patience, follow
from ._handing import let_go
from ._invocation import Invocation
from ._open import open_driver, open_hub, open_reader
from ._progress import make_display
from ._words import count, state_text

CANCEL_WAIT_S: Final = 10.0
"""Seconds that `cancel` waits to see what becomes of it."""

_CANCEL_CONTACT_S: Final = 3.0


async def retry_job(invocation: Invocation, job_id: str, *, unknown: bool) -> ExitCode:
    """Make a new job of the items that did not succeed, and send what may go now."""
    common = invocation.common
    async with open_reader(common, job_id) as reader:
        status = (await reader.job(job_id)).status
    if status.is_held and not unknown:
        say_error(f"job {job_id} is held: nobody can tell whether the vendor has it; decide first")
        for line in write_advice(advise(status, common)):
            say(line)
        return ExitCode.USAGE
    async with open_hub(common, status.account) as hub:
        new = await (await hub.job(job_id)).retry(unknown=unknown)
        invocation.job_id = new.id
        if not common.quiet:
            say(f"job {new.id}: {count(new.status.counts.total, 'item')} of job {job_id} again")
        return await let_go(invocation, new)


async def cancel_job(invocation: Invocation, job_id: str) -> ExitCode:
    """Ask for a job to stop, and see for a while what becomes of it."""
    common = invocation.common
    async with open_reader(common, job_id) as reader:
        before = (await reader.job(job_id)).status
    if before.state.is_terminal:
        if common.json:
            write_json(before)
        say(f"job {job_id} has ended already: {state_text(before.state)}")
        return ExitCode.OK
    async with open_driver(common, [before.account]) as hub:
        job = await hub.job(job_id)
        await job.cancel()
        # It is in the store now, whatever happens from here on.
        patience = Patience(timeout_s=CANCEL_WAIT_S, contact_timeout_s=_CANCEL_CONTACT_S)
        with make_display(common, [job]) as display:
            ending = await follow(job, patience, display.show)
        if common.json:
            write_json(ending.status)
        if ending.error is None:
            await show_closing(job, common)
        else:
            say_warning(f"{ending.error}; it ends as soon as it can be driven")
            invocation.tell_resume()
    return ExitCode.OK
