"""Measure rules for polls: `python -m bench.policy --help`."""

import sys

from . import main

main(sys.argv[1:])
