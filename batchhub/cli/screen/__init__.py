"""
What a command shows: lines, tables, progress, advice, the log.

Everything goes through `console`, which knows what a terminal can do and what to leave out when
output is redirected. `words` and `tables` say what is shown, `progress` and `bars` when.
"""
