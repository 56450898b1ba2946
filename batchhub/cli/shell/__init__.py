"""From the arguments to an open hub, and from what came of it to an exit code."""
