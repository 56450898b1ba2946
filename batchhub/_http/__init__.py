"""
HTTP for adapters. What may be used from outside is in `batchhub.transport`.

Begin with `transport`, what adapters call: it makes a `request`, and finds out whose host the
`target` is. `sender` lets it through the `gate` (each of its `rates` has a `pacer`), has `exchange`
send it once over the hub's `session` (`shares` shares out its connections; polls go the `direct`
way, the others through aiohttp's client), and gets a `reply` or an error of `errors`; a `download`
goes to disk by `spool`. `credentials` keeps what authorises requests, `guard` is who has to know of
those with an effect. `spent` is what the next process has to know of this one. aiohttp is imported
only when the first transport is made: commands that send nothing need not wait for it.
"""
