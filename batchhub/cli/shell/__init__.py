"""From the arguments to an open hub, and to an exit code."""
