"""
Actions over HTTP: each is asked once more, done once however often the button is pressed, logged.

They go through a hub with the account of the job, which hands over to whoever drives it, as the
commands do; the account's secrets are read when they are needed, and not before.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final

from aiohttp import web

from batchhub._base.log import get_logger
from batchhub.errors import AdapterError, BatchHubError, NotKnownError, SettingsError, UsageError
from batchhub.hub import BatchHub, BatchJob, opened

from .answers import SESSION, Answers
from .door import StoreDoor
from .failing import in_words
from .guard import Refusal, read_form
from .look import Shown
from .plans import Action, Adopt, Asked, Cancel, Done, Plan, Retry
from .sessions import Session
from .settings import OpenOwner

ACTIONS: Final[dict[str, Action]] = {
    "/jobs/{job_id}/retry": Retry(),
    "/jobs/{job_id}/cancel": Cancel(),
    "/jobs/{job_id}/tickets/{position}/adopt": Adopt(),
}
"""The actions, by the patterns of their paths."""

WAITING: Final = "/acts/{once}"
"""Where one waits for what takes longer, such as an answer of the process that drives."""

PATIENCE_S: Final = 3.0
"""Seconds that a button waits for what comes of it, before its visitor waits on another page."""

_WITHOUT_ACCOUNT: Final = (
    "The process that serves this page needs the settings and secrets of an account for this, as "
    "the one that drives it has them."
)
_SEE_OTHER: Final = 303
_CONFLICT: Final = 409
_MOST_KEPT: Final = 1_000

_log = get_logger()


class Actions:
    """
    Asks, and acts.

    Args:
        answers: Makes pages.
        door: Opens the store.
        open_owner: Makes the hub of a job's account.
    """

    def __init__(self, answers: Answers, door: StoreDoor, open_owner: OpenOwner) -> None:
        self._answers = answers
        self._door = door
        self._open_owner = open_owner
        self._begun: OrderedDict[tuple[str, str], asyncio.Task[Done]] = OrderedDict()

    async def ask(self, action: Action, request: web.Request) -> web.Response:
        """Say what will happen, and ask whether it shall."""
        self._refuse_viewers(request)
        async with self._door.enter() as hub:
            asked = await _find(hub, request.match_info, request.query)
            plan = await action.plan(asked)
        return self._show(request, asked.job, plan)

    async def act(self, action: Action, request: web.Request) -> web.Response:
        """Do it, once; or show what has changed since it was asked."""
        session = self._refuse_viewers(request)
        form = await read_form(request)
        key = session.nonce, form.get("once", "")
        begun = self._find_begun(key)
        if begun is None:
            async with self._door.enter() as hub:
                asked = await _find(hub, request.match_info, form)
                plan = await action.plan(asked)
            begun = self._find_begun(key)  # by the second click, meanwhile
            if begun is None and (plan.refusal or plan.seen != form.get("seen")):
                return self._show(request, asked.job, plan, has_changed=True)
        if begun is None:
            begun = asyncio.create_task(
                self._carry_out(action, session, dict(request.match_info), form),
                name=request.match_info["job_id"],
            )
            self._keep(key, begun)
        # A visitor who leaves calls nothing off.
        await asyncio.wait({begun}, timeout=PATIENCE_S)
        return self._tell(request, key[1], begun)

    async def look(self, request: web.Request) -> web.Response:
        """Say what came of what was begun, or that one has to wait."""
        session = self._refuse_viewers(request)
        once = request.match_info["once"]
        begun = self._begun.get((session.nonce, once))
        if begun is None:
            raise web.HTTPNotFound
        return self._tell(request, once, begun)

    def _tell(self, request: web.Request, once: str, begun: asyncio.Task[Done]) -> web.Response:
        url = self._answers.renderer.url
        job_id = begun.get_name()
        if begun.done():
            try:
                done = begun.result()
            except BatchHubError as error:
                return self._show_failed(request, job_id, error)
            return _lead(url(f"/jobs/{done.job_id}", done=done.said))
        if request.method == "POST":
            return _lead(url(WAITING.format(once=once)))
        return self._answers.make(request, Shown("waiting.html", {"job_id": job_id}))

    async def aclose(self) -> None:
        """Wait for what has begun: it is handed over in a moment, or not at all."""
        tasks = [task for task in self._begun.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refuse_viewers(self, request: web.Request) -> Session:
        session: Session = request[SESSION]
        if not session.role.may_act:
            raise Refusal(
                403,
                "Only for operators",
                "You are signed in as a viewer, who may look at everything and change nothing. "
                "Sign out, and in again with an operator's token.",
            )
        return session

    async def _carry_out(
        self, action: Action, session: Session, parts: dict[str, str], form: dict[str, str]
    ) -> Done:
        async with self._door.enter() as reader:
            asked = await _find(reader, parts, form)
            found = asked.job
            log = _log.bind(
                action=action.name,
                role=session.role.value,
                job_id=found.id,
                account=found.status.account,
                lane=found.lane,
            )
            try:
                owner = await self._find_owner(action, found)
                if owner is None:
                    done = await action.act(asked)
                    self._door.note_change()
                else:
                    async with owner as hub:
                        done = await action.act(await _find(hub, parts, form))
            except BatchHubError as error:
                log.warning("page.acted", result="failed", error=str(error))
                raise
            new = {} if done.job_id == found.id else {"new_job_id": done.job_id}
            log.info("page.acted", result=done.said, **new)
        return done

    async def _find_owner(self, action: Action, job: BatchJob) -> BatchHub | None:
        """Make the hub of a job's account; `None` where it can't be, and need not be."""
        try:
            # It reads the settings, and may ask a keyring: that takes its time.
            return await asyncio.to_thread(self._open_owner, job)
        except (UsageError, AdapterError):
            if action.needs_account:
                raise
            return None

    def _find_begun(self, key: tuple[str, str]) -> asyncio.Task[Done] | None:
        """Return what a button has begun; what has failed may be begun again."""
        begun = self._begun.get(key)
        has_failed = (
            begun is not None
            and begun.done()
            and (begun.cancelled() or begun.exception() is not None)
        )
        return None if has_failed else begun

    def _keep(self, key: tuple[str, str], task: asyncio.Task[Done]) -> None:
        self._begun[key] = task
        task.add_done_callback(_note_end)  # perhaps nobody comes to hear of it
        while len(self._begun) > _MOST_KEPT:
            self._begun.popitem(last=False)

    def _show(
        self, request: web.Request, job: BatchJob, plan: Plan, *, has_changed: bool = False
    ) -> web.Response:
        facts: dict[str, Any] = {
            "plan": plan,
            "job_id": job.id,
            "account": job.status.account,
            "once": token_hex(16),
            "action": request.path.removeprefix(self._answers.renderer.prefix),
            "has_changed": has_changed,
        }
        status = _CONFLICT if has_changed else 200
        return self._answers.make(request, Shown("confirm.html", facts, status))

    def _show_failed(self, request: web.Request, job_id: str, error: BatchHubError) -> web.Response:
        if isinstance(error, NotKnownError) and error.kind == "job":
            raise error
        facts = {
            "heading": "That did not work",
            "message": in_words(error),
            "advice": _WITHOUT_ACCOUNT if isinstance(error, SettingsError) else None,
            "links": [(f"/jobs/{job_id}", "Back to the job")],
        }
        return self._answers.make(request, Shown("error.html", facts, _CONFLICT))


async def _find(hub: BatchHub, parts: Mapping[str, str], values: Mapping[str, str]) -> Asked:
    """
    Look a job up for what is asked of it.

    Raises:
        NotKnownError: There is none.
    """
    record, status = await (await opened(hub)).store.jobs.get(parts["job_id"])
    job = BatchJob(await opened(hub), record, status)
    return Asked(job=job, record=record, parts=dict(parts), values=dict(values))


def _lead(where: str) -> web.Response:
    return web.Response(status=_SEE_OTHER, headers={"Location": where})


def _note_end(task: asyncio.Task[Done]) -> None:
    if not task.cancelled():
        task.exception()
