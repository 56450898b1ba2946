"""Faults that strike several vendors alike, for the modules of the vendors to take."""

from __future__ import annotations

from typing import Any, Final

from .fault import EXIT_REFUSED, Fault


def reset(verb: str, count: int = 1, after: int = 10, every: int = 1) -> dict[str, Any]:
    """Return the switches that reset the answers to some verbs, after so many bytes of the body."""
    return {
        "reset_answers": count,
        "reset_after_bytes": after,
        "network_verbs": verb,
        "network_every": every,
    }


SHARED: Final[list[Fault]] = [
    Fault(name="none", is_sample=True, switches={}),
    Fault(name="polls reset in mid-body", is_sample=True, switches=reset("poll", 2)),
    Fault(name="results reset in mid-body", switches=reset("results", 2, after=100)),
    Fault(
        name="answers that trickle",
        switches={"trickled_answers": -1, "trickle_bytes_per_s": 2_000.0},
    ),
    Fault(
        name="an HTML page for a poll",
        is_sample=True,
        switches={"html_error": 1, "network_verbs": "poll,results"},
    ),
    Fault(
        name="403 in mid-job",
        is_sample=True,
        switches={"revoke_after": 1},
        code=EXIT_REFUSED,
        healed={"revoke_after": -1},
    ),
]
"""What strikes every vendor that is polled, and is shown with the real command."""

TROUBLED_POLLS: Final[list[Fault]] = [
    Fault(name="polls cut", switches={"cut_polls": 2}),
    Fault(name="polls 5xx", switches={"answer_5xx": 1}),
    Fault(name="slow answers", switches={"answer_delay_s": 0.2}),
]
"""The same; with the real command at one vendor is enough."""

MORE_SHARED: Final[list[Fault]] = [
    Fault(name="a poll reset after its headers", switches=reset("poll", after=0)),
    Fault(name="polls reset at the last byte", switches=reset("poll,results", 2, after=99_999)),
    Fault(name="each second answer reset", switches=reset("poll,results", -1, every=2)),
    Fault(
        name="an HTML page for results, called 200",
        switches={"html_error": 1, "html_error_status": 200, "network_verbs": "results"},
    ),
]
"""The same, shown with the library alone: the command's part in it is as above."""
