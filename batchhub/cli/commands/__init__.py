"""
What each command does.

`batchhub.cli.app` says which function is which command's. A module may use `screen` and `shell`,
the public modules and what `cli` may import; begin with `run`, which most others resemble.
"""
