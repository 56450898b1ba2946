"""
HTTP for adapters. What may be used from outside is in `batchhub.transport`.

Begin with `transport`: it lets a request through the `gate` (`pacer` keeps the budget), has
`exchange` send it once, and gets a `reply` or an error of `errors`. aiohttp is imported only when
the first transport is made: commands that send nothing need not wait for it.
"""
