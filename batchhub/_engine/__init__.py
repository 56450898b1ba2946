"""
The engine: takes jobs from items to results.

It may import the adapter's door, `polling`, the store, HTTP and settings; only `job`, `hub` and
`sync` import it. Begin with `lane`, which drives the jobs of one account, and `ticket_step`,
which takes one ticket a step further. `ticket_sender` sends it by the `send_rules`, as one
`send_attempt`; `ticket_follower` asks the vendor about it; `ticket_writer` writes what comes of
either. What that is `send` and `finish` decide; `interpret` reads a poll's answer, `join` matches
results with items. All of them call an adapter as a `guarded` one, which has `adapter_faults`.

Of a lane, `lane_jobs` has the jobs, each a `job_state` with the `ticket_notes` that only this
process has; `running_steps` has the steps under way, `schedule` those to come, `asking` those that
ask together, `errands` what is read and saved beside them; `contact_writer` saves the `contact` it
works out. `order` says which ticket is sent next, of the `send_queue` of its operation.
`lane_rules` says by which rule tickets are polled, and `poll_times` when; a rule is called as a
`guarded_rule`.

`submit` and `retry` store new jobs, with what `intake` makes of items; `plan` only counts them.
`job_view` is what a handle knows of its job; `driver` says which lanes this process drives,
`owner_watch` whether others drive the rest, `events` which jobs have ended. `figures` saves beside
the loop what moves no state, `lesson_keeper` what polls have taught; `store_watch` finds out for
all lanes and `waiters` what other processes have changed.
"""
