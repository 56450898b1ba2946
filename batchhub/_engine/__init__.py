"""
The engine: takes jobs from items to results.

It may import the adapter's door, `polling`, the store, HTTP and settings; only `job`, `hub` and
`sync` import it. Begin with `lane`, which drives the jobs of one account, and `ticket_step`,
which takes one ticket a step further: `send` and `finish` decide what becomes of it, `interpret`
reads a poll's answer, `join` matches results with items. `intake` and `plan` turn what users
pass into tickets; `driver` says which lanes this process drives, `events` which jobs have ended.
"""
