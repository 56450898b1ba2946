"""
When to poll a ticket again: pure rules, without I/O or a clock.

They may import `errors` and `_base`. Begin with `poll.PollRule`, which is what the engine asks;
`rules` has those that are as simple as they sound, and `adaptive` the usual one.

A poll costs a request of a scarce budget; a second without one costs a second of lag, if the ticket
has ended. `Adaptive` minimizes ``price * polls + lag``, the price being the seconds of lag that a
poll is worth. All else follows from that:

- `hazard`: where ends come with the hazard ``h(t)``, that sum is least with
  ``sqrt(h(t) / 2 price)`` polls a second. So the hazard is learned: that of the durations of
  tickets, and that of the errors of forecasts.
- `progress`: where progress is reported, a forecast of the time left takes the place of the age.
  It can be wrong by hours, so a *guard* bounds it: no delay is longer than the ticket is old, or a
  few times that where polls are dear.
- `price`: many tickets have one budget. As the best rate of polls goes with ``1 / sqrt(price)``,
  the price at which they fit in can be worked out; nothing is steered towards it.
- `lessons`: what was learned, by adapter, operation and size, and its form in the store.
"""

from .adaptive import Adaptive
from .lessons import Lessons
from .poll import Poll, PollRule
from .rules import Backoff, Fixed, parse_rule, show_rule

__all__ = [
    "Adaptive",
    "Backoff",
    "Fixed",
    "Lessons",
    "Poll",
    "PollRule",
    "parse_rule",
    "show_rule",
]
