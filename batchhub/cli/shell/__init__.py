"""
From the arguments to an open hub, and from the outcome to an exit code.

Begin with `invocation`, one run of the command; `options` and `job_options` declare what can be
typed, `open` finds settings, store and accounts, `files` the items and results, `exits` the codes.
"""
