"""What batchhub logs during a test, as a list of plain records."""

from __future__ import annotations

import logging
from pathlib import Path

from support.vendor import ScriptedAccount

from batchhub import BatchHub
from batchhub._base.log import EVENTS, LOGGER_NAME, get_logger
from batchhub._base.secrets import remember
from batchhub.testing import FakeClock, capture_events


async def test_a_job_is_told_from_its_start_to_its_end(tmp_path: Path) -> None:
    """Names, levels and facts of a whole job, in order, without any set-up of logging."""
    clock = FakeClock()
    with capture_events() as events:
        async with (
            clock.running(),
            BatchHub(tmp_path / "jobs.db", {"shop": ScriptedAccount()}, clock=clock) as hub,
        ):
            job = await hub.submit("shop", [{"n": 1}])
            await job.wait()
    names = [name for name in events.names if name.startswith(("job.", "ticket."))]
    assert names[0] == "job.submitted"
    assert names[-1] == "job.ended"
    assert names.index("ticket.intended") < names.index("ticket.accepted")
    assert set(names) <= set(EVENTS)
    (ended,) = events.find("job.ended", job_id=job.id)
    assert (ended.level, ended.facts["account"]) == ("info", "shop")
    assert not events.find("job.ended", job_id="another")
    assert not events.find("job.ended", nothing=None)


def test_a_capture_leaves_no_trace() -> None:
    """Level and handlers are as before, whichever of two captures ends first."""
    logger = logging.getLogger(LOGGER_NAME)
    before = logger.level, list(logger.handlers)
    one, two = capture_events(), capture_events()
    first, second = one.__enter__(), two.__enter__()
    get_logger().debug("job.submitted", job_id="1")
    one.__exit__(None, None, None)
    get_logger().debug("job.submitted", job_id="2")
    two.__exit__(None, None, None)
    get_logger().error("job.submitted", job_id="3")
    assert [event.facts["job_id"] for event in first] == ["1"]
    assert [event.facts["job_id"] for event in second] == ["1", "2"]
    assert (logger.level, list(logger.handlers)) == before


def test_secrets_and_other_peoples_lines_stay_out() -> None:
    """Facts are as the log shows them; a plain line to the same logger is none of ours."""
    remember(["a-secret-of-somebody"])
    with capture_events() as events:
        logging.getLogger(LOGGER_NAME).error("a line of a handler")
        get_logger().warning("ticket.refused", message="no a-secret-of-somebody")
    assert [(event.name, event.level, event.facts) for event in events] == [
        ("ticket.refused", "warning", {"message": "no ***"})
    ]
