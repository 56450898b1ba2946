"""
Settings, accounts and the adapters that are installed.

Begin with `file.load_settings`, which reads ``batchhub.toml`` and the environment; `accounts` makes
accounts of that, with the classes `registry` finds among what is `installed`. What may be used from
outside is in `batchhub.settings`.
"""
