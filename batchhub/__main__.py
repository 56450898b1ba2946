"""``python -m batchhub``: the command, where its script is not on the path."""

from batchhub.cli import main

main()
