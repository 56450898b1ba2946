"""
The page: jobs, failures and accounts in a browser, served by a process of its own.

It reads the store and acts through it as commands do; it sends nothing, and nothing it does holds
up a process that drives. Needs the extra `web`.

Begin at `server`, which has the ways in. A screen is a function from a `look.Look` to a
`look.Shown`, found by its path in `screens`; `rendering` makes HTML of what it shows, with the
files in `templates`. `guard` decides who is answered at all, `streams` tells open pages that
something has changed, and `actions` is what an operator may do.
"""
