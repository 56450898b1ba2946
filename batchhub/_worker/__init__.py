"""
The worker: a process that drives all accounts for weeks, until it is stopped.

Begin at `worker.Worker`: it composes a hub that drives, the settings that are read again on demand
(`settings_source`), and services beside it that are kept running (`services`): alerts, metrics, and
the page, which is a process of its own (`page_process`). `notify` speaks systemd's protocol, and
`watchdog` shows it that the worker is no corpse. Signals are the command's: see `cli`.
"""
