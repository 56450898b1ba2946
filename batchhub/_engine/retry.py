"""A job that repeats items of another one, but those that would overwrite what came later."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter

from attrs import evolve

from batchhub._base.log import get_logger
from batchhub._store import JobRecord, RepeatedMeanwhileError, make_job_id
from batchhub._store.retry_rows import Selection
from batchhub._store.targets import NOTHING
from batchhub.models import Contact, Finding

from .intake import Intake
from .open_hub import OpenHub

_log = get_logger()


async def store_retry(
    opened: OpenHub,
    job: JobRecord,
    selection: Selection,
    left_out: Counter[str] | None,
) -> JobRecord | None:
    """
    Store the job that repeats items of `job`, or find the one that already does.

    Args:
        opened: Where it is stored.
        job: The job that has the items.
        selection: Which of its items.
        left_out: Takes how many items stay out because of which newer job, or of this one, where
            a later item of it changed the same; `None` to leave none out.

    Returns:
        The new job; `None` if there is nothing to repeat and nothing was.
    """
    while True:
        await opened.loader.wait_for_retries(job.job_id)
        try:
            return await _try_once(opened, job, selection, left_out)
        except RepeatedMeanwhileError:  # by a retry that came before: the same again gets it
            _log.info("job.repeated_meanwhile", job_id=job.job_id)


async def _try_once(
    opened: OpenHub,
    job: JobRecord,
    selection: Selection,
    left_out: Counter[str] | None,
) -> JobRecord | None:
    store = opened.store
    newer: dict[bytes, str] = {}
    later: dict[bytes, int] = {}
    if left_out is not None:
        left_out.clear()
        wanted = {
            target
            async for _, _, target in store.results.retry_items(job.job_id, selection)
            if target
        }
        newer = await store.targets.find_newer(job, wanted - {NOTHING})
        if any(finding.code == "same_target" for finding in job.findings):
            later = await store.targets.find_last(job, wanted - {NOTHING}, selection.takes)
    lane = opened.find_lane(job.lane) or opened.get_lane(job.account)
    # What the items of a batch share is not known of them as they are stored, but that those of one
    # ticket do.
    starts: list[int] = []
    if lane.adapter.has_batch_keys:
        starts = [ticket.first_item for ticket in await store.tickets.of_job(job.job_no)]
    async with opened.loader.load(_make_record(opened, job)) as load:
        intake = Intake(lane.adapter, job.operation, load.put)
        async for position, item, target in store.results.retry_items(job.job_id, selection):
            if target is not None:
                is_later = later.get(target, 0) > position
                by = newer.get(target, job.job_id if is_later else None)
                if left_out is not None and by is not None:
                    left_out[by] += 1
                    continue
            batch = str(bisect_right(starts, position)) if starts else ""
            await intake.repeat(item, target, position, batch)
        intake.close()
        if not intake.total:
            again = await store.results.find_retry(job.job_id, selection)
            return None if again is None else (await store.jobs.get(again))[0]
        now = opened.clock.now()
        added = await load.finish(
            intake.take_chunk(),
            fingerprint=intake.fingerprint(retry_of=job.job_id),
            findings=(make_superseded(job.job_id, left_out),) if left_out else (),
            deadline_s=lane.adapter.deadline_s(job.operation, job.options, intake.total),
            created_at=now,
            updated_at=now,
        )
        return added.job


def make_superseded(job_id: str, left_out: Counter[str]) -> Finding:
    """Return what is said of items of a job that stay out because others change the same."""
    those = "newer jobs, or later items of the job itself," if job_id in left_out else "newer jobs"
    return Finding(
        code="superseded",
        message=f"items left out of the retry, since {those} change the same",
        count=left_out.total(),
        examples=tuple(job_id for job_id, _ in left_out.most_common()),
    )


def _make_record(opened: OpenHub, job: JobRecord) -> JobRecord:
    now = opened.clock.now()
    return evolve(
        job,
        job_no=0,
        job_id=make_job_id(now),
        key=None,
        fingerprint="",
        retry_of=job.job_id,
        ahead=False,
        place=None,
        contact=Contact.OK,
        contact_note=None,
        findings=(),
        created_at=now,
        updated_at=now,
        observed_at=None,
        cancelled_at=None,
        ended_at=None,
    )
