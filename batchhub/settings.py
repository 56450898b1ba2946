"""Settings: `batchhub.toml`, and the environment, which wins over it."""

from ._settings.file import CONFIG_NAME, AccountTable, Settings, load_settings, unknown_key

__all__ = ["CONFIG_NAME", "AccountTable", "Settings", "load_settings", "unknown_key"]
