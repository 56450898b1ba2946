"""
One row of `bench.scale`, in a process of its own.

    python -m bench._scale_child TICKETS LANES RATE
"""

from __future__ import annotations

import json
import sys

from .scale import measure

if __name__ == "__main__":
    tickets, lanes, rate = map(int, sys.argv[1:])
    print(json.dumps(measure(tickets, lanes, rate)))
