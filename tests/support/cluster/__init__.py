"""Real workers at one database: the vendors they work at, and what holds them to account."""
