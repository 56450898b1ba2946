"""
Alerts: who is told when a night went wrong, and when it is well again.

It may import the hub and below. Begin with `alerts`, which looks at the store again and again, for
all processes of it: `lease` says which one does. `sightings` is what a look finds, `states` what
has changed since (pure: no store and no clock), `messages` how that is put in words, `deliveries`
how each channel gets it, in `channels` one for each kind. `settings` reads the table ``[alerts]``,
with `channel_settings` and `conditions`; `trial` sends a message to try a channel.
"""
