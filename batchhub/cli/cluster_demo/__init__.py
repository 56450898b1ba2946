"""
What `demo --cluster` sets up: a database, shops, and workers, and what it makes of their traces.

Begin with `commands.demo_cluster`, which puts the parts together. Imported by that alone.
"""
