"""
The real command, which writes how many tasks it has whenever it gets SIGUSR1.

    python -m soak.watched FILE COMMAND…
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from pathlib import Path

from batchhub.cli import main


def start() -> None:
    """Do what the command line says."""
    file = Path(sys.argv.pop(1))

    def count(*_: object) -> None:
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:
            return
        gc.collect()
        new = file.with_suffix(".new")
        new.write_text(json.dumps({"tasks": tasks, "objects": len(gc.get_objects())}))
        new.replace(file)

    signal.signal(signal.SIGUSR1, count)
    main()


if __name__ == "__main__":
    start()
