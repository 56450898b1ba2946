"""
The engine that comes with batchhub for stores on PostgreSQL, which many processes drive.

Begin at `procrastinate.Procrastinate`. A `session` is one run of it: a worker of Procrastinate's
over a `manager` that outlives outages of the database, a `desk` with the shards of this process,
and looks by which the desk is told what to take and to give, as `sharing` works out. `rows` has
every statement of ours. Of the modules here only those that `session` imports need the extra.
"""
