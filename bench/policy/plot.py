"""Polls against lag of every rule, as an SVG: a panel for each workload, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import Final

from attrs import frozen

from .alone import Figures

COLUMNS: Final = 3
WIDTH: Final = 300
HEIGHT: Final = 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 34, 40
HEAD: Final = 26

MOST_POLLS, LEAST_POLLS = 1000.0, 1.0
MOST_LAG_S, LEAST_LAG_S = 100.0, 0.1

_FONT: Final = 'font-family="system-ui, sans-serif" font-size="10"'
INK: Final = "#808080"
ADAPTIVE: Final = "#2a9d6f"
FIXED: Final = "#c77d2e"
PEER: Final = "#6f7fd6"
# These greys and colours stand out from white and from black: a picture does not know the page.


@frozen
class Panel:
    """
    What is drawn of one workload.

    Attributes:
        title: What it is.
        fixed: Fixed intervals, from short to long.
        adaptive: The adaptive rule, from a low to a high price of a poll.
        peers: Other rules, each by its name.
    """

    title: str
    fixed: Sequence[Figures]
    adaptive: Sequence[Figures]
    peers: dict[str, Figures]


Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def draw(panels: Sequence[Panel]) -> str:
    """Draw all panels into one picture."""
    rows = math.ceil(len(panels) / COLUMNS)
    width, height = COLUMNS * WIDTH, HEAD + rows * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT}>',
        "<title>Polls a batch needs, against the lag with which its end is seen</title>",
        *_legend(),
    ]
    for number, panel in enumerate(panels):
        left, top = number % COLUMNS * WIDTH, HEAD + number // COLUMNS * HEIGHT
        parts.append(f'<g transform="translate({left} {top})">')
        parts += _panel(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> Iterator[str]:
    entries = (
        (FIXED, "a fixed interval, 0.2 s to 200 s"),
        (ADAPTIVE, "adaptive, a poll worth 0.02 s to 25 s of lag"),
        (PEER, "defaults of others, and backoff 1 2 60"),
    )
    x = LEFT
    for colour, text in entries:
        yield f'<circle cx="{x}" cy="14" r="4" fill="{colour}"/>'
        yield _text(x + 9, 18, text, size=11)
        x += 40 + 6 * len(text)


def _panel(panel: Panel) -> Iterator[str]:
    yield _text(LEFT, TOP - 12, panel.title, size=11)
    yield from _axes()
    yield from _curve(panel.fixed, FIXED)
    yield from _curve(panel.adaptive, ADAPTIVE)
    named = [(name.partition(",")[0], _place(each)) for name, each in panel.peers.items()]
    places = [place for _, place in named if place is not None]
    taken = [_around(place) for place in places]
    lines = [_around(place) for each in (panel.fixed, panel.adaptive) for place in _along(each)]
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{PEER}"/>'
    for name, place in named:
        if place is not None:
            box = _find_room(*place, 5.2 * len(name), [taken + lines, taken])
            taken.append(box)
            yield _text(box[0], box[3] - 1, name, colour=PEER, size=9)


def _around(place: tuple[float, float]) -> Box:
    x, y = place
    return x - 3, y - 3, x + 3, y + 3


def _along(figures: Sequence[Figures]) -> Iterator[tuple[float, float]]:
    """Yield points of a curve that lie close together."""
    places = [place for each in figures if (place := _place(each)) is not None]
    for (x1, y1), (x2, y2) in pairwise(places):
        count = math.ceil(math.dist((x1, y1), (x2, y2)) / 3)
        yield from ((x1 + (x2 - x1) * n / count, y1 + (y2 - y1) * n / count) for n in range(count))


def _find_room(x: float, y: float, width: float, taken: Sequence[list[Box]]) -> Box:
    """Return where, near its point, a label covers nothing; or at most what only `taken[0]` has."""

    def distance(box: Box) -> float:
        left, top, right, bottom = box
        return math.hypot(max(left - x, x - right, 0), max(top - y, y - bottom, 0))

    lefts = (x + 4 - share * (width + 8) / 4 for share in range(5))
    tops = [y + dy for dy in range(-40, 32, 2)]
    boxes = [(left, top, left + width, top + 9) for left in lefts for top in tops]
    boxes.sort(key=distance)
    free = (box for each in taken for box in boxes if _is_free(box, each))
    return next(free, boxes[0])


def _is_free(box: Box, taken: list[Box]) -> bool:
    left, top, right, bottom = box
    is_inside = left > LEFT and right < WIDTH and top > TOP and bottom < HEIGHT - BOTTOM
    return is_inside and not any(
        left < x2 and right > x1 and top < y2 and bottom > y1 for x1, y1, x2, y2 in taken
    )


def _axes() -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for lag_s in (0.1, 1.0, 10.0, 100.0):
        x = _x(lag_s)
        yield _line(x, TOP, x, bottom)
        yield _text(x, bottom + 13, f"{lag_s:g}", anchor="middle")
    for polls in (1, 10, 100, 1000):
        y = _y(polls)
        yield _line(LEFT, y, right, y)
        yield _text(LEFT - 5, y + 3, f"{polls:,}", anchor="end")
    yield _text((LEFT + right) / 2, bottom + 28, "mean lag, seconds", anchor="middle")
    middle = (TOP + bottom) / 2
    yield (
        f'<text transform="translate(12 {middle:g}) rotate(-90)" text-anchor="middle" '
        f'fill="{INK}">polls of a batch</text>'
    )


def _curve(figures: Sequence[Figures], colour: str) -> Iterator[str]:
    places = [place for each in figures if (place := _place(each)) is not None]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>'


def _place(figures: Figures) -> tuple[float, float] | None:
    """Return where it is drawn; `None` for what is outside."""
    is_inside = (
        LEAST_LAG_S <= figures.lag_s <= MOST_LAG_S and LEAST_POLLS <= figures.polls <= MOST_POLLS
    )
    return (_x(figures.lag_s), _y(figures.polls)) if is_inside else None


def _x(lag_s: float) -> float:
    share = math.log(lag_s / LEAST_LAG_S) / math.log(MOST_LAG_S / LEAST_LAG_S)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(polls: float) -> float:
    share = math.log(polls / LEAST_POLLS) / math.log(MOST_POLLS / LEAST_POLLS)
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    place = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
    return f'<line {place} stroke="{INK}" stroke-opacity="0.3" stroke-width="0.7"/>'


def _text(
    x: float, y: float, text: str, *, colour: str = INK, anchor: str = "start", size: int = 10
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" '
        f'font-size="{size}">{escape(text)}</text>'
    )
