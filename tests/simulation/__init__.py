"""
The whole program in a simulated world: one seeded loop, a simulated network, virtual time.

Hubs, the vendors' stand-ins, aiohttp's client and server and a real SQLite file run unchanged;
what a seed decides is when each step happens and which faults come between. `world` puts a world
together, `accounts` says what may be in it, `plan` draws what happens there, `faults` does it,
`judge` holds the vendors' own records against the store. `python -m simulation` runs seeds by the
thousand.
"""
